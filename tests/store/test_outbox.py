"""What SQL tells Redis arrives once, in order, or gives back what it took."""

from typing import Any

import pytest
from sqlalchemy import select, text, update

from dealcast.core.clock import ManualClock
from dealcast.core.errors import Recovering
from dealcast.core.ids import Partition, ShowId
from dealcast.store import keys, outbox, tables
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
    await pair.redis.call("dc1_halt", [keys.meta(Partition(7))], [])
    for op in ("first", "second"):
        await put(pair, op, log=[["notice", "P0", "{}"]])
        await put(pair, f"other {op}", show=OTHER, log=[["notice", "P0", "{}"]])
    with pytest.raises(Recovering):
        await pair.outbox.send_due()
    assert await unsent(pair) == ["first", "second"]
    await pair.gate.look()
    assert await pair.outbox.send_due() == 2
    assert await unsent(pair) == []


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
