"""Addresses have the form that browsers and certificates give them."""

import pytest

from dealcast.core.addresses import ip_of, network_of, origin_of, source_of, url_of


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://shop.example", "https://shop.example"),
        (" https://Shop.Example:443/ ", "https://shop.example"),
        ("http://shop.example:80", "http://shop.example"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://[::1]:8443", "https://[::1]:8443"),
        ("https://[2001:DB8:0::1]", "https://[2001:db8::1]"),
        ("http://192.168.1.7:8080", "http://192.168.1.7:8080"),
        ("https://xn--fsq.example", "https://xn--fsq.example"),
    ],
)
def test_origins_are_written_as_browsers_do(text: str, origin: str) -> None:
    assert origin_of(text) == origin
    assert source_of(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "*", "shop.example", "//shop.example", "ftp://shop.example",
        "https://", "https://shop.example/path", "https://shop.example?x",
        "https://shop.example#x", "https://me@shop.example", "https://shop.example:0x1",
        "https://shop.example:99999", "https://shop example", "https://shop;example",
        "https://-shop.example", "https://a..b", "https://1.2.3", "https://[::1",
        "https://shop.example https://x.example", "https://商店.example", "https://*",
        "'self'", "https://a,b",
    ],
)  # fmt: skip
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"it|IPv6|name"):
        origin_of(text)
    with pytest.raises(ValueError, match=r"it|IPv6|name"):
        source_of(text)


def test_all_names_below_one_may_embed_but_not_ask() -> None:
    assert source_of("https://*.Shop.example:8443") == "https://*.shop.example:8443"
    with pytest.raises(ValueError, match="name"):
        origin_of("https://*.shop.example")
    with pytest.raises(ValueError, match="name"):
        source_of("https://*.*.shop.example")


def test_networks() -> None:
    assert str(network_of("10.1.2.3/8")) == "10.0.0.0/8"
    assert str(network_of(" ::1 ")) == "::1/128"
    for text in ("", "10.0.0.0/33", "proxy.example", "10.0.0.1-10.0.0.9"):
        with pytest.raises(ValueError, match="range"):
            network_of(text)


def test_addresses_without_zone_or_disguise() -> None:
    assert str(ip_of("fe80::1%eth0")) == "fe80::1"
    assert str(ip_of("::ffff:10.0.0.1")) == "10.0.0.1"
    assert [ip_of(text) for text in ("", "x", "10.0.0", "10.0.0.1:80")] == [None] * 4


def test_a_port_that_goes_without_saying_is_left_out() -> None:
    assert url_of("https", "shop.example", 443) == "https://shop.example"
    assert url_of("http", "shop.example", 443) == "http://shop.example:443"
    assert url_of("http", "::1", 80) == "http://[::1]"
