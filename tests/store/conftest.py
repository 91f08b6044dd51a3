"""Stores on real servers: Redis by itself, and a cluster of three primaries."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dealcast.core.ids import Partition
from dealcast.store.redis import Redis
from tests.store.dealing import open_gate
from tests.store.selling import Trade, trading
from tests.support.books import Books
from tests.support.redis import RedisServers

OPENED = [Partition(number) for number in (6, 7, 8)]  # In a cluster: on each node.


@pytest.fixture(params=["standalone", "cluster"])
def redis_servers(request: pytest.FixtureRequest) -> RedisServers:
    """Lend empty servers that have our function library."""
    servers: RedisServers = request.getfixturevalue(request.param)
    servers.empty()
    return servers


@pytest.fixture
async def closed_redis(redis_servers: RedisServers) -> AsyncIterator[Redis]:
    """Connect to Redis before the gate has let any change in."""
    redis = await Redis.connect(redis_servers.url)
    yield redis
    await redis.aclose()


@pytest.fixture
async def redis(closed_redis: Redis) -> Redis:
    """Connect to Redis with the gate open for one partition of each server."""
    for partition in OPENED:
        await open_gate(closed_redis, partition)
    return closed_redis


@pytest.fixture
async def trade(small: Books, tmp_path: Path) -> AsyncIterator[Trade]:
    """Open a whole shop on one Redis server and SQLite."""
    async with trading(small, tmp_path / "psp") as made:
        yield made


@pytest.fixture
async def both(pair: Books, tmp_path: Path) -> AsyncIterator[Trade]:
    """Open a whole shop on each pair of Redis and SQL."""
    async with trading(pair, tmp_path / "psp") as made:
        yield made
