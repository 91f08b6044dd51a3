"""Only pages that are ours or listed may talk to the server."""

import pytest
from aiohttp.test_utils import make_mocked_request
from aiohttp.web import Request

from dealcast.core.errors import OriginRefused
from dealcast.web.origins import Origins, is_address

SHOP = Origins("https://live.shop.example", ["https://shop.example/"])
LOCAL = Origins("http://127.0.0.1:8080", [])


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://live.shop.example", True),
        ("https://LIVE.shop.example", True),
        ("https://shop.example", True),
        ("http://shop.example", False),
        ("https://shop.example.evil.test", False),
        ("https://evil-shop.example", False),
        ("https://sub.shop.example", False),
        ("https://shop.example:8443", False),
        ("null", False),
        ("", False),
        ("*", False),
    ],
)
def test_listed_origins_and_our_own_are_let_in(origin: str, allowed: bool) -> None:
    assert SHOP.allows(origin, "live.shop.example") is allowed


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("http://localhost:8080", "localhost:8080", True),
        ("http://[::1]:8080", "[::1]:8080", True),
        ("http://localhost:9090", "localhost:8080", False),
        ("http://192.168.1.7:8080", "192.168.1.7:8080", True),  # A phone at home.
        ("http://192.168.1.7:8080", "192.168.1.8:8080", False),
        ("http://evil.test:8080", "evil.test:8080", False),  # DNS rebinding.
        ("http://127.0.0.1.evil.test", "127.0.0.1.evil.test", False),
        ("file://", "", False),
    ],
)
def test_a_server_knows_itself_by_address(
    origin: str, host: str, allowed: bool
) -> None:
    assert LOCAL.allows(origin, host) is allowed


def test_a_page_of_another_scheme_is_another_page() -> None:
    host = "192.168.1.7:8080"
    assert LOCAL.allows(f"https://{host}", host, "https")
    assert not LOCAL.allows(f"http://{host}", host, "https")
    assert not LOCAL.allows(f"https://{host}", host, "http")


@pytest.mark.parametrize(
    ("host", "home"),
    [
        ("live.shop.example", "https://live.shop.example"),  # By its proxy.
        ("192.168.1.7:8080", "http://192.168.1.7:8080"),
        ("[2001:db8::5]:8080", "http://[2001:db8::5]:8080"),
        ("localhost:8080", "http://localhost:8080"),
        ("evil.test", "https://live.shop.example"),
        ("evil.test/192.168.1.7", "https://live.shop.example"),
        ("", "https://live.shop.example"),
    ],
)
def test_buyers_come_back_to_where_they_were(host: str, home: str) -> None:
    asked = make_mocked_request("POST", "/api/v1/checkout", headers={"Host": host})
    assert SHOP.home(asked) == home


@pytest.mark.parametrize(
    ("method", "headers", "allowed"),
    [
        ("GET", {}, True),
        ("POST", {}, True),  # A program.
        ("GET", {"Sec-Fetch-Site": "cross-site"}, True),
        ("POST", {"Sec-Fetch-Site": "none"}, False),
        ("DELETE", {"Cookie": "a=b"}, False),
        ("GET", {"Upgrade": "websocket"}, True),
        ("GET", {"Upgrade": "WebSocket", "Cookie": "a=b"}, False),
        ("GET", {"Upgrade": "websocket", "sec-fetch-mode": "websocket"}, False),
        ("GET", {"Origin": "https://evil.test"}, False),
        ("GET", {"Origin": "null", "Upgrade": "websocket"}, False),
        ("POST", {"Origin": "https://shop.example", "Cookie": "a=b"}, True),
        ("GET", {"Origin": "https://shop.example", "Upgrade": "websocket"}, True),
    ],
)
def test_a_missing_origin_is_refused_where_a_browser_asks(
    method: str, headers: dict[str, str], allowed: bool
) -> None:
    request = make_mocked_request(method, "/api/v1/x", headers=headers)
    assert let_in(request) is allowed


def let_in(request: Request) -> bool:
    """Tell whether a request is let in."""
    try:
        SHOP.check(request)
    except OriginRefused:
        return False
    return True


def test_only_numbers_are_addresses() -> None:
    hosts = [
        "10.0.0.1",
        "10.0.0.1:80",
        "[::1]:80",
        "shop.example",
        "1.2.3",
        "[::1",
        "a b",
    ]
    assert [is_address(host) for host in hosts] == [True] * 3 + [False] * 4
