"""What the shop keeps in Redis, written anew from the books."""

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.ids import ShowId
from dealcast.shop.deals.rebuild import deals
from dealcast.shop.payments.moves import count_sold
from dealcast.shop.pins.service import pinned
from dealcast.shop.shows.service import text, view
from dealcast.store import tables
from dealcast.store.draft import Draft, Source, within


async def shows(connection: AsyncConnection, draft: Draft) -> None:
    """Write every show with its pins and what it has sold."""
    table = tables.show
    found = await connection.execute(
        select(table).where(within(table.c.id, draft.partition))
    )
    for row in found.all():
        show = ShowId(row.id)
        fields = {"show": text(view(row))}
        sold = await count_sold(connection, show)
        if sold.orders:
            fields["sold"] = text(sold)
        cards = await pinned(connection, show)
        if cards:
            fields["pins"] = msgspec.json.encode(cards).decode()
        draft.state(show, fields)


SOURCES: tuple[Source, ...] = (shows, deals)
