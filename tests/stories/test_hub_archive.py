"""Whoever was away longer than Redis remembers gets it from the archive, or anew."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from dealcast.core.errors import Unavailable
from dealcast.core.ids import ShowId, partition_of
from dealcast.store import archive, keys
from dealcast.store.archive import Archive
from dealcast.store.log import LogEntry, LogKind, Record
from tests.support.books import Books, books, sqlite_url
from tests.support.redis import RedisServers
from tests.support.server import Node
from tests.support.shopper import Shop, eventually
from tests.support.theatre import SHOW, Theatre, Watcher, opened

KEPT = 5
MEI = "u_0000000000000mei"


@dataclass
class House:
    """A theatre whose logs are archived, and kept short in Redis."""

    theatre: Theatre
    shop: Books
    shelf: Archive

    async def copy(self) -> None:
        """Archive all there is, and trim the logs."""
        while await self.shelf.look(lease=1):
            pass

    async def say(self, first: int, last: int) -> list[str]:
        """Say numbers; return the ids of the lines."""
        return [await self.theatre.say(str(n)) for n in range(first, last + 1)]

    async def back(self, cursor: str) -> Watcher:
        """Let a viewer return to a process that was just started."""
        await self.theatre.open()
        at = len(self.theatre.hubs) - 1
        return await self.theatre.watch(at=at, cursor=cursor)


@pytest.fixture
async def house(standalone: RedisServers, tmp_path: Path) -> AsyncIterator[House]:
    """Open a house on one Redis server and SQLite."""
    async with (
        books(standalone, sqlite_url(tmp_path)) as shop,
        opened(standalone.url) as theatre,
    ):
        shelf = Archive(shop.redis, shop.database, theatre.clock, kept=KEPT)
        theatre.archive = shelf
        yield House(theatre, shop, shelf)


def numbers(watcher: Watcher) -> list[int]:
    """Return the numbers of all that came, as the cursors tell them."""
    return [int(cursor.split(".")[1]) for cursor in watcher.cursors()]


async def test_what_redis_has_forgotten_comes_from_the_archive(house: House) -> None:
    lines = await house.say(1, 120)
    async with house.shop.database.begin() as connection:
        await archive.erase(connection, SHOW, [lines[19]])
    await house.copy()
    async with house.shop.database.begin() as connection:
        await archive.erase(connection, SHOW, [lines[29]])
    await house.theatre.delete(lines[39])  # Entry 121; the archive has its text.
    assert len(await house.theatre.log.read(SHOW, "log", 0)) == KEPT + 1

    returned = await house.back("1.10")
    await house.theatre.say("after")
    await returned.until(lambda: numbers(returned)[-1] == 122)
    assert returned.events("/live", "sync")[0]["recovered"] is True
    assert numbers(returned) == list(range(10, 123))
    told = [line["text"] for line in returned.events("/live", "chat")]
    erased = {"20", "30", "40"}
    assert told == [str(n) for n in range(11, 121) if str(n) not in erased] + ["after"]
    assert len(returned.events("/live", "erased")) == len(erased)


async def test_of_the_log_of_persons_one_gets_ones_own(house: House) -> None:
    for number in range(20):
        person = MEI if number % 3 == 0 else "u_0000000000000lin"
        data = orjson.dumps({"number": number}).decode()
        record = Record(show=SHOW, own=[(person, "payment", data)])
        await house.theatre.log.record(record)
    await house.copy()
    await house.theatre.open()
    me = await house.theatre.watch("/me", at=1, token="mei/viewer/*", cursor="1.2")
    await me.hears("payment", 6, "/me")
    assert me.events("/me", "sync")[0]["recovered"] is True
    told = me.events("/me", "payment")
    assert [one["number"] for one in told] == [3, 6, 9, 12, 15, 18]


@pytest.mark.parametrize("why", ["never archived", "no database", "another epoch"])
async def test_what_cannot_be_had_whole_is_told_by_a_snapshot(
    house: House, why: str
) -> None:
    await house.say(1, 30)
    if why == "another epoch":
        await house.theatre.redis.hset(keys.meta(partition_of(SHOW)), {"epoch": 2})
        await house.say(31, 40)
    elif why == "no database":
        await house.copy()
        house.theatre.archive = Away()
    else:
        await house.theatre.log.trim(SHOW, "log", 20)
    epoch = 2 if why == "another epoch" else 1

    returned = await house.back(f"{epoch}.10")
    await house.theatre.say("after")
    await returned.until(lambda: len(numbers(returned)) == 2)
    sync = returned.events("/live", "sync")[0]
    assert sync["recovered"] is False
    assert sync["chat"][-1]["text"] == str(numbers(returned)[0])
    assert numbers(returned)[1] == numbers(returned)[0] + 1


async def test_the_clerk_archives_what_a_show_tells(
    shop: Shop, shop_node: Node
) -> None:
    show, _ = await shop.on_sale(1)
    mei = await shop.join(show, token=shop.token())
    hana = await shop.join(show, "/staff", token=shop.host)
    said = await mei.ask("chat", {"text": "rude", "key": "k"})
    file = f"file:{shop_node.data / 'books.sqlite3'}?mode=ro"
    query = "SELECT n, data FROM archive WHERE show = ? AND kind = 'log' AND line = ?"

    async def archived() -> tuple[int, bytes] | None:
        with closing(sqlite3.connect(file, uri=True)) as database:
            found = database.execute(query, (show, said["id"])).fetchone()
        return found and (found[0], found[1])

    n, data = await eventually(archived)
    assert (n, orjson.loads(data)["text"]) == (said["n"], "rude")
    deleting = {"lines": [said["id"]]}
    assert (await hana.ask("lines_delete", deleting, "/staff"))["ok"] is True
    assert await archived() == (n, b"")


class Away:
    """An archive whose database does not answer."""

    async def read(
        self, _show: ShowId, _kind: LogKind, _after: int, _count: int, /
    ) -> list[LogEntry]:
        """Answer nothing."""
        raise Unavailable("database: away")
