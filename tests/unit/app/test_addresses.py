"""What a node tells people of its addresses."""

import re
from typing import Any

import pytest
import segno

from dealcast import config
from dealcast.app.addresses import bases, code, for_others, local_addresses
from dealcast.config import Settings
from dealcast.core.addresses import ip_of

LOCAL = ["192.168.1.7", "10.0.0.5", "2001:db8::5"]


def settings(**http: Any) -> Settings:
    """Return settings of the shared port."""
    told = {f"http.{name}": value for name, value in http.items()}
    return config.load({}, {"data": "/nonexistent", **told})


@pytest.mark.parametrize(
    ("http", "expected"),
    [
        ({}, ["http://127.0.0.1:8080"]),
        ({"host": "192.168.1.7"}, ["http://192.168.1.7:8080"]),
        ({"host": "::1", "tls": "self-signed"}, ["https://[::1]:8080"]),
        (
            {"host": "0.0.0.0", "port": 80},
            ["http://192.168.1.7", "http://10.0.0.5", "http://127.0.0.1"],
        ),
        (
            {"host": "::", "tls": "self-signed"},
            ["https://192.168.1.7:8080", "https://10.0.0.5:8080",
             "https://[2001:db8::5]:8080", "https://127.0.0.1:8080"],
        ),
        (
            {"host": "0.0.0.0", "public_url": "https://Live.shop.example/"},
            ["https://live.shop.example"],
        ),
    ],
)  # fmt: skip
def test_the_addresses_of_the_pages(http: dict[str, Any], expected: list[str]) -> None:
    assert bases(settings(**http), LOCAL) == expected


def test_this_machines_own_addresses_are_usable_by_others() -> None:
    found = [ip_of(text) for text in local_addresses()]
    assert all(ip is not None and not ip.is_loopback for ip in found)


@pytest.mark.parametrize(
    ("url", "others"),
    [
        ("http://192.168.1.7:8080", True),
        ("https://live.shop.example", True),
        ("http://[2001:db8::5]:8080", True),
        ("http://127.0.0.1:8080", False),
        ("http://localhost:8080", False),
        ("https://[::1]:8080", False),
    ],
)
def test_for_whom_an_address_is(url: str, others: bool) -> None:
    assert for_others(url) is others


@pytest.mark.parametrize(
    "url", ["http://10.0.0.5:8080/", "https://live.shop.example/" + "x" * 50]
)
def test_a_code_is_drawn_whole_and_fits(url: str) -> None:
    """Half a sign is one module; read back, they are those of the code."""
    rows: list[list[bool]] = []
    for line in code(url):
        drawn = re.fullmatch(r"\x1b\[40;97m([ ▀▄█]+)\x1b\[0m", line)
        assert drawn is not None and len(drawn[1]) <= 40
        rows.append([sign not in "█▀" for sign in drawn[1]])
        rows.append([sign not in "█▄" for sign in drawn[1]])
    made = segno.make(url, error="l", boost_error=False, micro=False)
    modules = [[bool(one) for one in row] for row in made.matrix_iter(border=2)]
    assert rows[: len(modules)] == modules


def test_a_code_that_is_too_wide_is_left_out() -> None:
    assert code("https://live.shop.example/" + "x" * 300) == []
