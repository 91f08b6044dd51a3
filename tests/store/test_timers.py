"""The clerk keeps deadlines, each partition by itself."""

import asyncio

import pytest

from dealcast.app.timers import Timers
from dealcast.core.clock import SystemClock
from dealcast.core.errors import NotFound
from dealcast.core.ids import DealId, Partition, ShowId
from dealcast.store import keys
from dealcast.store.redis import Redis
from dealcast.store.stock import Stock
from tests.store.dealing import DEAL, PART, changes, now_ms, terms

ELSEWHERE, OTHER_SHOW = DealId("d08_0000000001"), ShowId("s08_0000000001")
SHUT = Partition(8)  # Its gate is open in these tests, until it is shut.


@pytest.fixture
def timers(redis: Redis) -> Timers:
    """Lend the clerk's timers."""
    return Timers(redis=redis, stock=Stock(redis), clock=SystemClock())


async def run_until(timers: Timers, redis: Redis, told: str) -> None:
    """Run the timers until a change of the deal was told."""
    running = asyncio.create_task(timers.run())
    async with asyncio.timeout(5):
        for pause in [0.01] * 1000:
            if told in await changes(redis):
                break
            await asyncio.sleep(pause)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_deal_opens_and_closes_on_time(redis: Redis, timers: Timers) -> None:
    now = now_ms()
    await timers.stock.load(
        "op", terms(status="planned", opens_at=now + 200, closes_at=now + 500)
    )
    await run_until(timers, redis, "closed")
    assert await changes(redis) == ["planned", "opened", "closed"]
    assert await redis.zrangebyscore(keys.due(PART), "-inf", "+inf", 9) == []


async def test_a_partition_that_takes_no_changes_holds_up_no_other(
    redis: Redis, timers: Timers
) -> None:
    now = now_ms()
    other = terms(ELSEWHERE, show=OTHER_SHOW, status="planned", opens_at=now + 100)
    await timers.stock.load("other", other)
    await redis.call("dc1_halt", [keys.meta(SHUT)], [99])
    await timers.stock.load("op", terms(status="planned", opens_at=now + 600))
    began = asyncio.get_running_loop().time()
    await run_until(timers, redis, "opened")
    # A call to the shut one waits for a second, and is made again and again.
    assert asyncio.get_running_loop().time() - began < 0.95


async def test_what_is_due_of_a_lost_deal_is_forgotten(
    redis: Redis, timers: Timers
) -> None:
    await redis.command(keys.due(PART), "ZADD", keys.due(PART), 1, DEAL)
    with pytest.raises(NotFound):
        await timers.stock.keep_time(DEAL)
    assert await timers.keep(DEAL)
    assert await redis.zrangebyscore(keys.due(PART), "-inf", "+inf", 9) == []
