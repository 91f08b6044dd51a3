"""What follows for a payment from what its provider says. No I/O."""

from collections.abc import Mapping, Sequence
from typing import Literal

from dealcast.core.events import Order
from dealcast.core.money import Money
from dealcast.shop.payments.provider import Object
from dealcast.shop.people.rules import masked

NEVER = 2**62  # When a payment that is over is looked at next.
LOOK_FIRST_MS = 2_000
LOOK_MAX_MS = 60_000
CONFIRM_MS = 1_000  # How long the ledger may take before we ask Redis again.
LATE_MS = 30_000  # By how much clocks may differ, and an answer be late.
NAMES_MAX = 5
REFUSED = "capture_refused"
GIVEN_UP = "expired"  # The reason of a payment that is not waited for any more.

OPEN = ("created", "pending", "authorised", "confirmed", "voiding", "failed")

Verdict = Literal["wait", "give_up", "paid", "wrong_amount", "failed"]


def verdict(
    found: Object | None, amount: Money, *, now: int, expires_at: int
) -> Verdict:
    """Say what to do with a payment for which its buyer was waited so far."""
    if found is None or found.status == "unpaid":
        return "wait" if now < expires_at else "give_up"
    if found.status in ("authorised", "captured"):
        return "paid" if found.amount == amount else "wrong_amount"
    return "failed"


def look_again(now: int, *, since: int, until: int | None = None) -> int:
    """
    Return when to look at a payment next: the longer it lasts, the less often.

    A webhook makes it sooner; this is for the ones that got lost. ``until`` is
    an instant that must not be slept through.
    """
    pause = min(LOOK_MAX_MS, max(LOOK_FIRST_MS, (now - since) // 4))
    return now + pause if until is None else max(now + 1, min(now + pause, until))


def entries(
    provider: str, total: int, sellers: Mapping[str, int]
) -> list[tuple[str, int]]:
    """Return (account, amount) of a capture: the provider owes us, we the sellers."""
    assert total == sum(sellers.values()), "the lines add up to the total"
    if total == 0:
        return []
    owed = [(f"seller:{seller}", -amount) for seller, amount in sorted(sellers.items())]
    return [(f"provider:{provider}", total), *[one for one in owed if one[1]]]


def order_event(names: Sequence[str], units: int, now: int) -> Order:
    """Return what the show hears of orders that were paid together."""
    shown = [masked(name) for name in names[:NAMES_MAX]]
    return Order(count=len(names), units=units, names=shown, at=now)
