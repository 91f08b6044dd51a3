"""The rows that facts touch: loaded before a batch is folded, written after it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.ids import DealId, HoldId, Partition, PaymentId, VariantId
from dealcast.store import tables
from dealcast.store.facts import FactEntry
from dealcast.store.folding import (
    Allotted,
    Books,
    Confirmed,
    Deal,
    Hold,
    Line,
    Touched,
)

CHUNK = 500  # Values of one IN list.


@dataclass(slots=True)
class Rows:
    """What a batch touches; ``books`` moves, the rest stays as it was before."""

    books: Books = field(default_factory=Books)
    shows: dict[DealId, str] = field(default_factory=dict)
    known: set[HoldId] = field(default_factory=set)
    payments: dict[PaymentId, Row[Any]] = field(default_factory=dict)
    payment_lines: dict[PaymentId, list[Row[Any]]] = field(default_factory=dict)
    too_late: list[Confirmed] = field(default_factory=list)  # Sold without an order.


async def load(connection: AsyncConnection, named: Touched) -> Rows:
    """Load what ``named`` names; payments are locked until the transaction ends."""
    deal, line, hold = tables.deal, tables.deal_line, tables.hold
    loaded = Rows()
    books = loaded.books
    for row in await _among(
        connection,
        select(deal.c.id, deal.c.show, deal.c.status, deal.c.reason, deal.c.closed_at),
        deal.c.id,
        named.deals,
    ):
        loaded.shows[row.id] = row.show
        books.deals[row.id] = Deal(row.status, row.reason, row.closed_at)
    for row in await _among(
        connection,
        select(
            line.c.deal, line.c.variant,
            line.c.allotted, line.c.free, line.c.held, line.c.sold,
        ),
        line.c.deal,
        named.deals,
    ):  # fmt: skip
        key = (row.deal, row.variant)
        books.lines[key] = Line(row.allotted, row.free, row.held, row.sold)
    for row in await _among(connection, select(hold), hold.c.id, named.holds):
        loaded.known.add(row.id)
        books.holds[row.id] = Hold(
            deal=row.deal,
            variant=row.variant,
            buyer=row.buyer,
            quantity=row.quantity,
            state=row.state,
            expires_at=row.expires_at,
            held_at=row.held_at,
            changed_at=row.changed_at,
            payment=row.payment,
        )
    await _load_payments(connection, loaded, named.confirmed)
    return loaded


async def _load_payments(
    connection: AsyncConnection, loaded: Rows, names: set[PaymentId]
) -> None:
    payment, line = tables.payment, tables.payment_line
    rows = await _among(
        connection, select(payment).with_for_update(), payment.c.id, names
    )
    loaded.payments = {row.id: row for row in rows}
    for row in await _among(connection, select(line), line.c.payment, names):
        loaded.payment_lines.setdefault(row.payment, []).append(row)


async def _among(
    connection: AsyncConnection,
    query: Select[Any],
    column: ColumnElement[Any],
    names: Iterable[str],
) -> list[Row[Any]]:
    # Locks are taken in the order of the names, alike by everybody.
    found: list[Row[Any]] = []
    ordered = sorted(names)
    for start in range(0, len(ordered), CHUNK):
        part = query.where(column.in_(ordered[start : start + CHUNK])).order_by(column)
        found.extend((await connection.execute(part)).all())
    return found


async def add_facts(
    connection: AsyncConnection, partition: Partition, facts: Sequence[FactEntry]
) -> None:
    """Keep the facts themselves, so that they can be folded anew."""
    await connection.execute(
        insert(tables.fact),
        [
            {
                "partition": partition,
                "seq": fact.seq,
                "epoch": fact.epoch,
                "kind": fact.kind,
                "at": fact.at,
                "chain": fact.chain,
                "body": fact.packed,
            }
            for fact in facts
        ],
    )


async def write(connection: AsyncConnection, loaded: Rows) -> None:
    """Write the books as they are now, and the orders that follow from them."""
    await _write_deals(connection, loaded.books)
    await _write_holds(connection, loaded)
    await _write_allotted(connection, loaded.books.allotted)
    await _write_free(connection, loaded.books.returned)
    await _write_orders(connection, loaded)
    await _write_too_late(connection, loaded.too_late)


async def _write_deals(connection: AsyncConnection, books: Books) -> None:
    deal, line = tables.deal, tables.deal_line
    if books.deals:
        await connection.execute(
            update(deal)
            .where(deal.c.id == bindparam("b_deal"))
            .values(
                status=bindparam("b_status"),
                reason=bindparam("b_reason"),
                closed_at=bindparam("b_closed_at"),
            ),
            [
                {
                    "b_deal": name,
                    "b_status": row.status,
                    "b_reason": row.reason,
                    "b_closed_at": row.closed_at,
                }
                for name, row in books.deals.items()
            ],
        )
    if books.lines:
        await connection.execute(
            update(line)
            .where(
                line.c.deal == bindparam("b_deal"),
                line.c.variant == bindparam("b_variant"),
            )
            .values(
                allotted=bindparam("b_allotted"),
                free=bindparam("b_free"),
                held=bindparam("b_held"),
                sold=bindparam("b_sold"),
            ),
            [
                {
                    "b_deal": name,
                    "b_variant": variant,
                    "b_allotted": row.allotted,
                    "b_free": row.free,
                    "b_held": row.held,
                    "b_sold": row.sold,
                }
                for (name, variant), row in books.lines.items()
            ],
        )


async def _write_holds(connection: AsyncConnection, loaded: Rows) -> None:
    hold = tables.hold
    news, changed = [], []
    for name, row in loaded.books.holds.items():
        if name in loaded.known:
            changed.append(
                {
                    "b_hold": name,
                    "b_state": row.state,
                    "b_payment": row.payment,
                    "b_expires_at": row.expires_at,
                    "b_changed_at": row.changed_at,
                }
            )
        else:
            news.append(
                {
                    "id": name,
                    "deal": row.deal,
                    "show": loaded.shows[row.deal],
                    "variant": row.variant,
                    "buyer": row.buyer,
                    "quantity": row.quantity,
                    "state": row.state,
                    "expires_at": row.expires_at,
                    "payment": row.payment,
                    "held_at": row.held_at,
                    "changed_at": row.changed_at,
                }
            )
    if news:
        await connection.execute(insert(hold), news)
    if changed:
        await connection.execute(
            update(hold)
            .where(hold.c.id == bindparam("b_hold"))
            .values(
                state=bindparam("b_state"),
                payment=bindparam("b_payment"),
                expires_at=bindparam("b_expires_at"),
                changed_at=bindparam("b_changed_at"),
            ),
            changed,
        )


async def _write_allotted(
    connection: AsyncConnection, allotted: Sequence[Allotted]
) -> None:
    row = tables.allotment
    for one in allotted:  # Few: a deal is loaded once and seldom restocked.
        await connection.execute(
            update(row)
            .where(
                brought_by(one.op), row.c.deal == one.deal, row.c.variant == one.variant
            )
            .where(row.c.applied_at.is_(None))
            .values(applied_at=one.at)
        )


def brought_by(op: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Return which allotments an operation carries: one, or each line of a load."""
    row = tables.allotment
    if isinstance(op, str):
        return or_(row.c.op == op, row.c.op.startswith(f"{op}:", autoescape=True))
    # Of an op in a column the length is compared, as it may hold a wildcard.
    begins = func.substr(row.c.op, 1, func.length(op) + 1) == op.concat(":")
    return or_(row.c.op == op, begins)


