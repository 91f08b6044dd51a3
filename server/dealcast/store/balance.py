"""The recount of what facts do not tell: free stock, orders, payments, entries."""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Label,
    Row,
    Select,
    Table,
    and_,
    case,
    false,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.store import tables
from dealcast.store.recount import Difference

CLAIM = ("quantity", "deal", "variant")  # What a hold and its order line have alike.
CAPTURE = "capture:"  # How the source of a capture's entries begins.

# The state in which an order must be while its payment is in these.
ORDER_OF_PAYMENT = {
    "confirmed": "confirmed",
    "captured": "paid",
    "voiding": "cancelled",
    "voided": "cancelled",
}


async def balance(connection: AsyncConnection) -> list[Difference]:
    """Recount everything that spans partitions, as of one instant."""
    return [
        *await _free_stock(connection),
        *await _sold_lines(connection),
        *await _holds_sold(connection),
        *await _given_back(connection),
        *await _order_totals(connection),
        *await _payments(connection),
        *await _entries(connection),
        *await _captures(connection),
    ]


async def _rows(connection: AsyncConnection, query: Select[Any]) -> list[Row[Any]]:
    return list((await connection.execute(query)).all())


def _sum(column: Any) -> Any:
    return func.coalesce(func.sum(column), 0)


async def _free_stock(connection: AsyncConnection) -> list[Difference]:
    """What was received is free, allotted to deals, or on the way to them."""
    variant, line, allotment = tables.variant, tables.deal_line, tables.allotment
    allotted = (
        select(_sum(line.c.allotted))
        .where(line.c.variant == variant.c.id)
        .scalar_subquery()
    )
    # Units that are to leave a deal are counted there until they have left.
    moving = (
        select(_sum(allotment.c.units))
        .where(allotment.c.variant == variant.c.id, allotment.c.units > 0)
        .where(allotment.c.applied_at.is_(None))
        .scalar_subquery()
    )
    total = (variant.c.free + allotted + moving).label("total")
    rows = await _rows(
        connection,
        select(variant.c.id, variant.c.received, total).where(
            variant.c.received != variant.c.free + allotted + moving
        ),
    )
    return [
        Difference(
            "variant.received",
            f"variant {row.id}, by free + allotted + in transit",
            int(row.total),
            row.received,
        )
        for row in rows
    ]


async def _sold_lines(connection: AsyncConnection) -> list[Difference]:
    """Order lines of each deal and variant add up to what the deal sold."""
    line, ordered = tables.deal_line, tables.order_line
    orders, hold = tables.orders, tables.hold
    # An order is cancelled first; the fact that brings its units back comes later.
    still_sold = or_(orders.c.state != "cancelled", hold.c.state == "confirmed")
    by_orders = (
        select(ordered.c.deal, ordered.c.variant, ordered.c.quantity)
        .outerjoin(orders, orders.c.id == ordered.c.order)
        .outerjoin(hold, hold.c.id == ordered.c.hold)
        .where(or_(orders.c.id.is_(None), still_sold))
    )
    too_late = select(hold.c.deal, hold.c.variant, hold.c.quantity).where(_too_late())
    sold = union_all(by_orders, too_late).subquery()
    sums = (
        select(sold.c.deal, sold.c.variant, _sum(sold.c.quantity).label("units"))
        .group_by(sold.c.deal, sold.c.variant)
        .subquery()
    )
    same = and_(sums.c.deal == line.c.deal, sums.c.variant == line.c.variant)
    units = func.coalesce(sums.c.units, 0)
    rows = await _rows(
        connection,
        select(line.c.deal, line.c.variant, line.c.sold, units.label("units"))
        .outerjoin(sums, same)
        .where(units != line.c.sold),
    )
    return [
        Difference(
            "deal_line.sold",
            f"deal {row.deal} variant {row.variant}, by order lines",
            int(row.units),
            row.sold,
        )
        for row in rows
    ]


async def _holds_sold(connection: AsyncConnection) -> list[Difference]:
    """Each confirmed hold is one order line, and no hold that was not sold is."""
    hold, line, orders = tables.hold, tables.order_line, tables.orders
    lost = select(hold.c.id).where(
        hold.c.state == "confirmed",
        ~select(line.c.hold).where(line.c.hold == hold.c.id).exists(),
        ~_too_late(),
    )
    differences = [
        Difference("order_line", f"confirmed hold {row.id}", "one line", "none")
        for row in await _rows(connection, lost)
    ]
    # Sold, or sold once and given back because the money could not be had.
    rightly = or_(
        hold.c.state == "confirmed",
        and_(hold.c.state == "released", orders.c.state == "cancelled"),
    )
    rows = await _rows(
        connection,
        select(line, hold.c.state, rightly.label("rightly"), *_claimed(hold))
        .outerjoin(hold, hold.c.id == line.c.hold)
        .outerjoin(orders, orders.c.id == line.c.order)
        .where(
            or_(
                func.coalesce(rightly, false()).is_(false()),
                *(line.c[name] != hold.c[name] for name in CLAIM),
            )
        ),
    )
    for row in rows:
        where = f"hold {row.hold}"
        if not row.rightly:
            whose = f"{where} ({row.state or 'no'} hold)"
            differences.append(Difference("order_line", whose, "no line", "one"))
            continue
        for name in CLAIM:
            held, told = row._mapping[f"held_{name}"], row._mapping[name]
            if held != told:
                differences.append(Difference(f"order_line.{name}", where, held, told))
    return differences


