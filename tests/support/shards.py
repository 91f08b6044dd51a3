"""A Redis Cluster with replicas: servers die, are promoted, and give slots away."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from redis import Redis as Client
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import RedisError
from redis.retry import Retry

from tests.support.ports import free_port
from tests.support.redis import (
    PRIMARIES,
    RedisServer,
    RedisServers,
    form,
    formed,
    new_folder,
)

LIMIT_S = 20.0
LOOK_S = 0.02
ANSWER_S = 2.0
USUAL = {
    "masteruser": "",
    "masterauth": "",
    "cluster-require-full-coverage": "yes",
}
AT_ONCE = 50  # Keys that one MIGRATE takes along.
SETTINGS = {
    # How soon others give a server up. Not less: a busy machine is no fault.
    "cluster-node-timeout": "1500",
    # A replica may be promoted however long it has not heard of its primary.
    "cluster-replica-validity-factor": "0",
    "repl-diskless-sync-delay": "0",
    "min-replicas-to-write": "0",
}


def wait_until(
    ready: Callable[[], bool], what: str, *, limit_s: float = LIMIT_S
) -> None:
    """Wait until ``ready`` says so."""
    until = time.monotonic() + limit_s
    while not ready():
        assert time.monotonic() < until, f"not in time: {what}"
        time.sleep(LOOK_S)


@dataclass
class Cluster(RedisServers):
    """Three primaries, and the replicas that a test adds."""

    replicas: list[RedisServer] = field(default_factory=list)

    @property
    def all(self) -> list[RedisServer]:
        """All servers, whatever they are now."""
        return [*self.servers, *self.replicas]

    @property
    def living(self) -> list[RedisServer]:
        """Those that answer now."""
        return [server for server in self.all if answers(server)]

    def kill(self) -> None:
        """Kill all servers."""
        for server in self.all:
            if server.process is not None:
                server.kill()

    def owner_of(self, key: str) -> RedisServer:
        """Return the server that holds ``key``, as most of the cluster has it."""
        return self.owner_of_slot(slot_of(key))

    def owner_of_slot(self, slot: int) -> RedisServer:
        """Return the server that holds ``slot`` by the newest word of any."""
        port = max(one for server in self.living for one in owners(server, slot))[1]
        return next(server for server in self.all if server.port == port)

    def add_replica(self, of: RedisServer) -> RedisServer:
        """Start a server that copies ``of``; return it once it has everything."""
        replica = RedisServer(
            new_folder(), free_port(), cluster=True, fsync=of.fsync, settings=SETTINGS
        )
        self.replicas.append(replica)
        replica.start()
        name = name_of(of)
        ask(replica, "CLUSTER", "MEET", "127.0.0.1", of.port, of.bus)
        wait_until(
            lambda: (
                all(
                    name_of(replica) in ask(one, "CLUSTER", "NODES")
                    for one in self.servers
                )
                and name in ask(replica, "CLUSTER", "NODES")
            ),
            "the servers know each other",
        )
        ask(replica, "CLUSTER", "REPLICATE", name)
        wait_until(lambda: linked(replica), "the replica has everything")
        wait_until(
            lambda: all(knows_replica(one, replica) for one in self.servers),
            "everybody knows the replica",
        )
        return replica

    def promoted(self, replica: RedisServer) -> None:
        """Wait until ``replica`` is a primary, and until all that live know it."""
        port = replica.port
        wait_until(lambda: is_primary(replica), "the replica was promoted")
        wait_until(
            lambda: all(
                any(mine == port for _, mine in owners(one, None))
                for one in self.living
            ),
            "all know that it was promoted",
        )

    def settle(self) -> None:
        """Part with all but three primaries that work."""
        living = [one for one in self.living if owners(one, None)]
        chosen = {port for _, port in owners(living[0], None)}
        primaries = [server for server in self.all if server.port in chosen]
        for server in self.all:
            if server not in primaries:
                server.kill()
                shutil.rmtree(server.folder, ignore_errors=True)
        names = {name_of(server) for server in primaries}
        for server in primaries:
            for line in ask(server, "CLUSTER", "NODES").splitlines():
                if (name := line.split()[0]) not in names:
                    ask(server, "CLUSTER", "FORGET", name)
            for setting, value in USUAL.items():
                ask(server, "CONFIG", "SET", setting, value)
        self.servers, self.replicas = primaries, []
        wait_until(
            lambda: all(formed(server, PRIMARIES) for server in primaries),
            "the cluster is whole again",
        )

    def move(self, first: int, last: int, to: RedisServer) -> int:
        """
        Give slots to another primary, key by key; return how many keys moved.

        It is what ``redis-cli --cluster reshard`` does.
        """
        moved = 0
        for slot in range(first, last + 1):
            source = self.owner_of_slot(slot)
            if source is not to:
                moved += self.move_slot(slot, source, to)
        return moved

    def move_slot(self, slot: int, source: RedisServer, to: RedisServer) -> int:
        """Give one slot away."""
        theirs, ours, moved = name_of(to), name_of(source), 0
        ask(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", ours)
        ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", theirs)
        while names := ask(source, "CLUSTER", "GETKEYSINSLOT", slot, AT_ONCE):
            ask(source, "MIGRATE", "127.0.0.1", to.port, "", 0, 5000, "KEYS", *names)
            moved += len(names)
        others = [one for one in self.living if one not in (source, to)]
        for server in (to, source, *filter(is_primary, others)):
            ask(server, "CLUSTER", "SETSLOT", slot, "NODE", theirs)
        return moved


def slot_of(key: str) -> int:
    """Return the slot of ``key``."""
    return key_slot(key.encode())


def ask(server: RedisServer, *words: str | int) -> Any:
    """Send one command to one server."""
    with Client(
        port=server.port,
        protocol=2,
        socket_timeout=ANSWER_S,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    ) as client:
        client.response_callbacks.clear()
        return client.execute_command(*words)


def answers(server: RedisServer) -> bool:
    """Say whether a server answers now."""
    with suppress(RedisError):
        return bool(ask(server, "PING"))
    return False


def told(server: RedisServer, section: str, field: str) -> str:
    """Return what INFO says."""
    lines = str(ask(server, "INFO", section)).splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line).get(field, "")


def calls(server: RedisServer) -> int:
    """Return how many calls of functions a server has carried out."""
    stats = told(server, "commandstats", "cmdstat_fcall") or "calls=0,failed_calls=0"
    counts = dict(pair.split("=") for pair in stats.split(","))
    return int(counts["calls"])


def name_of(server: RedisServer) -> str:
    """Return the name that a server has in its cluster."""
    return str(ask(server, "CLUSTER", "MYID"))


def owners(server: RedisServer, slot: int | None) -> list[tuple[int, int]]:
    """Return (epoch, port) of who owns ``slot``, or of all primaries."""
    found = []
    for line in ask(server, "CLUSTER", "NODES").splitlines():
        _, place, flags, _, _, _, epoch, _, *slots = line.split()
        if "master" not in flags.split(","):
            continue
        bounds = [one.split("-") for one in slots if not one.startswith("[")]
        ranges = [(int(pair[0]), int(pair[-1])) for pair in bounds]
        if any(slot is None or low <= slot <= high for low, high in ranges):
            found.append((int(epoch), int(place.split("@")[0].rpartition(":")[2])))
    return found


def is_primary(server: RedisServer) -> bool:
    """Say whether a server takes changes."""
    return told(server, "replication", "role") == "master"


def linked(replica: RedisServer) -> bool:
    """Say whether a replica follows its primary."""
    return told(replica, "replication", "master_link_status") == "up"


def knows_replica(server: RedisServer, replica: RedisServer) -> bool:
    """Say whether a server knows that another is a replica."""
    lines = ask(server, "CLUSTER", "NODES").splitlines()
    return any(f":{replica.port}@" in line and "slave" in line for line in lines)


def cut(replica: RedisServer) -> None:
    """Let a replica hear nothing more from its primary; both live on."""
    ask(replica, "CONFIG", "SET", "masteruser", "nobody", "masterauth", "wrong")
    ask(replica, "CLIENT", "KILL", "TYPE", "master")
    wait_until(lambda: not linked(replica), "the replica is cut off")


@pytest.fixture(scope="session")
def long_lived() -> Iterator[Cluster]:
    """Run a cluster for all tests that do to a cluster what they like."""
    servers = [
        RedisServer(
            new_folder(), free_port(), cluster=True, fsync="always", settings=SETTINGS
        )
        for _ in range(PRIMARIES)
    ]
    cluster = Cluster(servers)
    try:
        for server in servers:
            server.start()
        form(servers)
        yield cluster
    finally:
        cluster.kill()
        for server in cluster.all:
            shutil.rmtree(server.folder, ignore_errors=True)


@pytest.fixture
def shards(long_lived: Cluster) -> Iterator[Cluster]:
    """Lend out three empty primaries; whatever is none after the test, goes."""
    long_lived.empty()
    yield long_lived
    long_lived.settle()
