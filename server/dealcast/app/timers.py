"""
The clerk's timers: what the clock has made due is carried out.

Time decides inside the Redis functions; a timer only sees to it that somebody
asks. The next deadlines of all deals stand in one sorted set a partition.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from dealcast.core.clock import Clock
from dealcast.core.errors import NotFound, Recovering, Unavailable
from dealcast.core.ids import PARTITIONS, DealId, Partition, partition_of
from dealcast.store import keys
from dealcast.store.redis import Redis, pairs
from dealcast.store.stock import Stock

LOOK_S = 0.5  # A deal that is planned now is seen within so long.
NEAR_S = 0.01
BUSY_S = 0.05  # Then what was begun is done, and the next deadline known.
AHEAD_MS = 60_000
DEALS_MAX = 200  # Of one partition, in one look.

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Timers:
    """Keeps the deadlines of all deals."""

    redis: Redis
    stock: Stock
    clock: Clock
    _keeping: dict[Partition, asyncio.Task[None]] = field(default_factory=dict)

    async def run(self) -> None:
        """Look, do what is due, and sleep until the next deadline or look."""
        try:
            while True:
                wait_s = await self.look()
                await asyncio.sleep(wait_s)
        finally:
            for task in self._keeping.values():
                task.cancel()

    async def look(self) -> float:
        """
        Begin what is due; return how many seconds may pass until the next look.

        Each partition is kept by itself: one that takes no changes holds up
        no other's openings and closings.

        Raises:
            Unavailable: If Redis does not answer.
        """
        found = await self.deadlines()
        now = self.clock.now()
        waits = [LOOK_S]
        for partition, deals in found.items():
            due = [deal for deal, at in deals.items() if at <= now]
            if due and partition not in self._keeping:
                self._begin(partition, due)
                waits.append(BUSY_S)
            waits += [(at - now) / 1000 for at in deals.values() if at > now]
        return max(NEAR_S, min(waits))

    def _begin(self, partition: Partition, due: Sequence[DealId]) -> None:
        task = asyncio.create_task(self.keep_all(due))
        self._keeping[partition] = task
        task.add_done_callback(lambda _: self._keeping.pop(partition, None))

    async def keep_all(self, due: Sequence[DealId]) -> None:
        """Do what is due of one partition's deals; pause if it takes no changes."""
        well = True
        for deal in due:
            try:
                well = await self.keep(deal) and well
            except (Recovering, Unavailable):
                well = False
                break  # So would be the next one.
        if not well:
            await asyncio.sleep(LOOK_S)  # Or it would be asked at every look.

    async def deadlines(self) -> dict[Partition, dict[DealId, int]]:
        """Return the next deadlines (ms) of all partitions' deals."""
        until = self.clock.now() + AHEAD_MS
        names = {Partition(one): keys.due(Partition(one)) for one in range(PARTITIONS)}
        told = await self.redis.commands(
            {
                name: (
                    "ZRANGEBYSCORE", name, "-inf", until,
                    "WITHSCORES", "LIMIT", 0, DEALS_MAX,
                )
                for name in names.values()
            }
        )  # fmt: skip
        return {
            one: {
                DealId(deal.decode()): int(float(at))
                for deal, at in pairs(told[name]).items()
            }
            for one, name in names.items()
        }

    async def keep(self, deal: DealId) -> bool:
        """
        Do what is due of one deal; tell whether it was done.

        Raises:
            Recovering, Unavailable: If its partition takes no changes now.
        """
        try:
            await self.stock.keep_time(deal)
        except NotFound:
            # Nothing can fall due of what is not there: it goes from the list.
            log.warning("deadline_without_deal", deal=deal)
            due = keys.due(partition_of(deal))
            await self.redis.command(due, "ZREM", due, deal)
        except (Recovering, Unavailable):
            raise
        except Exception:
            log.exception("deadline_failed", deal=deal)
            return False
        return True
