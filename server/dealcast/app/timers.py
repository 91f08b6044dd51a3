"""
The clerk's timers: what the clock has made due is carried out.

Time decides inside the Redis functions; a timer only sees to it that somebody
asks. The next deadlines of all deals stand in one sorted set a partition.
"""

import asyncio
from dataclasses import dataclass

import structlog

from dealcast.core.clock import Clock
from dealcast.core.errors import NotFound, Refused
from dealcast.core.ids import PARTITIONS, DealId, Partition
from dealcast.store import keys
from dealcast.store.redis import Redis
from dealcast.store.stock import Stock

LOOK_S = 0.5  # A deal that is planned now is seen within so long.
NEAR_S = 0.01
AHEAD_MS = 60_000
DEALS_MAX = 200  # Of one partition, in one look.

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Timers:
    """Keeps the deadlines of all deals."""

    redis: Redis
    stock: Stock
    clock: Clock

    async def run(self) -> None:
        """Look, do what is due, and sleep until the next deadline or look."""
        while True:
            wait_s = await self.look()
            await asyncio.sleep(wait_s)

    async def look(self) -> float:
        """
        Do what is due; return how many seconds may pass until the next look.

        Raises:
            Unavailable: If Redis does not answer.
        """
        partitions = [Partition(number) for number in range(PARTITIONS)]
        found = await asyncio.gather(*(self.deadlines(one) for one in partitions))
        now = self.clock.now()
        due = [deal for deals in found for deal, at in deals.items() if at <= now]
        for deal in due:
            await self.keep(deal)
        ahead = [at - now for deals in found for at in deals.values() if at > now]
        if due:
            return NEAR_S
        return max(NEAR_S, min([LOOK_S, *(ms / 1000 for ms in ahead)]))

    async def deadlines(self, partition: Partition) -> dict[DealId, int]:
        """Return the next deadlines (ms) of a partition's deals."""
        told = await self.redis.command(
            keys.due(partition), "ZRANGEBYSCORE", keys.due(partition), "-inf",
            self.clock.now() + AHEAD_MS, "WITHSCORES", "LIMIT", 0, DEALS_MAX,
        )  # fmt: skip
        flat = [part for pair in told for part in pair] if pairs(told) else told
        return {
            DealId(deal.decode()): int(float(at))
            for deal, at in zip(flat[::2], flat[1::2], strict=True)
        }

    async def keep(self, deal: DealId) -> None:
        """Do what is due of one deal; a closed gate or a lost deal is not a fault."""
        try:
            await self.stock.keep_time(deal)
        except NotFound:
            log.warning("deadline_without_deal", deal=deal)
        except Refused as error:
            if not error.retryable:
                log.error("deadline_refused", deal=deal, code=error.code)


def pairs(told: list[object]) -> bool:
    """Tell whether members and scores come as pairs (RESP3) or flat (RESP2)."""
    return bool(told) and isinstance(told[0], list)
