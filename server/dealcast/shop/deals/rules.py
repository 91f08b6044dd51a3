"""What a deal may be."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from dealcast.core.errors import CurrencyMismatch, Invalid, NotFound
from dealcast.core.events import (
    DealLine,
    DealStatus,
    DealView,
    ProductCard,
    ProductView,
    Text,
    VariantView,
)
from dealcast.core.ids import DealId, ShowId, VariantId
from dealcast.core.money import Money
from dealcast.shop.catalog.rules import price_of

Kind = Literal["deal", "listing"]

QUANTITY_MAX = 1_000_000
PER_BUYER_MAX = 999
LINES_MAX = 100
HOLD_S_MIN = 30
HOLD_S_MAX = 2_592_000
HOLD_S = 300
AHEAD_MS_MAX = 400 * 86_400_000
PER_BUYER_DEAL = 1
PER_BUYER_LISTING = 10


class LineTerms(Struct, frozen=True, kw_only=True):
    """
    What is asked for one variant.

    ``variant`` None is the product's only one, ``price`` None the ordinary one.
    """

    variant: VariantId | None
    price: Money | None
    quantity: int


class Terms(Struct, frozen=True, kw_only=True):
    """What is asked for a deal."""

    kind: Kind
    lines: list[LineTerms]
    per_buyer_max: int | None
    hold_s: int
    opens_at: int | None
    closes_at: int | None


class AgreedLine(Struct, frozen=True, kw_only=True):
    """One variant of a deal and its price."""

    sku: str
    title: Text
    price: Money


class Agreed(Struct, frozen=True, kw_only=True):
    """A deal's show, product and prices."""

    deal: DealId
    show: ShowId
    currency: str
    product: ProductCard
    lines: dict[VariantId, AgreedLine]


def plan(
    terms: Terms,
    *,
    deal: DealId,
    show: ShowId,
    currency: str,
    product: ProductView,
    card: ProductCard,
    now: int,
) -> DealView:
    """
    Return the deal that ``terms`` describe.

    Raises:
        Invalid: If a number or an instant is out of its range.
        NotFound: If a variant is not the product's.
        CurrencyMismatch: If a price is not in the show's currency.
        OffStep: If a price does not fall on the currency's step.
    """
    variants = {variant.id: variant for variant in product.variants}
    if not 1 <= len(terms.lines) <= LINES_MAX:
        raise Invalid(f"a deal has 1 to {LINES_MAX} lines")
    check_times(terms, now)
    lines = [_line(terms.kind, line, variants, currency) for line in terms.lines]
    if len({line.variant for line in lines}) != len(lines):
        raise Invalid("one variant stands in two lines")
    return DealView(
        id=deal,
        show=show,
        kind=terms.kind,
        status=first_status(terms.kind),
        product=card,
        lines=lines,
        per_buyer_max=per_buyer(terms, sum(line.quantity for line in lines)),
        hold_s=terms.hold_s,
        opens_at=terms.opens_at,
        closes_at=terms.closes_at,
    )


def first_status(kind: Kind) -> DealStatus:
    """Return the status with which a deal begins; a listing is open at once."""
    return "open" if kind == "listing" else "planned"


def check_times(terms: Terms, now: int) -> None:
    """
    Refuse instants that do not make a deal.

    Raises:
        Invalid: If it ends before it begins, or before now, or too far ahead.
    """
    if not HOLD_S_MIN <= terms.hold_s <= HOLD_S_MAX:
        raise Invalid(f"hold_s is {HOLD_S_MIN} to {HOLD_S_MAX}")
    if terms.kind == "listing":
        if terms.opens_at is not None or terms.closes_at is not None:
            raise Invalid("a listing opens at once and has no end")
        return
    opens_at, closes_at = terms.opens_at, terms.closes_at
    for name, at in (("opens_at", opens_at), ("closes_at", closes_at)):
        if at is not None and abs(at - now) > AHEAD_MS_MAX:
            raise Invalid(f"{name} is within 400 days, in milliseconds since 1970")
    if closes_at is not None and closes_at <= max(now, opens_at or now):
        raise Invalid("closes_at is after now and after opens_at")


def per_buyer(terms: Terms, quantity: int) -> int:
    """
    Return how many units one buyer may have.

    Raises:
        Invalid: If that is less than one, or more than there are.
    """
    given = terms.per_buyer_max
    if given is None:
        ordinary = PER_BUYER_LISTING if terms.kind == "listing" else PER_BUYER_DEAL
        return min(ordinary, quantity)
    if not 1 <= given <= min(PER_BUYER_MAX, quantity):
        raise Invalid(f"per_buyer_max is 1 to {min(PER_BUYER_MAX, quantity)}")
    return given


def _line(
    kind: Kind,
    line: LineTerms,
    variants: dict[VariantId, VariantView],
    currency: str,
) -> DealLine:
    if line.variant is None and len(variants) != 1:
        raise Invalid("this product has several variants: give lines")
    variant = variants.get(line.variant or next(iter(variants)))
    if variant is None:
        raise NotFound(f"variant {line.variant} of this product")
    if not 1 <= line.quantity <= QUANTITY_MAX:
        raise Invalid(f"quantity is 1 to {QUANTITY_MAX}")
    ordinary = ordinary_price(variant.prices, currency)
    if line.price is None and kind == "deal":
        raise Invalid("price: missing")
    price = price_of(line.price or ordinary)
    if price.currency != currency:
        raise CurrencyMismatch(f"this show sells in {currency}")
    if kind == "listing" and price != ordinary:
        raise Invalid("a listing sells at the ordinary price")
    return DealLine(
        variant=variant.id,
        sku=variant.sku,
        title=variant.title,
        price=price,
        reference_price=ordinary,
        quantity=line.quantity,
    )


def ordinary_price(prices: Sequence[Money], currency: str) -> Money:
    """
    Return the ordinary price in ``currency``.

    Raises:
        CurrencyMismatch: If the variant has none.
    """
    for price in prices:
        if price.currency == currency:
            return price
    raise CurrencyMismatch(f"the variant has no price in {currency}")
