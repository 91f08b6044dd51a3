"""Deals, their lines and the units on their way to them, in SQL."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.errors import StockShort
from dealcast.core.events import DealLine, DealView, ProductCard
from dealcast.core.events import Stock as Counts
from dealcast.core.ids import DealId, ShowId, VariantId, partition_of
from dealcast.core.money import Money
from dealcast.store import outbox, tables
from dealcast.store.stock import DealTerms

Lines = dict[DealId, list[Row[Any]]]


async def insert_deal(connection: AsyncConnection, deal: DealView, now: int) -> None:
    """Write a deal whose lines have no units yet: the ledger counts them in."""
    await connection.execute(
        insert(tables.deal).values(
            id=deal.id,
            show=deal.show,
            kind=deal.kind,
            status=deal.status,
            product=deal.product.id,
            per_buyer_max=deal.per_buyer_max,
            hold_s=deal.hold_s,
            opens_at=deal.opens_at,
            closes_at=deal.closes_at,
            created_at=now,
        )
    )
    await connection.execute(
        insert(tables.deal_line),
        [
            {
                "deal": deal.id,
                "variant": line.variant,
                "position": position,
                "sku": line.sku,
                "title": line.title,
                "currency": line.price.currency,
                "price": line.price.amount,
                "reference_price": line.reference_price.amount,
                "allotted": 0,
                "free": 0,
            }
            for position, line in enumerate(deal.lines)
        ],
    )


async def allot(connection: AsyncConnection, op: str, deal: DealView, now: int) -> None:
    """
    Take the deal's units out of free stock, and have them loaded into Redis.

    Raises:
        StockShort: If less than that is free.
    """
    # In one order for all deals, so that no two wait for each other.
    for number, line in sorted(enumerate(deal.lines), key=lambda one: one[1].variant):
        await take(connection, line.variant, line.quantity)
        await add_allotment(
            connection, f"{op}:{number}", deal.id, line.variant, line.quantity
        )
    terms = DealTerms(
        deal=deal.id,
        show=deal.show,
        status="open" if deal.status == "open" else "planned",
        per_buyer_max=deal.per_buyer_max,
        hold_ms=deal.hold_s * 1000,
        opens_at=deal.opens_at,
        closes_at=deal.closes_at,
        view=msgspec.json.encode(deal).decode(),
        lines=[(line.variant, line.quantity) for line in deal.lines],
    )
    payload = {"show": deal.show, "deal": msgspec.to_builtins(terms)}
    await outbox.put(connection, op, partition_of(deal.id), "load", payload, now)


async def take(connection: AsyncConnection, variant: VariantId, quantity: int) -> None:
    """
    Take units out of free stock.

    Raises:
        StockShort: If less than that is free.
    """
    table = tables.variant
    taken = await connection.execute(
        update(table)
        .where(table.c.id == variant, table.c.free >= quantity)
        .values(free=table.c.free - quantity)
    )
    if taken.rowcount != 1:
        free = await connection.scalar(
            select(table.c.free).where(table.c.id == variant)
        )
        raise StockShort(f"{free} units of {variant} are free")


async def add_allotment(
    connection: AsyncConnection,
    op: str,
    deal: DealId,
    variant: VariantId,
    quantity: int,
) -> None:
    """Note units that are on their way to a deal."""
    await connection.execute(
        insert(tables.allotment).values(
            op=op, deal=deal, variant=variant, units=quantity
        )
    )


async def page(
    connection: AsyncConnection, show: ShowId, count: int
) -> tuple[list[DealView], dict[DealId, dict[VariantId, Counts]]]:
    """Return the newest deals of a show, newest first, and their units."""
    d = tables.deal
    query = (
        _deals()
        .where(d.c.show == show)
        .order_by(d.c.created_at.desc(), d.c.id)
        .limit(count)
    )
    deals = (await connection.execute(query)).all()
    by_deal = await _lines(connection, [row.id for row in deals])
    counts = {
        deal: {
            one.variant: Counts(free=one.free, held=one.held, sold=one.sold)
            for one in rows
        }
        for deal, rows in by_deal.items()
    }
    return [_view(row, by_deal[row.id]) for row in deals], counts


async def whole(
    connection: AsyncConnection, names: Sequence[DealId]
) -> list[tuple[DealView, list[Row[Any]], int | None]]:
    """Return deals as they stand now, with their lines and when they closed."""
    found = await connection.execute(_deals().where(tables.deal.c.id.in_(names)))
    by_deal = await _lines(connection, names)
    return [
        (_view(row, by_deal[row.id]), by_deal[row.id], row.closed_at)
        for row in found.all()
    ]


def _deals() -> Select[Any]:
    d, p = tables.deal, tables.product
    return select(d, p.c.title, p.c.image, p.c.tags).join(p, p.c.id == d.c.product)


async def _lines(connection: AsyncConnection, deals: Sequence[DealId]) -> Lines:
    line = tables.deal_line
    by_deal: Lines = {deal: [] for deal in deals}
    found = await connection.execute(
        select(line).where(line.c.deal.in_(deals)).order_by(line.c.position)
    )
    for row in found:
        by_deal[row.deal].append(row)
    return by_deal


def _view(row: Row[Any], lines: list[Row[Any]]) -> DealView:
    return DealView(
        id=row.id,
        show=row.show,
        kind=row.kind,
        status=row.status,
        product=ProductCard(
            id=row.product, title=row.title, image=row.image, tags=row.tags
        ),
        lines=[
            DealLine(
                variant=line.variant,
                sku=line.sku,
                title=line.title,
                price=Money(line.price, line.currency),
                reference_price=Money(line.reference_price, line.currency),
                quantity=line.allotted,
            )
            for line in lines
        ],
        per_buyer_max=row.per_buyer_max,
        hold_s=row.hold_s,
        opens_at=row.opens_at,
        closes_at=row.closes_at,
        reason=row.reason,
    )
