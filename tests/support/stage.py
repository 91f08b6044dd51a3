"""A small shop to try bad input on, and a good example of every act."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest_asyncio

from dealcast.core.wire import ANY, Act
from dealcast.tools.wire import described
from tests.support.server import Node
from tests.support.shopper import PRICE, Json, Shop, eventually, now_ms, visiting

ACTS: list[Act[Any]] = described()
HTTP_ACTS = [act for act in ACTS if act.http]
ROLES = ("viewer", "host", "moderator", "assistant", "shop")
RESERVED = [act for act in ACTS if act.roles and act.roles != ANY]  # For some roles.
IN_PATH = re.compile(r"\{(\w+)\}")
NOBODY = "u_" + "0" * 16
CSV = "external_id,title,sku,price_CNY,stock\nnew,New,NEW-2,12.00,5\n"


def name_of(value: Any) -> str:
    """Name a parameter of a test."""
    return value.name if isinstance(value, Act) else repr(value)[:40]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What stands in the shop; nobody may change it by mistake."""

    show: str
    other: str  # Another show.
    planned: str  # A show that has not begun.
    product: Json
    deal: str
    listing: str
    hold: str
    mei: str  # The token of whose hold it is.
    line: str

    def fields(self, act: Act[Any]) -> Json:
        """Return a good example of what one may ask, which would change something."""
        price = {"amount": 700, "currency": "CNY"}
        variant, product = self.product["red"], self.product["id"]
        sku = self.product["variants"][0]["sku"]
        fresh = {"title": "New", "sku": "NEW-1", "price": price, "stock": 3}
        line = {"variant": variant, "price": price, "quantity": 1}
        deal = {"deal": self.deal, "reason": "by mistake"}
        soon = now_ms() + 3_600_000
        examples: dict[str, Json] = {
            "config": {},
            "demo_account": {"name": "Mei"},
            "staff_sign_in": {"code": "x"},
            "token_renew": {},
            "product_create": {**fresh, "stock_delta": 0},
            "product_put": {**fresh, "external_id": product, "sku": sku, "version": 1,
                            "stock_delta": 1},
            "product_list": {},
            "product_import": {"csv": CSV},
            "show_create": {"title": "New", "currency": "CNY", "starts_at": soon},
            "show_list": {},
            "show_get": {"show": self.show},
            "show_start": {"show": self.planned},
            "show_end": {"show": self.show},
            "deal_create": {"show": self.show, "product": product, "lines": [line],
                            "per_buyer_max": 1, "hold_s": 60, "opens_at": soon,
                            "closes_at": soon + 1000},
            "deal_list": {"show": self.show},
            "deal_open": {**deal, "deal": self.deal},
            "deal_pause": deal,
            "deal_resume": deal,
            "deal_close": deal,
            "deal_restock": {"deal": self.deal, "variant": variant, "quantity": 1},
            "hold": {"deal": self.deal, "variant": variant, "quantity": 1,
                     "key": "bad"},
            "hold_get": {"hold": self.hold},
            "release": {"hold": self.hold},
            "bag": {"show": self.show},
            "checkout": {"holds": [self.hold], "key": "bad"},
            "order_get": {"order": f"o{self.show[1:4]}0000000000"},
            "order_list": {"show": self.show},
            "pin": {"show": self.show, "product": product},
            "unpin": {"show": self.show, "product": product},
            "chat": {"show": self.show, "text": "by mistake", "key": "bad"},
            "lines_delete": {"show": self.show, "lines": [self.line], "reason": "x"},
            "mute": {"show": self.show, "person": NOBODY, "seconds": 60},
            "slow_mode": {"show": self.show, "seconds": 60},
            "like": {"show": self.show, "count": 1},
            "clock": {},
            "auth": {"token": "x"},
        }  # fmt: skip
        return examples[act.name]

    def call(self, act: Act[Any], fields: Json) -> tuple[str, str, Json]:
        """Return method, path and the rest of how ``act`` is asked over HTTP."""
        method, path = (act.http or "").split(" ")
        rest = dict(fields)
        for name in IN_PATH.findall(path):
            path = path.replace(f"{{{name}}}", str(rest.pop(name)))
        more: Json = {}
        if "key" in rest:
            more["key"] = rest.pop("key")
        if "csv" in rest:
            more |= {"data": rest["csv"], "headers": {"Content-Type": "text/csv"}}
        elif method in ("POST", "PUT"):
            more["body"] = rest
        return method, path, more


