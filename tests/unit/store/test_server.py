"""Versions of servers are compared as numbers."""

import pytest

from dealcast.store.server import ServerUnusable, check_info, check_version


@pytest.mark.parametrize(
    ("name", "version"), [("redis", (7, 0)), ("redis", (10, 0)), ("valkey", (7, 2))]
)
def test_a_new_server_will_do(name: str, version: tuple[int, int]) -> None:
    check_version(name, version)
    check_info({f"{name}_version": f"{version[0]}.{version[1]}.9"})


@pytest.mark.parametrize(
    "info",
    [
        {"redis_version": "6.2.14"},
        {"redis_version": "7.2.4", "valkey_version": "7.1.0"},
        {},
    ],
)
def test_an_old_server_will_not(info: dict[str, str]) -> None:
    with pytest.raises(ServerUnusable, match="too old"):
        check_info(info)
