"""Whose pages may talk to this server."""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from dealcast.core.addresses import Scheme, origin_of
from dealcast.core.errors import OriginRefused
from dealcast.web.proxies import Proxies

METHODS = "GET, POST, PUT, DELETE"
HEADERS = "authorization, content-type, idempotency-key"
PREFLIGHT_S = "600"
SAFE = ("GET", "HEAD", "OPTIONS")
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
HOST = re.compile(
    r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?"
)


class Origins:
    """The origins that are let in: this server's own, and those that are listed."""

    def __init__(
        self, public_url: str, listed: Iterable[str], proxies: Proxies | None = None
    ) -> None:
        parts = urlsplit(public_url)
        self.public_url = public_url
        self.proxies = proxies or Proxies()
        own = {f"{parts.scheme}://{parts.netloc}".lower()}
        name = (
            f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        )
        if name in LOOPBACK:  # One machine, three names.
            port = f":{parts.port}" if parts.port else ""
            own |= {f"{parts.scheme}://{loopback}{port}" for loopback in LOOPBACK}
        self.listed = frozenset(origin_of(one) for one in listed)
        self.own = frozenset(own)

    def allows(self, origin: str, host: str, scheme: Scheme = "http") -> bool:
        """
        Tell whether pages of ``origin`` may ask, when they ask ``host``.

        A page at an IP address of this very server is its own: nobody can make
        an address of numbers point elsewhere, as one can with a name.
        """
        if origin.lower() in self.own or origin.lower() in self.listed:
            return True
        return origin == f"{scheme}://{host}" and is_address(host)

    def home(self, request: web.Request) -> str:
        """
        Return the address of our pages as whoever asks here uses it.

        Where that is not one of ours, it is the public one.
        """
        seen = self.proxies.seen(request)
        asked = f"{seen.scheme}://{seen.host}".lower()
        known = asked in self.own or is_address(seen.host)
        return asked if known else self.public_url

    def _let_in(self, request: web.Request, origin: str) -> bool:
        seen = self.proxies.seen(request)
        return self.allows(origin, seen.host, seen.scheme)

    def check(self, request: web.Request) -> None:
        """
        Let a request in, or not.

        A browser leaves the Origin out of some requests, but then sends
        ``Sec-Fetch-*``, or a cookie; programs send none of these.

        Raises:
            OriginRefused: If the page that asks is foreign, or hides.
        """
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None:
            if not self._let_in(request, origin):
                raise OriginRefused
            return
        upgrade = request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"
        if request.method in SAFE and not upgrade:
            return
        browser = any(name.lower().startswith("sec-fetch-") for name in request.headers)
        if browser or hdrs.COOKIE in request.headers:
            raise OriginRefused("the Origin is missing")

    def mark(self, request: web.Request, answer: web.StreamResponse) -> None:
        """Tell the browser that the page which asked may read the answer."""
        answer.headers[hdrs.VARY] = hdrs.ORIGIN
        origin = request.headers.get(hdrs.ORIGIN)
        if origin and self._let_in(request, origin):
            answer.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            answer.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = "retry-after"

    def preflight(self, request: web.Request) -> web.Response:
        """
        Answer whether a page may make the request that it is about to make.

        Raises:
            OriginRefused: If it may not.
        """
        self.check(request)
        return web.Response(
            status=204,
            headers={
                hdrs.ACCESS_CONTROL_ALLOW_METHODS: METHODS,
                hdrs.ACCESS_CONTROL_ALLOW_HEADERS: HEADERS,
                hdrs.ACCESS_CONTROL_MAX_AGE: PREFLIGHT_S,
            },
        )


def is_address(host: str) -> bool:
    """Tell whether ``host`` is an IP address, with or without a port; or this one."""
    if not HOST.fullmatch(host):
        return False
    name = host[1 : host.index("]")] if host.startswith("[") else host.split(":")[0]
    if name == "localhost":  # Browsers look it up nowhere.
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
