"""What tests of the stock say again and again."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

from dealcast.core.ids import (
    DealId,
    HoldId,
    Partition,
    PaymentId,
    PersonId,
    ShowId,
    VariantId,
    hold_id,
    partition_of,
)
from dealcast.store import keys
from dealcast.store.facts import FactEntry, Facts
from dealcast.store.log import Log
from dealcast.store.redis import Redis
from dealcast.store.stock import DealTerms, HoldAnswer, HoldItem, HoldRow, Stock

SHOW = ShowId("s07_0000000000")
DEAL = DealId("d07_00000000aa")
OTHER = DealId("d07_00000000bb")
PART = Partition(7)
RED, BLUE = VariantId("red"), VariantId("blue")
PAYMENT = PaymentId("p07_0000000001")
HOUR_MS = 3_600_000


async def open_gate(redis: Redis, partition: Partition) -> None:
    """Begin a partition and let in the run that its server has now."""
    run = await redis.run_of(partition)
    fields: dict[str, str | int | bytes] = {"epoch": 1, "seq": 0, "run": run}
    await redis.hset(keys.meta(partition), fields)


def now_ms() -> int:
    """Return the present; tests and servers share one machine's clock."""
    return time.time_ns() // 1_000_000


def buyer(number: int) -> PersonId:
    """Name a buyer."""
    return PersonId(f"u_{number:016d}")


def terms(
    deal: DealId = DEAL,
    lines: dict[VariantId, int] | None = None,
    *,
    show: ShowId = SHOW,
    status: Any = "open",
    per_buyer_max: int = 2,
    hold_ms: int = HOUR_MS,
    opens_at: int | None = None,
    closes_at: int | None = None,
) -> DealTerms:
    """Make a deal with ten red units, unless told otherwise."""
    return DealTerms(
        deal=deal,
        show=show,
        status=status,
        per_buyer_max=per_buyer_max,
        hold_ms=hold_ms,
        opens_at=opens_at,
        closes_at=closes_at,
        view=f'{{"id":"{deal}","reason":"年貨 \\"節\\""}}',
        lines=list((lines or {RED: 10}).items()),
    )


def item(
    who: PersonId,
    key: str = "k",
    *,
    deal: DealId = DEAL,
    variant: VariantId = RED,
    quantity: int = 1,
    fingerprint: str = "f",
) -> HoldItem:
    """Make one buy."""
    return HoldItem(
        hold=hold_id(deal, who, key),
        buyer=who,
        variant=variant,
        quantity=quantity,
        fingerprint=fingerprint,
    )


async def held(stock: Stock, *items: HoldItem, deal: DealId = DEAL) -> list[HoldId]:
    """Hold what must be granted; return the holds."""
    answers = await stock.hold(deal, items)
    assert [answer.code for answer in answers] == ["ok"] * len(items)
    return [one.hold for one in items]


def codes(answers: list[HoldAnswer]) -> list[str]:
    """Return the codes of answers."""
    return [answer.code for answer in answers]


async def make_overdue(redis: Redis, hold: HoldId, deal: DealId = DEAL) -> None:
    """Move a hold's deadline into the past, as if its time had gone by."""
    key = keys.deadlines(deal)
    await redis.command(key, "ZADD", key, "XX", now_ms() - HOUR_MS, hold)


async def state_of(stock: Stock, hold: HoldId) -> str:
    """Return the state of a hold that there is."""
    row = await stock.get(hold)
    assert row is not None
    return row.state


async def units(redis: Redis, deal: DealId = DEAL) -> dict[str, tuple[int, ...]]:
    """Return allotted, free, held, sold of each line of a deal."""
    fields = await redis.hgetall(keys.deal(deal))
    return {
        variant: tuple(int(fields[f"{p}:{variant}".encode()]) for p in "afhs")
        for variant in fields[b"variants"].decode().split()
    }


async def changes(redis: Redis, show: ShowId = SHOW) -> list[str]:
    """Return what the show's log says of deals, in order."""
    entries = await Log(redis).read(show, "log", 0, 1000)
    return [
        msgspec.json.decode(entry.data)["change"]
        for entry in entries
        if entry.event == "deal"
    ]


