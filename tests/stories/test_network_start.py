"""What the operator got wrong about the network is one clear line."""

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from dealcast.app.addresses import code
from tests.stories.test_bad_start import ENVIRONMENT, assert_refused, dealcast
from tests.support.certificates import Authority, Issued
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.server import Node, command, running, told_by

DEPLOY = Path(__file__).parents[2] / "server" / "deploy"
PUBLIC_URL = "http://live.shop.example"


@pytest.fixture
def issued(tmp_path: Path) -> Issued:
    """Return a good certificate."""
    return Authority(tmp_path).issue("live.shop.example")


def serve(
    folder: Path, *options: str, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Try to serve."""
    port = f"--port={free_port()}"
    return dealcast("serve", "--data", str(folder / "data"), port, *options, **settings)


def test_certificate_files_that_cannot_be_used(tmp_path: Path, issued: Issued) -> None:
    good, key = str(issued.certificate), str(issued.key)
    missing = str(tmp_path / "missing.pem")
    ended = serve(tmp_path, "--tls-cert", missing, "--tls-key", key)
    assert_refused(ended, missing, "No such file")
    assert_refused(serve(tmp_path, "--tls-cert", good), good, "private key")
    other = str(Authority(tmp_path).issue("other.example").key)
    ended = serve(tmp_path, "--tls-cert", good, "--tls-key", other)
    assert_refused(ended, other, "does not belong")
    assert_refused(serve(tmp_path, "--tls-key", key), "tls_cert")
    ended = serve(tmp_path, "--tls", "self-signed", "--tls-cert", good)
    assert_refused(ended, "not both")


def test_settings_of_a_wrong_form(tmp_path: Path) -> None:
    cases = {
        "DEALCAST__HTTP__ORIGINS": "https://shop.example/, shop.example",
        "DEALCAST__HTTP__FRAME_ANCESTORS": "https://shop.example; sandbox",
        "DEALCAST__HTTP__TRUSTED_PROXIES": "10.0.0.0/99",
        "DEALCAST__HTTP__PUBLIC_URL": "https://shop.example/live",
    }
    for name, value in cases.items():
        told = name.removeprefix("DEALCAST__").replace("__", ".").lower()
        assert_refused(serve(tmp_path, **{name: value}), told)


def test_an_expired_certificate_is_warned_of_and_served(tmp_path: Path) -> None:
    over = Authority(tmp_path).issue("localhost", days=-1)
    options = (f"--tls-cert={over.certificate}", f"--tls-key={over.key}")
    with running("--workers=1", *options) as node:
        printed = told_by(node)
        assert "Warning: the certificate has expired on" in printed
        assert f"viewer     {node.url}/" in printed


@pytest.fixture
def on_a_terminal(tmp_path: Path) -> Iterator[tuple[Node, str]]:
    """Run a node as a person does, who watches; return what the terminal shows."""
    node = Node(tmp_path, free_port())
    watching, shown = pty.openpty()
    options = [f"--data={node.data}", f"--port={node.port}", "--host=::", "--workers=1"]
    started = subprocess.Popen(
        [*command("serve"), *options],
        env={**ENVIRONMENT, "DEALCAST__HTTP__PUBLIC_URL": PUBLIC_URL},
        stdin=subprocess.DEVNULL,
        stdout=shown,
        stderr=shown,
        start_new_session=True,
    )
    os.close(shown)
    process = Process([], tmp_path / "none.log", started)
    try:
        seen = b""
        while b"Ctrl-C stops." not in seen:
            assert select.select([watching], [], [], 60)[0], seen
            seen += os.read(watching, 4096)
        yield node, seen.decode()
        process.stop(signal.SIGINT)
    finally:
        process.kill()
        os.close(watching)


async def test_a_terminal_shows_a_code_and_all_addresses_are_bound(
    on_a_terminal: tuple[Node, str],
) -> None:
    """By two colons people mean both kinds of addresses."""
    node, shown = on_a_terminal
    lines = shown.replace("\r", "").splitlines()
    assert f"  viewer     {PUBLIC_URL}/" in lines
    drawn = code(f"{PUBLIC_URL}/")
    at = lines.index(drawn[0])
    assert lines[at : at + len(drawn)] == drawn
    async with aiohttp.ClientSession() as http:
        for host in ("127.0.0.1", "[::1]", "127.0.0.2"):
            for port, path in ((node.port, "readyz"), (node.port + 1, "healthz")):
                async with http.get(f"http://{host}:{port}/{path}") as answer:
                    assert answer.status == 200


def test_the_unit_of_systemd_is_sound(tmp_path: Path) -> None:
    """Where systemd is at hand it says so itself."""
    text = (DEPLOY / "dealcast.service").read_text()
    settings = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    assert settings["Restart"] == "always" and settings["KillMode"] == "mixed"
    assert int(settings["TimeoutStopSec"]) > 30
    program = settings["ExecStart"].split()[0]
    unit = tmp_path / "dealcast.service"
    unit.write_text(text.replace(program, sys.executable))
    if shutil.which("systemd-analyze"):
        done = subprocess.run(
            ["systemd-analyze", "verify", str(unit)],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
