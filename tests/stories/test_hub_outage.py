"""The hub outlives its store: nothing is lost, and health tells the truth."""

import asyncio

from tests.support.redis import RedisServers
from tests.support.theatre import SHOW, opened


async def test_redis_dies_and_comes_back(own_redis: RedisServers) -> None:
    async with opened(own_redis.url) as theatre:
        watcher = await theatre.watch()
        for number in range(5):
            await theatre.say(str(number))
        await watcher.hears("chat", 5)
        hub = theatre.hubs[0]
        assert hub.trouble() is None

        await asyncio.to_thread(own_redis.kill)
        late = await theatre.watch(wait=False)
        await asyncio.sleep(6)
        assert hub.trouble() == "redis has not answered the hub for 5 seconds"
        assert late.refused[0]["data"]["code"] == "unavailable"
        assert late.refused[0]["data"]["retryable"] is True
        assert watcher.client.connected

        await asyncio.to_thread(own_redis.servers[0].start)
        await theatre.gate(SHOW)
        await theatre.say("after")
        await watcher.hears("chat", 6)
        assert watcher.cursors() == [f"1.{n}" for n in range(7)]
        assert len(watcher.events("/live", "sync")) == 1
        await watcher.until(lambda: hub.trouble() is None)
