"""
The gate: a partition takes changes only when Redis and the ledger agree.

Every start, restart or failover of a Redis server has a run id of its own, and
no function changes anything before the gate has let that run in. Where Redis has
lost something that SQL knows, or may have, the partition is built anew from SQL.
The clerk alone runs it.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import or_, select

from dealcast.core.errors import Refused, Unavailable
from dealcast.core.ids import PARTITIONS, DealId, Partition, partition_of
from dealcast.store import keys, tables
from dealcast.store.folding import Line
from dealcast.store.ledger import Ledger
from dealcast.store.nodes import PROMOTED
from dealcast.store.posting import Fenced
from dealcast.store.rebuild import Rebuilder
from dealcast.store.redis import Redis
from dealcast.store.sql import Database

FIRST_EPOCH = 1
LOOK_S = 0.25
FULL_S = 2.0  # How long a quiet gate does without looking at every partition.
AT_ONCE_MAX = 16  # Calls in flight.

log = structlog.get_logger()

Stock = dict[DealId, dict[str, Line]]


@dataclass(frozen=True, slots=True)
class Meta:
    """What Redis says of a partition, and of its server now."""

    epoch: int | None
    seq: int
    chain: str
    run: str | None  # The run that is let in,
    was: str | None  # or was the last,
    home: str | None  # and where it answered.
    server: str  # The run that answers now.

    @classmethod
    def read(cls, fields: Mapping[bytes, bytes], server: str) -> "Meta":
        """Read the hash ``meta`` of a partition."""
        text = {name.decode(): value.decode() for name, value in fields.items()}
        return cls(
            epoch=int(text["epoch"]) if "epoch" in text else None,
            seq=int(text.get("seq") or 0),
            chain=text.get("chain", ""),
            run=text.get("run") or None,
            was=text.get("run") or text.get("was") or None,
            home=text.get("home") or None,
            server=server,
        )


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a partition is not let in, and whether building it anew is the cure."""

    why: str
    lost: bool = False


