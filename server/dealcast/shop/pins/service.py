"""Pins in SQL, and in the state that the hub shows."""

from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.clock import Clock
from dealcast.core.events import ProductCard
from dealcast.core.ids import ProductId, ShowId, partition_of
from dealcast.core.wire import Caller
from dealcast.shop import audit
from dealcast.shop.catalog import service as catalog
from dealcast.shop.courier import Courier, new_op
from dealcast.shop.shows.service import Shows, check_staff, lock, text
from dealcast.store import outbox, tables
from dealcast.store.sql import Database

PINS_MAX = 5


@dataclass(frozen=True, kw_only=True)
class Pins:
    """Pins products to the top of a show."""

    database: Database
    shows: Shows
    courier: Courier
    clock: Clock
    rng: Random

    async def pin(
        self, caller: Caller, show: str, product: ProductId
    ) -> list[ProductCard]:
        """
        Show ``product`` first; beyond five, the one pinned longest ago goes.

        Raises:
            NotFound: If there is no such show or product.
            Forbidden: If the caller's role is for another show.
        """
        return await self._change(caller, show, product, pinned=True)

    async def unpin(
        self, caller: Caller, show: str, product: ProductId
    ) -> list[ProductCard]:
        """
        Show ``product`` on top no longer.

        Raises:
            NotFound: If there is no such show or product.
            Forbidden: If the caller's role is for another show.
        """
        return await self._change(caller, show, product, pinned=False)

    async def _change(
        self, caller: Caller, name: str, product: ProductId, *, pinned: bool
    ) -> list[ProductCard]:
        show = (await self.shows.find(name)).id
        check_staff(caller, show)
        now, table = self.clock.now(), tables.pin
        async with self.database.begin() as connection:
            await lock(connection, show)
            await catalog.view(connection, product)
            before = await _pinned(connection, show)
            kept = [one for one in before if one != product]
            if pinned:
                kept = [product, *kept][:PINS_MAX]
            gone = {product, *before} - set(kept[1:] if pinned else kept)
            await connection.execute(
                delete(table).where(table.c.show == show, table.c.product.in_(gone))
            )
            if pinned:
                await connection.execute(
                    insert(table).values(show=show, product=product, pinned_at=now)
                )
            cards = await _cards(connection, kept)
            told = await audit.write(
                connection,
                caller=caller,
                act="pin" if pinned else "unpin",
                show=show,
                subject=product,
                reason=None,
                now=now,
            )
            payload: dict[str, Any] = {
                "show": show,
                "staff": [["audit", text(told)]],
                "state": {"pins": msgspec.json.encode(cards).decode()},
            }
            op = new_op("pins", show, self.rng)
            await outbox.put(connection, op, partition_of(show), "record", payload, now)
        await self.courier.send()
        return cards


async def pinned(connection: AsyncConnection, show: ShowId) -> list[ProductCard]:
    """Return what is pinned in a show, the newest pin first."""
    return await _cards(connection, await _pinned(connection, show))


async def _pinned(connection: AsyncConnection, show: ShowId) -> list[ProductId]:
    table = tables.pin
    found = await connection.scalars(
        select(table.c.product)
        .where(table.c.show == show)
        .order_by(table.c.pinned_at.desc(), table.c.product)
    )
    return [ProductId(one) for one in found]


async def _cards(
    connection: AsyncConnection, products: list[ProductId]
) -> list[ProductCard]:
    views = {one.id: one for one in await catalog.views(connection, products)}
    return [catalog.card(views[one]) for one in products]
