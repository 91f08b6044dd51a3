"""Calls are answered once, whatever happens to the connection or the server."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
from redis.exceptions import ResponseError

from dealcast.core.errors import Recovering, Unavailable
from dealcast.core.ids import Partition, ShowId
from dealcast.store import keys
from dealcast.store.library import library_text
from dealcast.store.log import Log, Record
from dealcast.store.redis import Redis
from dealcast.store.stock import Stock
from tests.store.dealing import (
    DEAL,
    PART,
    RED,
    SHOW,
    buyer,
    check_books,
    codes,
    held,
    item,
    open_gate,
    terms,
    units,
)
from tests.support.redis import RedisServer, RedisServers

ELSEWHERE = ShowId("s06_0000000000")
UNUSED = Partition(63)


@asynccontextmanager
async def connected(url: str, answer_s: float = 5.0) -> AsyncIterator[Redis]:
    """Connect for as long as the block lasts."""
    redis = await Redis.connect(url, connections_max=4, answer_s=answer_s)
    try:
        yield redis
    finally:
        await redis.aclose()


async def test_a_restarted_server_takes_no_change_before_the_gate(
    own_redis: RedisServers,
) -> None:
    server = own_redis.servers[0]
    async with connected(own_redis.url) as redis:
        stock = Stock(redis)
        await open_gate(redis, PART)
        await stock.load("load", terms())
        first = await redis.run_of(PART)
        await asyncio.to_thread(restart, server)
        assert await redis.run_of(PART) != first
        with pytest.raises(Recovering):
            await stock.hold(DEAL, [item(buyer(1))])
        assert await units(redis) == {RED: (10, 10, 0, 0)}
        await let_in(redis)
        assert codes(await stock.hold(DEAL, [item(buyer(1))])) == ["ok"]
        await check_books(redis, DEAL)


def restart(server: RedisServer) -> None:
    """Kill a server as a crash does, and start it on the same files."""
    server.kill()
    server.start()


async def let_in(redis: Redis) -> None:
    """Let the run in that the server has now."""
    run = await redis.run_of(PART)
    await redis.hset(keys.meta(PART), {"run": run})


async def test_a_call_outlives_a_restart(own_redis: RedisServers) -> None:
    server = own_redis.servers[0]
    async with connected(own_redis.url) as redis:
        stock = Stock(redis)
        await open_gate(redis, PART)
        await stock.load("load", terms())
        server.kill()
        call = asyncio.create_task(stock.hold(DEAL, [item(buyer(1))]))
        await asyncio.sleep(0)
        await asyncio.to_thread(server.start)
        await let_in(redis)
        assert codes(await call) == ["ok"]
        await check_books(redis, DEAL)


async def test_a_dead_server_is_unavailable_in_time(own_redis: RedisServers) -> None:
    async with connected(own_redis.url, answer_s=0.3) as redis:
        own_redis.kill()
        with pytest.raises(Unavailable):
            await Log(redis).snapshot(SHOW)
        with pytest.raises(Unavailable):
            await redis.ping()
        with pytest.raises(Unavailable):
            for _ in range(100):
                assert await redis.xread({keys.log(SHOW): "0-0"}, 100) == {}


class Leaky:
    """A way to a server on which answers get lost: the request arrives."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.lose = b""  # Answers to requests with this in them get lost.
        self.lost = 0

    async def carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Carry one connection."""
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            while request := await reader.read(65_536):
                back.write(request)
                answer = await there.read(65_536)
                if self.lose and self.lose in request:
                    self.lose, self.lost = b"", self.lost + 1
                    return
                writer.write(answer)
        finally:
            for end in (writer, back):
                end.close()
                await end.wait_closed()


async def test_a_lost_answer_is_asked_for_again(standalone: RedisServers) -> None:
    standalone.empty()
    leaky = Leaky(standalone.servers[0].port)
    proxy = await asyncio.start_server(leaky.carry, "127.0.0.1", 0)
    port = proxy.sockets[0].getsockname()[1]
    async with connected(f"redis://127.0.0.1:{port}") as redis:
        await open_gate(redis, PART)
        stock = Stock(redis)
        for name, change in {
            b"dc1_load": stock.load("load", terms()),
            b"dc1_hold": stock.hold(DEAL, [item(buyer(1), quantity=2)]),
            b"dc1_adjust": stock.adjust(DEAL, RED, 5, op="more"),
            b"dc1_record": Log(redis).record(Record(show=SHOW, incr={"x": 1}), op="x"),
            b"dc1_release": stock.release([item(buyer(1)).hold], reason="x"),
        }.items():
            leaky.lose = name
            await change
        assert leaky.lost == 5
        assert await units(redis) == {RED: (15, 15, 0, 0)}
        assert await Log(redis).state_field(SHOW, "x") == "1"
        await check_books(redis, DEAL)
    proxy.close()
    await proxy.wait_closed()


async def test_a_cancelled_call_leaves_its_answer_to_nobody(redis: Redis) -> None:
    stock = Stock(redis)
    await stock.load("load", terms(lines={RED: 1000}, per_buyer_max=0))
    calls = [
        asyncio.create_task(stock.hold(DEAL, [item(buyer(n), quantity=n + 1)]))
        for n in range(40)
    ]
    await asyncio.sleep(0.003)
    for call in calls[::2]:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    for n in range(40):
        [answer] = await stock.hold(DEAL, [item(buyer(n), quantity=n + 1)])
        row = await stock.get(item(buyer(n)).hold)
        assert row is not None
        assert (row.quantity, row.expires_at) == (n + 1, answer.expires_at)
    await check_books(redis, DEAL)


async def test_thousands_of_calls_wait_for_few_connections(redis: Redis) -> None:
    log = Log(redis)
    await asyncio.gather(*(log.last(SHOW, "log") for _ in range(2_000)))
    assert await log.last(SHOW, "log") == 0


async def test_a_lost_library_is_loaded_again(
    redis: Redis, redis_servers: RedisServers
) -> None:
    await redis.load_library(library_text())
    for server in redis_servers.servers:
        with server.client as client:
            client.function_flush()
    await Stock(redis).load("load", terms())
    await check_books(redis, DEAL)


async def test_a_feature_brings_functions_of_its_own(redis: Redis) -> None:
    extra = (
        "dc.changing('dc1_test', function(work, keys, args) return {'ok', args[1]} end)"
    )
    await redis.load_library(library_text([extra]))
    names = keys.head_keys(PART)
    assert await redis.call("dc1_test", names, ["told"]) == [b"ok", b"told"]
    await redis.load_library(library_text())


async def test_a_fault_of_ours_is_not_tried_again(redis: Redis) -> None:
    with pytest.raises(ResponseError):
        await redis.command("{p07}:x", "NONSENSE", "{p07}:x")


async def test_a_blocking_read_hears_of_every_log(redis: Redis) -> None:
    logs = {keys.log(SHOW): "0-0", keys.log(ELSEWHERE): "0-0"}
    waiting = asyncio.create_task(redis.xread(logs, 5_000))
    await asyncio.sleep(0.02)
    heard: dict[str, int] = {}
    for show in (SHOW, ELSEWHERE):
        await Log(redis).record(Record(show=show, log=[("notice", "P0", "{}")]))
        found = await waiting
        for key, entries in found.items():
            heard[key] = heard.get(key, 0) + len(entries)
            logs[key] = entries[-1][0]
        waiting = asyncio.create_task(redis.xread(logs, 200))
    found = await waiting
    for key, entries in found.items():
        heard[key] = heard.get(key, 0) + len(entries)
    assert heard == {keys.log(SHOW): 1, keys.log(ELSEWHERE): 1}


async def test_a_blocking_read_ends_in_time_and_may_be_empty(redis: Redis) -> None:
    positions = {keys.facts(Partition(number)): "0-0" for number in range(64)}
    assert await redis.xread(positions, 30) == {}
    assert await redis.xread({}, 1) == {}


@contextmanager
def moved(cluster: RedisServers, partition: Partition) -> Iterator[None]:
    """Give a slot without keys to the next server, for as long as the block lasts."""
    key = keys.meta(partition)
    owner = cluster.owner_of(key)
    other = next(server for server in cluster.servers if server is not owner)
    with owner.client as client:
        slot = int(client.execute_command("CLUSTER KEYSLOT", key))

    def give(server: RedisServer) -> None:
        with server.client as client:
            name = client.execute_command("CLUSTER MYID")
        for one in cluster.servers:
            with one.client as client:
                client.execute_command("CLUSTER SETSLOT", slot, "NODE", name)

    try:
        give(other)
        yield
    finally:
        with other.client as client:
            for name in client.execute_command("CLUSTER GETKEYSINSLOT", slot, 100):
                client.delete(name)
        give(owner)


async def test_a_moved_slot_is_found(cluster: RedisServers) -> None:
    cluster.empty()
    show = ShowId("s63_0000000000")
    async with connected(cluster.url) as redis:
        await redis.hset(keys.state(show), {"x": "before"})
        await redis.delete(keys.state(show))
        with moved(cluster, UNUSED):
            await redis.hset(keys.state(show), {"x": "after"})
            assert await redis.hget(keys.state(show), "x") == b"after"
            await open_gate(redis, UNUSED)
            await Log(redis).record(Record(show=show, log=[("notice", "P0", "{}")]))
            assert await Log(redis).last(show, "log") == 1


async def test_a_cluster_is_found_from_any_of_its_nodes(cluster: RedisServers) -> None:
    for url in (cluster.servers[2].url, cluster.url.replace("redis://", "")):
        given = url if "://" in url else f"redis+cluster://{url}"
        async with connected(given) as redis:
            assert len(await redis.servers()) == 3
            runs = {await redis.run_of(Partition(number)) for number in range(64)}
            assert len(runs) == 3


async def test_holds_are_kept_apart_by_their_keys(redis: Redis) -> None:
    stock = Stock(redis)
    await stock.load("load", terms())
    await held(stock, item(buyer(1), "a"), item(buyer(1), "b"))
    assert len(await stock.get_all([item(buyer(1), key).hold for key in "abc"])) == 2
