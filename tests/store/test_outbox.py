"""What SQL tells Redis arrives once, in order, or gives back what it took."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select, text, update

from dealcast.core.clock import ManualClock, SystemClock
from dealcast.core.errors import Recovering, Unavailable
from dealcast.core.ids import Partition, ShowId
from dealcast.shop.courier import Courier
from dealcast.store import keys, outbox, tables
from dealcast.store.control import Control
from dealcast.store.log import Log
from dealcast.store.outbox import KEPT_MS, Outbox
from tests.support.books import RECEIVED, SHOW, Books

OTHER = ShowId("s08_abcdefghjk")


async def put(books: Books, op: str, *, show: ShowId = SHOW, **record: Any) -> None:
    payload = {"show": show, **record}
    partition = Partition(int(show[1:3]))
    async with books.database.begin() as connection:
        await outbox.put(connection, op, partition, "record", payload, 1)


async def unsent(books: Books) -> list[str]:
    row = tables.outbox
    async with books.database.read() as connection:
        found = await connection.scalars(
            select(row.c.op).where(row.c.sent_at.is_(None))
        )
        return list(found)


async def free(books: Books) -> int:
    row = tables.variant
    async with books.database.read() as connection:
        return int(
            await connection.scalar(select(row.c.free).where(row.c.id == "red")) or 0
        )


async def test_records_arrive_once_and_in_order(pair: Books) -> None:
    for number in range(5):
        notice = ["notice", "P0", f'{{"number":{number}}}']
        await put(pair, f"op{number}", log=[notice], state={"show": str(number)})
    assert await pair.outbox.send_due() == 5
    assert await pair.outbox.send_due() == 0
    assert await unsent(pair) == []
    async with pair.database.begin() as connection:
        await connection.execute(update(tables.outbox).values(sent_at=None))
    assert await pair.outbox.send_due() == 5
    log = Log(pair.redis)
    entries = await log.read(SHOW, "log", 0)
    assert [entry.data for entry in entries] == [
        b'{"number":%d}' % number for number in range(5)
    ]
    assert await log.state_field(SHOW, "show") == "4"


async def test_a_row_that_cannot_be_sent_holds_up_its_partition_alone(
    pair: Books,
) -> None:
    await pair.redis.call("dc1_halt", [keys.meta(Partition(7))], [99])
    for op in ("first", "second"):
        await put(pair, op, log=[["notice", "P0", "{}"]])
        await put(pair, f"other {op}", show=OTHER, log=[["notice", "P0", "{}"]])
    with pytest.raises(Recovering):
        await pair.outbox.send_due()
    assert await unsent(pair) == ["first", "second"]
    await pair.gate.look()
    assert await pair.outbox.send_due() == 2
    assert await unsent(pair) == []


async def test_a_full_batch_that_cannot_be_sent_holds_up_nobody_else(
    small: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "BATCH_MAX", 3)
    await small.redis.call("dc1_halt", [keys.meta(Partition(7))], [99])
    for number in range(3):
        await put(small, f"stuck {number}", log=[["notice", "P0", "{}"]])
    for number in range(4):
        await put(small, f"other {number}", show=OTHER, log=[["notice", "P0", "{}"]])
    for _ in range(2):  # A pass sends three of them at most.
        with pytest.raises(Recovering):
            await small.outbox.send_due()
    assert await unsent(small) == ["stuck 0", "stuck 1", "stuck 2"]


async def test_a_record_that_redis_chokes_on_holds_up_its_partition_alone(
    small: Books,
) -> None:
    await put(small, "bad", log=[["notice", "P0", {"not": "text"}]])
    await put(small, "after", log=[["notice", "P0", "{}"]])
    await put(small, "other", show=OTHER, log=[["notice", "P0", "{}"]])
    with pytest.raises(Unavailable, match="bad"):
        await small.outbox.send_due()
    assert await unsent(small) == ["bad", "after"]
    # An act elsewhere has nothing to do with it.
    await put(small, "act", show=OTHER, log=[["notice", "P0", "{}"]])
    await Courier(small.outbox, Control(small.redis)).send()
    assert await unsent(small) == ["bad", "after"]


async def test_rows_are_numbered_in_the_order_of_their_commits(pair: Books) -> None:
    async def later() -> None:
        await put(pair, "later", state={"show": "later"})

    async with pair.database.begin() as connection:
        record = {"show": SHOW, "state": {"show": "first"}}
        await outbox.put(connection, "first", Partition(7), "record", record, 1)
        waiting = asyncio.create_task(later())
        await asyncio.sleep(0.2)  # Enough to overtake, were it let.
        assert await unsent(pair) == []
    await waiting
    senders = [Outbox(pair.redis, pair.database, SystemClock()) for _ in range(4)]
    await asyncio.gather(*(sender.send_due() for sender in senders))
    assert await Log(pair.redis).state_field(SHOW, "show") == "later"


async def test_senders_that_race_never_bring_an_older_state_back(pair: Books) -> None:
    """Workers and the clerk send at once, while acts go on putting."""
    seen: list[int] = []
    senders = [Outbox(pair.redis, pair.database, SystemClock()) for _ in range(3)]
    over = asyncio.Event()

    async def act(number: int) -> None:
        await put(pair, f"op {number}", state={"show": str(number)})
        await senders[number % 3].send_due()

    async def watch() -> None:
        log = Log(pair.redis)
        while not over.is_set():
            seen.append(int(await log.state_field(SHOW, "show") or 0))
            await asyncio.sleep(0.001)

    async def acts(first: int) -> None:
        for number in range(first, 40, 4):
            await act(number)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*map(acts, range(4)))
    over.set()
    await watching
    # Of rows, not of numbers: four acts at once are committed in any order.
    row = tables.outbox
    async with pair.database.read() as connection:
        ops = list(await connection.scalars(select(row.c.op).order_by(row.c.id)))
    places = [ops.index(f"op {number}") for number in seen if number]
    assert places == sorted(places)
    assert await Log(pair.redis).state_field(SHOW, "show") == ops[-1].split()[1]


async def test_a_restock_that_is_refused_gives_its_units_back(small: Books) -> None:
    deal = await small.opened({"blue": 5})
    await small.restock(deal, "red", 3)
    assert await free(small) == RECEIVED - 3
    assert await small.outbox.send_due() == 1
    assert await free(small) == RECEIVED
    assert await unsent(small) == []


async def test_taking_back_more_than_is_free_changes_nothing(small: Books) -> None:
    deal = await small.opened({"red": 5})
    await small.restock(deal, "red", -6)
    await small.outbox.send_due()
    await small.follow()
    assert await free(small) == RECEIVED - 5
    async with small.database.read() as connection:
        row = tables.allotment
        waiting = await connection.execute(
            select(row).where(row.c.applied_at.is_(None))
        )
        assert waiting.all() == []


async def test_a_deal_that_is_refused_gives_its_units_back(small: Books) -> None:
    await small.deal({"red": 5, "blue": 2})
    async with small.database.begin() as connection:
        await connection.execute(
            text("UPDATE outbox SET payload = replace(payload, '600000', '0')")
        )
    await small.outbox.send_due()
    assert await free(small) == RECEIVED
    assert await unsent(small) == []


async def test_a_restock_of_a_closed_deal_comes_back_by_facts(small: Books) -> None:
    deal = await small.opened({"red": 5})
    await small.restock(deal, "red", 3)
    await small.stock.close(deal, op="close")
    await small.outbox.send_due()
    await small.follow()
    assert await free(small) == RECEIVED


async def test_what_was_sent_is_forgotten_after_a_day(small: Books) -> None:
    clock = ManualClock(1_000_000)
    sender = Outbox(small.redis, small.database, clock)
    await put(small, "old")
    assert await sender.send_due() == 1
    clock.advance(KEPT_MS)
    await put(small, "new")
    assert await sender.send_due() == 1
    clock.advance(60_000)
    await sender.send_due()
    async with small.database.read() as connection:
        left = await connection.scalars(select(tables.outbox.c.op))
        assert list(left) == ["new"]
