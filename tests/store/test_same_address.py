"""An address of Redis is given to another server, as with one that is rented."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.store.failing import (
    OPEN_S,
    PARTITION,
    clerking,
    sell,
)
from tests.support.books import Books, books, sqlite_url
from tests.support.forwarder import Forwarder, forwarding
from tests.support.ports import free_port
from tests.support.redis import RedisServer, RedisServers, new_folder
from tests.support.shards import ask, calls, linked, wait_until


@pytest.fixture
def pair_of_servers() -> Iterator[tuple[RedisServer, RedisServer]]:
    """Run a server and its replica."""
    old, new = (RedisServer(new_folder(), free_port(), fsync="always") for _ in "ab")
    together = RedisServers([old, new])
    try:
        old.start()
        new.start()
        ask(new, "REPLICAOF", "127.0.0.1", old.port)
        wait_until(lambda: linked(new), "the replica has everything")
        yield old, new
    finally:
        together.kill()


@pytest.fixture
def address(
    pair_of_servers: tuple[RedisServer, RedisServer],
) -> Iterator[Forwarder]:
    """Lend out an address that leads to the first of them."""
    with forwarding(pair_of_servers[0].port) as made:
        yield made


@pytest.fixture
async def rented(
    pair_of_servers: tuple[RedisServer, RedisServer],
    address: Forwarder,
    tmp_path: Path,
) -> AsyncIterator[Books]:
    """Lend out a small shop on that address."""
    old, _ = pair_of_servers
    there = RedisServer(old.folder, address.port, fsync="always")
    async with books(RedisServers([there]), sqlite_url(tmp_path)) as made:
        yield made


@pytest.mark.parametrize("way", ["dies", "follows", "lives on"])
async def test_another_server_at_the_same_address_is_built_anew(
    pair_of_servers: tuple[RedisServer, RedisServer],
    address: Forwarder,
    rented: Books,
    way: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Connections to the old one stay open, as long as it lives."""
    old, new = pair_of_servers
    deal = await rented.opened({"red": 100})
    async with clerking(rented):
        await asyncio.gather(*(rented.hold(deal, f"u_{n}") for n in range(20)))
        ask(new, "REPLICAOF", "NO", "ONE")
        address.turn(new.port, cut=False)
        if way == "dies":
            old.kill()
        elif way == "follows":
            ask(old, "REPLICAOF", "127.0.0.1", new.port)
        began = time.monotonic()
        async with asyncio.timeout(OPEN_S):
            while rented.ledger.position(PARTITION).epoch == 1:
                await sell(rented, deal, f"u_{time.monotonic()}")
                await asyncio.sleep(0.05)
        took = time.monotonic() - began
        await sell(rented, deal, "u_eve")
        before = calls(old) if way != "dies" else 0
        await asyncio.gather(*(sell(rented, deal, f"u_x{n}") for n in range(20)))
        assert way == "dies" or calls(old) == before
    with capfd.disabled():
        print(f" turned after {took:.1f} s", end=" ")
