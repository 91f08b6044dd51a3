"""
The recount of Redis: its stock, holds and buyers against the facts in SQL.

It may run beside a busy shop. A partition is read between two looks at its
number; if facts came in meanwhile it is read again, and then compared with the
fold of the facts up to that very number.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from msgspec import ValidationError
from sqlalchemy import select

from dealcast.core.ids import DealId, HoldId
from dealcast.store import keys, tables
from dealcast.store.facts import Facts
from dealcast.store.folding import Hold
from dealcast.store.gate import Meta, stock_of
from dealcast.store.recount import (
    NOTHING,
    Difference,
    Recount,
    line_name,
    unequal,
)
from dealcast.store.redis import Redis
from dealcast.store.sql import Database
from dealcast.store.stock import HoldRow

PAUSE_S = 0.05
AT_ONCE_MAX = 16  # Deals that are read at a time.
OVER = ("released", "expired")  # Redis may have forgotten such holds.

Hash = dict[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Seen:
    """A deal as it stands in Redis."""

    terms: Hash
    holds: Hash
    buyers: Hash

    @property
    def any(self) -> bool:
        """Tell whether there is anything of it."""
        return bool(self.terms or self.holds or self.buyers)


async def compare(
    redis: Redis,
    database: Database,
    counted: Recount,
    *,
    wait_s: float,
    stopped: bool = False,
) -> list[Difference]:
    """
    Compare a partition in Redis with the facts that SQL has of it.

    The ledger may take up to ``wait_s`` to write down what Redis tells. If it
    is ``stopped``, what it has yet to write down is read from Redis instead.

    Raises:
        Unavailable: If Redis or the database did not answer.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    if stopped and (broken := await _fold_rest(redis, counted)):
        return [broken]
    while True:
        deals = sorted(counted.books.deals)
        meta = await _meta(redis, counted)
        seen = await _deals(redis, deals)
        still = await _meta(redis, counted) == meta
        await _fold(database, counted, meta.seq)
        same = await _epoch(database, counted) == counted.epoch == meta.epoch
        while still and counted.position.seq < meta.seq and loop.time() < until:
            await asyncio.sleep(PAUSE_S)
            await _fold(database, counted, meta.seq)
        if counted.broken:
            return []  # Which the recount of SQL has told.
        late = loop.time() >= until
        if still and counted.position.seq >= meta.seq and (same or late):
            if sorted(counted.books.deals) == deals:
                return list(_differences(counted, meta, seen))
        elif late:
            return [_moving(counted, meta, still)]
        if not same:
            await asyncio.sleep(PAUSE_S)  # It is being built anew.


async def _meta(redis: Redis, counted: Recount) -> Meta:
    fields = await redis.hgetall(keys.meta(counted.partition))
    return Meta.read(fields, server="")


async def _deals(redis: Redis, deals: Sequence[DealId]) -> dict[DealId, Seen]:
    few = asyncio.Semaphore(AT_ONCE_MAX)

    async def read(deal: DealId) -> Seen:
        async with few:
            return Seen(
                terms=await redis.hgetall(keys.deal(deal)),
                holds=await redis.hgetall(keys.holds(deal)),
                buyers=await redis.hgetall(keys.buyers(deal)),
            )

    found = await asyncio.gather(*map(read, deals))
    return dict(zip(deals, found, strict=True))


async def _epoch(database: Database, counted: Recount) -> int:
    """Read the epoch anew; return what it was when the facts were counted."""
    row = tables.partition
    before = counted.epoch
    async with database.read() as connection:
        query = select(row.c.epoch).where(row.c.id == counted.partition)
        counted.epoch = int(await connection.scalar(query) or 0)
    return before


async def _fold(database: Database, counted: Recount, seq: int) -> None:
    if counted.position.seq < seq:
        async with database.read() as connection:
            await counted.read(connection, until=seq)


async def _fold_rest(redis: Redis, counted: Recount) -> Difference | None:
    facts = Facts(redis)
    while rest := await facts.read(counted.partition, counted.position.seq):
        for fact in rest:
            broken = counted.fold(fact)
            if broken is not None:
                return broken
    return None


def _moving(counted: Recount, meta: Meta, still: bool) -> Difference:
    if still:
        return Difference("ledger.seq", counted.where, meta.seq, counted.position.seq)
    return Difference("redis.seq", counted.where, "one that stands still", meta.seq)


def _differences(
    counted: Recount, meta: Meta, seen: Mapping[DealId, Seen]
) -> Iterator[Difference]:
    position, where = counted.position, counted.where
    if meta.seq != position.seq:
        yield Difference("redis.seq", where, position.seq, meta.seq)
        return  # Redis has lost facts: nothing else can be equal.
    if meta.chain != position.chain:
        yield Difference("redis.chain", where, position.chain, meta.chain)
    if meta.epoch != counted.epoch:
        yield Difference("redis.epoch", where, counted.epoch, str(meta.epoch))
    claims: dict[DealId, dict[HoldId, Hold]] = {}
    for name, hold in counted.books.holds.items():
        claims.setdefault(hold.deal, {})[name] = hold
    forgotten = {
        deal for deal, found in seen.items() if not found.any and _over(counted, deal)
    }
    for key, line in counted.books.lines.items():
        if key[0] in forgotten:
            continue
        theirs = stock_of(seen[key[0]].terms, key[1]) or NOTHING
        yield from unequal("redis", line_name(key), line, theirs)
    for deal, found in seen.items():
        if deal in forgotten:
            continue
        status = found.terms.get(b"status", b"none").decode()
        expected = counted.books.deals[deal].status
        if status != expected:
            yield Difference("redis.status", f"deal {deal}", expected, status)
        yield from _unequal_holds(claims.get(deal, {}), found.holds)
        yield from _unequal_buyers(deal, claims.get(deal, {}), found.buyers)


def _over(counted: Recount, deal: DealId) -> bool:
    """Tell whether Redis may have forgotten a deal: it is closed, nothing is held."""
    held = (line.held for key, line in counted.books.lines.items() if key[0] == deal)
    return counted.books.deals[deal].status == "closed" and not any(held)


def _unequal_holds(claims: Mapping[HoldId, Hold], found: Hash) -> Iterator[Difference]:
    missing = dict(claims)
    for name, packed in found.items():
        where = f"hold {name.decode()}"
        hold = missing.pop(HoldId(name.decode()), None)
        try:
            row = HoldRow.read(HoldId(name.decode()), packed)
        except (ValueError, ValidationError):
            yield Difference("redis.hold", where, "a hold", packed.decode())
            continue
        if hold is None:
            yield Difference("redis.hold", where, "none", row.state)
            continue
        for field in ("state", "quantity", "buyer", "variant"):
            expected, told = getattr(hold, field), getattr(row, field)
            if expected != told:
                yield Difference(f"redis.hold.{field}", where, expected, told)
    for lost, hold in missing.items():
        if hold.state not in OVER:
            yield Difference("redis.hold", f"hold {lost}", hold.state, "none")


def _unequal_buyers(
    deal: DealId, claims: Mapping[HoldId, Hold], found: Hash
) -> Iterator[Difference]:
    units: dict[str, int] = {}
    for hold in claims.values():
        if hold.state not in OVER:
            units[hold.buyer] = units.get(hold.buyer, 0) + hold.quantity
    told = {name.decode(): int(value) for name, value in found.items()}
    for buyer in sorted(units.keys() | told.keys()):
        expected, count = units.get(buyer, 0), told.get(buyer, 0)
        if expected != count:
            where = f"buyer {buyer} in deal {deal}"
            yield Difference("redis.buyer", where, expected, count)