class Gate:
    """Lets changes in, partition by partition; ``closed`` says where and why not."""

    def __init__(
        self, redis: Redis, database: Database, ledger: Ledger, rebuilder: Rebuilder
    ) -> None:
        self._redis = redis
        self._database = database
        self._ledger = ledger
        self._rebuilder = rebuilder
        self._few = asyncio.Semaphore(AT_ONCE_MAX)
        self._said: dict[Partition, str] = {}
        self._runs: dict[str, str] = {}  # Of each server, as they were last asked.
        self._living: frozenset[str] = frozenset()  # Runs, after metas were read.
        # Of all servers when a partition was last open: they were primaries then.
        self._beside: dict[Partition, frozenset[str]] = {}
        self._distrusted: dict[Partition, int] = {}
        self._looked_at = -FULL_S
        self.closed: dict[Partition, str] = {
            Partition(number): "not looked at yet" for number in range(PARTITIONS)
        }

    @property
    def is_open(self) -> bool:
        """Tell whether every partition takes changes."""
        return not self.closed

    def distrust(self, partition: Partition, epoch: int) -> None:
        """
        Build a partition anew, if it is still in ``epoch``.

        Somebody heard what Redis does not know any more: the disk that it calls
        safe has lost it, and its numbers must not be given out twice.
        """
        if epoch == self._ledger.position(partition).epoch:
            self._distrusted[partition] = epoch

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until ``stop`` is set, and say what stays closed."""
        while not stop.is_set():
            try:
                if not await self._quiet():
                    await self._judge()
                    self._looked_at = time.monotonic()
            except Unavailable as error:
                self._close_all(str(error))
            self._say()
            await asyncio.sleep(LOOK_S)

    async def _quiet(self) -> bool:
        """
        Tell whether nothing can have changed since all was open.

        A server that was started anew has another run id: one question to each
        server tells, instead of two about each partition. Slots that moved, and
        keys that were deleted by hand, are seen by the full look that follows.
        """
        before = self._runs
        await self._see_runs()
        fresh = time.monotonic() - self._looked_at < FULL_S
        return (
            fresh
            and self._runs == before
            and self.is_open
            and not self._ledger.closed
            and not self._ledger.forked
            and not self._distrusted
        )

    async def _see_runs(self) -> None:
        self._runs = await self._asked_runs()

    async def _asked_runs(self) -> dict[str, str]:
        try:
            return await self._redis.runs()
        except Unavailable:
            return {}  # Then no server is known to live.

    async def look(self) -> None:
        """
        Let in every partition that agrees with the ledger; build lost ones anew.

        What was built anew is let in by the next look.

        Raises:
            Unavailable: If the database did not answer.
            Fenced: If another clerk has taken over.
        """
        await self._see_runs()
        await self._judge()

    async def _judge(self) -> None:
        everything = [Partition(number) for number in range(PARTITIONS)]
        metas = await self._metas(everything)
        new = [
            partition
            for partition in metas
            if self._ledger.position(partition).epoch == 0
        ]
        if new:
            await self._begin(new)
            metas |= await self._metas(new)
        waiting, runs = {}, frozenset(self._runs.values())
        for partition, meta in metas.items():
            if partition in self._ledger.closed:
                self.closed[partition] = self._ledger.closed[partition]
            elif self._is_in(partition, meta):
                self.closed.pop(partition, None)
                self._beside[partition] = runs
            else:
                waiting[partition] = meta
        if waiting:
            await self._judge_all(waiting)

    def _is_in(self, partition: Partition, meta: Meta) -> bool:
        return (
            meta.run == meta.server
            and meta.epoch == self._ledger.position(partition).epoch
            and partition not in self._ledger.forked
            and not self._is_distrusted(partition)
        )

    def _is_distrusted(self, partition: Partition) -> bool:
        """Tell whether it is; one that was built anew since is not any more."""
        epoch = self._ledger.position(partition).epoch
        if self._distrusted.get(partition, epoch) != epoch:
            del self._distrusted[partition]
        return partition in self._distrusted

    async def _begin(self, partitions: Sequence[Partition]) -> None:
        # Redis first: a row with an epoch says that Redis had the partition.
        begun = await asyncio.gather(*(self._begin_one(one) for one in partitions))
        fresh = [one for one, ok in zip(partitions, begun, strict=True) if ok]
        if fresh:
            await self._ledger.begin(fresh, FIRST_EPOCH)

    async def _begin_one(self, partition: Partition) -> bool:
        names = [keys.meta(partition), keys.facts(partition)]
        async with self._few:
            try:
                answer = await self._call("dc1_begin", names, FIRST_EPOCH)
            except (Unavailable, Refused) as error:
                self.closed[partition] = str(error)
                return False
        return bool(answer[0] == b"ok")

    async def _call(
        self, function: str, names: Sequence[str], *args: str | int
    ) -> list[Any]:
        lease = self._ledger.lease
        answer = await self._redis.call(function, names, [lease, *args])
        if answer[0] == b"fenced":
            raise Fenced(f"a clerk with lease {answer[1].decode()} is at work")
        return answer

    async def _judge_all(self, waiting: Mapping[Partition, Meta]) -> None:
        doubts = {one: self._doubt(one, meta) for one, meta in waiting.items()}
        sure = [one for one, doubt in doubts.items() if doubt is None]
        # Asked once more: who was replaced since the look began is none of them.
        self._living = frozenset((await self._asked_runs()).values())
        stock = await self._stock(sure) if sure else {}
        found = await asyncio.gather(
            *(self._admit(one, waiting[one], stock.get(one, {})) for one in sure)
        )
        doubts |= zip(sure, found, strict=True)
        lost: dict[Partition, int] = {}
        for partition, doubt in doubts.items():
            if doubt is None:
                self.closed.pop(partition, None)
                continue
            self.closed[partition] = doubt.why
            if doubt.lost:
                lost[partition] = waiting[partition].epoch or 0
        if lost:
            self._say()
            self.closed |= dict.fromkeys(lost, "built anew, to be looked at")
            self.closed |= await self._rebuilder.rebuild(lost)

    def _doubt(self, partition: Partition, meta: Meta) -> Doubt | None:
        """Say in one line why Redis and the ledger disagree, if they do."""
        ours = self._ledger.position(partition)
        forked = self._ledger.forked.get(partition)
        if ours.epoch == 0:
            told = f"Redis is at fact {meta.seq}, but the ledger never knew of it"
            return Doubt(told)  # Perhaps it is another shop's.
        if meta.epoch is None:
            return Doubt(f"Redis has lost it; the ledger is at fact {ours.seq}", True)
        if meta.epoch != ours.epoch:
            told = f"Redis is in epoch {meta.epoch}, the ledger in {ours.epoch}"
            return Doubt(told, True)
        if forked is not None:
            return Doubt(forked, True)
        if meta.seq > ours.seq:
            return Doubt(f"Redis is at fact {meta.seq}, the ledger still at {ours.seq}")
        if meta.seq < ours.seq:
            told = f"Redis is back at fact {meta.seq}, the ledger is at {ours.seq}"
            return Doubt(told, True)
        if meta.chain != ours.chain:
            told = f"Redis and the ledger tell different stories up to {ours.seq}"
            return Doubt(told, True)
        if self._is_distrusted(partition):
            return Doubt("Redis has forgotten what viewers have heard", True)
        return None

    async def _admit(
        self, partition: Partition, meta: Meta, stock: Stock
    ) -> Doubt | None:
        async with self._few:
            try:
                home = await self._redis.home_of(partition)
                if not await self._has_all(partition, meta, home):
                    was = meta.home or "one that is not known"
                    return Doubt(f"{home} may lack what {was} has answered", True)
                for deal, lines in stock.items():
                    differs = await self._differs(deal, lines)
                    if differs is not None:
                        return Doubt(differs, True)
                names = [keys.meta(partition)]
                told = (str(meta.epoch), str(meta.seq), meta.chain, home, meta.server)
                answer = await self._call("dc1_admit", names, *told)
            except (Unavailable, Refused) as error:
                return Doubt(str(error))
        return None if answer[0] == b"ok" else Doubt("it moved while it was looked at")

    async def _has_all(self, partition: Partition, meta: Meta, home: str) -> bool:
        """
        Tell whether all that was ever answered is still there.

        Facts that the ledger had not read, and lines of chat, may have gone
        without a trace: with a replica that was promoted before it had them, or
        with a disk that was told of them later than the clients. They must not
        share their numbers with others.
        """
        was = meta.was or ""
        if meta.home is None or meta.server in (was, was.partition(PROMOTED)[0]):
            return True  # Nobody was let in, or this very server.
        promoted = PROMOTED in meta.server
        beside = meta.server in self._beside.get(partition, ())
        if was in self._living and (beside or not promoted):
            return True  # Its slots moved away from a server that lives.
        if promoted or home != meta.home:
            return False
        return await self._redis.keeps_all(partition)

    async def _differs(self, deal: DealId, lines: Mapping[str, Line]) -> str | None:
        fields = await self._redis.hgetall(keys.deal(deal))
        if not fields:
            return f"Redis has lost deal {deal}"
        for variant, ours in lines.items():
            theirs = stock_of(fields, variant)
            if theirs != ours:
                return (
                    f"deal {deal} variant {variant}:"
                    f" Redis counts {theirs}, the ledger {ours}"
                )
        return None

    async def _stock(self, partitions: Sequence[Partition]) -> dict[Partition, Stock]:
        """Read the ledger's lines of deals that Redis has and that still matter."""
        deal, line, outbox = tables.deal, tables.deal_line, tables.outbox
        async with self._database.read() as connection:
            unsent = await connection.scalars(
                select(outbox.c.payload).where(
                    outbox.c.sent_at.is_(None), outbox.c.kind == "load"
                )
            )
            # Loaded or not: nobody knows before the outbox row is marked.
            unsure = {payload["deal"]["deal"] for payload in unsent}
            rows = await connection.execute(
                select(line)
                .join(deal, deal.c.id == line.c.deal)
                .where(or_(deal.c.status != "closed", line.c.held > 0))
            )
        wanted = set(partitions)
        stock: dict[Partition, Stock] = {}
        for row in rows:
            partition = partition_of(row.deal)
            if partition in wanted and row.deal not in unsure:
                lines = stock.setdefault(partition, {}).setdefault(row.deal, {})
                lines[row.variant] = Line(row.allotted, row.free, row.held, row.sold)
        return stock

    async def _metas(self, partitions: Sequence[Partition]) -> dict[Partition, Meta]:
        found = await asyncio.gather(*(self._meta(one) for one in partitions))
        return {
            one: meta
            for one, meta in zip(partitions, found, strict=True)
            if meta is not None
        }

    async def _meta(self, partition: Partition) -> Meta | None:
        async with self._few:
            try:
                fields, server = await self._redis.meta_of(partition)
            except Unavailable as error:
                self.closed[partition] = str(error)
                return None
        return Meta.read(fields, server)

    def _close_all(self, why: str) -> None:
        for number in range(PARTITIONS):
            self.closed.setdefault(Partition(number), why)

    def _say(self) -> None:
        """Log a partition once for each reason that keeps it closed, and its end."""
        for partition in [*self._said]:
            if partition not in self.closed:
                del self._said[partition]
                log.info("partition_open", partition=partition)
        for partition, why in self.closed.items():
            if self._said.get(partition) != why:
                self._said[partition] = why
                log.warning("partition_waits", partition=partition, why=why)


def stock_of(fields: Mapping[bytes, bytes], variant: str) -> Line | None:
    """Read the line of ``variant`` from a deal's hash in Redis, if it is there."""
    counts = [fields.get(f"{name}:{variant}".encode()) for name in "afhs"]
    if None in counts:
        return None
    return Line(*(int(count) for count in counts if count is not None))
