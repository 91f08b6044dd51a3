"""Functions of several versions, side by side on real servers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from dealcast.store.library import NAME, VERSION, library_text
from dealcast.store.nodes import Word
from dealcast.store.redis import Redis
from dealcast.store.stock import Stock
from tests.store.dealing import (
    DEAL,
    RED,
    buyer,
    check_books,
    codes,
    item,
    terms,
    units,
)
from tests.support.redis import RedisServers

OURS = f"{NAME}{VERSION}"


def text_of(version: int) -> str:
    """Return our library as another version would have it."""
    ours = library_text().replace(f"dc{VERSION}_", f"dc{version}_")
    return ours.replace(f"name={OURS}\n", f"name={NAME}{version}\n", 1)


class Later(Redis):
    """A process of a later version: it calls functions of other names."""

    version = VERSION + 1

    async def call(
        self,
        function: str,
        names: Sequence[str],
        args: Sequence[Word],
        *,
        write: bool = True,
    ) -> list[Any]:
        """Call a function of the later library."""
        renamed = function.replace(f"dc{VERSION}_", f"dc{self.version}_")
        assert renamed != function
        return await super().call(renamed, names, args, write=write)


@asynccontextmanager
async def later(servers: RedisServers) -> AsyncIterator[Later]:
    """Connect a process of the next version."""
    redis = await Later.connect(servers.url)
    assert isinstance(redis, Later)
    try:
        yield redis
    finally:
        await redis.aclose()


def libraries(servers: RedisServers) -> list[set[str]]:
    """Return the names of the libraries of each server."""
    found = []
    for server in servers.servers:
        with server.client as client:
            told = client.function_list()
        assert isinstance(told, list)
        found.append({one[one.index(b"library_name") + 1].decode() for one in told})
    return found


def texts(servers: RedisServers) -> list[str]:
    """Return the text of our library on each server."""
    found = []
    for server in servers.servers:
        with server.client as client:
            [told] = client.function_list(library=OURS, withcode=True)
        found.append(told[told.index(b"library_code") + 1].decode())
    return found


def on_all(servers: RedisServers, *names: str) -> list[set[str]]:
    """Return what ``libraries`` says if each server has these."""
    return [set(names)] * len(servers.servers)


async def test_old_and_new_sell_the_same_deal(
    redis: Redis, redis_servers: RedisServers
) -> None:
    await redis.load_library(library_text())
    async with later(redis_servers) as newer:
        await newer.load_library(text_of(VERSION + 1))
        assert libraries(redis_servers) == on_all(
            redis_servers, OURS, f"{NAME}{VERSION + 1}"
        )
        old, new = Stock(redis), Stock(newer)
        await old.load("load", terms())
        assert codes(await new.hold(DEAL, [item(buyer(1))])) == ["ok"]
        assert codes(await old.hold(DEAL, [item(buyer(1))])) == ["ok"]  # The same.
        assert codes(await old.hold(DEAL, [item(buyer(2))])) == ["ok"]
        await new.release([item(buyer(2)).hold], reason="x")
        many = [
            stock.hold(DEAL, [item(buyer(number))])
            for number, stock in enumerate([old, new] * 10, 10)
        ]
        answers = [code for one in await asyncio.gather(*many) for code in codes(one)]
        assert sorted(answers) == ["ok"] * 9 + ["sold_out"] * 11
        assert await units(redis) == {RED: (10, 0, 10, 0)}
        await check_books(redis, DEAL)
        await check_books(newer, DEAL)


async def test_each_brings_its_own_where_a_server_lacks_it(
    redis: Redis, redis_servers: RedisServers
) -> None:
    await redis.load_library(library_text())
    async with later(redis_servers) as newer:
        await newer.load_library(text_of(VERSION + 1))
        for server in redis_servers.servers:
            with server.client as client:
                client.function_flush()
        await Stock(redis).load("load", terms())
        assert codes(await Stock(newer).hold(DEAL, [item(buyer(1))])) == ["ok"]
        assert codes(await Stock(redis).hold(DEAL, [item(buyer(2))])) == ["ok"]
        both = {OURS, f"{NAME}{VERSION + 1}"}
        assert both in libraries(redis_servers)
        await check_books(redis, DEAL)


async def test_versions_that_nobody_runs_are_dropped(
    redis: Redis, redis_servers: RedisServers
) -> None:
    """The one before ours stays, and so does whatever is newer, or not ours."""
    for server in redis_servers.servers:
        with server.client as client:
            client.function_flush()
            client.function_load(library_text().replace(OURS, NAME, 1))
            client.function_load(text_of(7).replace("dealcast7", "dealcastle", 1))
    await redis.load_library(library_text(), replace=False)
    foreign = "dealcastle"
    assert libraries(redis_servers) == on_all(redis_servers, OURS, foreign)
    for version in (2, 3):
        await redis.load_library(text_of(version), replace=False)
    await redis.load_library(text_of(3))
    three, two = f"{NAME}3", f"{NAME}2"
    assert libraries(redis_servers) == on_all(redis_servers, two, three, foreign)
    await redis.load_library(library_text())
    assert libraries(redis_servers) == on_all(redis_servers, OURS, two, three, foreign)


async def test_two_builds_of_one_version_do_not_take_turns(
    redis: Redis, redis_servers: RedisServers
) -> None:
    """A clerk that starts replaces the text; nobody else does."""
    mine, other = library_text(), library_text(["-- another build"])
    await redis.load_library(mine)
    async with later(redis_servers) as build:
        build.version = VERSION
        await build.load_library(other, replace=False)
        assert set(texts(redis_servers)) == {mine}
        await build.load_library(other)
        assert set(texts(redis_servers)) == {other}
    await redis.load_library(mine)


async def test_many_start_at_once(redis: Redis, redis_servers: RedisServers) -> None:
    for server in redis_servers.servers:
        with server.client as client:
            client.function_flush()
    text = library_text()
    starts = [redis.load_library(text, replace=number == 3) for number in range(12)]
    await asyncio.gather(*starts)
    assert libraries(redis_servers) == on_all(redis_servers, OURS)
