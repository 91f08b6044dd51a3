"""A shop with all its services, on real stores, and a real sandbox provider."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from sqlalchemy import Table, select

from dealcast.core.clock import SystemClock
from dealcast.core.events import DealView, Role
from dealcast.core.ids import (
    DealId,
    HoldId,
    OrderId,
    PaymentId,
    ProductId,
    ShowId,
    person_id,
)
from dealcast.core.money import Money
from dealcast.core.wire import Caller
from dealcast.shop.catalog import wire as catalog_wire
from dealcast.shop.catalog.service import Catalog
from dealcast.shop.checkout.service import CheckedOut, Checkout, Places
from dealcast.shop.courier import Courier
from dealcast.shop.deals import wire as deals_wire
from dealcast.shop.deals.book import DealBook
from dealcast.shop.deals.rules import LineTerms, Terms
from dealcast.shop.deals.service import Deals
from dealcast.shop.holds.bag import Bags
from dealcast.shop.holds.service import Holds
from dealcast.shop.orders.service import Orders
from dealcast.shop.payments.driver import PaymentDriver
from dealcast.shop.payments.free import Free
from dealcast.shop.payments.inbox import Inbox
from dealcast.shop.payments.provider import PaymentProvider
from dealcast.shop.payments.sandbox import Sandbox
from dealcast.shop.people.service import People
from dealcast.shop.people.tokens import Tokens
from dealcast.shop.pins.service import Pins
from dealcast.shop.shows.service import Shows
from dealcast.store import tables
from dealcast.store.control import Control
from dealcast.store.log import Log
from dealcast.tools.sandbox_psp import at, serve
from tests.support.books import Books
from tests.support.ports import free_port

SECRET = b"a secret for tests, 32 bytes or more"
SETTLE_S = 10.0
TEA = ProductId("tea-tin")
ROWS = """\
external_id,seller,title_en,title_zh-Hant,tags,sku,variant_en,price_CNY,stock
oolong,王記,Oolong,烏龍茶,老字號;tea,OO-S,Small,129.00,5
oolong,,,,,OO-L,Large,239,7
puer,,Puer,普洱,,PU,,88,0
"""


class MovedClock(SystemClock):
    """The machine's clock, with an offset that tests move."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def now(self) -> int:
        """Return the present, moved."""
        return super().now() + self.ahead_ms


def caller(name: str, role: Role = "viewer", show: str = "*") -> Caller:
    """Return somebody who signed in."""
    return Caller(
        person=person_id(name, SECRET),
        subject=name,
        name=name,
        role=role,
        show=show,
        expires_at=2**50,
    )


BOSS = caller("boss", "shop")


