"""Orders, for their buyers and for staff."""

from dataclasses import dataclass

from sqlalchemy import select

from dealcast.core.errors import NotFound
from dealcast.core.events import OrderView
from dealcast.core.ids import OrderId
from dealcast.core.wire import STAFF, Caller
from dealcast.shop.orders import rows
from dealcast.shop.shows.service import Shows, check_staff
from dealcast.store import tables
from dealcast.store.sql import Database

PAGE_MAX = 200


@dataclass(frozen=True, kw_only=True)
class Orders:
    """Shows orders to those whom they concern."""

    database: Database
    shows: Shows

    async def get(self, caller: Caller, order: OrderId) -> OrderView:
        """
        Return ``order``, if it is the caller's own or in the caller's show.

        Raises:
            NotFound: If it is not there, or not yet, or nothing to the caller.
        """
        async with self.database.read() as connection:
            found = await rows.views(connection, [order])
        staff = caller.role in (*STAFF, "shop")
        if found and found[0].buyer == caller.person:
            return found[0]
        if found and staff and caller.may_in(found[0].show):
            return found[0]
        raise NotFound(f"order {order}")

    async def page(
        self, caller: Caller, show: str, *, before: OrderId | None
    ) -> list[OrderView]:
        """
        Return orders of a show, newest first, from after ``before`` on.

        Raises:
            NotFound: If there is no such show.
            Forbidden: If the caller's role is for another show.
        """
        known = await self.shows.find(show)
        check_staff(caller, known.id)
        table = tables.orders
        query = select(table.c.id).where(table.c.show == known.id)
        async with self.database.read() as connection:
            if before is not None:
                at = await connection.scalar(
                    select(table.c.confirmed_at).where(table.c.id == before)
                )
                if at is None:
                    raise NotFound(f"order {before}")
                query = query.where(
                    (table.c.confirmed_at < at)
                    | ((table.c.confirmed_at == at) & (table.c.id > before))
                )
            found = await connection.scalars(
                query.order_by(table.c.confirmed_at.desc(), table.c.id).limit(PAGE_MAX)
            )
            return await rows.views(connection, [OrderId(one) for one in found])
