"""Deals and holds as Redis has them, written anew from the books."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Row, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.events import DealView
from dealcast.core.ids import DealId
from dealcast.shop.deals import rows
from dealcast.shop.holds.rules import fingerprint
from dealcast.store import keys, tables
from dealcast.store.draft import Draft, within

KEPT_MS = 7 * 24 * 3600 * 1000  # How long a deal stays that is over (the prelude's).
SHOWN_MS = 600_000  # How long a closed deal is shown to those who join.
DEALS_AT_ONCE = 200
ROWS_AT_ONCE = 2_000
OVER = ("released", "expired")  # Such holds hold nothing.

Lines = Sequence[Row[Any]]


async def deals(connection: AsyncConnection, draft: Draft) -> None:
    """Write every deal that was loaded, but those that were over for a week."""
    deal, line, brought = tables.deal, tables.deal_line, tables.allotment
    loaded = exists().where(brought.c.deal == deal.c.id, brought.c.applied_at > 0)
    held = exists().where(line.c.deal == deal.c.id, line.c.held > 0)
    found = await connection.scalars(
        select(deal.c.id)
        .where(within(deal.c.id, draft.partition), loaded)
        .where(
            or_(
                deal.c.status != "closed",
                deal.c.closed_at > draft.now - KEPT_MS,
                held,
            )
        )
        .order_by(deal.c.id)
    )
    names = [DealId(name) for name in found]
    for start in range(0, len(names), DEALS_AT_ONCE):
        part = names[start : start + DEALS_AT_ONCE]
        held_until = await _holds(connection, draft, part)
        for view, lines, closed_at in await rows.whole(connection, part):
            _deal(draft, view, lines, closed_at, held_until.get(view.id))


def _deal(
    draft: Draft,
    view: DealView,
    lines: Lines,
    closed_at: int | None,
    held_until: int | None,
) -> None:
    fields: dict[str, str] = {
        "show": view.show,
        "status": view.status,
        "reason": view.reason or "",
        "per_buyer_max": str(view.per_buyer_max),
        "hold_ms": str(view.hold_s * 1000),
        "opens_at": str(view.opens_at or ""),
        "closes_at": str(view.closes_at or ""),
        "view": msgspec.json.encode(view).decode(),
        "variants": " ".join(line.variant for line in lines),
        "changed_at": str(closed_at or draft.now),
    }
    for line in lines:
        counts = (line.allotted, line.free, line.held, line.sold)
        fields |= {
            f"{name}:{line.variant}": str(count)
            for name, count in zip("afhs", counts, strict=True)
        }
    draft.hash(keys.deal(view.id), fields)
    if closed_at is None or closed_at > draft.now - SHOWN_MS:
        _shown(draft, view, lines)
    due = _due(view, held_until)
    if due is not None:
        draft.scores(keys.due(draft.partition), {view.id: due})
    if closed_at is not None and not any(line.held for line in lines):
        for key in keys.deal_keys(view.id):
            draft.until(key, closed_at + KEPT_MS)


def _shown(draft: Draft, view: DealView, lines: Lines) -> None:
    """Let those who join see the deal."""
    stock = {line.variant: [line.free, line.held, line.sold] for line in lines}
    status = {"status": view.status, "reason": view.reason}
    draft.state(
        view.show,
        {
            f"deal:{view.id}": msgspec.json.encode(view).decode(),
            f"status:{view.id}": msgspec.json.encode(status).decode(),
            f"stock:{view.id}": msgspec.json.encode(stock).decode(),
        },
    )


def _due(view: DealView, held_until: int | None) -> int | None:
    """Return when the clerk has to look at the deal next, as Redis reckons it."""
    instants = [held_until]
    if view.status == "planned":
        instants.append(view.opens_at)
    if view.status != "closed":
        instants.append(view.closes_at)
    return min((at for at in instants if at is not None), default=None)


async def _holds(
    connection: AsyncConnection, draft: Draft, deals: Sequence[DealId]
) -> dict[DealId, int]:
    """Write all holds of some deals; return when the first of each expires."""
    table = tables.hold
    query = select(table).where(table.c.deal.in_(deals)).order_by(table.c.deal)
    found = await connection.stream(query.execution_options(yield_per=ROWS_AT_ONCE))
    of_deal = dict[str, _Holds]()
    mark = cache(fingerprint)
    async for page in found.partitions():
        for row in page:
            holds = of_deal.setdefault(row.deal, _Holds())
            holds.packed[row.id] = "|".join(
                (
                    row.state, row.buyer, row.variant, str(row.quantity),
                    str(row.expires_at), mark(row.variant, row.quantity),
                    row.payment or "",
                )
            )  # fmt: skip
            if row.state not in OVER:
                holds.buyers[row.buyer] += row.quantity
            if row.state == "held":
                holds.deadlines[row.id] = row.expires_at
    for name, holds in of_deal.items():
        deal = DealId(name)
        draft.hash(keys.holds(deal), holds.packed)
        draft.hash(keys.buyers(deal), holds.buyers)
        draft.scores(keys.deadlines(deal), holds.deadlines)
    return {
        DealId(name): min(holds.deadlines.values())
        for name, holds in of_deal.items()
        if holds.deadlines
    }


@dataclass
class _Holds:
    """The holds of one deal: their texts, the units of buyers, the deadlines."""

    packed: dict[str, str] = field(default_factory=dict)
    buyers: Counter[str] = field(default_factory=Counter)
    deadlines: dict[str, int] = field(default_factory=dict)
