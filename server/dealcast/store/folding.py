"""
Folding facts into the books: pure, so that the ledger and a recount agree.

The ledger loads the rows that a batch touches, folds, and writes them back; a
recount folds all facts from nothing and compares.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dealcast.core.errors import WrongState
from dealcast.core.ids import DealId, HoldId, PaymentId, VariantId
from dealcast.core.states import HOLD, advance

Body = Mapping[str, Any]
LineKey = tuple[DealId, VariantId]


class Broken(Exception):
    """A fact does not follow from the ones before it. Says how, in one line."""


@dataclass(slots=True)
class Line:
    """The units of one variant in one deal; allotted = free + held + sold."""

    allotted: int
    free: int
    held: int = 0
    sold: int = 0

    def sound(self) -> bool:
        """Tell whether no number is negative and none is missing."""
        counts = (self.free, self.held, self.sold)
        return min(counts) >= 0 and sum(counts) == self.allotted

    def __str__(self) -> str:
        return (
            f"{self.allotted} allotted = {self.free} free"
            f" + {self.held} held + {self.sold} sold"
        )


@dataclass(slots=True)
class Deal:
    """As much of a deal as facts change."""

    status: str
    reason: str | None = None
    closed_at: int | None = None


@dataclass(slots=True)
class Hold:
    """A buyer's claim and where it is in its life."""

    deal: DealId
    variant: VariantId
    buyer: str
    quantity: int
    state: str
    expires_at: int
    held_at: int
    changed_at: int
    payment: PaymentId | None = None


