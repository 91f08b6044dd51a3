"""The clerk's sweeper: shows forget deals that have long been over."""

from dataclasses import dataclass

from sqlalchemy import select

from dealcast.core.clock import Clock
from dealcast.core.ids import DealId, ShowId
from dealcast.store import tables
from dealcast.store.log import Log, Record
from dealcast.store.sql import Database

SHOWN_MS = 600_000  # How long a closed deal is still seen by those who join.
AGAIN_MS = 86_400_000  # Deals that closed before were forgotten long ago.
DEALS_MAX = 200


@dataclass
class Sweeper:
    """Takes closed deals out of what a late joiner is shown."""

    database: Database
    log: Log
    clock: Clock
    done_until: int = 0

    async def look(self) -> int:
        """Forget deals that closed a while ago; return how many."""
        now = self.clock.now()
        since = self.done_until or now - AGAIN_MS
        deal = tables.deal
        query = (
            select(deal.c.id, deal.c.show, deal.c.closed_at)
            .where(deal.c.status == "closed")
            .where(deal.c.closed_at > since, deal.c.closed_at <= now - SHOWN_MS)
            .order_by(deal.c.closed_at)
            .limit(DEALS_MAX)
        )
        async with self.database.read() as connection:
            found = (await connection.execute(query)).all()
        for row in found:
            await self.forget(ShowId(row.show), DealId(row.id))
            self.done_until = row.closed_at
        return len(found)

    async def forget(self, show: ShowId, deal: DealId) -> None:
        """Take one deal out of the show's state; its stock and holds stay."""
        fields = [f"{kind}:{deal}" for kind in ("deal", "status", "stock")]
        await self.log.record(Record(show=show, unset=fields), op=f"forget:{deal}")