@dataclass
class Trade:
    """All services of the shop, as workers and the clerk have them."""

    books: Books
    http: aiohttp.ClientSession
    webhook_url: str
    sandbox_url: str
    clock: MovedClock = field(default_factory=MovedClock)
    rng: Random = field(default_factory=lambda: Random(7))
    numbers: Any = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        database, redis = self.books.database, self.books.redis
        self.courier = Courier(self.books.outbox, Control(redis))
        sandbox = Sandbox(self.sandbox_url, SECRET, self.http)
        self.providers: dict[str, PaymentProvider] = {
            "none": Free(database, self.clock),
            "sandbox": sandbox,
        }
        common: dict[str, Any] = {
            "database": database, "courier": self.courier, "clock": self.clock,
        }  # fmt: skip
        self.catalog = Catalog(database=database, clock=self.clock)
        self.shows = Shows(**common, rng=self.rng)
        self.pins = Pins(**common, shows=self.shows, rng=self.rng)
        self.book = DealBook(database)
        self.deals = Deals(
            **common,
            shows=self.shows,
            book=self.book,
            stock=self.books.stock,
            rng=self.rng,
        )
        self.holds = Holds(stock=self.books.stock, redis=redis)
        self.bags = Bags(database=database, shows=self.shows, clock=self.clock)
        self.orders = Orders(database=database, shows=self.shows)
        self.inbox = Inbox(**common, providers=self.providers)
        self.people = People(
            tokens=Tokens(SECRET), database=database, clock=self.clock, demo=True
        )
        self.checkout = Checkout(
            **common,
            stock=self.books.stock,
            book=self.book,
            providers=self.providers,
            provider="sandbox",
            places=Places(
                public_url="http://shop.test",
                webhook_url=self.webhook_url,
                shop_name="茶行 <Tea & Co>",
            ),
            rng=self.rng,
        )
        self.driver = PaymentDriver(
            **common,
            stock=self.books.stock,
            providers=self.providers,
            inbox=self.inbox,
        )

    async def show(self) -> ShowId:
        """Plan a show that sells in CNY."""
        made = await self.shows.create(
            BOSS,
            title={"und": "Tea time"},
            currency="CNY",
            slug=f"tea-{next(self.numbers)}",
            host="Mei",
            starts_at=None,
        )
        return made.id

    async def product(self, stock: int = 20, **fields: Any) -> ProductId:
        """Create a product with one variant, unless told otherwise."""
        ask = {
            "external_id": TEA,
            "title": {"en": "Tea", "zh-Hant": "茶"},
            "sku": "TEA-1",
            "price": {"amount": 12_900, "currency": "CNY"},
            "stock": stock,
            **fields,
        }
        (create,) = (
            act
            for act in catalog_wire.acts(self.catalog)
            if act.name == "product_create"
        )
        view = await create.handler(BOSS, create.parse(ask))
        return ProductId(view.id)

    async def listing(self, quantity: int = 10, **terms: Any) -> DealView:
        """Open a show with a listing of tea."""
        show, product = await self.show(), await self.product()
        return await self.deal(show, product, quantity, kind="listing", **terms)

    async def deal(
        self, show: ShowId, product: ProductId, quantity: int, **terms: Any
    ) -> DealView:
        """Make a deal, and bring it all the way into both books."""
        given = {
            "kind": "deal",
            "per_buyer_max": min(5, quantity),
            "hold_s": 300,
            "opens_at": None,
            "closes_at": None,
            **terms,
        }
        price = None if given["kind"] == "listing" else Money(9_900, "CNY")
        line = LineTerms(variant=None, price=price, quantity=quantity)
        made = await self.deals.create(
            BOSS, show, product, Terms(lines=[line], **given)
        )
        await self.books.follow()
        return made

    async def hold(self, buyer: Caller, deal: DealId, quantity: int = 1) -> HoldId:
        """Hold units of the deal's one variant."""
        key = f"key-{next(self.numbers)}"
        held = await self.holds.hold(
            buyer, deal, variant=None, quantity=quantity, key=key
        )
        return held.hold

    async def check_out(
        self, buyer: Caller, *holds: HoldId, key: str | None = None
    ) -> CheckedOut:
        """Check out; the ledger has not been asked, as in life."""
        return await self.checkout.check_out(
            buyer,
            holds,
            address=None,
            provider=None,
            key=key or f"pay-{next(self.numbers)}",
        )

    async def choose(self, url: str | None, choice: str = "pay") -> int:
        """Press a button on the provider's page; return the status."""
        assert url is not None
        async with self.http.post(
            url, data={"choice": choice}, allow_redirects=False
        ) as answer:
            return answer.status

    async def heard(self, count: int) -> None:
        """Wait until so many webhooks have come in."""
        async with asyncio.timeout(SETTLE_S):
            for pause in [0.01] * 1000:
                if len(await self.rows(tables.inbox)) >= count:
                    return
                await asyncio.sleep(pause)

    async def drive(self, until: Callable[[], Any]) -> None:
        """Run ledger and driver until ``until`` (async) is true."""
        async with asyncio.timeout(SETTLE_S):
            while not await until():
                await self.driver.follow()
                await self.books.follow()
                if self.books.heard:
                    self.driver.confirmed(self.books.heard)
                    self.books.heard.clear()

    async def drive_to(self, payment: PaymentId, state: str) -> Any:
        """Run until a payment is in ``state``; return its row."""

        async def there() -> bool:
            return bool((await self.payment(payment)).state == state)

        await self.drive(there)
        return await self.payment(payment)

    async def payment(self, payment: PaymentId) -> Any:
        """Return the row of a payment."""
        (row,) = await self.rows(tables.payment, id=payment)
        return row

    async def order_state(self, order: OrderId) -> str | None:
        """Return the state of an order, None if it is not there."""
        rows = await self.rows(tables.orders, id=order)
        return rows[0].state if rows else None

    async def rows(self, table: Table, **equal: Any) -> list[Any]:
        """Return rows of a table."""
        query = select(table).where(*(table.c[k] == v for k, v in equal.items()))
        async with self.books.database.read() as connection:
            return list((await connection.execute(query)).all())

    async def units(self, deal: DealId) -> tuple[int, int, int, int]:
        """Return allotted, free, held and sold by the ledger."""
        await self.books.follow()
        (row,) = await self.rows(tables.deal_line, deal=deal)
        return row.allotted, row.free, row.held, row.sold

    async def free(self) -> int:
        """Return the free stock of tea."""
        (row,) = await self.rows(tables.variant, sku="TEA-1")
        return int(row.free)

    async def told(self, show: ShowId, kind: Any, event: str) -> list[Any]:
        """Return the data of a log's events of one name."""
        entries = await Log(self.books.redis).read(show, kind, 0, 1000)
        return [msgspec.json.decode(e.data) for e in entries if e.event == event]


async def ask(trade: Trade, name: str, who: Any = BOSS, **fields: Any) -> Any:
    """Ask an act as a client does: untyped fields, checked role."""
    acts = [*catalog_wire.acts(trade.catalog), *deals_wire.acts(trade.deals)]
    (act,) = (one for one in acts if one.name == name)
    act.check(who)
    return await act.handler(who, act.parse(fields))


@asynccontextmanager
async def trading(books: Books, folder: Path) -> AsyncIterator[Trade]:
    """Open a shop on ``books``, with a provider that calls its webhook."""
    sandbox_port, shop_port = free_port(), free_port()
    stop = asyncio.Event()
    async with aiohttp.ClientSession() as http:
        trade = Trade(
            books=books,
            http=http,
            webhook_url=f"http://127.0.0.1:{shop_port}",
            sandbox_url=f"http://127.0.0.1:{sandbox_port}",
        )

        async def webhook(request: web.Request) -> web.Response:
            body = await request.read()
            name = request.match_info["provider"]
            await trade.inbox.receive(name, request.headers, body)
            return web.Response()

        app = web.Application()
        app.router.add_post("/api/v1/payments/{provider}/webhook", webhook)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", shop_port).start()
        provider = asyncio.create_task(
            serve(
                host="127.0.0.1",
                port=sandbox_port,
                secret=SECRET,
                pages=at(trade.sandbox_url),
                data=folder,
                stop=stop,
                clock=trade.clock,
            )
        )
        try:
            yield trade
        finally:
            stop.set()
            await provider
            await runner.cleanup()
