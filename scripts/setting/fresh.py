"""Proves that a fresh clone serves on a bare machine: no Redis, no Node, no home."""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from setting import say
from setting.place import Place
from setting.say import Failure

BIN_FOLDERS = (
    "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
)  # fmt: skip
HIDDEN = re.compile(
    r"(node|nodejs|npm|npx|corepack|pnpm|yarn|uv|python|python3(\.\d+)?"
    r"|(redis|valkey)-.*)$"
)
# How this machine reaches the package registries; the rest stays behind.
KEPT = re.compile(
    r"(PIP_|npm_config_|SSL_|NODE_EXTRA|REQUESTS_CA|CURL_CA|CI$|.*_proxy$)", re.I
)
PAGES = ("/", "/s/demo", "/host", "/moderator")
# Below those that the system gives to outgoing connections: the port is free now
# and must still be when the set-up is over.
PORTS = (20_000, 32_000)
START_S = 600.0
STOP_S = 30.0
POLL_S = 0.2


@dataclass(frozen=True)
class Bare:
    """A fresh clone and the bare surroundings it is run in."""

    clone: Path
    data: Path
    port: int
    env: dict[str, str]

    def address(self, path: str) -> str:
        """Return the address of ``path`` on the server."""
        return f"http://127.0.0.1:{self.port}{path}"


def run(options: Sequence[str]) -> int:
    """Serve from a fresh clone twice, and test it too if ``options`` ask for it."""
    if unknown := set(options) - {"--with-tests"}:
        raise Failure(f"check --fresh does not know {', '.join(sorted(unknown))}.")
    folder = Path(tempfile.mkdtemp(prefix="dealcast-fresh-"))
    folder.chmod(0o755)  # The test database runs as another user.
    try:
        bare = surround(Place.here(), folder)
        serve_once(bare, "first start, with set-up")
        serve_once(bare, "second start")
        say.note("A fresh clone serves, stops and starts again.")
        return tested(bare) if options else 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def surround(place: Place, folder: Path) -> Bare:
    """Clone what is committed into ``folder``; give it a bare PATH and home."""
    clone, home, path = folder / "clone", folder / "home", folder / "bin"
    git = ["git", "clone", "--quiet", "--no-hardlinks", str(place.root), str(clone)]
    if subprocess.run(git, check=False).returncode:
        raise Failure("The clone cannot be made.")
    home.mkdir()
    path.mkdir()
    for name, program in programs().items():
        (path / name).symlink_to(program)
    (path / "python3").symlink_to(Path(sys.executable).resolve())
    env = {name: value for name, value in os.environ.items() if KEPT.match(name)}
    env |= {"PATH": str(path), "HOME": str(home), "LANG": "C.UTF-8"}
    return Bare(clone, folder / "data", free_port(), env)


def programs() -> dict[str, Path]:
    """Return the machine's programs but those that a bare machine lacks."""
    found: dict[str, Path] = {}
    for folder in map(Path, BIN_FOLDERS):
        for program in sorted(folder.iterdir()) if folder.is_dir() else ():
            if not HIDDEN.match(program.name):
                found.setdefault(program.name, program)
    return found


def free_port() -> int:
    """Return a port that nobody listens on, with a free one after it."""
    for _ in range(1000):
        port = random.randrange(*PORTS)
        if is_free(port) and is_free(port + 1):
            return port
    raise Failure(f"There is no free port from {PORTS[0]} to {PORTS[1]}.")


def is_free(port: int) -> bool:
    """Say whether a server could listen on ``port``."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def serve_once(bare: Bare, name: str) -> None:
    """Start the server, look at its pages, and stop it as Ctrl-C does."""
    say.note(f"-- {name}")
    began = time.monotonic()
    command = [
        str(bare.clone / "scripts" / "serve"),
        f"--data={bare.data}",
        f"--port={bare.port}",
    ]
    server = subprocess.Popen(
        command,
        cwd="/",
        env=bare.env,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until_ready(bare, server)
        say.note(f"-- ready after {time.monotonic() - began:.0f} s")
        for page in PAGES:
            look(bare, page)
        os.killpg(server.pid, signal.SIGINT)
        code = server.wait(STOP_S)
    except subprocess.TimeoutExpired as error:
        raise Failure(f"The server did not stop within {STOP_S:.0f} s.") from error
    finally:
        left = end(server)
    if code != 0:
        raise Failure(f"The server stopped with exit code {code}.")
    if left:
        raise Failure("The server left processes behind.")


def wait_until_ready(bare: Bare, server: subprocess.Popen[bytes]) -> None:
    """Wait until the server says that it is ready."""
    end_at = time.monotonic() + START_S
    while time.monotonic() < end_at:
        if server.poll() is not None:
            raise Failure(f"The server ended with exit code {server.returncode}.")
        try:
            with urllib.request.urlopen(bare.address("/readyz"), timeout=5):
                return
        except OSError:  # Not there yet, or 503: an HTTPError is an OSError.
            time.sleep(POLL_S)
    raise Failure(f"The server was not ready within {START_S:.0f} s.")


def look(bare: Bare, page: str) -> None:
    """Fetch one page and see that it is the built one."""
    try:
        with urllib.request.urlopen(bare.address(page), timeout=10) as response:
            body = response.read().decode()
    except OSError as error:
        raise Failure(f"The page {page} does not answer: {error}.") from error
    if "<script" not in body:
        raise Failure(f"The page {page} is not the built one.")
    say.note(f"-- page {page} answers")


def end(server: subprocess.Popen[bytes]) -> bool:
    """Kill what is left of the server's group; say whether anything was."""
    try:
        os.killpg(server.pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    server.wait(STOP_S)
    return True


def tested(bare: Bare) -> int:
    """Run all tests in the clone and return their exit code."""
    say.note("-- tests")
    command = [str(bare.clone / "scripts" / "test")]
    return subprocess.run(
        command, cwd="/", env=bare.env, stdin=subprocess.DEVNULL, check=False
    ).returncode
