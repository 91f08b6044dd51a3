"""
The stock of deals as one would write it without Redis: plain, slow, obvious.

It decides one buy at a time against dictionaries. Tests hold the functions in
Redis against it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from dealcast.core.states import DEAL, advance


class No(Exception):
    """The answer is a code."""


@dataclass
class Line:
    """The units of one variant."""

    allotted: int
    held: int = 0
    sold: int = 0

    @property
    def free(self) -> int:
        """What is left."""
        return self.allotted - self.held - self.sold


@dataclass
class Hold:
    """One hold."""

    deal: str
    buyer: str
    variant: str
    quantity: int
    fingerprint: str
    state: str = "held"
    payment: str = ""
    overdue: bool = False


@dataclass
class Deal:
    """One deal."""

    lines: dict[str, Line]
    limit: int
    status: str = "open"


@dataclass
class Model:
    """All deals and holds of one show."""

    deals: dict[str, Deal]
    holds: dict[str, Hold] = field(default_factory=dict)

    def has(self, deal: str, buyer: str) -> int:
        """Return the units that a buyer holds, is paying or has bought."""
        return sum(
            hold.quantity
            for hold in self.holds.values()
            if (hold.deal, hold.buyer) == (deal, buyer)
            and hold.state in ("held", "paying", "confirmed")
        )

    def expire(self, deal: str) -> int:
        """Let overdue holds of a deal expire."""
        over = [
            hold
            for hold in self.holds.values()
            if hold.deal == deal and hold.overdue and hold.state == "held"
        ]
        for hold in over:
            self._give_back(hold, "expired")
        return len(over)

    def _give_back(self, hold: Hold, state: str) -> None:
        deal = self.deals[hold.deal]
        line = deal.lines[hold.variant]
        line.held -= hold.quantity
        if deal.status == "closed":
            line.allotted -= hold.quantity
        hold.state = state

    def turn(self, deal: str, act: str) -> str:
        """Open, pause, resume or close a deal; return its status."""
        one = self.deals[deal]
        one.status = advance(DEAL, one.status, act)
        if one.status == "closed":
            for line in one.lines.values():
                line.allotted -= line.free
        return one.status

    def adjust(self, deal: str, variant: str, units: int) -> None:
        """Add free units, or take some away."""
        one = self.deals[deal]
        if one.status == "closed":
            if units < 0:
                raise No("closed")
            return
        if one.lines[variant].free + units < 0:
            raise No("stock_short")
        one.lines[variant].allotted += units

    def hold_all(self, deal: str, items: Sequence[tuple[str, Hold]]) -> list[str]:
        """Decide buys in their order; return their codes."""
        one = self.deals[deal]
        if one.status == "open":
            wanted: dict[str, int] = {}
            for name, item in items:
                if name not in self.holds:
                    wanted[item.variant] = wanted.get(item.variant, 0) + item.quantity
            if any(one.lines[v].free < units for v, units in wanted.items()):
                self.expire(deal)
        return [self._hold(one, name, item) for name, item in items]

    def _hold(self, deal: Deal, name: str, item: Hold) -> str:
        if (old := self.holds.get(name)) is not None:
            return "ok" if old.fingerprint == item.fingerprint else "conflict"
        if deal.status != "open":
            return deal.status
        if self.has(item.deal, item.buyer) + item.quantity > deal.limit:
            return "buyer_limit"
        if deal.lines[item.variant].free < item.quantity:
            return "sold_out"
        deal.lines[item.variant].held += item.quantity
        self.holds[name] = item
        return "ok"

    def pay(self, payment: str, buyer: str, names: Sequence[str]) -> None:
        """Mark holds as being paid."""
        going = []
        for name in names:
            hold = self.holds.get(name)
            if hold is None:
                raise No("not_found")
            if hold.buyer != buyer:
                raise No("forbidden")
            if hold.state == "held":
                going.append(hold)
            elif hold.state in ("released", "expired") or hold.payment != payment:
                raise No(f"hold_{hold.state}")
        for hold in going:
            hold.state, hold.payment = "paying", payment

    def release(self, names: Sequence[str], payment: str, buyer: str) -> int:
        """Release holds; return how many."""
        going = []
        for name in dict.fromkeys(names):
            hold = self.holds.get(name)
            if hold is None:
                raise No("not_found")
            if buyer not in ("", hold.buyer):
                raise No("forbidden")
            if hold.state == "confirmed":
                raise No("hold_confirmed")
            if hold.state == "paying" and hold.payment != payment:
                raise No("hold_paying")
            if hold.state in ("held", "paying"):
                going.append(hold)
        for hold in going:
            self._give_back(hold, "released")
        return len(going)

    def confirm(self, payment: str, names: Sequence[str]) -> list[bool]:
        """Sell holds; tell which came late."""
        late, done = [], []
        try:
            for name in names:
                hold = self.holds[name]
                line = self.deals[hold.deal].lines[hold.variant]
                before = (hold.state, hold.payment, line.held, line.sold)
                late.append(self._confirm(hold, line, payment))
                done.append((hold, line, before))
        except No:
            for hold, line, before in reversed(done):
                hold.state, hold.payment, line.held, line.sold = before
            raise
        return late

    def _confirm(self, hold: Hold, line: Line, payment: str) -> bool:
        deal = self.deals[hold.deal]
        if hold.state in ("paying", "confirmed") and hold.payment != payment:
            raise No("refund_due")
        if hold.state == "confirmed":
            return False
        late = hold.state in ("released", "expired")
        if late:
            over = self.has(hold.deal, hold.buyer) + hold.quantity > deal.limit
            if deal.status == "closed" or line.free < hold.quantity or over:
                raise No("refund_due")
        else:
            line.held -= hold.quantity
        line.sold += hold.quantity
        hold.state, hold.payment = "confirmed", payment
        return late
