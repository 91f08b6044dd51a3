"""Real Redis servers for tests: one by itself, and a cluster of three primaries."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis import Redis as Client
from redis.exceptions import RedisError

from dealcast.app.parts import library
from dealcast.store.server import find_binary
from tests.support.ports import free_port
from tests.support.processes import Process

PRIMARIES = 3
SLOTS = 16384
START_S = 20.0
TEMPORARY = "/tmp"  # Not the home of root: other users run the other servers.


@dataclass
class RedisServer:
    """One server on loopback, with an append-only file in its folder."""

    folder: Path
    port: int
    cluster: bool = False
    fsync: str = "everysec"  # "always" is what may be trusted after a crash.
    process: Process | None = field(default=None, repr=False)
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)

    def start(self) -> None:
        """Run the server, on whatever its folder holds."""
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.folder),
            "save": "",
            "appendonly": "yes",
            "appendfsync": self.fsync,
            "maxmemory-policy": "noeviction",
            "cluster-enabled": "yes" if self.cluster else "no",
            "cluster-port": str(self.bus),
            **self.settings,
        }
        words = [
            word for name, value in options.items() for word in (f"--{name}", value)
        ]
        self.folder.mkdir(exist_ok=True)
        self.process = Process.start(
            [str(find_binary(None)), *words], log=self.folder / "redis.log"
        )
        self.process.wait_until(self.answers, limit_s=START_S)

    def answers(self) -> bool:
        """Say whether the server has loaded its files and answers."""
        with suppress(RedisError):
            return bool(self.client.ping())
        return False

    def kill(self) -> None:
        """Kill the server as ``kill -9`` does; its files stay."""
        assert self.process is not None
        self.process.kill()

    def freeze(self) -> None:
        """Let the server stand still; its connections stay open."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the server go on as if no time had gone by."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGCONT)

    @property
    def client(self) -> Client:
        """A plain client, which knows nothing of ours."""
        return Client(port=self.port, protocol=2)

    @property
    def bus(self) -> int:
        """Where the servers of a cluster talk to each other."""
        return self.port + 1  # The usual one is among those of outgoing connections.

    @property
    def url(self) -> str:
        """Where the server answers."""
        return f"redis://127.0.0.1:{self.port}"


@dataclass
class RedisServers:
    """The servers that hold all partitions between them."""

    servers: list[RedisServer]

    @property
    def url(self) -> str:
        """Where they answer, as the settings take it."""
        return ",".join(server.url for server in self.servers)

    def empty(self) -> None:
        """Forget everything but the function library, which is loaded anew."""
        for server in self.servers:
            with server.client as client:
                client.flushall()
                client.function_flush()
                client.function_load(library())

    def owner_of(self, key: str) -> RedisServer:
        """Return the server that holds ``key``."""
        if len(self.servers) == 1:
            return self.servers[0]
        with self.servers[0].client as client:
            slot = int(client.execute_command("CLUSTER KEYSLOT", key))
        return self.servers[slot * len(self.servers) // SLOTS]

    def kill(self) -> None:
        """Kill all servers."""
        for server in self.servers:
            if server.process is not None:
                server.kill()


def form(servers: list[RedisServer]) -> None:
    """Make one cluster of ``servers``, each with its share of the slots."""
    bounds = [-(-SLOTS * number // len(servers)) for number in range(len(servers) + 1)]
    for number, server in enumerate(servers):
        with server.client as client:
            client.execute_command(
                "CLUSTER ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1
            )
            client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
    for server in servers[1:]:
        with server.client as client:
            first = servers[0]
            client.execute_command("CLUSTER MEET", "127.0.0.1", first.port, first.bus)
    until = time.monotonic() + START_S
    while not all(formed(server, len(servers)) for server in servers):
        assert time.monotonic() < until, "the cluster did not form"
        time.sleep(0.05)


def formed(server: RedisServer, size: int) -> bool:
    """Say whether ``server`` sees the whole cluster."""
    with server.client as client:
        told = client.execute_command("CLUSTER INFO")
    return (told["cluster_state"], told["cluster_size"]) == ("ok", str(size))


@pytest.fixture(scope="session")
def standalone() -> Iterator[RedisServers]:
    """Run one server for all tests."""
    yield from run([RedisServer(new_folder(), free_port())])


@pytest.fixture(scope="session")
def cluster() -> Iterator[RedisServers]:
    """Run one cluster of three primaries for all tests."""
    servers = [
        RedisServer(new_folder(), free_port(), cluster=True) for _ in range(PRIMARIES)
    ]
    yield from run(servers)


@pytest.fixture
def own_redis() -> Iterator[RedisServers]:
    """Run one server for this test, which may kill it."""
    yield from run([RedisServer(new_folder(), free_port(), fsync="always")])


def run(servers: list[RedisServer]) -> Iterator[RedisServers]:
    """Start ``servers``, lend them out, and clear them away."""
    together = RedisServers(servers)
    try:
        for server in servers:
            server.start()
        if len(servers) > 1:
            form(servers)
        together.empty()
        yield together
    finally:
        together.kill()
        for server in servers:
            shutil.rmtree(server.folder, ignore_errors=True)


def new_folder() -> Path:
    """Make a folder for one server."""
    return Path(tempfile.mkdtemp(prefix="dealcast-redis-", dir=TEMPORARY))
