"""What staff may ask about deals and listings."""

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from dealcast.core.errors import Invalid
from dealcast.core.events import DealStatus, DealView, Role, Stock
from dealcast.core.ids import (
    DEAL_PATTERN,
    KEY_PATTERN,
    DealId,
    ProductId,
    VariantId,
)
from dealcast.core.money import Money
from dealcast.core.wire import SELLING, Act, Answer, Caller, Request
from dealcast.shop.catalog.wire import ProductIdText
from dealcast.shop.deals import rules
from dealcast.shop.deals.rules import LineTerms, Terms
from dealcast.shop.deals.service import Deals, Turn
from dealcast.shop.people.rules import clean
from dealcast.shop.shows.wire import Instant, ShowName

DealName = Annotated[str, Meta(pattern=DEAL_PATTERN)]
VariantName = Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,64}$")]
Key = Annotated[str, Meta(pattern=KEY_PATTERN)]
Quantity = Annotated[int, Meta(ge=1, le=rules.QUANTITY_MAX)]
HoldS = Annotated[int, Meta(ge=rules.HOLD_S_MIN, le=rules.HOLD_S_MAX)]
Reason = Annotated[str, Meta(max_length=200)]

TURNING: tuple[Role, ...] = ("host", "moderator", "assistant", "shop")


class LineAsk(Request, frozen=True, kw_only=True):
    """One variant; ``price`` may be left out in a listing."""

    variant: VariantName
    price: Money | None = None
    quantity: Quantity


class DealCreate(Request, frozen=True, kw_only=True):
    """Make a deal or a listing: price and quantity, or ``lines``."""

    show: ShowName
    product: ProductIdText
    kind: Literal["deal", "listing"] = "deal"
    price: Money | None = None
    quantity: Quantity | None = None
    lines: Annotated[list[LineAsk], Meta(max_length=rules.LINES_MAX)] = field(
        default_factory=list
    )
    per_buyer_max: Annotated[int, Meta(ge=1, le=rules.PER_BUYER_MAX)] | None = None
    hold_s: HoldS = rules.HOLD_S
    opens_at: Instant | None = None  # None: opens by hand.
    closes_at: Instant | None = None


class DealList(Request, frozen=True, kw_only=True):
    """List the deals of a show, at most 200, newest first."""

    show: ShowName


class DealTurn(Request, frozen=True, kw_only=True):
    """Open, pause, resume or close a deal, for a reason that all may read."""

    deal: DealName
    reason: Reason | None = None
    key: Key | None = None


class DealRestock(Request, frozen=True, kw_only=True):
    """Allot more units."""

    deal: DealName
    variant: VariantName | None = None
    quantity: Quantity


class DealPage(Answer, frozen=True, kw_only=True):
    """Deals, newest first, and their units as the ledger counts them."""

    deals: list[DealView]
    stock: dict[DealId, dict[VariantId, Stock]]


class Turned(Answer, frozen=True, kw_only=True):
    """The deal's status now."""

    deal: DealId
    status: DealStatus


class Restocked(Answer, frozen=True, kw_only=True):
    """What was added."""

    deal: DealId
    variant: VariantId
    quantity: int


def terms(ask: DealCreate) -> Terms:
    """
    Return the terms that ``ask`` gives in one of its two ways.

    Raises:
        Invalid: If it mixes them, or gives none.
    """
    if ask.lines and (ask.price is not None or ask.quantity is not None):
        raise Invalid("give price and quantity, or lines")
    lines = [
        LineTerms(
            variant=VariantId(line.variant), price=line.price, quantity=line.quantity
        )
        for line in ask.lines
    ]
    if not lines:
        if ask.quantity is None:
            raise Invalid("quantity: missing")
        lines = [LineTerms(variant=None, price=ask.price, quantity=ask.quantity)]
    return Terms(
        kind=ask.kind,
        lines=lines,
        per_buyer_max=ask.per_buyer_max,
        hold_s=ask.hold_s,
        opens_at=ask.opens_at,
        closes_at=ask.closes_at,
    )


def acts(deals: Deals) -> list[Act[Any]]:
    """Return what clients may ask."""

    async def deal_create(caller: Caller, ask: DealCreate) -> DealView:
        product = ProductId(ask.product)
        return await deals.create(caller, ask.show, product, terms(ask))

    async def deal_list(caller: Caller, ask: DealList) -> DealPage:
        found, stock = await deals.page(ask.show)
        return DealPage(deals=found, stock=stock)

    async def deal_restock(caller: Caller, ask: DealRestock) -> Restocked:
        deal = DealId(ask.deal)
        named = VariantId(ask.variant) if ask.variant else None
        variant = await deals.restock(caller, deal, named, ask.quantity)
        return Restocked(deal=deal, variant=variant, quantity=ask.quantity)

    return [
        Act(
            name="deal_create",
            request=DealCreate,
            answer=DealView,
            handler=deal_create,
            roles=SELLING,
            http="POST /shows/{show}/deals",
            socket="/staff",
            status=201,
        ),
        Act(
            name="deal_list",
            request=DealList,
            answer=DealPage,
            handler=deal_list,
            roles=(),
            http="GET /shows/{show}/deals",
            socket="/staff",
        ),
        _turning(deals, "open", SELLING),
        _turning(deals, "pause", TURNING),
        _turning(deals, "resume", TURNING),
        _turning(deals, "close", TURNING),
        Act(
            name="deal_restock",
            request=DealRestock,
            answer=Restocked,
            handler=deal_restock,
            roles=SELLING,
            http="POST /deals/{deal}/restock",
            socket="/staff",
        ),
    ]


def _turning(deals: Deals, turn: Turn, roles: tuple[Role, ...]) -> Act[DealTurn]:
    async def turned(caller: Caller, ask: DealTurn) -> Turned:
        deal = DealId(ask.deal)
        reason = clean(ask.reason or "", length_max=200) or None
        status = await deals.turn(caller, deal, turn, reason=reason, key=ask.key)
        return Turned(deal=deal, status=status)

    return Act(
        name=f"deal_{turn}",
        request=DealTurn,
        answer=Turned,
        handler=turned,
        roles=roles,
        http=f"POST /deals/{{deal}}/{turn}",
        socket="/staff",
    )
