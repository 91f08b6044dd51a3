"""
Posting: a batch of one partition's facts goes into the tables, all or none.

The partition's row is locked first and moves in the same transaction, so that
a second ledger, or the same facts read again, cannot count anything twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.errors import WrongState
from dealcast.core.ids import Partition, PaymentId
from dealcast.core.states import PAYMENT, advance
from dealcast.store import rows, tables
from dealcast.store.facts import FactEntry, link
from dealcast.store.folding import Body, Broken, Touched
from dealcast.store.rows import Rows


class Fenced(Exception):
    """Another clerk has taken over the ledger."""


class Break(Exception):
    """
    The facts do not go on from the ledger; ``good`` of them still did.

    ``forked`` says how: Redis tells another story than SQL has, which a rebuild
    cures; or else the next fact itself cannot be true.
    """

    def __init__(self, good: int, why: str, *, forked: bool = False) -> None:
        super().__init__(why)
        self.good = good
        self.why = why
        self.forked = forked


@dataclass(frozen=True, slots=True)
class Position:
    """How far the ledger has followed a partition."""

    epoch: int
    seq: int
    chain: str


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of a batch."""

    position: Position
    facts: int
    payments: list[PaymentId]


async def post(
    connection: AsyncConnection,
    partition: Partition,
    lease: int,
    facts: Sequence[FactEntry],
) -> Posted:
    """
    Write ``facts`` into the tables, skipping what they know already.

    Facts of an epoch that is over are skipped too: the partition was built anew
    without them.

    Raises:
        Fenced: If the partition's lease is higher than ``lease``.
        Break: If a fact does not follow from the ones before it.
    """
    position = await lock(connection, partition, lease)
    known = [f for f in facts if f.seq <= position.seq or f.epoch < position.epoch]
    news = facts[len(known) :]
    if not news:
        return Posted(position, 0, [])
    named = Touched()
    decoded = []
    for index, fact in enumerate(news):
        position = _next(position, fact, len(known) + index)
        body = fact.body
        named.add(fact.kind, body)
        decoded.append(body)
    loaded = await rows.load(connection, named)
    for index, (fact, body) in enumerate(zip(news, decoded, strict=True)):
        try:
            _fold(loaded, fact, body)
        except Broken as broken:
            why = f"fact {fact.seq}: {broken}"
            raise Break(len(known) + index, why) from None
    await rows.add_facts(connection, partition, news)
    await rows.write(connection, loaded)
    await _move(connection, partition, position)
    told = [*loaded.books.confirmed, *loaded.too_late]
    payments = [confirmed.payment for confirmed in told]
    return Posted(position, len(news), payments)


async def lock(
    connection: AsyncConnection, partition: Partition, lease: int
) -> Position:
    """
    Lock the partition's row until the transaction ends; return how far it is.

    Raises:
        Fenced: If the partition's lease is not ``lease``.
    """
    row = tables.partition
    found = await connection.execute(
        select(row.c.epoch, row.c.seq, row.c.chain, row.c.lease)
        .where(row.c.id == partition)
        .with_for_update()
    )
    epoch, seq, chain, held = found.one()
    if held != lease:
        raise Fenced(f"the ledger's lease is {held}, this one's was {lease}")
    return Position(epoch, seq, chain)


def _next(position: Position, fact: FactEntry, good: int) -> Position:
    if fact.epoch != position.epoch:
        epochs = f"epoch {fact.epoch}, the ledger's is {position.epoch}"
        raise Break(good, f"fact {fact.seq} is of {epochs}", forked=True)
    if fact.seq != position.seq + 1:
        missing = f"facts {position.seq + 1} to {fact.seq - 1} are missing in Redis"
        raise Break(good, missing, forked=True)
    if fact.chain != link(position.chain, fact):
        raise Break(good, f"fact {fact.seq} does not continue the chain", forked=True)
    return Position(fact.epoch, fact.seq, fact.chain)


def _fold(loaded: Rows, fact: FactEntry, body: Body) -> None:
    if fact.kind == "load" and body.get("deal") not in loaded.shows:
        raise Broken(f"deal {body.get('deal')} is not in SQL")
    loaded.books.fold(fact.kind, fact.at, body)
    if fact.kind != "confirm":
        return
    confirmed = loaded.books.confirmed[-1]
    payment = loaded.payments.get(confirmed.payment)
    if payment is None:
        raise Broken(f"payment {confirmed.payment} is not in SQL")
    lines = loaded.payment_lines.get(confirmed.payment, [])
    if {line.hold for line in lines} != set(confirmed.holds):
        raise Broken(f"payment {confirmed.payment} is for other holds")
    try:
        if advance(PAYMENT, payment.state, "confirm") != "confirmed":
            # Its money has gone back: it sold what the payment driver now frees.
            loaded.too_late.append(loaded.books.confirmed.pop())
            return
    except WrongState as error:
        raise Broken(f"payment {confirmed.payment}: {error.detail}") from None
    again = sum(one.payment == confirmed.payment for one in loaded.books.confirmed)
    if again > 1:
        raise Broken(f"payment {confirmed.payment} was confirmed before")


async def _move(
    connection: AsyncConnection, partition: Partition, position: Position
) -> None:
    row = tables.partition
    await connection.execute(
        update(row)
        .where(row.c.id == partition)
        .values(epoch=position.epoch, seq=position.seq, chain=position.chain)
    )
