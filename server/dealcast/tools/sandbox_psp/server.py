"""The provider's HTTP: an API for the shop, a page for the buyer."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import msgspec
from aiohttp import web

from dealcast.app import secrets, tls
from dealcast.app.logs import set_up_logs
from dealcast.app.supervisor import until_told
from dealcast.app.tls import Door
from dealcast.config import Settings, Unusable, hosts_of
from dealcast.core.addresses import Scheme, url_of
from dealcast.core.clock import Clock, SystemClock
from dealcast.core.errors import Conflict, NotFound, WrongState
from dealcast.shop.payments import signature
from dealcast.shop.payments.provider import Intent
from dealcast.shop.payments.sandbox import API_KEY, WEBHOOK_KEY, Trust, public
from dealcast.tools.sandbox_psp import page
from dealcast.tools.sandbox_psp.bell import Bell
from dealcast.tools.sandbox_psp.books import Books, Collection, Step, as_object

BODY_MAX = 65_536
SECRET_MIN = 32
CHOICES: dict[str, Step] = {"pay": "pay", "decline": "decline"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


Pages = Callable[[Intent], str]  # Where the page of a payment is, for its buyer.


def at(url: str) -> Pages:
    """Let all pages be at one address."""
    return lambda _: url.rstrip("/")


def beside_the_shop(scheme: Scheme, port: int) -> Pages:
    """Let pages be at a port of the shop's machine, by the buyer's name for it."""

    def page_url(intent: Intent) -> str:
        return url_of(scheme, urlsplit(intent.return_url).hostname or "", port)

    return page_url


class Provider:
    """Answers the shop and its buyers."""

    def __init__(
        self, *, books: Books, bell: Bell, clock: Clock, secret: bytes, pages: Pages
    ) -> None:
        self._books = books
        self._bell = bell
        self._clock = clock
        self._pages = pages
        key = signature.derive(secret, API_KEY).hex()
        self._bearer = f"Bearer {key}".encode()

    def application(self) -> web.Application:
        """Return the addresses that are answered."""
        app = web.Application(client_max_size=BODY_MAX, middlewares=[refusals])
        app.router.add_get("/healthz", self.health)
        app.router.add_post("/v1/payments", self.create)
        app.router.add_get("/v1/payments/{reference}", self.fetch)
        app.router.add_post("/v1/payments/{reference}/capture", self.capture)
        app.router.add_post("/v1/payments/{reference}/cancel", self.cancel)
        app.router.add_get("/pay/{name}", self.show)
        app.router.add_post("/pay/{name}", self.choose)
        return app

    async def health(self, _: web.Request) -> web.Response:
        """Answer while the loop turns."""
        return web.json_response({"alive": True})

    async def create(self, request: web.Request) -> web.Response:
        """Make a payment, or return the one that has this reference."""
        self._check_bearer(request)
        try:
            intent = msgspec.json.decode(await request.read(), type=Intent)
        except msgspec.DecodeError as error:
            raise web.HTTPBadRequest(text=str(error)) from None
        for url in (intent.return_url, intent.webhook_url):
            if urlsplit(url).scheme not in ("http", "https"):
                raise web.HTTPBadRequest(text="only http and https")
        return self._answer(self._books.create(intent, self._clock.now()))

    async def fetch(self, request: web.Request) -> web.Response:
        """Return a payment."""
        self._check_bearer(request)
        return self._answer(self._books.find(request.match_info["reference"]))

    async def capture(self, request: web.Request) -> web.Response:
        """Capture a payment; the answer's status says whether it was."""
        return self._step(request, "capture")

    async def cancel(self, request: web.Request) -> web.Response:
        """Cancel, void or refund a payment, whichever it needs."""
        return self._step(request, "cancel")

    async def show(self, request: web.Request) -> web.Response:
        """Show the buyer what is to be paid."""
        return self._page(request, self._books.at_page(request.match_info["name"]))

    async def choose(self, request: web.Request) -> web.StreamResponse:
        """Pay or decline, then go back to the shop."""
        check_own_page(request)
        payment = self._books.at_page(request.match_info["name"])
        choice = (await request.post()).get("choice")
        if not isinstance(choice, str) or choice not in CHOICES:
            raise web.HTTPBadRequest(text="choice: pay or decline")
        try:
            self._books.step(payment, CHOICES[choice], self._clock.now())
        except WrongState:
            return self._page(request, payment, status=409)
        self._bell.ring()
        return web.Response(
            status=303,
            headers={
                **page.headers(payment), "Location": payment.intent.return_url,
            },
        )  # fmt: skip

    def _step(self, request: web.Request, step: Step) -> web.Response:
        self._check_bearer(request)
        payment = self._books.find(request.match_info["reference"])
        changed = self._books.step(payment, step, self._clock.now())
        self._bell.ring()
        return self._answer(changed)

    def _check_bearer(self, request: web.Request) -> None:
        given = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, self._bearer):
            raise web.HTTPUnauthorized(text="the shop's secret is needed")

    def _answer(self, payment: Collection) -> web.Response:
        body = msgspec.json.encode(as_object(payment, self._pages(payment.intent)))
        return web.Response(body=body, content_type="application/json")

    def _page(
        self, request: web.Request, payment: Collection, status: int = 200
    ) -> web.Response:
        until = datetime.fromtimestamp(payment.intent.expires_at / 1000, UTC)
        text = page.render(
            payment,
            accept=request.headers.get("Accept-Language", ""),
            now=self._clock.now(),
            until=f"{until:%Y-%m-%d %H:%M} UTC",
        )
        return web.Response(
            text=text,
            status=status,
            content_type="text/html",
            headers=page.headers(payment),
        )


