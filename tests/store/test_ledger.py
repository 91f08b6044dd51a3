"""What Redis tells in facts stands in SQL, once, or the partition closes."""

import asyncio

import pytest
from sqlalchemy import func, select, text

from dealcast.core.errors import SoldOut
from dealcast.core.ids import DealId, Partition, PersonId
from dealcast.store import keys, tables
from dealcast.store.ledger import Ledger
from dealcast.store.posting import Fenced
from tests.support.books import RECEIVED, Books

PARTITION = Partition(7)


async def line(books: Books, deal: DealId, variant: str = "red") -> tuple[int, ...]:
    row = tables.deal_line
    async with books.database.read() as connection:
        found = await connection.execute(
            select(row.c.allotted, row.c.free, row.c.held, row.c.sold).where(
                row.c.deal == deal, row.c.variant == variant
            )
        )
        return tuple(found.one())


async def free(books: Books, variant: str = "red") -> int:
    row = tables.variant
    async with books.database.read() as connection:
        return int(
            await connection.scalar(select(row.c.free).where(row.c.id == variant)) or 0
        )


async def test_a_sale_becomes_an_order_that_is_told_at_once(pair: Books) -> None:
    deal = await pair.opened({"red": 5, "blue": 3})
    first = await pair.hold(deal, "u_ann", "red", 2)
    second = await pair.hold(deal, "u_ann", "blue")
    await pair.hold(deal, "u_bob", "red")
    payment = await pair.checkout("u_ann", first, second)
    await pair.confirm(payment)
    await pair.follow()
    assert await line(pair, deal) == (5, 2, 1, 2)
    assert await line(pair, deal, "blue") == (3, 2, 0, 1)
    assert pair.heard == [payment]
    async with pair.database.read() as connection:
        order = (await connection.execute(select(tables.orders))).one()
        lines = (await connection.execute(select(tables.order_line))).all()
        paid = (await connection.execute(select(tables.payment))).one()
        holds = (await connection.execute(select(tables.hold))).all()
    assert (order.state, order.payment, order.total) == ("confirmed", payment, 38_700)
    assert {(row.hold, row.order) for row in lines} == {
        (first, order.id),
        (second, order.id),
    }
    assert paid.state == "confirmed"
    assert sorted(row.state for row in holds) == ["confirmed", "confirmed", "held"]
    assert await pair.ledger.caught_up(PARTITION)


async def test_units_come_back_from_releases_and_a_close(pair: Books) -> None:
    deal = await pair.opened({"red": 5})
    kept = await pair.hold(deal, "u_ann")
    gone = await pair.hold(deal, "u_bob", "red", 2)
    await pair.stock.release([gone], reason="buyer", buyer=PersonId("u_bob"))
    await pair.stock.close(deal, op="close", reason="enough")
    await pair.follow()
    assert await line(pair, deal) == (1, 0, 1, 0)
    assert await free(pair) == RECEIVED - 1
    await pair.stock.release([kept], reason="buyer")
    await pair.follow()
    assert await line(pair, deal) == (0, 0, 0, 0)
    assert await free(pair) == RECEIVED
    async with pair.database.read() as connection:
        row = (await connection.execute(select(tables.deal))).one()
    assert (row.status, row.reason) == ("closed", "enough")
    assert row.closed_at is not None


async def test_restocks_arrive_and_leave_by_facts(pair: Books) -> None:
    deal = await pair.opened({"red": 5})
    await pair.restock(deal, "red", 4)
    await pair.restock(deal, "red", -2)
    assert await free(pair) == RECEIVED - 9
    await pair.outbox.send_due()
    await pair.follow()
    assert await line(pair, deal) == (7, 7, 0, 0)
    assert await free(pair) == RECEIVED - 7
    async with pair.database.read() as connection:
        row = tables.allotment
        waiting = await connection.scalar(
            select(func.count()).select_from(row).where(row.c.applied_at.is_(None))
        )
    assert waiting == 0


async def test_an_expired_hold_that_was_paid_takes_free_units_again(
    small: Books,
) -> None:
    deal = await small.opened({"red": 2})
    hold = await small.hold(deal, "u_ann")
    payment = await small.checkout("u_ann", hold)
    await small.stock.release([hold], reason="late", payment=payment)
    await small.confirm(payment)
    await small.follow()
    assert await line(small, deal) == (2, 1, 0, 1)
    assert small.heard == [payment]


async def test_holds_expire_by_a_fact(small: Books) -> None:
    deal = await small.opened({"red": 2}, hold_s=1)
    await small.hold(deal, "u_ann")
    await asyncio.sleep(1.1)
    assert await small.stock.expire(deal) == 1
    await small.follow()
    assert await line(small, deal) == (2, 2, 0, 0)


async def test_facts_read_again_count_once(pair: Books) -> None:
    deal = await pair.opened({"red": 5})
    await pair.hold(deal, "u_ann")
    await pair.follow()
    again = Ledger(pair.redis, pair.database)
    await again.start()
    again._positions[PARTITION] = type(again.position(PARTITION))(1, 0, "")
    assert await again.follow(block_ms=500) == 0
    assert again.closed == {}
    assert again.position(PARTITION) == pair.ledger.position(PARTITION)
    assert await line(pair, deal) == (5, 4, 1, 0)


async def test_a_ledger_that_was_taken_over_stops(pair: Books) -> None:
    deal = await pair.opened({"red": 5})
    await Ledger(pair.redis, pair.database).start()
    await pair.hold(deal, "u_ann")
    with pytest.raises(Fenced):
        await pair.ledger.run(asyncio.Event())
    assert await line(pair, deal) == (5, 5, 0, 0)


