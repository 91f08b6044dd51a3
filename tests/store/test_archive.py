"""The archive: what a show's logs told is in SQL before Redis forgets it."""

import asyncio

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from dealcast.core.ids import Partition, ShowId, partition_of
from dealcast.store import archive, keys, tables
from dealcast.store.archive import BATCH_MAX, KEPT, LATELY_MS, SLICE, Archive
from dealcast.store.library import library_text
from dealcast.store.log import COUNTERS, Log, LogEntry, LogKind, Record
from dealcast.store.posting import Fenced
from tests.store.dealing import now_ms
from tests.support.books import CLOCK, SHOW, Books, books
from tests.support.redis import RedisServers

PART = partition_of(SHOW)
NOTHING: dict[LogKind, int] = dict.fromkeys(COUNTERS, 0)


def line(number: int) -> tuple[str, ...]:
    """Make a log entry of a line of chat."""
    return ("chat", "P2", f'{{"text":"第 {number} 行"}}', f"c07_{number:016d}")


async def say(shop: Books, first: int, last: int, show: ShowId = SHOW) -> None:
    """Say lines of chat by their numbers."""
    lines = [line(number) for number in range(first, last + 1)]
    for start in range(0, len(lines), 300):
        await Log(shop.redis).record(Record(show=show, log=lines[start : start + 300]))


async def copy(shelf: Archive, lease: int = 1) -> None:
    """Let an archive copy all there is."""
    async with asyncio.timeout(20):
        while await shelf.look(lease=lease):
            pass


async def archived(shop: Books, kind: LogKind = "log") -> list[LogEntry]:
    """Return what the archive has of a log."""
    async with shop.database.read() as connection:
        return await archive.tail_of(connection, SHOW, kind, 10_000)


async def told(shop: Books, kind: LogKind = "log") -> list[LogEntry]:
    """Return what Redis has of a log."""
    return await Log(shop.redis).read(SHOW, kind, 0, 10_000)


def made(shop: Books, kept: int = KEPT) -> Archive:
    """Make an archive, as the clerk does when it starts."""
    return Archive(shop.redis, shop.database, CLOCK, kept=kept)


async def test_every_entry_is_copied_as_it_is(pair: Books) -> None:
    await Log(pair.redis).record(
        Record(
            show=SHOW,
            log=[line(1), ("notice", "P0", "{}")],
            own=[("u_1", "payment", '{"a":1}')],
            staff=[("audit", '{"b":"奶茶"}')],
            incr={"likes": 7},
        )
    )
    shelf = made(pair)
    await copy(shelf)
    for kind in COUNTERS:
        assert await archived(pair, kind) == await told(pair, kind) != []
    async with pair.database.read() as connection:
        assert await archive.last(connection, SHOW) == {"log": 2, "own": 1, "staff": 1}
        assert await connection.scalar(select(tables.show_count.c.likes)) == 7
    assert shelf.lag == 0
    assert await shelf.read(SHOW, "log", 1) == (await told(pair))[1:]
    assert await shelf.read(SHOW, "log", 0, 1) == (await told(pair))[:1]


async def test_what_was_copied_is_not_copied_again(pair: Books) -> None:
    first, second = made(pair), made(pair)
    await say(pair, 1, 3)
    await copy(first)
    await say(pair, 4, 6)
    await asyncio.gather(copy(first), copy(second))
    await first.copy_partition(PART, lease=1)
    await made(pair).copy_partition(PART, lease=1)
    assert [entry.n for entry in await archived(pair)] == [1, 2, 3, 4, 5, 6]
    await Log(pair.redis).record(Record(show=SHOW, incr={"likes": 3}))
    await Log(pair.redis).record(Record(show=SHOW, incr={"likes": 3}))
    await asyncio.gather(copy(first), copy(second))
    async with pair.database.read() as connection:
        assert await connection.scalar(select(tables.show_count.c.likes)) == 6


async def test_hearts_are_never_lost(small: Books) -> None:
    """A Redis that was set back tells of fewer, until the gate has noticed."""
    for likes, kept in (("9", 9), ("4", 9), ("12", 12)):
        await small.redis.hset(keys.state(SHOW), {"likes": likes, "v": "1"})
        await copy(made(small))
        async with small.database.read() as connection:
            count = await connection.scalar(select(tables.show_count.c.likes))
        assert count == kept


