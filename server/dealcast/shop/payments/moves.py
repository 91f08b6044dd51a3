"""Moves of payments in SQL, each with what buyer, staff and show hear of it."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.events import MyPayment, OrderView, Sold
from dealcast.core.ids import PaymentId, ShowId, digest, partition_of
from dealcast.core.states import ORDER, PAYMENT, advance
from dealcast.shop.orders import rows as orders
from dealcast.shop.payments import rules
from dealcast.store import outbox, tables

CHUNK = 400
Told = Literal["pending", "authorised", "captured", "failed", "voided"]


async def due(
    connection: AsyncConnection, now: int, hinted: Iterable[PaymentId], count: int
) -> Sequence[Row[Any]]:
    """Return open payments that are to be looked at, the longest due first."""
    table = tables.payment
    # Hinted ones may be due later by the row: the ledger has just moved them.
    is_due = (table.c.check_at <= now) | table.c.id.in_(sorted(hinted)[:CHUNK])
    found = await connection.execute(
        select(table)
        .where(table.c.state.in_(rules.OPEN), is_due)
        .order_by(table.c.check_at)
        .limit(count)
    )
    return found.all()


async def lines(connection: AsyncConnection, payment: PaymentId) -> Sequence[Row[Any]]:
    """Return the lines of ``payment``, by hold."""
    table = tables.payment_line
    found = await connection.execute(
        select(table).where(table.c.payment == payment).order_by(table.c.hold)
    )
    return found.all()


async def still_sold(connection: AsyncConnection, payment: PaymentId) -> bool:
    """Tell whether the ledger counts anything as sold by ``payment``."""
    table = tables.hold
    line = tables.payment_line
    found = await connection.execute(
        select(table.c.id)
        .join(line, line.c.hold == table.c.id)
        .where(line.c.payment == payment, table.c.payment == payment)
        .where(table.c.state == "confirmed")
        .limit(1)
    )
    return found.first() is not None


async def look_at(connection: AsyncConnection, payment: Row[Any], at: int) -> None:
    """Look at ``payment`` again at the instant ``at``."""
    table = tables.payment
    await connection.execute(
        update(table)
        .where(table.c.id == payment.id, table.c.state == payment.state)
        .values(check_at=at)
    )


async def note(connection: AsyncConnection, payment: Row[Any], reason: str) -> bool:
    """Note what is about to be done; False if somebody else has moved it."""
    table = tables.payment
    noted = await connection.execute(
        update(table)
        .where(table.c.id == payment.id, table.c.state == payment.state)
        .values(reason=reason)
    )
    return noted.rowcount == 1


async def move(
    connection: AsyncConnection,
    payment: Row[Any],
    *steps: str,
    now: int,
    check_at: int,
    reason: str | None = None,
) -> bool:
    """Move ``payment`` by ``steps``; False if somebody else has moved it."""
    state = payment.state
    for step in steps:
        state = advance(PAYMENT, state, step)
    table = tables.payment
    values: dict[str, Any] = {"state": state, "changed_at": now, "check_at": check_at}
    if reason is not None:
        values["reason"] = reason
    moved = await connection.execute(
        update(table)
        .where(table.c.id == payment.id, table.c.state == payment.state)
        .values(values)
    )
    return moved.rowcount == 1


async def tell_buyer(
    connection: AsyncConnection,
    payment: Row[Any],
    state: Told,
    now: int,
    reason: str | None = None,
) -> None:
    """Tell the buyer what became of ``payment``, unless it was told before."""
    op, row = f"payment:{payment.id}:{state}", tables.outbox
    if await connection.scalar(select(row.c.id).where(row.c.op == op)) is not None:
        return
    await outbox.put(
        connection,
        op,
        partition_of(payment.id),
        "record",
        {"show": payment.show, "own": [_own(payment, state, now, reason)]},
        now,
    )


async def refuse_capture(
    connection: AsyncConnection, payment: Row[Any], now: int
) -> bool:
    """Cancel the order of a payment that could not be captured."""
    moved = await move(
        connection, payment, "refuse", now=now, check_at=now, reason=rules.REFUSED
    )
    if not moved:
        return False
    table = tables.orders
    cancelled = advance(ORDER, "confirmed", "cancel")
    await connection.execute(
        update(table)
        .where(table.c.id == payment.order, table.c.state == "confirmed")
        .values(state=cancelled, changed_at=now)
    )
    order = (await orders.views(connection, [payment.order]))[0]
    payload = {
        "show": payment.show,
        "own": [[payment.buyer, "order", json(order)]],
        "staff": [["order", json(order)]],
    }
    op = f"cancelled:{payment.order}"
    await outbox.put(connection, op, partition_of(payment.id), "record", payload, now)
    return True


async def post_captured(
    connection: AsyncConnection,
    show: ShowId,
    payments: Sequence[Row[Any]],
    sold: Sold | None,
    now: int,
) -> tuple[list[OrderView], Sold]:
    """
    Book ``payments`` of one show as captured, and tell it once of all of them.

    ``sold`` is what the show had sold before, None if nobody counted yet.
    Returns the orders that were paid here, and what is sold now.
    """
    before = sold if sold is not None else await count_sold(connection, show)
    taken = [
        payment
        for payment in payments
        if await move(connection, payment, "capture", now=now, check_at=rules.NEVER)
    ]
    if not taken:
        return [], before
    table = tables.orders
    await connection.execute(
        update(table)
        .where(table.c.id.in_([payment.order for payment in taken]))
        .where(table.c.state == "confirmed")
        .values(state=advance(ORDER, "confirmed", "capture"), changed_at=now)
    )
    await _enter(connection, taken, now)
    paid = await orders.views(connection, [payment.order for payment in taken])
    units = sum(line.quantity for order in paid for line in order.lines)
    after = Sold(orders=before.orders + len(paid), units=before.units + units)
    told = rules.order_event([order.name for order in paid], units, now)
    payload = {
        "show": show,
        "log": [["order", "P0", json(told)]],
        "own": [
            *[_own(payment, "captured", now, None) for payment in taken],
            *[[order.buyer, "order", json(order)] for order in paid],
        ],
        "staff": [["order", json(order)] for order in paid],
        "state": {"sold": json(after)},
    }
    op = f"paid:{show}:{digest(16, *sorted(payment.id for payment in taken))}"
    await outbox.put(connection, op, partition_of(show), "record", payload, now)
    return paid, after


async def count_sold(connection: AsyncConnection, show: ShowId) -> Sold:
    """Count what ``show`` has sold: orders that were paid, and their units."""
    table, line = tables.orders, tables.order_line
    paid = (table.c.show == show, table.c.state == "paid")
    count = select(func.count()).select_from(table).where(*paid)
    units = (
        select(func.coalesce(func.sum(line.c.quantity), 0))
        .join(table, table.c.id == line.c.order)
        .where(*paid)
    )
    orders_count = await connection.scalar(count)
    units_count = await connection.scalar(units)
    return Sold(orders=int(orders_count or 0), units=int(units_count or 0))


async def _enter(
    connection: AsyncConnection, payments: Sequence[Row[Any]], now: int
) -> None:
    line, deal, product = tables.payment_line, tables.deal, tables.product
    found = await connection.execute(
        select(
            line.c.payment,
            product.c.seller,
            func.sum(line.c.price * line.c.quantity).label("amount"),
        )
        .join(deal, deal.c.id == line.c.deal)
        .join(product, product.c.id == deal.c.product)
        .where(line.c.payment.in_([payment.id for payment in payments]))
        .group_by(line.c.payment, product.c.seller)
    )
    sellers: dict[str, dict[str, int]] = {}
    for row in found:
        sellers.setdefault(row.payment, {})[row.seller] = int(row.amount)
    rows = [
        {
            "source": f"capture:{payment.id}",
            "account": account,
            "amount": amount,
            "currency": payment.currency,
            "order": payment.order,
            "at": now,
        }
        for payment in payments
        for account, amount in rules.entries(
            payment.provider, payment.amount, sellers[payment.id]
        )
    ]
    if rows:
        await connection.execute(insert(tables.entry), rows)


def _own(payment: Row[Any], state: Told, now: int, reason: str | None) -> list[str]:
    told = MyPayment(
        payment=payment.id, order=payment.order, state=state, at=now, reason=reason
    )
    return [payment.buyer, "payment", json(told)]


def json(thing: msgspec.Struct) -> str:
    """Return ``thing`` as the JSON text that logs carry."""
    return msgspec.json.encode(thing).decode()
