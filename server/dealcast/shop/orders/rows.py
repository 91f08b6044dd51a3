"""Orders as clients see them, from SQL."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.events import OrderLine, OrderView
from dealcast.core.ids import OrderId
from dealcast.core.money import Money
from dealcast.store import tables


async def views(
    connection: AsyncConnection, orders: Sequence[OrderId]
) -> list[OrderView]:
    """Return those of ``orders`` that are there, newest first."""
    table, line = tables.orders, tables.order_line
    rows = await connection.execute(
        select(table)
        .where(table.c.id.in_(orders))
        .order_by(table.c.confirmed_at.desc(), table.c.id)
    )
    sold = await connection.execute(
        select(line, table.c.currency)
        .join(table, table.c.id == line.c.order)
        .where(line.c.order.in_(orders))
        .order_by(line.c.hold)
    )
    lines: dict[str, list[OrderLine]] = {}
    for row in sold:
        lines.setdefault(row.order, []).append(
            OrderLine(
                deal=row.deal,
                variant=row.variant,
                sku=row.sku,
                title=row.title,
                quantity=row.quantity,
                price=Money(row.price, row.currency),
            )
        )
    return [
        OrderView(
            id=row.id,
            show=row.show,
            state=row.state,
            buyer=row.buyer,
            name=row.name,
            lines=lines.get(row.id, []),
            total=Money(row.total, row.currency),
            payment=row.payment,
            at=row.confirmed_at,
        )
        for row in rows
    ]