def _too_late() -> ColumnElement[bool]:
    """
    Return which holds were sold by a payment whose money had gone back before.

    They have no order, and are on their way back to free stock.
    """
    hold, payment, line = tables.hold, tables.payment, tables.order_line
    return and_(
        hold.c.state == "confirmed",
        select(payment.c.id)
        .where(payment.c.id == hold.c.payment, payment.c.state == "voiding")
        .exists(),
        ~select(line.c.hold).where(line.c.hold == hold.c.id).exists(),
    )


def _claimed(hold: Table) -> list[Label[Any]]:
    return [hold.c[name].label(f"held_{name}") for name in CLAIM]


async def _given_back(connection: AsyncConnection) -> list[Difference]:
    """Once a payment is voided, nothing that it had sold is sold any more."""
    hold, payment = tables.hold, tables.payment
    rows = await _rows(
        connection,
        select(hold.c.id, hold.c.state)
        .join(payment, payment.c.id == hold.c.payment)
        .where(payment.c.state == "voided", hold.c.state == "confirmed"),
    )
    return [
        Difference(
            "hold.state", f"hold {row.id}, by its payment", "released", row.state
        )
        for row in rows
    ]


async def _order_totals(connection: AsyncConnection) -> list[Difference]:
    """An order's total is the sum of its lines, and what its payment asks for."""
    orders, line, payment = tables.orders, tables.order_line, tables.payment
    lines = (
        select(_sum(line.c.price * line.c.quantity))
        .where(line.c.order == orders.c.id)
        .scalar_subquery()
    )
    rows = await _rows(
        connection,
        select(orders.c.id, orders.c.total, lines.label("lines")).where(
            orders.c.total != lines
        ),
    )
    differences = [
        Difference(
            "orders.total", f"order {row.id}, by lines", int(row.lines), row.total
        )
        for row in rows
    ]
    rows = await _rows(
        connection,
        select(orders.c.id, orders.c.total, payment.c.amount)
        .join(payment, payment.c.id == orders.c.payment)
        .where(
            or_(
                orders.c.total != payment.c.amount,
                orders.c.currency != payment.c.currency,
                orders.c.id != payment.c.order,
            )
        ),
    )
    return differences + [
        Difference("orders.total", f"order {row.id}, by payment", row.amount, row.total)
        for row in rows
    ]


async def _payments(connection: AsyncConnection) -> list[Difference]:
    """A payment that sold has one order, in the state that follows from its own."""
    orders, payment = tables.orders, tables.payment
    differences = [
        Difference("orders", f"order {row.id}", "its payment", "none")
        for row in await _rows(
            connection,
            select(orders.c.id).where(
                ~select(payment.c.id).where(payment.c.id == orders.c.payment).exists()
            ),
        )
    ]
    expected = case(ORDER_OF_PAYMENT, value=payment.c.state, else_="none")
    found = func.coalesce(orders.c.state, "none")
    rows = await _rows(
        connection,
        select(
            payment.c.id,
            payment.c.state,
            expected.label("expected"),
            found.label("found"),
        )
        .outerjoin(orders, orders.c.payment == payment.c.id)
        .where(expected != found)
        # One that was authorised too late is voided without ever having sold.
        .where(
            ~and_(payment.c.state.in_(("voiding", "voided")), orders.c.id.is_(None))
        ),
    )
    return differences + [
        Difference(
            "orders.state", f"{row.state} payment {row.id}", row.expected, row.found
        )
        for row in rows
    ]


async def _entries(connection: AsyncConnection) -> list[Difference]:
    """The entries of one source add up to zero."""
    entry = tables.entry
    total = func.sum(entry.c.amount)
    rows = await _rows(
        connection,
        select(entry.c.source, entry.c.currency, total.label("total"))
        .group_by(entry.c.source, entry.c.currency)
        .having(total != 0),
    )
    return [
        Difference("entry.amount", f"{row.source} in {row.currency}", 0, int(row.total))
        for row in rows
    ]


async def _captures(connection: AsyncConnection) -> list[Difference]:
    """What was captured is what paid orders cost, order by order."""
    entry, orders = tables.entry, tables.orders
    sums = (
        select(entry.c.source, entry.c.currency, _sum(entry.c.amount).label("amount"))
        .where(entry.c.source.startswith(CAPTURE), entry.c.amount > 0)
        .group_by(entry.c.source, entry.c.currency)
        .subquery()
    )
    source = literal(CAPTURE).concat(orders.c.payment)
    same = and_(sums.c.source == source, sums.c.currency == orders.c.currency)
    due = case((orders.c.state == "paid", orders.c.total), else_=0)
    taken = func.coalesce(sums.c.amount, 0)
    rows = await _rows(
        connection,
        select(orders.c.id, due.label("due"), taken.label("taken"))
        .outerjoin(sums, same)
        .where(due != taken),
    )
    differences = [
        Difference("captured", f"order {row.id}", row.due, int(row.taken))
        for row in rows
    ]
    rows = await _rows(
        connection,
        select(sums.c.source, sums.c.amount)
        .outerjoin(orders, same)
        .where(orders.c.id.is_(None)),
    )
    return differences + [
        Difference("captured", f"{row.source}, which no order has", 0, int(row.amount))
        for row in rows
    ]
