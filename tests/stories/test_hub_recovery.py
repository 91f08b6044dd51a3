"""A show whose log was built anew: all who watch are told, by whatever way."""

import pytest

from dealcast.core.ids import partition_of
from dealcast.store import keys
from dealcast.store.control import Control
from tests.support.redis import RedisServers
from tests.support.theatre import SHOW, Theatre, opened


async def build_anew(theatre: Theatre, n: int) -> None:
    """Put the log of the show where a rebuild leaves it: a new epoch, empty."""
    redis, part = theatre.redis, partition_of(SHOW)
    state = {"n": str(n), "n_own": "0", "n_staff": "0", "ep": "2", "v": "1000000"}
    for key in (keys.log(SHOW), keys.own(SHOW), keys.staff(SHOW), keys.state(SHOW)):
        await redis.delete(key)
    await redis.hset(keys.state(SHOW), state)
    await redis.hset(keys.meta(part), {"epoch": "2"})


@pytest.mark.parametrize("n", [3, 5, 9])
async def test_viewers_are_told_that_the_log_was_built_anew(
    own_redis: RedisServers, n: int
) -> None:
    """Whether it goes on behind, at or after the number that they saw last."""
    async with opened(own_redis.url) as theatre:
        watcher = await theatre.watch()
        for number in range(5):
            await theatre.say(str(number))
        await watcher.hears("chat", 5)
        await build_anew(theatre, n)
        await watcher.hears("notice", 1)
        (notice,) = watcher.events("/live", "notice")
        assert notice["code"] == "recovered"
        assert watcher.events("/live", "sync")[-1]["recovered"] is False
        await theatre.say("after")
        await watcher.hears("chat", 6)
        assert watcher.cursors()[-2:] == [f"2.{n}", f"2.{n + 1}"]


async def test_one_who_was_away_is_told_as_well(own_redis: RedisServers) -> None:
    async with opened(own_redis.url) as theatre:
        await theatre.say("before")
        await build_anew(theatre, 7)
        back = await theatre.watch(cursor="1.1")
        await back.hears("notice", 1)
        assert back.events("/live", "sync")[0]["recovered"] is False
        assert back.cursors() == ["2.7"]
        fresh = await theatre.watch()
        assert fresh.events("/live", "notice") == []


async def test_a_log_that_forgot_is_reported(own_redis: RedisServers) -> None:
    """The hub has heard more than Redis knows, in the same epoch."""
    async with opened(own_redis.url) as theatre:
        control = Control(theatre.redis)
        watcher = await theatre.watch()
        for number in range(5):
            await theatre.say(str(number))
        await watcher.hears("chat", 5)
        before = await control.position()
        await theatre.redis.hset(keys.state(SHOW), {"n": "3"})
        _, nudges = await control.tail(before, 5_000)
        assert nudges == [("behind", f"{SHOW} 1")]
        await watcher.hears("sync", 2)
        assert watcher.events("/live", "sync")[-1]["recovered"] is False