@dataclass
class Folded:
    """A fold of facts, as the ledger makes one: an account of its own."""

    lines: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    holds: dict[str, tuple[str, str, str, int]] = field(default_factory=dict)
    returned: Counter[tuple[str, str]] = field(default_factory=Counter)

    def move(self, deal: str, variant: str, **by: int) -> None:
        """Add to allotted, free, held and sold of a line."""
        line = self.lines.setdefault((deal, variant), [0, 0, 0, 0])
        for name, count in by.items():
            line["afhs".index(name[0])] += count

    def apply(self, kind: str, body: dict[str, Any]) -> None:
        """Fold one fact."""
        getattr(self, f"_{kind}")(body)

    def _load(self, body: dict[str, Any]) -> None:
        for variant, count in body["variants"].items():
            self.move(body["deal"], variant, allotted=count, free=count)

    def _adjust(self, body: dict[str, Any]) -> None:
        count = body["units"]
        self.move(body["deal"], body["variant"], allotted=count, free=count)

    def _status(self, body: dict[str, Any]) -> None:
        for variant, count in (body.get("returned") or {}).items():
            self._return(body["deal"], variant, count)

    def _return(self, deal: str, variant: str, count: int) -> None:
        self.move(deal, variant, allotted=-count, free=-count)
        self.returned[deal, variant] += count

    def _hold(self, body: dict[str, Any]) -> None:
        for hold, who, variant, count, _expires_at in body["holds"]:
            assert hold not in self.holds
            self.holds[hold] = ("held", who, variant, count)
            self.move(body["deal"], variant, free=-count, held=count)

    def _pay(self, body: dict[str, Any]) -> None:
        for hold in body["holds"]:
            state, who, variant, count = self.holds[hold]
            assert state == "held"
            self.holds[hold] = ("paying", who, variant, count)

    def _confirm(self, body: dict[str, Any]) -> None:
        for hold, deal, who, variant, count, late in body["holds"]:
            source = "free" if late else "held"
            self.move(deal, variant, **{source: -count}, sold=count)
            self.holds[hold] = ("confirmed", who, variant, count)

    def _give_back(self, body: dict[str, Any], state: str) -> None:
        for hold, deal, variant, count in body["holds"]:
            before, who, _, _ = self.holds[hold]
            assert before in ("held", "paying", "confirmed")
            self.holds[hold] = (state, who, variant, count)
            source = "sold" if before == "confirmed" else "held"
            self.move(deal, variant, **{source: -count}, free=count)
        for deal, lines in (body.get("returned") or {}).items():
            for variant, count in lines.items():
                self._return(deal, variant, count)

    def _release(self, body: dict[str, Any]) -> None:
        self._give_back(body, "released")

    def _expire(self, body: dict[str, Any]) -> None:
        self._give_back(body, "expired")


async def fold(redis: Redis, partition: Partition = PART) -> Folded:
    """
    Fold all facts of a partition, checking them as the ledger does.

    Numbers have no gap, the chain holds, and after each fact the stock is what
    the fact says it is, nothing below zero.
    """
    books, seq, chain = Folded(), 0, ""
    facts: list[FactEntry] = await Facts(redis).read(partition, 0, 100_000)
    for fact in facts:
        assert fact.follows(seq, chain), f"fact {fact.seq} does not follow {seq}"
        seq, chain = fact.seq, fact.chain
        books.apply(fact.kind, fact.body)
        for deal, lines in fact.after.items():
            for variant, counts in lines.items():
                assert tuple(books.lines[deal, variant]) == counts, fact
        for allotted, free, in_hold, sold in books.lines.values():
            assert allotted == free + in_hold + sold
            assert min(free, in_hold, sold) >= 0
    meta = await redis.hgetall(keys.meta(partition))
    assert (int(meta[b"seq"]), meta[b"chain"].decode()) == (seq, chain)
    return books


async def check_books(
    redis: Redis, *deals: DealId, show: ShowId = SHOW
) -> dict[str, dict[str, tuple[int, ...]]]:
    """Check that keys, state and facts of ``deals`` tell the same; return units."""
    books = await fold(redis, partition_of(show))
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    state = await redis.hgetall(keys.state(show))
    for deal in deals:
        found[deal] = lines = await units(redis, deal)
        folded = {v: tuple(n) for (d, v), n in books.lines.items() if d == deal}
        assert lines == folded
        shown = msgspec.json.decode(state[f"stock:{deal}".encode()])
        assert shown == {variant: list(line[1:]) for variant, line in lines.items()}
        await check_holds(redis, deal, books)
    await check_numbers(redis, show)
    return found


async def check_holds(redis: Redis, deal: DealId, books: Folded) -> None:
    """Check holds, buyers and deadlines of a deal against its facts."""
    packed = await redis.hgetall(keys.holds(deal))
    rows = [HoldRow.read(HoldId(k.decode()), v) for k, v in packed.items()]
    for row in rows:
        told = (row.state, row.buyer, row.variant, row.quantity)
        assert books.holds[row.hold] == told
    have: Counter[bytes] = Counter()
    for row in rows:
        if row.state in ("held", "paying", "confirmed"):
            have[row.buyer.encode()] += row.quantity
    counted = await redis.hgetall(keys.buyers(deal))
    assert {who: int(count) for who, count in counted.items()} == dict(have)
    key = keys.deadlines(deal)
    timed = await redis.command(key, "ZRANGE", key, 0, -1)
    assert set(timed) == {row.hold.encode() for row in rows if row.state == "held"}


async def check_numbers(redis: Redis, show: ShowId = SHOW) -> None:
    """Check that every log of a show counts 1, 2, 3 without a gap."""
    log = Log(redis)
    for kind in ("log", "own", "staff"):
        entries = await log.read(show, kind, 0, 100_000)
        assert [entry.n for entry in entries] == list(range(1, len(entries) + 1))
        assert await log.last(show, kind) == len(entries)