def check_own_page(request: web.Request) -> None:
    """
    Refuse what another site's page sends; a page's address is a secret besides.

    Raises:
        HTTPForbidden: If a browser says that it comes from elsewhere.
    """
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    if site != "same-origin" or (
        origin is not None and urlsplit(origin).netloc != request.host
    ):
        raise web.HTTPForbidden(text="pay on the provider's own page")


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer refusals with their status and code."""
    try:
        return await handler(request)
    except (NotFound, Conflict) as refused:
        return web.json_response({"code": refused.code}, status=refused.status)


async def serve(
    *,
    host: str,
    port: int,
    secret: bytes,
    pages: Pages,
    data: Path,
    stop: asyncio.Event,
    clock: Clock | None = None,
    door: Door | None = None,
    trust: Trust = public,
) -> None:
    """
    Serve until ``stop`` is set.

    ``secret`` is shared with the shop; API and webhook keys derive from it.
    ``data`` keeps the journal. ``door`` is for TLS; ``trust`` for webhooks by TLS.

    Raises:
        OSError: If the port is taken, or the journal cannot be written.
    """
    if len(secret) < SECRET_MIN:
        raise ValueError(f"the secret needs at least {SECRET_MIN} bytes")
    clock = clock or SystemClock()
    books = Books(data / "sandbox-psp.jsonl", clock.now())
    async with aiohttp.ClientSession() as http:
        bell = Bell(books, signature.derive(secret, WEBHOOK_KEY), http, clock, trust)
        provider = Provider(
            books=books, bell=bell, clock=clock, secret=secret, pages=pages
        )
        runner = web.AppRunner(provider.application(), access_log=None)
        await runner.setup()
        context = door.context if door else None
        try:
            await web.TCPSite(runner, hosts_of(host), port, ssl_context=context).start()
            bell.ring()
            await stop.wait()
        finally:
            await bell.aclose()
            await runner.cleanup()


def run(settings: Settings) -> int:
    """
    Run the provider until it is told to stop.

    Raises:
        Unusable: If its port is taken or its journal cannot be written.
    """
    set_up_logs("sandbox-psp")
    try:
        asyncio.run(_work(settings))
    except OSError as error:
        why = f"sandbox provider: {settings.sandbox_url}: {error.strerror or error}"
        raise Unusable(why) from None
    return 0


async def _work(settings: Settings) -> None:
    payments, door = settings.payments, tls.door_of(settings)
    given = urlsplit(settings.sandbox_url).port if payments.sandbox_url else None
    port = settings.http.port + 1 if given is None else given
    public_url = payments.sandbox_public_url or payments.sandbox_url
    beside = beside_the_shop(settings.scheme, port)
    await serve(
        host=settings.http.host,
        port=port,
        secret=secrets.sandbox(settings).encode(),
        pages=at(public_url) if public_url else beside,
        data=settings.folder,
        stop=until_told(asyncio.get_running_loop()),
        door=door,
        trust=public if payments.webhook_url else tls.trust_of(door),
    )
