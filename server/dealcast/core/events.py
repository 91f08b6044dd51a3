"""
What the server tells its clients: one Struct per event, all fields on the wire.

The clients' types and the AsyncAPI document are made from this module. Fields
are only ever added, and optional. Instants are int ms UTC and end in ``_at``.
"""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from dealcast.core.ids import (
    DealId,
    HoldId,
    LineId,
    OrderId,
    PaymentId,
    PersonId,
    ProductId,
    ShowId,
    VariantId,
)
from dealcast.core.money import Money

Text = dict[str, str]  # BCP 47 tag -> text; "und" when nobody said which.
Role = Literal["viewer", "host", "moderator", "assistant", "shop"]
DealStatus = Literal["planned", "open", "paused", "closed"]
DealChange = Literal[
    "planned",
    "opened",
    "paused",
    "resumed",
    "sold_out",
    "back",
    "restocked",
    "closed",
]
HoldState = Literal["held", "paying", "confirmed", "released", "expired"]


class View(Struct, frozen=True, kw_only=True, omit_defaults=False):
    """A thing as clients see it."""


class Person(View, frozen=True, kw_only=True):
    """Somebody as others see them."""

    id: PersonId
    name: str
    role: Role = "viewer"


class Seller(View, frozen=True, kw_only=True):
    """Whose goods they are."""

    id: str
    name: Text


class ShowView(View, frozen=True, kw_only=True):
    """One live sale."""

    id: ShowId
    slug: str | None
    title: Text
    currency: str
    status: Literal["scheduled", "live", "ended"]
    host: str
    starts_at: int | None
    ended_at: int | None


class VariantView(View, frozen=True, kw_only=True):
    """The thing counted."""

    id: VariantId
    sku: str
    title: Text
    prices: list[Money]
    stock: int  # Free units, allotted to no deal.


class ProductView(View, frozen=True, kw_only=True):
    """What is sold."""

    id: ProductId
    title: Text
    image: str | None
    tags: list[str]
    seller: Seller
    variants: list[VariantView]
    version: int


class ProductCard(View, frozen=True, kw_only=True):
    """As much of a product as a page shows of it in a list."""

    id: ProductId
    title: Text
    image: str | None
    tags: list[str]


class DealLine(View, frozen=True, kw_only=True):
    """One variant of a deal at its price."""

    variant: VariantId
    sku: str
    title: Text
    price: Money
    reference_price: Money  # The ordinary price of the variant.
    quantity: int  # Units allotted.


class DealView(View, frozen=True, kw_only=True):
    """A timed price with its own allotted stock; a listing has no end."""

    id: DealId
    show: ShowId
    kind: Literal["deal", "listing"]
    status: DealStatus
    product: ProductCard
    lines: list[DealLine]
    per_buyer_max: int
    hold_s: int
    opens_at: int | None  # None: opens by hand.
    closes_at: int | None
    reason: str | None = None


class Stock(View, frozen=True, kw_only=True):
    """The units of one variant in one deal; allotted = free + held + sold."""

    free: int
    held: int
    sold: int


class Sold(View, frozen=True, kw_only=True):
    """What the show has sold, by the ledger."""

    orders: int
    units: int


class State(View, frozen=True, kw_only=True):
    """Latest-wins state; an event carries what changed, a snapshot all of it."""

    stock: dict[DealId, dict[VariantId, Stock]] | UnsetType = UNSET
    pins: list[ProductCard] | UnsetType = UNSET
    viewers: int | UnsetType = UNSET
    likes: int | UnsetType = UNSET
    sold: Sold | UnsetType = UNSET
    slow_ms: int | UnsetType = UNSET


class Event(View, frozen=True, kw_only=True):
    """Something that happened; ``event`` names it on the wire."""


# /live, in the show's log: every one ends with a cursor "<epoch>.<n>".


class Chat(Event, frozen=True, kw_only=True):
    """A line of chat. Plain text."""

    id: LineId
    user: Person
    text: str
    at: int


class Deal(Event, frozen=True, kw_only=True):
    """A deal changed. ``view`` comes when it is new or its terms changed."""

    deal: DealId
    change: DealChange
    status: DealStatus
    at: int
    reason: str | None = None
    view: DealView | None = None


class Order(Event, frozen=True, kw_only=True):
    """Orders were paid: how many, and at most five masked names."""

    count: int
    units: int
    names: list[str]
    at: int


class Notice(Event, frozen=True, kw_only=True):
    """Something all should know; ``code`` is for machines, ``text`` for people."""

    code: Literal["show_started", "show_ended", "recovered"]
    at: int
    text: Text | None = None


class Deleted(Event, frozen=True, kw_only=True):
    """Lines of chat that are no longer to be seen anywhere."""

    lines: list[LineId]
    at: int


class Erased(Event, frozen=True, kw_only=True):
    """Stands in a replay where a deleted line stood."""

    at: int


# /live, beside the log.


class Sync(Event, frozen=True, kw_only=True):
    """
    The first event after a join.

    ``recovered``: everything since the client's cursor follows, and only
    ``state`` is set. Otherwise this is a snapshot as of the cursor.
    """

    recovered: bool
    now: int
    show: ShowView | None = None
    deals: list[DealView] | None = None
    state: State | None = None
    chat: list[Chat] | None = None


class Gap(Event, frozen=True, kw_only=True):
    """Events ``from_n`` to ``to_n`` will not come; a snapshot follows."""

    from_n: int
    to_n: int


# /me: one's own, with cursors of that namespace.


class MyHold(Event, frozen=True, kw_only=True):
    """What became of a hold."""

    hold: HoldId
    deal: DealId
    state: HoldState
    at: int
    reason: str | None = None


class MyPayment(Event, frozen=True, kw_only=True):
    """What became of a payment."""

    payment: PaymentId
    order: OrderId
    state: Literal["pending", "authorised", "captured", "failed", "voided"]
    at: int
    reason: str | None = None


class OrderLine(View, frozen=True, kw_only=True):
    """One line of an order, its price frozen."""

    deal: DealId
    variant: VariantId
    sku: str
    title: Text
    quantity: int
    price: Money


class OrderView(Event, frozen=True, kw_only=True):
    """An order, as its buyer and staff see it."""

    id: OrderId
    show: ShowId
    state: Literal["confirmed", "paid", "cancelled"]
    buyer: PersonId
    name: str
    lines: list[OrderLine]
    total: Money
    payment: PaymentId
    at: int


# /staff.


class Audit(Event, frozen=True, kw_only=True):
    """What a member of staff did."""

    act: str
    by: Person
    subject: str
    reason: str | None
    at: int


LIVE_EVENTS: dict[str, type[Event]] = {
    "sync": Sync, "chat": Chat, "deal": Deal, "order": Order, "notice": Notice,
    "deleted": Deleted, "erased": Erased, "gap": Gap,
}  # fmt: skip
ME_EVENTS: dict[str, type[Event]] = {
    "sync": Sync, "hold": MyHold, "payment": MyPayment, "order": OrderView,
}  # fmt: skip
STAFF_EVENTS: dict[str, type[Event]] = {
    "sync": Sync, "audit": Audit, "order": OrderView,
}  # fmt: skip
