"""What makes a deal, and what makes none."""

from typing import Any

import msgspec
import pytest

from dealcast.core.errors import CurrencyMismatch, Invalid, NotFound, OffStep
from dealcast.core.events import (
    DealView,
    ProductCard,
    ProductView,
    Seller,
    VariantView,
)
from dealcast.core.ids import DealId, ProductId, ShowId, VariantId
from dealcast.core.money import Money
from dealcast.shop.deals.rules import AHEAD_MS_MAX, LineTerms, Terms, plan

NOW = 1_800_000_000_000
RED, BLUE = VariantId("red"), VariantId("blue")


def variant(name: VariantId, *prices: Money) -> VariantView:
    return VariantView(
        id=name, sku=name.upper(), title={"und": name}, prices=list(prices), stock=9
    )


BOTH = [variant(RED, Money(12_900, "CNY")), variant(BLUE, Money(9_900, "CNY"))]


def planned(
    lines: list[LineTerms] | None = None,
    variants: list[VariantView] | None = None,
    currency: str = "CNY",
    **changes: Any,
) -> DealView:
    card = ProductCard(id=ProductId("tea"), title={"und": "Tea"}, image=None, tags=[])
    terms = Terms(
        kind="deal",
        lines=lines or [LineTerms(variant=RED, price=Money(9_900, "CNY"), quantity=5)],
        per_buyer_max=None,
        hold_s=300,
        opens_at=None,
        closes_at=None,
    )
    return plan(
        msgspec.structs.replace(terms, **changes),
        deal=DealId("d07_0000000001"),
        show=ShowId("s07_0000000001"),
        currency=currency,
        product=ProductView(
            id=card.id,
            title=card.title,
            image=None,
            tags=[],
            seller=Seller(id="shop", name={"und": "Shop"}),
            variants=variants or BOTH,
            version=1,
        ),
        card=card,
        now=NOW,
    )


def test_a_deal_keeps_the_ordinary_price_beside_its_own() -> None:
    deal = planned()
    (line,) = deal.lines
    assert (line.price.amount, line.reference_price.amount) == (9_900, 12_900)
    assert (deal.status, deal.per_buyer_max, line.sku) == ("planned", 1, "RED")


def test_a_listing_is_open_at_the_ordinary_price() -> None:
    lines = [LineTerms(variant=RED, price=None, quantity=50)]
    listing = planned(lines, kind="listing")
    assert (listing.status, listing.per_buyer_max) == ("open", 10)
    assert listing.lines[0].price == Money(12_900, "CNY")
    with pytest.raises(Invalid):
        planned(kind="listing")  # At another price.
    with pytest.raises(Invalid):
        planned(lines, kind="listing", opens_at=NOW + 1000)
    with pytest.raises(Invalid):
        planned(lines, kind="listing", closes_at=NOW + 1000)


def test_the_only_variant_needs_no_name() -> None:
    nameless = [LineTerms(variant=None, price=Money(1, "CNY"), quantity=1)]
    assert planned(nameless, BOTH[:1]).lines[0].variant == RED
    with pytest.raises(Invalid):
        planned(nameless)


LATER, FAR = NOW + 60_000, NOW + AHEAD_MS_MAX + 1


@pytest.mark.parametrize(
    ("opens_at", "closes_at", "good"),
    [
        (None, None, True),
        (LATER, LATER + 1, True),
        (NOW - 1, LATER, True),
        (None, LATER, True),
        (LATER, LATER, False),
        (LATER, NOW + 1, False),
        (None, NOW, False),
        (None, NOW - 1, False),
        (FAR, None, False),
        (None, FAR, False),
        (NOW // 1000, None, False),  # Seconds, where milliseconds were meant.
    ],
)
def test_the_instants_of_a_deal(
    opens_at: int | None, closes_at: int | None, good: bool
) -> None:
    if good:
        planned(opens_at=opens_at, closes_at=closes_at)
        return
    with pytest.raises(Invalid):
        planned(opens_at=opens_at, closes_at=closes_at)


@pytest.mark.parametrize(
    ("quantity", "limit", "good"),
    [(5, 1, True), (5, 5, True), (5, 6, False), (5, 0, False), (2000, 999, True),
     (2000, 1000, False)],
)  # fmt: skip
def test_what_one_buyer_may_have(quantity: int, limit: int, good: bool) -> None:
    lines = [LineTerms(variant=RED, price=Money(1, "CNY"), quantity=quantity)]
    if good:
        assert planned(lines, per_buyer_max=limit).per_buyer_max == limit
        return
    with pytest.raises(Invalid):
        planned(lines, per_buyer_max=limit)


def test_prices_are_of_the_show_and_on_the_step() -> None:
    for price in (Money(100, "USD"), Money(12_901, "TWD"), Money(0, "CNY")):
        lines = [LineTerms(variant=RED, price=price, quantity=1)]
        with pytest.raises((CurrencyMismatch, OffStep, Invalid)):
            planned(lines)
    with pytest.raises(CurrencyMismatch):  # No ordinary price in the show's currency.
        planned(currency="USD")
    in_twd = [variant(RED, Money(10_000, "TWD"))]
    off = [LineTerms(variant=RED, price=Money(9_950, "TWD"), quantity=1)]
    with pytest.raises(OffStep):
        planned(off, in_twd, "TWD")


def test_lines_that_do_not_go_together() -> None:
    one = LineTerms(variant=RED, price=Money(1, "CNY"), quantity=1)
    with pytest.raises(Invalid):
        planned([one, one])
    with pytest.raises(NotFound):
        planned([msgspec.structs.replace(one, variant=VariantId("green"))])
    for quantity in (0, -1, 1_000_001):
        with pytest.raises(Invalid):
            planned([msgspec.structs.replace(one, quantity=quantity)])
    with pytest.raises(Invalid):
        planned(hold_s=29)
    with pytest.raises(Invalid):
        planned(hold_s=2_592_001)
