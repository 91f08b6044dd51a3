"""What can be checked out together. No I/O."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

import msgspec
from msgspec import Struct

from dealcast.core.errors import (
    HoldConfirmed,
    HoldExpired,
    HoldPaying,
    HoldReleased,
    Invalid,
    NotFound,
    Refused,
)
from dealcast.core.events import HoldState, Text
from dealcast.core.ids import (
    DealId,
    HoldId,
    PersonId,
    ShowId,
    VariantId,
)
from dealcast.core.money import AMOUNT_MAX, Money, on_step, total
from dealcast.shop.deals.rules import Agreed

GONE: dict[str, type[Refused]] = {
    "expired": HoldExpired,
    "released": HoldReleased,
    "confirmed": HoldConfirmed,
    "paying": HoldPaying,
}


class Claim(Struct, frozen=True, kw_only=True):
    """A hold as Redis has it now."""

    hold: HoldId
    deal: DealId
    buyer: PersonId
    variant: VariantId
    quantity: int
    state: HoldState


class PricedLine(Struct, frozen=True, kw_only=True):
    """A hold at its price."""

    hold: HoldId
    deal: DealId
    variant: VariantId
    sku: str
    title: Text
    quantity: int
    price: Money


class Priced(Struct, frozen=True, kw_only=True):
    """What is to be paid for the holds of one show."""

    show: ShowId
    lines: list[PricedLine]
    total: Money


def fingerprint(
    holds: Sequence[HoldId], address: Struct | None, provider: str | None
) -> str:
    """Return a digest of what was asked: the same key must mean the same."""
    asked = [sorted(holds), msgspec.to_builtins(address), provider]
    return sha256(msgspec.json.encode(asked, order="deterministic")).hexdigest()


def price(
    holds: Sequence[HoldId],
    claims: Mapping[HoldId, Claim],
    agreed: Mapping[DealId, Agreed],
    buyer: PersonId,
) -> Priced:
    """
    Return what the buyer's ``holds`` cost together.

    Raises:
        NotFound: If a hold is not there, or another's.
        Invalid: If they are of several shows, or too much money.
        HoldExpired, HoldReleased, HoldPaying, HoldConfirmed: If one is no more.
    """
    shows = {deal.show for deal in agreed.values()}
    if len(shows) != 1:
        raise Invalid("a checkout is for the holds of one show")
    lines: list[PricedLine] = []
    for hold in sorted(holds):
        claim = claims.get(hold)
        if claim is None or claim.buyer != buyer:
            raise NotFound(f"hold {hold}")
        if claim.state != "held":
            raise GONE[claim.state](hold)
        line = agreed[claim.deal].lines[claim.variant]
        lines.append(
            PricedLine(
                hold=hold,
                deal=claim.deal,
                variant=claim.variant,
                sku=line.sku,
                title=line.title,
                quantity=claim.quantity,
                price=line.price,
            )
        )
    currency = next(iter(agreed.values())).currency
    parts = [line.price.times(line.quantity) for line in lines]
    sum_of_all = total(currency, parts)
    if sum_of_all.amount > AMOUNT_MAX:
        raise Invalid("that is too much money for one payment")
    assert on_step(sum_of_all), "prices fall on the step, and so does their sum"
    return Priced(show=shows.pop(), lines=lines, total=sum_of_all)
