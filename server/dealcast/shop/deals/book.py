"""What was agreed for a deal and never changes, read from SQL once."""

from collections import OrderedDict
from dataclasses import dataclass, field

from sqlalchemy import select

from dealcast.core.errors import NotFound
from dealcast.core.events import ProductCard
from dealcast.core.ids import DealId
from dealcast.core.money import Money
from dealcast.shop.deals.rules import Agreed, AgreedLine
from dealcast.store import tables
from dealcast.store.sql import Database

KEPT_MAX = 4096


@dataclass(frozen=True)
class DealBook:
    """Knows the prices of deals; keeps the last few thousand in memory."""

    database: Database
    _kept: OrderedDict[DealId, Agreed] = field(default_factory=OrderedDict)

    async def find(self, deal: DealId) -> Agreed:
        """
        Return what was agreed for ``deal``.

        Raises:
            NotFound: If there is no such deal.
        """
        if deal in self._kept:
            self._kept.move_to_end(deal)
            return self._kept[deal]
        self._kept[deal] = agreed = await self._read(deal)
        if len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return agreed

    async def _read(self, deal: DealId) -> Agreed:
        d, s, p, line = tables.deal, tables.show, tables.product, tables.deal_line
        query = (
            select(d.c.show, s.c.currency, p)
            .join(s, s.c.id == d.c.show)
            .join(p, p.c.id == d.c.product)
            .where(d.c.id == deal)
        )
        async with self.database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
            if row is None:
                raise NotFound(f"deal {deal}")
            lines = await connection.execute(
                select(line).where(line.c.deal == deal).order_by(line.c.position)
            )
            return Agreed(
                deal=deal,
                show=row.show,
                currency=row.currency,
                product=ProductCard(
                    id=row.id, title=row.title, image=row.image, tags=row.tags
                ),
                lines={
                    one.variant: AgreedLine(
                        sku=one.sku,
                        title=one.title,
                        price=Money(one.price, one.currency),
                    )
                    for one in lines
                },
            )