async def closed_why(books: Books) -> str:
    """Return why the show's partition was closed; no other may be."""
    assert set(books.ledger.closed) == {PARTITION}
    assert await books.redis.hget(keys.meta(PARTITION), "run") is None
    await books.gate.look()
    assert books.gate.closed == books.ledger.closed
    return books.ledger.closed[PARTITION]


async def forked_why(books: Books) -> str:
    """Read on; return why the facts do not continue. A rebuild cures that."""
    async with asyncio.timeout(10):
        while not books.ledger.forked:
            await books.ledger.follow(block_ms=100)
    assert set(books.ledger.forked) == {PARTITION}
    why = books.ledger.forked[PARTITION]
    await books.gate.look()
    await books.gate.look()
    assert books.gate.is_open
    assert books.ledger.forked == books.ledger.closed == {}
    return why


async def test_a_missing_fact_has_the_partition_built_anew(pair: Books) -> None:
    deal = await pair.opened({"red": 5})
    seq = pair.ledger.position(PARTITION).seq
    await pair.hold(deal, "u_ann")
    await pair.hold(deal, "u_ann")
    stream = keys.facts(PARTITION)
    await pair.redis.command(stream, "XDEL", stream, f"{seq + 1}-0")
    missing = f"facts {seq + 1} to {seq + 1} are missing in Redis"
    assert await forked_why(pair) == missing
    assert await line(pair, deal) == (5, 5, 0, 0)
    for number in range(5):  # All five are free again, and not one more.
        await pair.hold(deal, f"u_{number}")
    with pytest.raises(SoldOut):
        await pair.hold(deal, "u_bob")
    await pair.follow()
    assert await line(pair, deal) == (5, 0, 5, 0)


async def forge(books: Books, seq: int, **changed: str) -> None:
    """Change fields of a fact that the ledger has not read yet."""
    stream = keys.facts(PARTITION)
    ((name, fields),) = await books.redis.xrange(stream, f"{seq}-0", f"{seq}-0")
    await books.redis.delete(stream)
    words = {key.decode(): value for key, value in fields.items()} | changed
    flat = [word for pair in words.items() for word in pair]
    await books.redis.command(stream, "XADD", stream, name, *flat)


async def test_a_forged_fact_breaks_the_chain(pair: Books) -> None:
    deal = await pair.opened({"red": 5})
    seq = pair.ledger.position(PARTITION).seq
    await pair.hold(deal, "u_ann")
    await forge(pair, seq + 1, k="expire")
    why = await forked_why(pair)
    assert why == f"fact {seq + 1} does not continue the chain"


async def test_a_fact_of_a_later_epoch_has_the_partition_built_anew(
    small: Books,
) -> None:
    deal = await small.opened({"red": 5})
    seq = small.ledger.position(PARTITION).seq
    await small.hold(deal, "u_ann")
    await forge(small, seq + 1, ep="2")
    why = await forked_why(small)
    assert why == f"fact {seq + 1} is of epoch 2, the ledger's is 1"


async def test_stock_that_differs_closes_the_partition_after_what_was_good(
    pair: Books,
) -> None:
    deal = await pair.opened({"red": 5})
    await pair.hold(deal, "u_ann")
    await pair.redis.hset(keys.deal(deal), {"f:red": 3, "a:red": 4})
    await pair.hold(deal, "u_bob")
    await pair.follow()
    why = await closed_why(pair)
    assert f"deal {deal} variant red: Redis counts 4 allotted = 2 free" in why
    assert await line(pair, deal) == (5, 4, 1, 0)


async def test_a_sale_without_an_authorised_payment_closes_the_partition(
    small: Books,
) -> None:
    deal = await small.opened({"red": 5})
    hold = await small.hold(deal, "u_ann")
    payment = await small.checkout("u_ann", hold, state="pending")
    await small.confirm(payment)
    await small.follow()
    assert f"payment {payment}: confirm does not follow pending" in await closed_why(
        small
    )
    assert small.heard == []


async def test_the_database_has_the_last_word(small: Books) -> None:
    deal = await small.opened({"red": 5})
    await small.hold(deal, "u_ann")
    async with small.database.begin() as connection:
        # A check that only the database knows of.
        await connection.execute(
            text(
                "CREATE TRIGGER two_at_most BEFORE UPDATE ON deal_line"
                " WHEN new.held > 2 BEGIN SELECT RAISE(ABORT, 'two at most'); END"
            )
        )
    for buyer in ("u_bob", "u_cat", "u_dan"):
        await small.hold(deal, buyer)
    await small.follow()
    assert "two at most" in await closed_why(small)
    assert await line(small, deal) == (5, 3, 2, 0)


async def test_the_stream_is_trimmed_behind_the_ledger(
    small: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dealcast.store.ledger.KEPT", 5)
    monkeypatch.setattr("dealcast.store.ledger.TRIM_EVERY", 4)
    deal = await small.opened({"red": 50})
    for number in range(20):
        await small.hold(deal, f"u_{number}")
        await small.follow()
    left = await small.redis.xrange(keys.facts(PARTITION))
    assert left[-1][0] == "21-0"
    assert 5 <= len(left) < 10


async def test_a_rush_is_followed_in_order(pair: Books) -> None:
    deal = await pair.opened({"red": 90})
    stop = asyncio.Event()
    following = asyncio.create_task(pair.ledger.run(stop))
    await asyncio.gather(*(pair.hold(deal, f"u_{number}") for number in range(90)))
    stop.set()
    await following
    await pair.follow()
    assert await line(pair, deal) == (90, 0, 90, 0)
    assert pair.ledger.closed == {}
