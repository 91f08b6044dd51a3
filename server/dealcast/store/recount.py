"""
The recount of what facts say: their chain, and all that was folded from them.

Nothing here trusts a number that it checks: stock is counted anew from the
facts, and once more from the rows of the holds.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.ids import DealId, Partition
from dealcast.store import tables
from dealcast.store.facts import FactEntry, link
from dealcast.store.folding import Books, Broken, Hold, Line, LineKey
from dealcast.store.posting import Position

PAGE = 1_000  # Facts that are read at a time.
NUMBERS = ("allotted", "free", "held", "sold")
NOTHING = Line(0, 0)


@dataclass(frozen=True, slots=True)
class Difference:
    """A number that is not what a recount says it must be."""

    what: str  # The number, such as "deal_line.sold".
    where: str  # Whose: "deal d07_... variant red".
    recounted: int | str
    found: int | str

    def __str__(self) -> str:
        return (
            f"{self.what} of {self.where} is {self.found}, recounted: {self.recounted}"
        )


class Recount:
    """The facts of one partition, folded from the first one on."""

    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self.books = Books()
        self.position = Position(0, 0, "")
        self.epoch = 0  # As SQL has it: it goes up without a fact, too.
        self.broken = False  # What follows a broken fact means nothing.

    @property
    def where(self) -> str:
        """The partition, as people read it."""
        return f"partition {self.partition:02d}"

    async def read(
        self, connection: AsyncConnection, until: int | None = None
    ) -> list[Difference]:
        """Fold the facts that SQL has, up to number ``until`` if one is given."""
        row = tables.fact
        while not self.broken:
            page = select(row).where(
                row.c.partition == self.partition, row.c.seq > self.position.seq
            )
            if until is not None:
                page = page.where(row.c.seq <= until)
            facts = await connection.execute(page.order_by(row.c.seq).limit(PAGE))
            found = facts.all()
            for one in found:
                difference = self.fold(_fact(one))
                if difference is not None:
                    self.broken = True
                    return [difference]
            if len(found) < PAGE:
                break
        return []

    def fold(self, fact: FactEntry) -> Difference | None:
        """Fold one more fact, if it follows; else say which number is wrong."""
        where = f"{self.where} fact {fact.seq}"
        expected = self.position.seq + 1
        if fact.seq != expected:
            return Difference("fact.seq", where, expected, fact.seq)
        if fact.epoch < self.position.epoch:
            return Difference("fact.epoch", where, self.position.epoch, fact.epoch)
        chain = link(self.position.chain, fact)
        if fact.chain != chain:
            return Difference("fact.chain", where, chain, fact.chain)
        try:
            self.books.fold(fact.kind, fact.at, fact.body)
        except Broken as error:
            return Difference("fact.body", where, str(error), fact.kind)
        except ValueError as error:
            return Difference("fact.body", where, f"unreadable: {error}", fact.kind)
        self.position = Position(fact.epoch, fact.seq, fact.chain)
        return None


def _fact(row: Row[Any]) -> FactEntry:
    return FactEntry(
        seq=row.seq,
        epoch=row.epoch,
        kind=row.kind,
        at=row.at,
        chain=row.chain,
        packed=row.body,
    )


async def recount(
    connection: AsyncConnection, partition: Partition
) -> tuple[Recount, list[Difference]]:
    """Recount one partition in SQL; the fold serves other comparisons too."""
    counted = Recount(partition)
    differences = await counted.read(connection)
    row = tables.partition
    stored = (
        await connection.execute(select(row).where(row.c.id == partition))
    ).one_or_none()
    if stored is None:
        return counted, [Difference("partition", counted.where, "a row", "none")]
    if counted.broken:
        return counted, differences
    if stored.seq != counted.position.seq:
        differences.append(
            Difference("partition.seq", counted.where, counted.position.seq, stored.seq)
        )
    counted.epoch = stored.epoch
    if stored.epoch < counted.position.epoch:
        epoch = counted.position.epoch
        differences.append(
            Difference("partition.epoch", counted.where, epoch, stored.epoch)
        )
    if stored.chain != counted.position.chain:
        differences.append(
            Difference(
                "partition.chain", counted.where, counted.position.chain, stored.chain
            )
        )
    if counted.books.lines or await _has_deals(connection, partition):
        differences += await _compare_deals(connection, counted)
        differences += await _compare_holds(connection, counted)
    return counted, differences


async def _has_deals(connection: AsyncConnection, partition: Partition) -> bool:
    found = await connection.execute(_deals(partition).limit(1))
    return found.first() is not None


async def _compare_deals(
    connection: AsyncConnection, counted: Recount
) -> list[Difference]:
    deal, line = tables.deal, tables.deal_line
    books, differences = counted.books, []
    stored = await connection.execute(
        select(deal.c.id, deal.c.status).where(deal.c.id.in_(_deals(counted.partition)))
    )
    # A deal that no fact has told of yet is still on its way to Redis.
    differences = [
        Difference(
            "deal.status", f"deal {row.id}", books.deals[row.id].status, row.status
        )
        for row in stored
        if row.id in books.deals and books.deals[row.id].status != row.status
    ]
    rows = await connection.execute(
        select(line).where(line.c.deal.in_(_deals(counted.partition)))
    )
    lines: dict[LineKey, Line] = {
        (row.deal, row.variant): Line(row.allotted, row.free, row.held, row.sold)
        for row in rows
    }
    for key in sorted(lines.keys() | books.lines.keys()):
        differences += unequal(
            "deal_line",
            line_name(key),
            books.lines.get(key, NOTHING),
            lines.get(key, NOTHING),
        )
    differences += await _compare_sums(connection, counted.partition, lines)
    return differences


async def _compare_sums(
    connection: AsyncConnection, partition: Partition, lines: Mapping[LineKey, Line]
) -> list[Difference]:
    """Compare stock with the holds themselves, row by row."""
    hold = tables.hold
    rows = await connection.execute(
        select(
            hold.c.deal,
            hold.c.variant,
            hold.c.state,
            func.sum(hold.c.quantity).label("units"),
        )
        .where(hold.c.deal.in_(_deals(partition)))
        .group_by(hold.c.deal, hold.c.variant, hold.c.state)
    )
    sums: dict[LineKey, dict[str, int]] = {}
    for row in rows:
        sums.setdefault((row.deal, row.variant), {})[row.state] = int(row.units)
    differences = []
    for key in sorted(lines.keys() | sums.keys()):
        units, line = sums.get(key, {}), lines.get(key, NOTHING)
        held = units.get("held", 0) + units.get("paying", 0)
        sold = units.get("confirmed", 0)
        if held != line.held:
            differences.append(
                Difference(
                    "deal_line.held", f"{line_name(key)}, by holds", held, line.held
                )
            )
        if sold != line.sold:
            differences.append(
                Difference(
                    "deal_line.sold", f"{line_name(key)}, by holds", sold, line.sold
                )
            )
    return differences


async def _compare_holds(
    connection: AsyncConnection, counted: Recount
) -> list[Difference]:
    row = tables.hold
    differences: list[Difference] = []
    missing = dict(counted.books.holds)
    stored = await connection.execute(
        select(row).where(row.c.deal.in_(_deals(counted.partition)))
    )
    for one in stored:
        hold = missing.pop(one.id, None)
        if hold is None:
            differences.append(Difference("hold", one.id, "none", one.state))
        else:
            differences += _unequal_hold(hold, one)
    differences += [
        Difference("hold", name, hold.state, "none") for name, hold in missing.items()
    ]
    return differences


def _unequal_hold(hold: Hold, row: Row[Any]) -> Iterator[Difference]:
    for name in ("state", "quantity", "buyer", "variant", "payment"):
        expected, found = getattr(hold, name), getattr(row, name)
        if expected != found:
            where = f"hold {row.id}"
            yield Difference(f"hold.{name}", where, str(expected), str(found))


def unequal(
    what: str, where: str, recounted: Line, found: Line
) -> Iterator[Difference]:
    """Yield each number in which two counts of one line differ."""
    for name in NUMBERS:
        expected, stored = getattr(recounted, name), getattr(found, name)
        if expected != stored:
            yield Difference(f"{what}.{name}", where, expected, stored)


def line_name(key: LineKey) -> str:
    """Name a line of a deal, as people read it."""
    deal, variant = key
    return f"deal {deal} variant {variant}"


def _deals(partition: Partition) -> Select[tuple[DealId]]:
    deal = tables.deal
    return select(deal.c.id).where(
        deal.c.id.startswith(f"d{partition:02d}_", autoescape=True)
    )