Scene = tuple[Stage, Json]  # And how it looked at first.


def with_body(act: Act[Any]) -> bool:
    """Tell whether an act takes a JSON body over HTTP."""
    fields = act.request.__struct_fields__
    return act.http is not None and act.http[:2] in ("PO", "PU") and "csv" not in fields


def caller_of(shop: Shop, act: Act[Any]) -> str:
    """Return the token of somebody new who may ask ``act``."""
    return shop.token(act.roles[-1] if act.roles else "viewer", name="Able")


def numbers_in(fields: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return the path to each number in a request."""
    pairs = fields.items() if isinstance(fields, dict) else enumerate(fields)
    for name, value in pairs:
        if isinstance(value, dict | list):
            yield from numbers_in(value, (*path, name))
        elif isinstance(value, int):
            yield (*path, name)


def replaced(fields: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of ``fields`` with another value at ``path``."""
    if not path:
        return value
    first, *rest = path
    if isinstance(fields, list):
        copy: Any = list(fields)
    else:
        copy = dict(fields)
    copy[first] = replaced(fields[first], tuple(rest), value)
    return copy


async def photograph(shop: Shop, stage: Stage) -> Json:
    """Return all that bad input might have changed: catalog, shows, deals, orders."""
    shows = {}
    for show in (stage.show, stage.other, stage.planned):
        late = await shop.join(show)
        (sync,) = late.events("/live", "sync")
        await shop.leave(late)
        deals = await shop.done("GET", f"/shows/{show}/deals", token=shop.host)
        orders = await shop.done("GET", f"/shows/{show}/orders", token=shop.host)
        pins, stock, sold, slow = (
            sync["state"][part] for part in ("pins", "stock", "sold", "slow_ms")
        )
        shows[show] = [sync["show"], sync["deals"], sync["chat"], pins, stock, sold,
                       slow, late.cursors(), deals, orders]  # fmt: skip
    bag = await shop.done("GET", f"/shows/{stage.show}/bag", token=stage.mei)
    all_shows = await shop.done("GET", "/shows")
    return {
        "products": await shop.products(),
        "shows": shows,
        "all_shows": all_shows,
        "bag": bag["holds"],
    }


async def build(shop: Shop) -> Stage:
    """Put things on the stage."""
    show, other = await shop.new_show(), await shop.new_show()
    planned = await shop.new_show(start=False)
    product = await shop.new_product({"red": 50, "blue": 5}, price=PRICE)
    deal = await shop.new_deal(show, product, {"red": 9}, hold_s=3_600)
    await shop.open(deal)
    listing = await shop.new_deal(
        show, product, {"blue": 2}, price=None, kind="listing"
    )
    mei = shop.token()
    viewer = await shop.join(show, token=mei)
    said = await viewer.ask("chat", {"text": "a good line", "key": "good"})
    held = await shop.done(
        "POST", f"/deals/{deal}/holds", {"quantity": 1}, token=mei, key="good"
    )
    pin = {"product": product["id"]}
    await shop.done("POST", f"/shows/{show}/pins", pin, token=shop.host)
    stage = Stage(
        show=show,
        other=other,
        planned=planned,
        product=product,
        deal=deal,
        listing=listing,
        hold=held["hold"],
        mei=mei,
        line=said["id"],
    )

    async def settled() -> bool:
        seen = await photograph(shop, stage)
        pins, stock = seen["shows"][show][3:5]
        return len(seen["bag"]) == len(pins) == 1 and len(stock) == 2

    await eventually(settled)
    return stage


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(shop_node: Node) -> Scene:
    """Build a stage in the shared node; return it and how it looked at first."""
    async with visiting(shop_node.url) as shop:
        stage = await build(shop)
        return stage, await photograph(shop, stage)
