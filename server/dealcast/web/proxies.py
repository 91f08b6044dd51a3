"""
Who really asks, when proxies stand between.

A header that anybody can send is believed only of a peer that is trusted, and
then only as far as trusted hands have written it: ``X-Forwarded-For`` is read
from its end, where the nearest proxy wrote, up to the first address that is not
one of ours. That is the client, whatever else it claims of itself.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiohttp import web
from multidict import CIMultiDictProxy

from dealcast.core.addresses import Ip, Network, Scheme, household, ip_of

CHAIN_MAX = 32  # Proxies, one behind the other; what lies beyond is not believed.
WITH_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}|\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request as the client sent it."""

    client: Ip | None  # None: on a socket of this machine, not of the network.
    scheme: Scheme
    host: str

    @property
    def who(self) -> str:
        """Whose allowance is spent where nobody signed in."""
        return "local" if self.client is None else household(self.client)


class Proxies:
    """Sees through the proxies that are trusted."""

    def __init__(self, trusted: Iterable[Network] = ()) -> None:
        self._trusted = tuple(trusted)

    def seen(self, request: web.Request) -> Seen:
        """Return the request as its client sent it."""
        headers = request.headers
        peer = ip_of(request.remote or "")
        scheme: Scheme = "https" if request.secure else "http"
        if not self.trusts(peer):
            return Seen(client=peer, scheme=scheme, host=headers.get("Host", ""))
        told = last_of(headers, "X-Forwarded-Proto").lower()
        if told in ("https", "wss"):
            scheme = "https"
        elif told in ("http", "ws"):
            scheme = "http"
        return Seen(
            client=self.client(peer, headers.getall("X-Forwarded-For", ())),
            scheme=scheme,
            host=last_of(headers, "X-Forwarded-Host") or headers.get("Host", ""),
        )

    def trusts(self, ip: Ip | None) -> bool:
        """
        Tell whether ``ip`` is a trusted proxy.

        None is a peer on a Unix socket: whoever may open that is a proxy of this
        machine, if proxies are trusted at all.
        """
        if ip is None:
            return bool(self._trusted)
        return any(ip in network for network in self._trusted)

    def client(self, peer: Ip | None, chain: Sequence[str]) -> Ip | None:
        """Return the rightmost address of ``chain`` that is no trusted proxy."""
        client = peer
        named = ",".join(chain).split(",")
        for entry in reversed(named[-CHAIN_MAX:]):
            ip = entry_of(entry)
            if ip is None:  # Nobody knows who stands behind what cannot be read.
                return client
            client = ip
            if not self.trusts(ip):
                return client
        return client


def entry_of(text: str) -> Ip | None:
    """Return the address in one entry, which may carry a port; None if none is."""
    entry = text.strip()
    if found := WITH_PORT.fullmatch(entry):
        entry = found[1] or found[2]
    return ip_of(entry)


def last_of(headers: CIMultiDictProxy[str], name: str) -> str:
    """Return what the nearest proxy wrote into a header; empty if nothing."""
    values = headers.getall(name, ())
    return values[-1].rpartition(",")[2].strip() if values else ""
