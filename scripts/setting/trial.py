"""Serves a clone as a newcomer would: start, look at the pages, Ctrl-C."""

import os
import random
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from setting import say
from setting.say import Failure

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
class Trial:
    """A clone, the surroundings it is served in, and how to get in there."""

    clone: Path
    data: Path
    port: int
    env: dict[str, str]
    enter: tuple[str, ...] = ()

    def address(self, path: str) -> str:
        """Return the address of ``path`` on the server."""
        return f"http://127.0.0.1:{self.port}{path}"


def kept(env: Mapping[str, str]) -> dict[str, str]:
    """Return what of ``env`` a fresh clone may know of this machine."""
    return {name: value for name, value in env.items() if KEPT.match(name)}


def clone_into(folder: Path, root: Path) -> None:
    """Clone what is committed in ``root`` into ``folder``."""
    git = ["git", "clone", "--quiet", "--no-hardlinks", str(root), str(folder)]
    if subprocess.run(git, check=False).returncode:
        raise Failure("The clone cannot be made.")


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


def serve_once(trial: Trial, name: str) -> None:
    """Start the server, look at its pages, and stop it as Ctrl-C does."""
    say.note(f"-- {name}")
    began = time.monotonic()
    command = [
        *trial.enter,
        str(trial.clone / "scripts" / "serve"),
        f"--data={trial.data}",
        f"--port={trial.port}",
    ]
    server = subprocess.Popen(
        command,
        cwd="/",
        env=trial.env,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until_ready(trial, server)
        say.note(f"-- ready after {time.monotonic() - began:.0f} s")
        for page in PAGES:
            look(trial, page)
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


def wait_until_ready(trial: Trial, server: subprocess.Popen[bytes]) -> None:
    """Wait until the server says that it is ready."""
    end_at = time.monotonic() + START_S
    while time.monotonic() < end_at:
        if server.poll() is not None:
            raise Failure(f"The server ended with exit code {server.returncode}.")
        try:
            with urllib.request.urlopen(trial.address("/readyz"), timeout=5):
                return
        except OSError:  # Not there yet, or 503: an HTTPError is an OSError.
            time.sleep(POLL_S)
    raise Failure(f"The server was not ready within {START_S:.0f} s.")


def look(trial: Trial, page: str) -> None:
    """Fetch one page and see that it is the built one."""
    try:
        with urllib.request.urlopen(trial.address(page), timeout=10) as response:
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
