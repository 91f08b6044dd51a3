"""
The ledger: the one ordered writer that follows Redis's facts into SQL.

Redis admits, SQL sells: an order is born when its fact is committed here. Where
Redis tells another story than SQL has, the partition waits for the gate to build
it anew; a fact that cannot be true closes it. The others go on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.errors import Unavailable
from dealcast.core.ids import PARTITIONS, Partition, PaymentId
from dealcast.store import keys, tables
from dealcast.store.facts import FactEntry, Facts
from dealcast.store.posting import Break, Position, Posted, lock, post
from dealcast.store.redis import Redis
from dealcast.store.rows import brought_by
from dealcast.store.sql import Database

BATCH_MAX = 256  # Facts of one partition in one transaction.
BLOCK_MS = 1_000
KEPT = 1_000  # Facts that stay in Redis behind the ledger.
TRIM_EVERY = 256
RETRY_S = 0.5
STALE_S = 0.05

log = structlog.get_logger()

Told = Callable[[list[PaymentId]], None]
Check = Callable[[AsyncConnection], Awaitable[None]]


def _nobody(_payments: list[PaymentId]) -> None:
    pass


async def _anybody(_connection: AsyncConnection) -> None:
    pass


class Ledger:
    """
    Follows the facts of all partitions.

    ``on_confirmed`` hears of payments whose orders have just been committed,
    so that they can be captured at once; it is a hint and may miss some.
    """

    def __init__(
        self, redis: Redis, database: Database, *, on_confirmed: Told = _nobody
    ) -> None:
        self._redis = redis
        self._facts = Facts(redis)
        self._database = database
        self._on_confirmed = on_confirmed
        self._lease = 0
        self._positions: dict[Partition, Position] = {}
        self._trimmed: dict[Partition, int] = {}
        self._unhalted: set[Partition] = set()
        self.closed: dict[Partition, str] = {}
        self.forked: dict[Partition, str] = {}

    @property
    def lease(self) -> int:
        """The lease under which this ledger writes; a later one fences it off."""
        return self._lease

    async def start(self, check: Check = _anybody) -> None:
        """
        Take the ledger over: whoever wrote it before is fenced off.

        Partitions that SQL does not know yet get a row of epoch 0; they are
        followed once the gate has begun them. ``check`` makes sure that it is
        still our turn, so that two never fence each other off.

        Raises:
            Fenced: If it is not.
        """
        row = tables.partition
        async with self._database.begin() as connection:
            await check(connection)
            known = set(await connection.scalars(select(row.c.id).with_for_update()))
            missing = [
                {"id": number, "epoch": 0, "seq": 0, "chain": ""}
                for number in range(PARTITIONS)
                if number not in known
            ]
            if missing:
                await connection.execute(insert(row), missing)
            top = await connection.scalar(select(func.max(row.c.lease)))
            self._lease = int(top or 0) + 1
            await connection.execute(update(row).values(lease=self._lease))
            for found in await connection.execute(select(row)):
                position = Position(found.epoch, found.seq, found.chain)
                self._positions[Partition(found.id)] = position

    async def begin(self, partitions: Sequence[Partition], epoch: int) -> None:
        """Follow ``partitions`` that were never used before, from ``epoch`` on."""
        row = tables.partition
        async with self._database.begin() as connection:
            await connection.execute(
                update(row)
                .where(row.c.id.in_(partitions), row.c.lease == self._lease)
                .where(row.c.epoch == 0)
                .values(epoch=epoch)
            )
        for partition in partitions:
            self._positions[partition] = Position(epoch, 0, "")

    async def renew(self, partition: Partition, *, above: int = 0) -> Position:
        """
        Begin an epoch of ``partition`` that is higher than the last, and ``above``.

        What Redis told in older ones and SQL has not is lost from here on. Units
        that were brought to it without a fact of it are brought again.

        Raises:
            Fenced: If another clerk has taken over.
        """
        row = tables.partition
        async with self._database.begin() as connection:
            before = await lock(connection, partition, self._lease)
            epoch = max(before.epoch, above) + 1
            await connection.execute(
                update(row).where(row.c.id == partition).values(epoch=epoch)
            )
            await _bring_again(connection, partition)
        position = Position(epoch, before.seq, before.chain)
        self._positions[partition] = position
        self.forked.pop(partition, None)
        return position

    def position(self, partition: Partition) -> Position:
        """Return how far the ledger has followed ``partition``."""
        return self._positions[partition]

    async def run(self, stop: asyncio.Event) -> None:
        """
        Follow until ``stop`` is set.

        Raises:
            Fenced: If another clerk has taken over.
        """
        quiet = False
        while not stop.is_set():
            try:
                await self.follow()
                quiet = False
            except Unavailable as error:
                if not quiet:
                    log.warning("ledger_waits", why=str(error))
                quiet = True
                await asyncio.sleep(RETRY_S)

    async def follow(self, block_ms: int = BLOCK_MS) -> int:
        """
        Wait for facts, apply them, and return how many there were.

        Raises:
            Fenced: If another clerk has taken over.
            Unavailable: If Redis or the database did not answer; nothing is
                lost, the next pass goes on from there.
        """
        await self._halt_again()
        open_at = {
            partition: position.seq
            for partition, position in self._positions.items()
            if position.epoch > 0
            and partition not in self.closed
            and partition not in self.forked
        }
        applied = 0
        found = await self._facts.wait(open_at, block_ms, BATCH_MAX)
        for partition, facts in found.items():
            applied += await self._apply(partition, facts)
            await self._trim(partition)
        if found and not applied:
            await asyncio.sleep(STALE_S)  # The gate is to build it anew first.
        return applied

    async def lag(self) -> int:
        """
        Return how many facts Redis has that SQL has not.

        Raises:
            Unavailable: If Redis did not answer.
        """
        names = {keys.meta(one): at.seq for one, at in self._positions.items()}
        seqs = await self._redis.commands(
            {name: ("HGET", name, "seq") for name in names}
        )
        return sum(max(0, int(seqs[name] or 0) - at) for name, at in names.items())

    async def caught_up(self, partition: Partition) -> bool:
        """
        Tell whether SQL has every fact of ``partition`` that Redis has.

        Raises:
            Unavailable: If Redis did not answer.
        """
        return bool(await self._seq(partition) == self._positions[partition].seq)

    async def _seq(self, partition: Partition) -> int:
        return int(await self._redis.hget(keys.meta(partition), "seq") or 0)

    async def _apply(self, partition: Partition, facts: Sequence[FactEntry]) -> int:
        try:
            posted = await self._post(partition, facts)
        except Break as error:
            good = facts[: error.good]
            applied = await self._apply(partition, good) if good else 0
            if error.forked:
                self.forked[partition] = error.why
            else:
                await self.close(partition, error.why)
            return applied
        except DBAPIError as error:
            if len(facts) > 1:
                # The database refuses one of them: all before it are good.
                return await self._apply_singly(partition, facts)
            await self.close(partition, f"fact {facts[0].seq}: {error.orig}")
            return 0
        return posted.facts

    async def _apply_singly(
        self, partition: Partition, facts: Sequence[FactEntry]
    ) -> int:
        applied = 0
        for fact in facts:
            if partition not in self.closed:
                applied += await self._apply(partition, [fact])
        return applied

    async def _post(self, partition: Partition, facts: Sequence[FactEntry]) -> Posted:
        async with self._database.begin() as connection:
            posted = await post(connection, partition, self._lease, facts)
        self._positions[partition] = posted.position
        if posted.payments:
            self._on_confirmed(posted.payments)
        return posted

    async def close(self, partition: Partition, why: str) -> None:
        """Let nothing more happen in ``partition``: its books do not add up."""
        if partition in self.closed:
            return
        self.closed[partition] = why
        self._unhalted.add(partition)
        log.error("partition_closed", partition=partition, why=why)
        await self._halt_again()

    async def _halt_again(self) -> None:
        for partition in sorted(self._unhalted):
            await self._redis.call("dc1_halt", [keys.meta(partition)], [self._lease])
            self._unhalted.discard(partition)

    async def _trim(self, partition: Partition) -> None:
        seq = self._positions[partition].seq
        if seq - self._trimmed.get(partition, 0) < TRIM_EVERY or seq <= KEPT:
            return
        await self._facts.trim(partition, seq - KEPT + 1)
        self._trimmed[partition] = seq


async def _bring_again(connection: AsyncConnection, partition: Partition) -> None:
    """Have the outbox send anew what was sent, but of which no fact came."""
    row, brought = tables.outbox, tables.allotment
    lost = select(brought).where(brought_by(row.c.op), brought.c.applied_at.is_(None))
    await connection.execute(
        update(row)
        .where(row.c.partition == partition, row.c.kind.in_(("load", "adjust")))
        .where(row.c.sent_at.is_not(None), lost.exists())
        .values(sent_at=None)
    )
