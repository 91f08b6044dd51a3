"""A whole node: ``dealcast serve --demo`` with a data folder of its own."""

import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.support.ports import free_port
from tests.support.processes import Process, descendants, words_of

START_S = 60.0
COMMAND_S = 60.0
PREFIX = "DEALCAST__"


@dataclass
class Node:
    """One node, from outside: what an operator can see and do."""

    folder: Path
    port: int
    options: Sequence[str] = ("--demo",)
    settings: dict[str, str] = field(default_factory=dict)
    process: Process | None = None

    @property
    def url(self) -> str:
        """The address of the node."""
        scheme = "https" if self.speaks_tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}"

    @property
    def speaks_tls(self) -> bool:
        """Whether the shared port is spoken to by TLS."""
        return any(option.startswith("--tls") for option in self.options)

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    def start(self) -> None:
        """Start the node and wait until it is ready."""
        port = f"--port={self.port}"
        self.process = Process.start(
            [*command("serve"), f"--data={self.data}", port, *self.options],
            log=self.folder / "serve.log",
            env=self.environment(),
        )
        self.process.wait_until(self.ready, limit_s=START_S)

    def ready(self) -> bool:
        """Say whether the node answers that it is ready."""
        try:
            anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            anybody.check_hostname = False
            anybody.verify_mode = ssl.CERT_NONE
            with urlopen(f"{self.url}/readyz", timeout=5, context=anybody):
                return True
        except OSError:  # Nobody listens yet, or 503.
            return False

    def stop(self, number: int = signal.SIGINT) -> None:
        """Stop the node as Ctrl-C does; it must end well and leave nothing."""
        assert self.process is not None
        code = self.process.stop(number)
        told = self.process.output()
        assert code == 0, f"ended with {code}:\n{told}"
        assert "killing it" not in told, told
        self.process = None

    def pid(self, name: str) -> int:
        """Return the number of the part called ``redis``, ``clerk``, ``worker-0``."""
        assert self.process is not None
        found = [p for p in descendants(self.process.pid) if is_part(words_of(p), name)]
        assert len(found) == 1, f"{len(found)} processes are called {name}"
        return found[0]

    def token(self, role: str, *options: str) -> str:
        """Make a token as the operator does."""
        made = self.dealcast("token", f"--role={role}", *options)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()

    def dealcast(self, verb: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the product on this node's data folder."""
        return subprocess.run(
            [*command(verb), f"--data={self.data}", *words],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )

    def faults(self) -> list[str]:
        """Return what its processes logged as an error, or not in our form."""
        found = []
        for file in sorted((self.data / "log").glob("*.log")):
            for line in file.read_text(errors="replace").splitlines():
                try:
                    level = json.loads(line)["level"]
                except (ValueError, KeyError, TypeError):
                    level = "none"
                if level not in ("debug", "info", "warning"):
                    found.append(f"{file.name}: {line}")
        return found

    def logs(self) -> str:
        """Return the ends of all logs of the node, for a failed test."""
        files = sorted(self.folder.rglob("*.log"))
        ends = [(f, f.read_text(errors="replace").splitlines()[-30:]) for f in files]
        return "\n".join(
            "\n".join([f"--- {file.name}", *lines]) for file, lines in ends
        )

    def environment(self) -> dict[str, str]:
        """Return the variables for the node's processes."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}
        return {**inherited, **self.settings}


def command(verb: str) -> list[str]:
    """Return the words that start a command of the product."""
    return [sys.executable, "-m", "dealcast", verb]


def is_part(words: Sequence[str], name: str) -> bool:
    """Say whether ``words`` are the command line of the part called ``name``."""
    if name == "redis":
        return any("redis-server" in word for word in words[:1])
    kind, _, index = (
        name.partition("-") if name.startswith("worker-") else (name, "", "")
    )
    return kind in words and (not index or words[-1] == index)


def told_by(node: Node) -> str:
    """Return what a node has printed, once it has told its addresses."""
    assert node.process is not None
    log = node.process.log
    node.process.wait_until(lambda: "Ctrl-C" in log.read_text(), limit_s=START_S)
    return log.read_text()


@contextmanager
def running(*options: str, settings: dict[str, str] | None = None) -> Iterator[Node]:
    """Run a node while the block lasts; its logs are shown if the block fails."""
    with tempfile.TemporaryDirectory(prefix="dealcast-") as folder:
        node = Node(Path(folder), free_port(), options, settings or {})
        try:
            node.start()
            yield node
            if node.process is not None:
                node.stop()
        except BaseException:
            print(node.logs())
            raise
        finally:
            if node.process is not None:
                node.process.kill()


@pytest.fixture
def node() -> Iterator[Node]:
    """Run a node with the demo show and two workers."""
    with running("--demo", "--workers=2") as one:
        yield one


@pytest.fixture
def nodes() -> Iterator[Callable[..., Node]]:
    """Return what starts nodes with other options; they end with the test."""
    with ExitStack() as stack:

        def start(*options: str, **settings: str) -> Node:
            return stack.enter_context(running(*options, settings=settings))

        yield start
