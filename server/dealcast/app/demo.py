"""
The demo show: a seller's evening that goes on by itself.

It is seeded once, and then keeps a flash deal ahead: when none is planned it
plans the next, of a product that still has free stock. All of it goes through
the same services that a host uses; nothing here is shown that did not happen.
"""

from dataclasses import dataclass
from importlib.resources import files
from random import Random
from typing import Literal

from dealcast.core.clock import Clock
from dealcast.core.errors import NotFound, StockShort
from dealcast.core.events import DealView, ProductView, ShowView
from dealcast.core.ids import PersonId, ProductId
from dealcast.core.money import STEPS, Money
from dealcast.core.wire import Caller
from dealcast.shop.catalog.service import Catalog
from dealcast.shop.deals.rules import LineTerms, Terms
from dealcast.shop.deals.service import Deals
from dealcast.shop.pins.service import Pins
from dealcast.shop.shows.service import Shows

SLUG = "demo"
CURRENCY = "CNY"
TITLE = {"zh-Hant": "週末好物專場", "en": "The weekend show"}
LISTINGS = 8
UNITS = 20
FIRST_MS = 60_000  # From the start to the first deal.
RUN_MS = 60_000
PAUSE_MS = 30_000  # From one deal's end to the next one's opening.
HOLD_S = 180
PRICE_PERCENT = 70

HOST = Caller(
    person=PersonId("u_demohost00000000"),
    subject="demo-host",
    name="小滿",
    role="host",
    show="*",
    expires_at=2**53,
)
SHOP = Caller(
    person=PersonId("u_demoshop00000000"),
    subject="demo-shop",
    name="Demo",
    role="shop",
    show="*",
    expires_at=2**53,
)


@dataclass(frozen=True, kw_only=True)
class Demo:
    """Seeds the demo show, and keeps a deal ahead."""

    catalog: Catalog
    shows: Shows
    deals: Deals
    pins: Pins
    clock: Clock
    rng: Random

    async def seed(self) -> None:
        """Make catalog, show and listings, those that are not there yet."""
        if not await self.catalog.page(""):
            sample = files("dealcast.sample") / "catalog.csv"
            data = sample.read_bytes()
            await self.catalog.import_csv(SHOP, data, currency=None)
        try:
            show = await self.shows.get(SLUG)
        except NotFound:
            show = await self.shows.create(
                HOST,
                title=TITLE,
                currency=CURRENCY,
                slug=SLUG,
                host=HOST.name,
                starts_at=self.clock.now(),
            )
        if show.status == "scheduled":
            show = await self.shows.start(HOST, show.id)
        if show.status == "live":
            await self.list_products(show)

    async def list_products(self, show: ShowView) -> None:
        """Put a few products on sale at their ordinary price, and pin the first."""
        deals, _ = await self.deals.page(show.id)
        if any(deal.kind == "listing" for deal in deals):
            return
        chosen = [p for p in await self.catalog.page("") if priced(p)][:LISTINGS]
        for product in chosen:
            lines = [
                LineTerms(variant=v.id, price=None, quantity=v.stock // 2)
                for v in product.variants
                if v.stock >= 2
            ]
            if lines:
                await self.deals.create(
                    HOST, show.id, product.id, terms("listing", lines)
                )
        if chosen:
            await self.pins.pin(HOST, show.id, chosen[0].id)

    async def plan_next(self) -> None:
        """Plan the next flash deal when none is planned and the show is live."""
        show = await self.shows.get(SLUG)
        if show.status != "live":
            return
        deals, _ = await self.deals.page(show.id)
        flash = [deal for deal in deals if deal.kind == "deal"]
        if any(deal.status == "planned" for deal in flash):
            return
        variant = await self.choose(flash)
        if variant is None:
            return
        product, line = variant
        after = [deal.closes_at or 0 for deal in flash if deal.status != "closed"]
        first = self.clock.now() + FIRST_MS
        opens_at = max([first, *(closes_at + PAUSE_MS for closes_at in after)])
        try:
            await self.deals.create(
                HOST, show.id, product, terms("deal", [line], opens_at=opens_at)
            )
        except StockShort:
            return  # Somebody was quicker; the next look chooses anew.

    async def choose(self, flash: list[DealView]) -> tuple[ProductId, LineTerms] | None:
        """Choose a variant with enough free stock, not the one sold just before."""
        last = flash[0].product.id if flash else None
        able = [
            (product, variant)
            for product in await self.catalog.page("")
            if priced(product) and product.id != last
            for variant in product.variants
            if variant.stock >= UNITS
        ]
        if not able:
            return None
        product, variant = self.rng.choice(able)
        ordinary = next(p for p in variant.prices if p.currency == CURRENCY)
        return product.id, LineTerms(
            variant=variant.id, price=reduced(ordinary), quantity=UNITS
        )


def priced(product: ProductView) -> bool:
    """Tell whether every variant has a price in the show's currency."""
    return all(
        any(price.currency == CURRENCY and price.amount > 0 for price in variant.prices)
        for variant in product.variants
    )


def reduced(price: Money) -> Money:
    """Return the deal's price, on the currency's step."""
    step = STEPS[price.currency]
    amount = price.amount * PRICE_PERCENT // 100 // step * step
    return Money(max(step, amount), price.currency)


def terms(
    kind: Literal["deal", "listing"],
    lines: list[LineTerms],
    *,
    opens_at: int | None = None,
) -> Terms:
    """Return the terms of one of the demo's deals."""
    return Terms(
        kind=kind,
        lines=lines,
        per_buyer_max=1 if kind == "deal" else None,
        hold_s=HOLD_S,
        opens_at=opens_at,
        closes_at=None if opens_at is None else opens_at + RUN_MS,
    )
