"""
The recount that ``dealcast verify`` prints: every number, from several sides.

It reads alone, and may run beside a busy shop or a stopped one.
"""

import asyncio
from collections.abc import Sequence

from rich.table import Table

from dealcast.core.ids import PARTITIONS, Partition
from dealcast.store.balance import balance
from dealcast.store.compare import compare
from dealcast.store.recount import Difference, recount
from dealcast.store.redis import Redis
from dealcast.store.sql import Database

WAIT_S = 5.0  # How long the ledger may take to write down what Redis has told.
AT_ONCE_MAX = 4


async def verify(
    database: Database,
    redis: Redis | None = None,
    *,
    stopped: bool = False,
    wait_s: float = WAIT_S,
) -> list[Difference]:
    """
    Recount stock, holds, orders, payments and facts; return what disagrees.

    Without ``redis`` only SQL is recounted. If the shop is ``stopped``, facts
    that the ledger has yet to follow are no disagreement.

    Raises:
        Unavailable: If the database or Redis did not answer.
    """
    few = asyncio.Semaphore(AT_ONCE_MAX)

    async def check(partition: Partition) -> list[Difference]:
        async with few:
            async with database.read() as connection:
                counted, differences = await recount(connection, partition)
            if redis is not None and not counted.broken:
                differences += await compare(
                    redis, database, counted, wait_s=wait_s, stopped=stopped
                )
            return differences

    found = await asyncio.gather(
        *(check(Partition(number)) for number in range(PARTITIONS))
    )
    async with database.read() as connection:
        spanning = await balance(connection)
    return [*(one for part in found for one in part), *spanning]


def table(differences: Sequence[Difference]) -> Table:
    """Return ``differences`` as a table that a terminal can print."""
    made = Table(title=f"{len(differences)} numbers disagree")
    for title in ("number", "of", "recounted", "found"):
        made.add_column(title, overflow="fold")
    for one in differences:
        made.add_row(one.what, one.where, str(one.recounted), str(one.found))
    return made
