"""
Building partitions anew: every key that Redis had is written again from SQL.

The order is fixed: nothing is taken any more, the epoch goes up in SQL, the old
keys go, the new ones come, and then the gate looks again. A crash between two
steps leaves a partition that Redis does not know, and the next look begins anew.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec
import structlog
from sqlalchemy import exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.clock import Clock
from dealcast.core.errors import Refused, Unavailable
from dealcast.core.events import Notice
from dealcast.core.ids import Partition, ShowId
from dealcast.store import archive, keys, tables
from dealcast.store.archive import Archive
from dealcast.store.draft import Draft, Put, Source, within
from dealcast.store.ledger import Ledger
from dealcast.store.log import LogEntry
from dealcast.store.outbox import KEPT_MS
from dealcast.store.posting import Fenced, Position
from dealcast.store.redis import Redis
from dealcast.store.rows import brought_by
from dealcast.store.sql import Database

AT_ONCE_MAX = 4  # Partitions that are written at a time,
CALLS_MAX = 16  # and calls of each.
DROP_MAX = 500  # Keys that one call deletes.
ENDED_MS = 24 * 3600 * 1000
ENTRIES_KEPT = 300  # Of a log: what a range may ask for, and the last lines of chat.

log = structlog.get_logger()


class GivenUp(Exception):
    """Another server, or a later attempt, has the partition now."""


@dataclass(frozen=True, kw_only=True)
class Rebuilder:
    """Builds partitions anew, from the books and what ``sources`` add."""

    redis: Redis
    database: Database
    ledger: Ledger
    archive: Archive
    clock: Clock
    sources: Sequence[Source] = ()
    _few: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(AT_ONCE_MAX)
    )

    async def rebuild(self, wanted: dict[Partition, int]) -> dict[Partition, str]:
        """
        Build partitions anew; return why not, of those that could not be.

        ``wanted`` says the epoch that Redis tells of each, 0 if none.

        Raises:
            Fenced: If another clerk has taken over.
        """
        failed: dict[Partition, str] = {}
        begun: dict[Partition, Position] = {}
        for partition, epoch in wanted.items():
            async with _noting(failed, partition):
                begun[partition] = await self._begin(partition, epoch)
        if not begun:
            return failed
        try:
            old = await self.redis.keys_of(begun)
        except Unavailable as error:
            return failed | dict.fromkeys(begun, str(error))

        async def one(partition: Partition) -> None:
            async with self._few, _noting(failed, partition):
                await self._write(partition, begun[partition], old[partition])

        await asyncio.gather(*map(one, begun))
        return failed

    async def _begin(self, partition: Partition, epoch: int) -> Position:
        """Let nothing in any more, and raise the epoch in SQL."""
        if epoch == self.ledger.position(partition).epoch:
            # What can be had of the logs: chat is nowhere else.
            await self.archive.copy_partition(partition, lease=self.ledger.lease)
        position = await self.ledger.renew(partition, above=epoch)
        await self._call("dc1_clear", position, partition, [])
        return position

    async def _write(
        self, partition: Partition, position: Position, old: Sequence[str]
    ) -> None:
        draft = Draft(partition, position.epoch, self.clock.now())
        async with self.database.read() as connection:
            await _logs(connection, draft)
            await _operations(connection, draft)
            for source in self.sources:
                await source(connection, draft)
        spared = (keys.meta(partition), keys.CONTROL)
        gone = [key for key in old if key not in spared]
        for start in range(0, len(gone), DROP_MAX):
            part = gone[start : start + DROP_MAX]
            await self._call("dc1_drop", position, partition, part)
        await self._put_all(partition, position, draft.all())
        await self._call(
            "dc1_built", position, partition, [], str(position.epoch),
            str(position.seq), position.chain,
        )  # fmt: skip
        log.warning(
            "partition_rebuilt",
            partition=partition,
            epoch=position.epoch,
            fact=position.seq,
            shows=len(draft.shows),
        )

    async def _put_all(
        self, partition: Partition, position: Position, puts: Sequence[Put]
    ) -> None:
        by_key: dict[str, list[Put]] = {}
        for put in puts:
            by_key.setdefault(put.key, []).append(put)
        calls = asyncio.Semaphore(CALLS_MAX)

        async def write(key: str, mine: Sequence[Put]) -> None:
            async with calls:
                for put in mine:  # In their order: entries of a log, then its end.
                    await self._call(
                        "dc1_put", position, partition, [key], put.kind, put.packed
                    )

        writing = (write(key, mine) for key, mine in by_key.items())
        for answer in await asyncio.gather(*writing, return_exceptions=True):
            if answer is not None:
                raise answer

    async def _call(
        self,
        function: str,
        position: Position,
        partition: Partition,
        names: Sequence[str],
        *args: str | bytes,
    ) -> None:
        lease = self.ledger.lease
        attempt = f"{lease}:{position.epoch}"
        code, *told = await self.redis.call(
            function, [keys.meta(partition), *names], [lease, attempt, *args]
        )
        if code == b"fenced":
            raise Fenced(f"a clerk with lease {told[0].decode()} is at work")
        if code != b"ok":
            raise GivenUp(told[0].decode())


@asynccontextmanager
async def _noting(
    failed: dict[Partition, str], partition: Partition
) -> AsyncIterator[None]:
    """Note why a partition could not be built; the others are none the worse."""
    try:
        yield
    except Fenced:
        raise
    except (Refused, GivenUp) as error:
        failed[partition] = f"cannot be built anew: {error}"
    except Exception as error:
        log.exception("rebuild_failed", partition=partition)
        failed[partition] = f"cannot be built anew: {type(error).__name__}"


async def _logs(connection: AsyncConnection, draft: Draft) -> None:
    """Write the newest entries of every log, where they go on, and a notice."""
    show = tables.show
    found = await connection.execute(
        select(show.c.id, show.c.status, show.c.ended_at).where(
            within(show.c.id, draft.partition)
        )
    )
    notice = msgspec.json.encode(Notice(code="recovered", at=draft.now))
    for row in found.all():
        name = ShowId(row.id)
        last = await archive.last(connection, name)
        for kind, n in last.items():
            if n:
                draft.count(name, kind, n)
        if (row.ended_at or draft.now) < draft.now - ENDED_MS:
            continue  # Nobody comes back to it by cursor.
        entries = await archive.tail_of(connection, name, "log", ENTRIES_KEPT)
        if row.status != "ended":
            entries.append(
                LogEntry(
                    n=last.get("log", 0) + 1,
                    event="notice",
                    data=notice,
                    klass="P0",
                    at=draft.now,
                    epoch=draft.epoch,
                )
            )
        draft.log(name, "log", entries)


async def _operations(connection: AsyncConnection, draft: Draft) -> None:
    """
    Remember what was carried out: it may be sent once more.

    A row that is marked was sent; one that is not may have been, and then the
    fact of the units that it brought has come.
    """
    row, brought = tables.outbox, tables.allotment
    came = exists().where(brought_by(row.c.op), brought.c.applied_at.is_not(None))
    query = (
        select(row.c.op, row.c.sent_at)
        .where(row.c.partition == draft.partition)
        .where(row.c.created_at > draft.now - 2 * KEPT_MS)
        .where(or_(row.c.sent_at.is_not(None), came))
    )
    found = await connection.execute(query)
    done = {one.op: int(one.sent_at or draft.now) for one in found}
    draft.scores(keys.ops(draft.partition), done)
