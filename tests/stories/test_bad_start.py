"""What the operator got wrong is one clear line and exit code 2."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.ports import free_port

ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("DEALCAST__")}


def dealcast(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command; it is to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "dealcast", *arguments],
        env={**ENVIRONMENT, **settings},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def assert_refused(ended: subprocess.CompletedProcess[str], *words: str) -> None:
    """Check for exit code 2 and one line that has these words."""
    assert ended.returncode == 2, ended
    assert ended.stderr.startswith("dealcast: ")
    assert ended.stderr.count("\n") == 1, ended.stderr
    for word in words:
        assert word in ended.stderr


def test_an_unknown_setting(tmp_path: Path) -> None:
    ended = dealcast("serve", "--data", str(tmp_path), DEALCAST__HTTP__PROT="1")
    assert_refused(ended, "prot")


def test_a_setting_out_of_range(tmp_path: Path) -> None:
    ended = dealcast("serve", "--data", str(tmp_path), "--workers", "0")
    assert_refused(ended, "workers")


@pytest.mark.parametrize("shared", [False, True])
def test_a_taken_port(tmp_path: Path, shared: bool) -> None:
    """Also one that its owner would share: SO_REUSEPORT binds in silence."""
    with socket.socket() as taken:
        if shared:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = dealcast("serve", "--data", str(tmp_path), "--port", str(port))
    assert_refused(ended, str(port), "--port")


def test_an_address_of_another_machine(tmp_path: Path) -> None:
    ended = dealcast(
        "serve",
        "--data",
        str(tmp_path),
        "--host",
        "192.0.2.1",
        "--port",
        str(free_port()),
    )
    assert_refused(ended, "192.0.2.1")


@pytest.mark.parametrize("where", ["a-file", "read-only", "/proc/dealcast"])
def test_a_data_folder_that_cannot_be_written(tmp_path: Path, where: str) -> None:
    folder = tmp_path / where
    if where == "a-file":
        folder.write_text("not a folder")
    elif where == "read-only":
        folder.mkdir(mode=0o555)
    port = str(free_port())
    assert_refused(
        dealcast("serve", "--data", str(folder), "--port", port), "data folder"
    )


def test_a_redis_that_is_none(tmp_path: Path) -> None:
    ended = dealcast(
        "serve", "--data", str(tmp_path), "--port", str(free_port()),
        DEALCAST__REDIS__BINARY="/bin/true",
    )  # fmt: skip
    assert_refused(ended, "/bin/true")


def test_an_old_redis(tmp_path: Path) -> None:
    old = tmp_path / "redis-server"
    line = "Redis server v=6.2.14 sha=00000000:0 malloc=libc bits=64 build=0"
    old.write_text(f"#!/bin/sh\necho '{line}'\n")
    old.chmod(0o755)
    ended = dealcast(
        "serve", "--data", str(tmp_path / "data"), "--port", str(free_port()),
        DEALCAST__REDIS__BINARY=str(old),
    )  # fmt: skip
    assert_refused(ended, "6.2", "7.0")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEALCAST__REDIS__URL", "redis://127.0.0.1:1"),
        ("DEALCAST__REDIS__URL", "nonsense"),
        ("DEALCAST__SQL__URL", "postgresql+asyncpg://127.0.0.1:1/x"),
        ("DEALCAST__SQL__URL", "mysql://localhost/x"),
        ("DEALCAST__SQL__URL", "nonsense"),
    ],
)
def test_a_store_that_does_not_answer(tmp_path: Path, name: str, value: str) -> None:
    port = str(free_port())
    ended = dealcast("serve", "--data", str(tmp_path), "--port", port, **{name: value})
    assert_refused(ended, name.split("__")[1].lower() + ".url")


def test_a_token_for_a_show_that_is_not_there(tmp_path: Path) -> None:
    asked = ("token", "--data", str(tmp_path), "--role", "host", "--show", "nosuch")
    assert_refused(dealcast(*asked), "nosuch")
    assert_refused(dealcast(*asked, "--link"), "nosuch")
