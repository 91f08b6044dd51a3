"""The client's address is what trusted hands have written, and nothing else."""

from ipaddress import ip_address

import pytest
from aiohttp.test_utils import make_mocked_request
from aiohttp.web import Request
from multidict import CIMultiDict

from dealcast.core.addresses import network_of
from dealcast.web.proxies import Proxies, Seen, entry_of

OURS = Proxies(map(network_of, ["10.0.0.0/8", "127.0.0.1", "fd00::/8"]))
NOBODY = Proxies()


def asked(peer: str | None, *headers: tuple[str, str]) -> Request:
    """Return a request as the server gets it from ``peer``."""
    given = CIMultiDict([("Host", "node:8080"), *headers])
    request = make_mocked_request("GET", "/", headers=given)
    return request.clone(remote=peer if peer is not None else "")


def client(proxies: Proxies, peer: str | None, *chain: str) -> str | None:
    """Return whom a request with these headers comes from."""
    headers = [("X-Forwarded-For", one) for one in chain]
    seen = proxies.seen(asked(peer, *headers))
    return None if seen.client is None else str(seen.client)


@pytest.mark.parametrize(
    ("peer", "chain", "expected"),
    [
        # Without a word from a proxy it is the peer.
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("203.0.113.5", [], "203.0.113.5"),
        # A peer that is not trusted says nothing about others.
        ("203.0.113.5", ["198.51.100.7"], "203.0.113.5"),
        ("11.0.0.1", ["198.51.100.7"], "11.0.0.1"),
        ("fe80::1", ["198.51.100.7"], "fe80::1"),
        # The rightmost that is not ours, however much stands left of it.
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.7, 10.9.9.9, 10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", ["127.0.0.1, 198.51.100.7"], "198.51.100.7"),
        # Several headers are one list.
        ("10.0.0.1", ["1.1.1.1", "198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["198.51.100.7", "10.0.0.3", "10.0.0.2"], "198.51.100.7"),
        # All of it ours: whoever stands first.
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        # What cannot be read ends it: the last that could.
        ("10.0.0.1", ["198.51.100.7, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7, nonsense, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["198.51.100.7,"], "10.0.0.1"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["1.2.3"], "10.0.0.1"),
        ("10.0.0.1", ["1.2.3.4.5"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7; DROP"], "10.0.0.1"),
        ("10.0.0.1", ["999.1.1.1"], "10.0.0.1"),
        # Some proxies add a port.
        ("10.0.0.1", ["198.51.100.7:55000"], "198.51.100.7"),
        ("10.0.0.1", ["[2001:db8::1]:55000"], "2001:db8::1"),
        ("10.0.0.1", ["[2001:db8::1]"], "2001:db8::1"),
        ("10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        # IPv6, and IPv4 in its dress.
        ("fd00::1", ["2001:db8::1, fd00::2"], "2001:db8::1"),
        ("fd00::1%eth0", ["2001:db8::1"], "2001:db8::1"),
        ("::ffff:10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("::ffff:203.0.113.5", ["198.51.100.7"], "203.0.113.5"),
        ("10.0.0.1", ["::ffff:198.51.100.7, ::ffff:10.0.0.2"], "198.51.100.7"),
        # A socket of this machine, which only a proxy on it can have opened.
        (None, ["198.51.100.7"], "198.51.100.7"),
        (None, [], None),
    ],
)
def test_the_client_behind_trusted_proxies(
    peer: str | None, chain: list[str], expected: str | None
) -> None:
    assert client(OURS, peer, *chain) == expected


@pytest.mark.parametrize("peer", ["10.0.0.1", "127.0.0.1", "::1", None])
def test_nobody_is_trusted_unless_it_is_said(peer: str | None) -> None:
    assert client(NOBODY, peer, "198.51.100.7") == peer


def test_a_chain_without_end_is_not_walked_to_its_end() -> None:
    chain = ", ".join(["198.51.100.7", *["10.0.0.2"] * 1000])
    assert client(OURS, "10.0.0.1", chain) == "10.0.0.2"


@pytest.mark.parametrize(
    ("peer", "headers", "scheme", "host"),
    [
        ("10.0.0.1", {}, "http", "node:8080"),
        ("10.0.0.1", {"X-Forwarded-Proto": "https"}, "https", "node:8080"),
        ("10.0.0.1", {"X-Forwarded-Proto": "wss"}, "https", "node:8080"),
        ("10.0.0.1", {"X-Forwarded-Proto": "http, HTTPS"}, "https", "node:8080"),
        ("10.0.0.1", {"X-Forwarded-Proto": "gopher"}, "http", "node:8080"),
        ("10.0.0.1", {"X-Forwarded-Host": "shop.example"}, "http", "shop.example"),
        ("10.0.0.1", {"X-Forwarded-Host": "a, b:1"}, "http", "b:1"),
        ("10.0.0.1", {"X-Forwarded-Host": ""}, "http", "node:8080"),
        ("8.8.8.8", {"X-Forwarded-Proto": "https"}, "http", "node:8080"),
        ("8.8.8.8", {"X-Forwarded-Host": "shop.example"}, "http", "node:8080"),
    ],
)
def test_scheme_and_host_are_believed_of_the_same_peers(
    peer: str, headers: dict[str, str], scheme: str, host: str
) -> None:
    seen = OURS.seen(asked(peer, *headers.items()))
    assert (seen.scheme, seen.host) == (scheme, host)


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("198.51.100.7", "198.51.100.7", True),
        ("198.51.100.7", "198.51.100.8", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::9", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:198.51.100.7", "198.51.100.7", True),
    ],
)
def test_a_household_shares_an_allowance(one: str, other: str, shared: bool) -> None:
    whos = {
        Seen(client=entry_of(text), scheme="http", host="").who for text in (one, other)
    }
    assert (len(whos) == 1) is shared


def test_strangers_on_a_local_socket_share_one() -> None:
    assert Seen(client=None, scheme="http", host="").who == "local"
    assert Seen(client=ip_address("::1"), scheme="http", host="").who != "local"