@dataclass(frozen=True, slots=True)
class Allotted:
    """Units that an outbox operation brought to a deal, or took from it."""

    op: str
    deal: DealId
    variant: VariantId
    units: int
    at: int


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A payment whose holds are now sold."""

    payment: PaymentId
    holds: tuple[HoldId, ...]
    at: int


@dataclass(slots=True)
class Books:
    """The rows that facts move, and what else follows from the facts."""

    deals: dict[DealId, Deal] = field(default_factory=dict)
    lines: dict[LineKey, Line] = field(default_factory=dict)
    holds: dict[HoldId, Hold] = field(default_factory=dict)
    returned: dict[VariantId, int] = field(default_factory=dict)
    allotted: list[Allotted] = field(default_factory=list)
    confirmed: list[Confirmed] = field(default_factory=list)

    def fold(self, kind: str, at: int, body: Body) -> None:
        """
        Move the books by one fact, and compare with what Redis counted after it.

        Raises:
            Broken: If the fact does not follow.
        """
        try:
            FOLDS[kind](self, at, body)
        except WrongState as error:
            raise Broken(f"{kind}: {error.detail}") from None
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise Broken(f"{kind}: malformed: {type(error).__name__} {error}") from None
        self._compare(kind, body.get("after") or {})

    def line(self, deal: str, variant: str) -> Line:
        """Return the line of ``variant`` in ``deal``."""
        line = self.lines.get((DealId(deal), VariantId(variant)))
        if line is None:
            raise Broken(f"deal {deal} has no line of variant {variant}")
        return line

    def _compare(self, kind: str, after: Mapping[str, Mapping[str, list[int]]]) -> None:
        for deal, variants in after.items():
            for variant, counts in variants.items():
                line = self.line(deal, variant)
                told = Line(*(int(count) for count in counts))
                if line != told or not line.sound():
                    raise Broken(
                        f"{kind}: deal {deal} variant {variant}:"
                        f" Redis counts {told}, the ledger {line}"
                    )

    def _load(self, at: int, body: Body) -> None:
        deal = DealId(body["deal"])
        self.deals[deal] = Deal(status=body["status"])
        for variant, units in body["variants"].items():
            self.lines[deal, variant] = Line(allotted=units, free=units)
            self.allotted.append(Allotted(body["op"], deal, variant, units, at))

    def _adjust(self, at: int, body: Body) -> None:
        line = self.line(body["deal"], body["variant"])
        line.allotted += body["units"]
        line.free += body["units"]
        if body["units"] < 0:
            # Restocked units left free stock before; these come back only now.
            self._return(body["variant"], -body["units"])
        self.allotted.append(
            Allotted(
                op=body["op"],
                deal=DealId(body["deal"]),
                variant=VariantId(body["variant"]),
                units=body["units"],
                at=at,
            )
        )

    def _status(self, at: int, body: Body) -> None:
        deal = self._deal(body["deal"])
        deal.status = body["status"]
        deal.reason = body.get("reason") or None
        if deal.status == "closed":
            deal.closed_at = at
        self._give_back(body["deal"], body.get("returned") or {})

    def _hold(self, at: int, body: Body) -> None:
        deal = DealId(body["deal"])
        for hold, buyer, variant, quantity, expires_at in body["holds"]:
            if hold in self.holds:
                raise Broken(f"hold {hold} was held before")
            line = self.line(deal, variant)
            line.free -= quantity
            line.held += quantity
            self.holds[hold] = Hold(
                deal=deal,
                variant=variant,
                buyer=buyer,
                quantity=quantity,
                state="held",
                expires_at=expires_at,
                held_at=at,
                changed_at=at,
            )

    def _pay(self, at: int, body: Body) -> None:
        for name in body["holds"]:
            hold = self._known(name)
            hold.state = advance(HOLD, hold.state, "pay")
            hold.payment = PaymentId(body["payment"])
            hold.expires_at = body["deadline_at"]
            hold.changed_at = at

    def _confirm(self, at: int, body: Body) -> None:
        payment = PaymentId(body["payment"])
        names = []
        for name, deal, buyer, variant, quantity, late in body["holds"]:
            names.append(HoldId(name))
            hold = self.holds.get(name)
            if hold is None and late:
                # Paid, but Redis lost the hold: it took free units anew.
                hold = Hold(deal, variant, buyer, quantity, "expired", at, at, at)
                self.holds[name] = hold
            hold = self._same(name, deal, variant, quantity)
            if bool(late) != (hold.state in ("released", "expired")):
                raise Broken(f"hold {name} is {hold.state}, the fact says late={late}")
            hold.state = advance(HOLD, hold.state, "confirm")
            hold.payment = payment
            hold.changed_at = at
            line = self.line(deal, variant)
            line.sold += quantity
            if late:
                line.free -= quantity
            else:
                line.held -= quantity
        self.confirmed.append(Confirmed(payment, tuple(names), at))

    def _release(self, at: int, body: Body) -> None:
        self._free("release", at, body)

    def _expire(self, at: int, body: Body) -> None:
        self._free("expire", at, body)

    def _free(self, event: str, at: int, body: Body) -> None:
        for name, deal, variant, quantity in body["holds"]:
            hold = self._same(name, deal, variant, quantity)
            line = self.line(deal, variant)
            if hold.state == "confirmed":  # Sold, but the capture was refused.
                line.sold -= quantity
            else:
                line.held -= quantity
            line.free += quantity
            hold.state = advance(HOLD, hold.state, event)
            hold.changed_at = at
        for deal, variants in (body.get("returned") or {}).items():
            self._give_back(deal, variants)

    def _give_back(self, deal: str, variants: Mapping[str, int]) -> None:
        for variant, units in variants.items():
            line = self.line(deal, variant)
            line.allotted -= units
            line.free -= units
            self._return(variant, units)

    def _return(self, variant: str, units: int) -> None:
        key = VariantId(variant)
        self.returned[key] = self.returned.get(key, 0) + units

    def _deal(self, name: str) -> Deal:
        deal = self.deals.get(DealId(name))
        if deal is None:
            raise Broken(f"deal {name} was never loaded")
        return deal

    def _known(self, name: str) -> Hold:
        hold = self.holds.get(HoldId(name))
        if hold is None:
            raise Broken(f"hold {name} was never held")
        return hold

    def _same(self, name: str, deal: str, variant: str, quantity: int) -> Hold:
        hold = self._known(name)
        if (hold.deal, hold.variant, hold.quantity) != (deal, variant, quantity):
            raise Broken(
                f"hold {name} is {hold.quantity} of {hold.variant} in {hold.deal},"
                f" the fact says {quantity} of {variant} in {deal}"
            )
        return hold


FOLDS = {
    "load": Books._load,
    "adjust": Books._adjust,
    "status": Books._status,
    "hold": Books._hold,
    "pay": Books._pay,
    "confirm": Books._confirm,
    "release": Books._release,
    "expire": Books._expire,
}


@dataclass(slots=True)
class Touched:
    """What facts name: the rows to load before they are folded."""

    deals: set[DealId] = field(default_factory=set)
    holds: set[HoldId] = field(default_factory=set)
    confirmed: set[PaymentId] = field(default_factory=set)

    def add(self, kind: str, body: Body) -> None:
        """Add what one fact names."""
        self.deals.update(body.get("after") or {})
        if "deal" in body:
            self.deals.add(body["deal"])
        if kind == "confirm":
            self.confirmed.add(body["payment"])
        for hold in body.get("holds") or ():
            self.holds.add(HoldId(hold if isinstance(hold, str) else hold[0]))
