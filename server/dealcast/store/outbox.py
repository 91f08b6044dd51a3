"""
The outbox: what SQL tells Redis, written in the transaction that made it true.

An act calls ``put`` inside its transaction and may send at once; the clerk
sends whatever is left. Several may send at a time: each goes in the order of
the outbox, and Redis carries out an operation once, however often it is sent.
"""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any, Literal

import msgspec
import structlog
from redis.exceptions import ResponseError
from sqlalchemy import Row, delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.clock import Clock
from dealcast.core.errors import Invalid, Refused, Unavailable
from dealcast.core.ids import Partition
from dealcast.store import tables
from dealcast.store.log import Log
from dealcast.store.redis import Redis
from dealcast.store.rows import brought_by
from dealcast.store.sql import Database
from dealcast.store.stock import DealTerms, Stock

Kind = Literal["load", "adjust", "record"]

BATCH_MAX = 500  # Rows of one pass.
AT_ONCE_MAX = 16  # Partitions that are sent to at a time.
KEPT_MS = 24 * 3600 * 1000  # As long as Redis knows an operation again.
CLEAN_EVERY_MS = 60_000

TURNS = 0x6F757462  # "outb": the room of the locks, one for each partition.
TURN = text("SELECT pg_advisory_xact_lock(:room, :partition)")

log = structlog.get_logger()


async def put(
    connection: AsyncConnection,
    op: str,
    partition: Partition,
    kind: Kind,
    payload: dict[str, Any],
    now: int,
) -> None:
    """
    Write down what Redis is to be told once this transaction is committed.

    ``op`` names the operation for good. Payloads: ``load`` is ``{"show",
    "deal"}`` with the deal as ``dc1_load`` takes it; ``adjust`` is ``{"show",
    "deal", "variant", "units"}``; ``record`` is a ``log.Record`` as JSON.

    Rows of one partition are numbered in the order in which they are committed:
    whoever puts waits for who has put before. Otherwise a later row could be
    sent before an earlier one is seen, whose older state would then win.

    Raises:
        IntegrityError: If ``op`` was put before.
    """
    if connection.dialect.name == "postgresql":  # SQLite has one writer at a time.
        await connection.execute(TURN, {"room": TURNS, "partition": partition})
    await connection.execute(
        insert(tables.outbox).values(
            op=op,
            partition=partition,
            kind=kind,
            payload=payload,
            created_at=now,
        )
    )


class Outbox:
    """Sends what acts have put."""

    def __init__(self, redis: Redis, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._stock = Stock(redis)
        self._log = Log(redis)
        self._few = asyncio.Semaphore(AT_ONCE_MAX)
        self._cleaned_at = 0

    async def send_due(self) -> int:
        """
        Send what was not sent, in order within each partition; return how many.

        A row that cannot be sent now holds up its own partition alone.

        Raises:
            Recovering: If a partition does not take changes; others were sent.
            Unavailable: If a server did not answer; others were sent.
        """
        done, failures = 0, dict[Partition, BaseException]()
        while due := await self._due(failures):
            answers = await asyncio.gather(
                *(self._send_all(rows) for rows in due.values()),
                return_exceptions=True,
            )
            sent = sum(len(rows) for rows in due.values())
            for partition, answer in zip(due, answers, strict=True):
                if isinstance(answer, BaseException):
                    failures[partition] = answer
                else:
                    done += answer
            if not failures or sent < BATCH_MAX:
                break
        await self._clean()
        for failure in failures.values():
            raise failure
        return done

    async def _due(self, but: Collection[Partition]) -> dict[Partition, list[Row[Any]]]:
        row = tables.outbox
        query = (
            select(row)
            .where(row.c.sent_at.is_(None), row.c.partition.not_in(but))
            .order_by(row.c.id)
            .limit(BATCH_MAX)
        )
        due: dict[Partition, list[Row[Any]]] = {}
        async with self._database.read() as connection:
            for one in await connection.execute(query):
                due.setdefault(Partition(one.partition), []).append(one)
        return due

    async def _send_all(self, rows: Sequence[Row[Any]]) -> int:
        done = 0
        async with self._few:
            try:
                for row in rows:
                    await self._send(row)
                    done += 1
            finally:
                await self._mark(rows[:done])
        return done

    async def _send(self, row: Row[Any]) -> None:
        try:
            await self._tell(row.kind, row.op, row.payload)
        except Refused as error:
            if error.retryable:
                raise
            log.error("outbox_refused", op=row.op, kind=row.kind, why=str(error))
            await self._give_up(row)
        except ResponseError as error:
            # A fault of ours, or a broken log: nothing was written. It waits to
            # be looked into, with its partition; acts elsewhere go on.
            log.error("outbox_stuck", op=row.op, kind=row.kind, why=str(error))
            raise Unavailable(f"outbox {row.op}: {error}") from error

    async def _tell(self, kind: str, op: str, payload: dict[str, Any]) -> None:
        if kind == "load":
            await self._stock.load(op, _terms(payload["deal"]))
        elif kind == "adjust":
            deal, variant = payload["deal"], payload["variant"]
            await self._stock.adjust(deal, variant, payload["units"], op=op)
        else:
            document = msgspec.json.encode(payload)
            await self._log.record_document(payload["show"], document, op=op)

    async def _mark(self, sent: Sequence[Row[Any]]) -> None:
        row = tables.outbox
        if sent:
            numbers = [one.id for one in sent]
            async with self._database.begin() as connection:
                await connection.execute(
                    update(row)
                    .where(row.c.id.in_(numbers), row.c.sent_at.is_(None))
                    .values(sent_at=self._clock.now())
                )

    async def _give_up(self, refused: Row[Any]) -> None:
        """Mark a refused row, and give back the units that it was to bring."""
        row = tables.outbox
        async with self._database.begin() as connection:
            marked = await connection.execute(
                update(row)
                .where(row.c.id == refused.id, row.c.sent_at.is_(None))
                .values(sent_at=self._clock.now())
            )
            if marked.rowcount == 1 and refused.kind in ("load", "adjust"):
                await _give_back(connection, refused.op, self._clock.now())

    async def _clean(self) -> None:
        """Delete what was sent so long ago that nobody sends it again."""
        row, now = tables.outbox, self._clock.now()
        if now - self._cleaned_at < CLEAN_EVERY_MS:
            return
        async with self._database.begin() as connection:
            await connection.execute(delete(row).where(row.c.sent_at < now - KEPT_MS))
        self._cleaned_at = now


def _terms(payload: dict[str, Any]) -> DealTerms:
    try:
        return msgspec.convert(payload, DealTerms)
    except msgspec.ValidationError as error:
        raise Invalid(str(error)) from None


async def _give_back(connection: AsyncConnection, op: str, now: int) -> None:
    allotment, variant = tables.allotment, tables.variant
    found = await connection.execute(
        select(allotment)
        .where(brought_by(op))
        .where(allotment.c.applied_at.is_(None))
        .order_by(allotment.c.variant)
        .with_for_update()
    )
    for one in found.all():
        # Units that were to leave the deal never left free stock.
        await connection.execute(
            update(variant)
            .where(variant.c.id == one.variant)
            .values(free=variant.c.free + max(0, one.units))
        )
        await connection.execute(
            update(allotment)
            .where(allotment.c.op == one.op)
            .values(units=0, applied_at=now)
        )
