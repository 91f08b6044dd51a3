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


def test_a_file_is_read_and_its_faults_are_named(tmp_path: Any) -> None:
    file = tmp_path / "dealcast.toml"
    file.write_text('shop_name = "Tea"\n[http]\nport = 1234\n')
    settings = load({}, {"data": str(tmp_path)})
    assert (settings.shop_name, settings.http.port) == ("Tea", 1234)
    file.write_text("[http\n")
    with pytest.raises(Unusable, match=r"dealcast\.toml"):
        load({}, {"data": str(tmp_path)})