async def test_much_is_copied_in_small_transactions(pair: Books) -> None:
    await say(pair, 1, BATCH_MAX + 300)
    shelf = made(pair)
    assert await shelf.look(lease=1)
    assert (len(await archived(pair)), shelf.lag) == (BATCH_MAX, 300)
    assert not await shelf.look(lease=1)
    assert await archived(pair) == await told(pair)
    assert shelf.lag == 0


async def test_a_clerk_that_was_succeeded_writes_nothing(pair: Books) -> None:
    await say(pair, 1, 3)
    shelf = made(pair, kept=1)
    await pair.ledger.start()
    with pytest.raises(Fenced):
        await shelf.look(lease=1)
    with pytest.raises(Fenced):
        await shelf.copy_partition(PART, lease=1)
    assert await archived(pair) == []
    assert len(await told(pair)) == 3
    await copy(shelf, lease=2)
    assert len(await archived(pair)) == 3


@pytest.mark.parametrize("epoch", [0, 2])
async def test_another_epoch_is_not_copied(pair: Books, epoch: int) -> None:
    await say(pair, 1, 3)
    row = tables.partition
    async with pair.database.begin() as connection:
        await connection.execute(
            update(row).where(row.c.id == PART).values(epoch=epoch)
        )
    shelf = made(pair, kept=1)
    await copy(shelf)
    await shelf.copy_partition(PART, lease=1)
    assert await archived(pair) == []
    assert (len(await told(pair)), shelf.lag) == (3, 3)
    await pair.redis.hset(keys.meta(PART), {"epoch": epoch})
    await say(pair, 4, 4)
    await copy(shelf)
    assert [entry.epoch for entry in await archived(pair)] == [1, 1, 1, epoch]


async def test_a_lost_partition_is_not_copied(pair: Books) -> None:
    await say(pair, 1, 3)
    await pair.redis.delete(keys.meta(PART))
    await copy(made(pair))
    await made(pair).copy_partition(PART, lease=1)
    assert await archived(pair) == []


async def test_of_deleted_lines_the_place_alone_is_kept(pair: Books) -> None:
    """Whether they are deleted before they are copied or after."""
    names = [line(number)[3] for number in range(1, 5)]
    await say(pair, 1, 4)
    await Log(pair.redis).record(Record(show=SHOW, gone=[names[0]]))
    async with pair.database.begin() as connection:
        await archive.erase(connection, SHOW, [names[1]])
    shelf = made(pair)
    await copy(shelf)
    async with pair.database.begin() as connection:
        await archive.erase(connection, SHOW, [names[1], names[2], names[2]])
    found = await archived(pair)
    assert [entry.line for entry in found] == names
    assert [bool(entry.data) for entry in found] == [False, False, False, True]
    assert await shelf.read(SHOW, "log", 0) == found
    async with pair.database.read() as connection:
        row = tables.archive
        said = await connection.scalars(select(row.c.data).order_by(row.c.n))
        assert [bool(data) for data in said] == [False, False, False, True]


async def test_a_deletion_and_a_copy_do_not_pass_each_other(pair: Books) -> None:
    await say(pair, 1, 2)
    async with pair.database.begin() as connection:
        await archive.erase(connection, SHOW, [line(1)[3]])
        copying = asyncio.create_task(copy(made(pair)))
        await asyncio.sleep(0.1)  # By now it most likely waits for this one.
    await copying
    row = tables.archive
    async with pair.database.read() as connection:
        said = await connection.scalars(select(row.c.data).order_by(row.c.n))
        assert [bool(data) for data in said] == [False, True]


async def test_a_line_is_never_shown_once_its_deletion_is_known(small: Books) -> None:
    """Even if it had been copied in spite of that."""
    await say(small, 1, 2)
    await copy(made(small))
    async with small.database.begin() as connection:
        await connection.execute(
            insert(tables.deleted_line).values(show=SHOW, line=line(1)[3])
        )
    assert [bool(entry.data) for entry in await archived(small)] == [False, True]


async def test_a_gap_is_told_and_does_not_stop_the_archive(pair: Books) -> None:
    lost: list[int] = []
    shelf = Archive(pair.redis, pair.database, CLOCK, on_lost=lost.append)
    await say(pair, 1, 2)
    await copy(shelf)
    await say(pair, 3, 9)
    await Log(pair.redis).trim(SHOW, "log", 6)
    await copy(shelf)
    assert [entry.n for entry in await archived(pair)] == [1, 2, 6, 7, 8, 9]
    assert (lost, shelf.lag) == ([3], 0)
    await say(pair, 10, 10)
    await copy(shelf)
    assert lost == [3]


