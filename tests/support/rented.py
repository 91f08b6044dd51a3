"""A Redis at an address that its owner gives to another server, as rented ones do."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pytest

from tests.support.forwarder import Forwarder, forwarding
from tests.support.ports import free_port
from tests.support.redis import RedisServer, RedisServers, new_folder
from tests.support.shards import ask, linked, wait_until

Way = Literal["dies", "follows", "lives on"]


@dataclass(frozen=True)
class Rented:
    """A server, its replica, and the address that leads to one of them."""

    old: RedisServer
    new: RedisServer
    address: Forwarder

    @property
    def servers(self) -> RedisServers:
        """What is behind the address, as tests take servers."""
        return RedisServers([RedisServer(self.old.folder, self.address.port)])

    @property
    def url(self) -> str:
        """The address."""
        return self.servers.url

    def give_away(self, way: Way) -> None:
        """
        Promote the replica and let the address lead there.

        The old one dies, follows the new one, or lives on and believes to be
        the only one; connections to it stay open as long as it lives.
        """
        ask(self.new, "REPLICAOF", "NO", "ONE")
        self.address.turn(self.new.port, cut=False)
        if way == "dies":
            self.old.kill()
        elif way == "follows":
            ask(self.old, "REPLICAOF", "127.0.0.1", self.new.port)


@pytest.fixture
def rented() -> Iterator[Rented]:
    """Run a server and its replica for this test."""
    old, new = (RedisServer(new_folder(), free_port(), fsync="always") for _ in "ab")
    together = RedisServers([old, new])
    try:
        old.start()
        new.start()
        ask(new, "REPLICAOF", "127.0.0.1", old.port)
        wait_until(lambda: linked(new), "the replica has everything")
        with forwarding(old.port) as address:
            yield Rented(old, new, address)
    finally:
        together.kill()
        for server in together.servers:
            shutil.rmtree(server.folder, ignore_errors=True)