async def _write_free(
    connection: AsyncConnection, returned: dict[VariantId, int]
) -> None:
    variant = tables.variant
    if returned:
        await connection.execute(
            update(variant)
            .where(variant.c.id == bindparam("b_variant"))
            .values(free=variant.c.free + bindparam("b_units")),
            [
                {"b_variant": name, "b_units": units}
                for name, units in sorted(returned.items())
            ],
        )


async def _write_orders(connection: AsyncConnection, loaded: Rows) -> None:
    orders, payments = [], []
    lines: list[dict[str, Any]] = []
    for confirmed in loaded.books.confirmed:
        payment = loaded.payments[confirmed.payment]
        payments.append({"b_payment": payment.id, "b_at": confirmed.at})
        orders.append(_order(payment, confirmed))
        lines.extend(
            _order_line(payment.order, line)
            for line in loaded.payment_lines[confirmed.payment]
        )
    if not orders:
        return
    row = tables.payment
    await connection.execute(insert(tables.orders), orders)
    await connection.execute(insert(tables.order_line), lines)
    await connection.execute(
        update(row)
        .where(row.c.id == bindparam("b_payment"))
        .values(state="confirmed", changed_at=bindparam("b_at")),
        payments,
    )


async def _write_too_late(
    connection: AsyncConnection, too_late: Sequence[Confirmed]
) -> None:
    row = tables.payment
    for one in too_late:
        await connection.execute(
            update(row)
            .where(row.c.id == one.payment)
            .values(state="voiding", check_at=one.at)
        )


def _order(payment: Row[Any], confirmed: Confirmed) -> dict[str, Any]:
    return {
        "id": payment.order,
        "show": payment.show,
        "buyer": payment.buyer,
        "name": payment.name,
        "payment": payment.id,
        "state": "confirmed",
        "total": payment.amount,
        "currency": payment.currency,
        "address": payment.address,
        "confirmed_at": confirmed.at,
        "changed_at": confirmed.at,
    }


def _order_line(order: str, line: Row[Any]) -> dict[str, Any]:
    return {
        "hold": line.hold,
        "order": order,
        "deal": line.deal,
        "variant": line.variant,
        "sku": line.sku,
        "title": line.title,
        "quantity": line.quantity,
        "price": line.price,
    }