async def test_nothing_is_trimmed_ahead_of_the_archive(pair: Books) -> None:
    shelf = made(pair, kept=4)
    await say(pair, 1, 30)
    assert len(await told(pair)) == 30
    await copy(shelf)
    assert [entry.n for entry in await told(pair)] == [27, 28, 29, 30]
    await say(pair, 31, 40)
    assert len(await told(pair)) == 14
    await copy(shelf)
    assert [entry.n for entry in await told(pair)] == [37, 38, 39, 40]
    assert [entry.n for entry in await archived(pair)] == list(range(1, 41))


async def test_a_log_that_nobody_copies_ends_somewhere(pair: Books) -> None:
    """It loses its oldest entries, and how many is known once a clerk is back."""
    text = library_text()
    bound = "dc.LOG_MAX = '100000'"
    assert bound in text
    await pair.redis.load_library(text.replace(bound, "dc.LOG_MAX = '300'"))
    await say(pair, 1, 900)
    left = len(await told(pair))
    assert 300 <= left < 500  # Redis trims by whole nodes of its own.
    lost: list[int] = []
    shelf = Archive(pair.redis, pair.database, CLOCK, on_lost=lost.append)
    await copy(shelf)
    assert (len(await archived(pair)), sum(lost)) == (left, 900 - left)


async def test_a_log_that_was_set_back_is_left_alone(small: Books) -> None:
    """The archive is ahead of it: the gate builds the partition anew."""
    await say(small, 1, 9)
    row = tables.archive
    values = {"show": SHOW, "kind": "log", "n": 10, "epoch": 1, "event": "x"}
    values |= {"class": "P0", "data": b"", "at": 0}
    async with small.database.begin() as connection:
        await connection.execute(insert(row).values(values))
    await copy(made(small, kept=1))
    assert (len(await told(small)), len(await archived(small))) == (9, 1)
    async with small.database.begin() as connection:
        await connection.execute(delete(row))
    await copy(made(small, kept=1))
    assert (len(await told(small)), len(await archived(small))) == (1, 9)


async def test_entries_that_sql_refuses_hold_up_no_other_show(
    standalone: RedisServers, postgres_url: str
) -> None:
    async with books(standalone, postgres_url) as shop:
        async with shop.database.begin() as connection:
            await connection.execute(
                insert(tables.show).values(
                    id="s06_0000000000", title={}, currency="CNY", status="live",
                    host="", created_at=0,
                )
            )  # fmt: skip
        bad = ShowId("s06_0000000000")
        await Log(shop.redis).record(Record(show=bad, log=[("x" * 41, "P0", "{}")]))
        await say(shop, 1, 2)
        shelf = made(shop)
        with pytest.raises(DBAPIError):
            await shelf.look(lease=1)
        assert len(await archived(shop)) == 2
        await shelf.copy_partition(partition_of(bad), lease=1)
        assert len(await told(shop)) == 2


async def test_an_entry_that_nobody_can_read_keeps_its_place(small: Books) -> None:
    await say(small, 1, 1)
    for kind, counter in (("log", "n"), ("own", "n_own")):
        key = f"{keys.tag(PART)}:{kind}:{SHOW}"
        await small.redis.command(key, "XADD", key, "2-0", "e", "chat")
        await small.redis.hset(keys.state(SHOW), {counter: 2})
    await copy(made(small))
    assert [entry.event for entry in await archived(small)] == ["chat", "erased"]
    assert [entry.person for entry in await archived(small, "own")] == [""]


async def test_shows_that_ended_long_ago_are_looked_at_in_turn(small: Books) -> None:
    """What is told of one late comes into the archive as well."""
    long_ago = now_ms() - 2 * LATELY_MS
    async with small.database.begin() as connection:
        await connection.execute(
            insert(tables.show),
            [
                {
                    "id": f"s06_{number:010d}", "title": {}, "currency": "CNY",
                    "status": "ended", "host": "", "created_at": 0,
                    "ended_at": long_ago,
                }
                for number in range(3 * SLICE)
            ],
        )  # fmt: skip
    late = ShowId(f"s06_{2 * SLICE:010d}")
    shelf = made(small)
    await copy(shelf)
    await say(small, 1, 1, late)
    await say(small, 1, 1)

    async def has(show: ShowId) -> bool:
        async with small.database.read() as connection:
            return (await archive.last(connection, show))["log"] == 1

    for _ in range(4):
        await copy(shelf)
        assert await has(SHOW)
    assert await has(late)
    early = ShowId("s06_0000000000")
    await say(small, 1, 1, early)
    await made(small).copy_partition(Partition(6), lease=1)
    assert await has(early)
