"""A small shop whose servers fail: its clerk, and a buyer who asks again."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dealcast.core.errors import Recovering, Unavailable
from dealcast.core.ids import DealId, Partition
from dealcast.store import keys
from tests.support.books import Books
from tests.support.redis import RedisServer
from tests.support.shards import Cluster, ask

PARTITION = Partition(7)
META = keys.meta(PARTITION)
OPEN_S = 15.0


@asynccontextmanager
async def clerking(made: Books) -> AsyncIterator[None]:
    """Let ledger and gate run as in the clerk."""
    stop = asyncio.Event()
    running = [
        asyncio.create_task(made.ledger.run(stop)),
        asyncio.create_task(made.gate.run(stop)),
    ]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*running)


async def let_in(made: Books) -> None:
    """Look until every partition takes changes."""
    async with asyncio.timeout(OPEN_S):
        await made.gate.look()
        while made.gate.closed:
            await made.ledger.follow(50)
            await made.gate.look()


async def epoch(made: Books) -> int:
    """Return the partition's epoch, on which Redis and SQL agree."""
    told = await made.redis.hget(META, "epoch")
    assert told is not None and int(told) == made.ledger.position(PARTITION).epoch
    return int(told)


async def promote(shards: Cluster, replica: RedisServer) -> None:
    """Make a replica the primary at once, whatever others think."""
    ask(replica, "CLUSTER", "FAILOVER", "TAKEOVER")
    await asyncio.to_thread(shards.promoted, replica)


async def sell(made: Books, deal: DealId, buyer: str) -> float:
    """Ask for a hold until it is granted; return how long that took."""
    began = time.monotonic()
    async with asyncio.timeout(OPEN_S):
        while True:
            try:
                await made.hold(deal, buyer)
            except (Recovering, Unavailable):
                continue
            return time.monotonic() - began
