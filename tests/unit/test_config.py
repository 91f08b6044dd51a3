"""Settings are strict: what is unknown or out of range is one clear line."""

from typing import Any

import pytest

from dealcast import config
from dealcast.config import Unusable, load

NOWHERE = {"data": "/nonexistent"}


def test_the_environment_sets_and_overrides_win() -> None:
    given = {
        "DEALCAST__HTTP__PORT": "9000",
        "DEALCAST__HTTP__ORIGINS": "http://a.test, http://b.test",
        "X": "1",
    }
    settings = load(given, {**NOWHERE, "http.host": "::1"})
    assert (settings.http.port, settings.http.host) == (9000, "::1")
    assert settings.http.origins == ("http://a.test", "http://b.test")
    assert settings.public_url == "http://[::1]:9000"
    assert settings.sandbox_url == "http://[::1]:9001"


def test_a_child_reads_the_same_settings() -> None:
    told = {**NOWHERE, "auth.secret": "s" * 32, "demo": True,
            "http.origins": ["http://a.test"]}  # fmt: skip
    settings = load({}, told)
    assert load(config.environment(settings), {}) == settings


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("DEALCAST__HTPP__PORT", "1", "htpp"),
        ("DEALCAST__HTTP__PROT", "1", "prot"),
        ("DEALCAST__HTTP__PORT", "x", "http.port"),
        ("DEALCAST__HTTP__PORT", "70000", "http.port"),
        ("DEALCAST__WORKERS", "0", "workers"),
        ("DEALCAST__AUTH__SECRET", "short", "auth.secret"),
        ("DEALCAST__HTTP", "1", "http"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str, told: str) -> None:
    with pytest.raises(Unusable, match=told):
        load({name: value}, NOWHERE)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"http.public_url": "live.shop.example"}, "http.public_url"),
        ({"http.public_url": "https://shop.example/live"}, "no path"),
        ({"http.origins": "https://a.example, b.example"}, "'b.example'"),
        ({"http.origins": "https://a.example/x"}, "http.origins"),
        ({"http.origins": "https://*.a.example"}, "http.origins"),
        ({"http.origins": "*"}, "http.origins"),
        ({"http.frame_ancestors": "https://a.example; script-src *"}, "ancestors"),
        ({"http.frame_ancestors": "'self'"}, "frame_ancestors"),
        ({"http.trusted_proxies": "10.0.0.0/8, proxy"}, "'proxy'"),
        ({"http.tls": "selfsigned"}, "tls"),
        ({"http.tls": "self-signed", "http.tls_cert": "a.pem"}, "not both"),
        ({"http.tls_key": "a.key"}, "http.tls_cert"),
        ({"payments.webhook_url": "shop"}, "payments.webhook_url"),
        ({"payments.sandbox_public_url": "ftp://x"}, "sandbox_public_url"),
    ],
)
def test_a_setting_of_the_network_is_looked_at(told: dict[str, Any], why: str) -> None:
    with pytest.raises(Unusable, match=why) as refused:
        load({}, {**NOWHERE, **told})
    assert "\n" not in str(refused.value)


def test_the_scheme_follows_tls_and_the_public_url_wins() -> None:
    plain = load({}, NOWHERE)
    assert (plain.scheme, plain.public_url) == ("http", "http://127.0.0.1:8080")
    own = load({}, {**NOWHERE, "http.tls": "self-signed", "http.host": "0.0.0.0"})
    assert own.public_url == own.inside_url == "https://127.0.0.1:8080"
    assert own.sandbox_url == "https://127.0.0.1:8081"
    given = load({}, {**NOWHERE, "http.tls_cert": "a.pem", "http.port": 443})
    assert given.public_url == "https://127.0.0.1"
    behind = load({}, {**NOWHERE, "http.public_url": "https://Live.Example:443/"})
    assert (behind.scheme, behind.public_url) == ("http", "https://live.example")
    assert behind.inside_url == "http://127.0.0.1:8080"


def test_a_file_is_read_and_its_faults_are_named(tmp_path: Any) -> None:
    file = tmp_path / "dealcast.toml"
    file.write_text('shop_name = "Tea"\n[http]\nport = 1234\n')
    settings = load({}, {"data": str(tmp_path)})
    assert (settings.shop_name, settings.http.port) == ("Tea", 1234)
    file.write_text("[http\n")
    with pytest.raises(Unusable, match=r"dealcast\.toml"):
        load({}, {"data": str(tmp_path)})
