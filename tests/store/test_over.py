"""Deals that close while much is under way: every unit stays accounted for."""

from typing import Any

import msgspec
import pytest
from sqlalchemy import select, update

from dealcast.core.errors import NotFound, RefundDue
from dealcast.core.events import DealView
from dealcast.core.ids import DealId, PersonId, VariantId
from dealcast.core.money import Money
from dealcast.shop.deals.rules import LineTerms, Terms
from dealcast.store import keys, tables
from dealcast.store.log import Log
from dealcast.store.stock import PaidLine, Stock
from dealcast.tools.verify import verify
from tests.store.dealing import make_overdue
from tests.store.selling import BOSS, ROWS, Trade, caller
from tests.support.books import RECEIVED, Books

WEEK_MS = 7 * 86_400_000


async def balanced(books: Books) -> int:
    """Check all numbers now, then once more when the ledger has followed."""
    assert await verify(books.database) == []
    await books.follow()
    assert await verify(books.database, books.redis) == []
    return await free(books)


async def free(books: Books) -> int:
    row = tables.variant
    async with books.database.read() as connection:
        found = await connection.scalar(select(row.c.free).where(row.c.id == "red"))
    return int(found or 0)


async def line(books: Books, deal: DealId) -> tuple[int, ...]:
    row = tables.deal_line
    query = select(row.c.allotted, row.c.free, row.c.held, row.c.sold)
    async with books.database.read() as connection:
        return tuple((await connection.execute(query.where(row.c.deal == deal))).one())


async def test_no_unit_is_lost_when_a_busy_deal_closes(pair: Books) -> None:
    deal = await pair.deal({"red": 9})
    assert await balanced(pair) == RECEIVED - 9
    await pair.outbox.send_due()
    assert await balanced(pair) == RECEIVED - 9
    paid = await pair.checkout("u_ann", await pair.hold(deal, "u_ann", quantity=2))
    failed = await pair.hold(deal, "u_bob")
    lost = await pair.checkout("u_bob", failed, state="pending")
    late = await pair.hold(deal, "u_cat", quantity=3)
    await balanced(pair)
    await pair.restock(deal, "red", 4)  # Under way when the deal closes.
    await pair.stock.close(deal, op="close")
    assert await balanced(pair) == RECEIVED - 9 + 3 - 4
    await pair.outbox.send_due()
    assert await balanced(pair) == RECEIVED - 6
    assert await line(pair, deal) == (6, 0, 6, 0)
    await pair.confirm(paid)
    await pair.stock.release([failed], reason="declined", payment=lost)
    await make_overdue(pair.redis, late, deal)
    assert await pair.stock.expire(deal) == 1
    assert await line(pair, deal) == (6, 0, 6, 0)
    assert await balanced(pair) == RECEIVED - 2
    assert await line(pair, deal) == (2, 0, 0, 2)


async def ttl(books: Books, deal: DealId) -> set[bool]:
    """Tell of the deal's keys that there are whether they go in a week."""
    left = [await books.redis.command(key, "PTTL", key) for key in keys.deal_keys(deal)]
    return {WEEK_MS - 60_000 < ms <= WEEK_MS for ms in left if ms != -2}


async def test_a_deal_that_is_over_goes_after_a_week(pair: Books) -> None:
    deal = await pair.opened({"red": 5})
    other = await pair.opened({"red": 5})
    await pair.sold(deal, "u_ann")
    hold = await pair.hold(deal, "u_bob")
    payment = await pair.checkout("u_bob", hold)
    await pair.stock.close(deal, op="close")
    assert await ttl(pair, deal) == {False}  # Something of it is being paid still.
    await pair.stock.release([hold], reason="declined", payment=payment)
    assert await ttl(pair, deal) == {True}
    assert await ttl(pair, other) == {False}
    await pair.follow()
    for key in keys.deal_keys(deal):
        await pair.redis.delete(key)
    assert await verify(pair.database, pair.redis) == []
    await pair.stock.close(other, op="close other")
    await pair.follow()
    for key in keys.deal_keys(other)[:1]:
        await pair.redis.delete(key)
    assert await verify(pair.database, pair.redis) == []  # Nobody ever held any.

    paid = [PaidLine(hold=hold, buyer=PersonId("u_bob"), variant=VariantId("red"),
                     quantity=1)]  # fmt: skip
    for stock in (pair.stock, Stock(pair.redis)):  # It knows the deal; it does not.
        with pytest.raises(RefundDue):
            await stock.confirm(payment, paid)
    with pytest.raises(NotFound):
        await pair.stock.release([hold], reason="x", payment=payment)


async def test_a_deal_that_is_not_over_may_not_go(small: Books) -> None:
    deal = await small.opened({"red": 5})
    await small.hold(deal, "u_ann")
    await small.stock.close(deal, op="close")
    await small.follow()
    for key in keys.deal_keys(deal):
        await small.redis.delete(key)
    wrong = [one.what for one in await verify(small.database, small.redis)]
    assert "redis.held" in wrong
    assert "redis.status" in wrong


async def views(trade: Trade, deal: DealView) -> dict[str, int]:
    """Return the quantities that one who joins now is shown; all else is as it was."""
    snapshot = await Log(trade.books.redis).snapshot(deal.show)
    view = msgspec.json.decode(snapshot.state[f"deal:{deal.id}"], type=DealView)
    lines = [
        msgspec.structs.replace(now, quantity=was.quantity)
        for now, was in zip(view.lines, deal.lines, strict=True)
    ]
    assert msgspec.structs.replace(view, lines=lines) == deal
    return {one.sku: one.quantity for one in view.lines}


async def test_late_joiners_see_the_units_that_there_are(both: Trade) -> None:
    await both.catalog.import_csv(BOSS, ROWS.encode(), currency=None)
    table, tricky = tables.variant, {"quantity": '"quantity":7,"variant":"x"'}
    async with both.books.database.begin() as connection:
        await connection.execute(update(table).values(title=tricky))
        await connection.execute(update(tables.product).values(tags=[]))
    show = await both.show()
    terms: dict[str, Any] = {
        "kind": "deal", "per_buyer_max": 2, "hold_s": 300, "opens_at": None,
        "closes_at": None,
    }  # fmt: skip
    (product,) = [one for one in await both.catalog.page("") if one.id == "oolong"]
    lines = [
        LineTerms(variant=one.id, price=Money(9_900, "CNY"), quantity=3)
        for one in product.variants
    ]
    deal = await both.deals.create(BOSS, show, product.id, Terms(lines=lines, **terms))
    assert await views(both, deal) == {"OO-S": 3, "OO-L": 3}
    large = deal.lines[1].variant
    await both.deals.restock(BOSS, deal.id, large, 2)
    assert await views(both, deal) == {"OO-S": 3, "OO-L": 5}
    await both.books.stock.open(deal.id, op="open")
    held = await both.holds.hold(
        caller("ann"), deal.id, variant=large, quantity=1, key="k"
    )
    assert await views(both, deal) == {"OO-S": 3, "OO-L": 5}
    await both.books.stock.close(deal.id, op="close")
    assert await views(both, deal) == {"OO-S": 0, "OO-L": 1}
    await both.holds.release(caller("ann"), held.hold)
    assert await views(both, deal) == {"OO-S": 0, "OO-L": 0}
    await both.books.follow()
    (told,), _ = await both.deals.page(show)
    assert [one.quantity for one in told.lines] == [0, 0]
