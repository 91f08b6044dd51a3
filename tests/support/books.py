"""A small shop on a real Redis and a real SQL database, for tests of the store."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.app.parts import library, sources
from dealcast.core.clock import SystemClock
from dealcast.core.ids import (
    DealId,
    HoldId,
    PaymentId,
    PersonId,
    ShowId,
    VariantId,
    deal_of,
    hold_id,
    partition_of,
)
from dealcast.shop.holds.rules import fingerprint
from dealcast.store import outbox, tables
from dealcast.store.archive import Archive
from dealcast.store.gate import Gate
from dealcast.store.ledger import Ledger
from dealcast.store.outbox import Outbox
from dealcast.store.rebuild import Rebuilder
from dealcast.store.redis import Redis
from dealcast.store.sql import Database
from dealcast.store.stock import HoldItem, PaidLine, Stock
from tests.support.redis import RedisServers

SHOW = ShowId("s07_abcdefghjk")
PRICE = 12_900
RECEIVED = 100
HOUR_MS = 3_600_000
FOLLOW_S = 20.0
VARIANTS = ("red", "blue")
CLOCK = SystemClock()


def gate_of(redis: Redis, database: Database, ledger: Ledger) -> Gate:
    """Make a gate that builds partitions anew, as the clerk's does."""
    rebuilder = Rebuilder(
        redis=redis,
        database=database,
        ledger=ledger,
        archive=Archive(redis, database, CLOCK),
        clock=CLOCK,
        sources=sources(),
    )
    return Gate(redis, database, ledger, rebuilder)


@dataclass
class Books:
    """Redis, SQL and what runs between them, as the clerk has it."""

    servers: RedisServers
    redis: Redis
    database: Database
    heard: list[PaymentId] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.redis, self.database, on_confirmed=self.heard.extend)
        self.gate = gate_of(self.redis, self.database, self.ledger)
        self.outbox = Outbox(self.redis, self.database, CLOCK)
        self.stock = Stock(self.redis)

    async def open(self) -> None:
        """Start as the clerk does, and open a show with two variants to sell."""
        await self.ledger.start()
        await self.gate.look()
        assert self.gate.closed == {}
        async with self.database.begin() as connection:
            now = CLOCK.now()
            await connection.execute(
                insert(tables.seller).values(id="seller", name={"und": "House"})
            )
            await connection.execute(
                insert(tables.product).values(
                    id="tea",
                    seller="seller",
                    title={"und": "Tea"},
                    tags=[],
                    version=1,
                    updated_at=now,
                )
            )
            for position, variant in enumerate(VARIANTS):
                await connection.execute(
                    insert(tables.variant).values(
                        id=variant,
                        product="tea",
                        position=position,
                        sku=f"TEA-{variant}",
                        title={"und": variant},
                        prices={"CNY": PRICE},
                        received=RECEIVED,
                        free=RECEIVED,
                    )
                )
            await connection.execute(
                insert(tables.show).values(
                    id=SHOW,
                    title={"und": "Tea time"},
                    currency="CNY",
                    status="live",
                    host="Mei",
                    created_at=now,
                )
            )

    async def deal(
        self, units: Mapping[str, int], *, per_buyer_max: int = 0, hold_s: int = 600
    ) -> DealId:
        """Put an open deal into SQL and its load into the outbox."""
        deal = DealId(f"d07_abcdef{next(self.numbers):04d}")
        op, now = f"deal_create:{deal}", CLOCK.now()
        terms = {
            "deal": deal,
            "show": SHOW,
            "status": "open",
            "per_buyer_max": per_buyer_max,
            "hold_ms": hold_s * 1000,
            "opens_at": None,
            "closes_at": None,
            "view": "{}",
            "lines": list(units.items()),
        }
        async with self.database.begin() as connection:
            await connection.execute(
                insert(tables.deal).values(
                    id=deal,
                    show=SHOW,
                    kind="deal",
                    status="open",
                    product="tea",
                    per_buyer_max=per_buyer_max,
                    hold_s=hold_s,
                    created_at=now,
                )
            )
            for position, (variant, allotted) in enumerate(units.items()):
                await connection.execute(
                    insert(tables.deal_line).values(
                        deal=deal,
                        variant=variant,
                        position=position,
                        sku=f"TEA-{variant}",
                        title={"und": variant},
                        currency="CNY",
                        price=PRICE,
                        reference_price=PRICE,
                        allotted=0,
                        free=0,
                    )
                )
                await self._allot(
                    connection, f"{op}:{position}", deal, variant, allotted
                )
            await outbox.put(
                connection,
                op,
                partition_of(deal),
                "load",
                {"show": SHOW, "deal": terms},
                now,
            )
        return deal

    async def restock(self, deal: DealId, variant: str, units: int) -> str:
        """Give a deal more units, or take some back; return the operation."""
        op = f"restock:{deal}:{next(self.numbers)}"
        payload = {"show": SHOW, "deal": deal, "variant": variant, "units": units}
        async with self.database.begin() as connection:
            await self._allot(connection, op, deal, variant, units)
            await outbox.put(
                connection, op, partition_of(deal), "adjust", payload, CLOCK.now()
            )
        return op

    async def _allot(
        self,
        connection: AsyncConnection,
        op: str,
        deal: DealId,
        variant: str,
        units: int,
    ) -> None:
        row = tables.variant
        await connection.execute(
            update(row)
            .where(row.c.id == variant)
            .values(free=row.c.free - max(0, units))
        )
        await connection.execute(
            insert(tables.allotment).values(
                op=op, deal=deal, variant=variant, units=units
            )
        )

    async def opened(self, units: Mapping[str, int], **terms: int) -> DealId:
        """Make a deal and bring it all the way into both books."""
        deal = await self.deal(units, **terms)
        await self.outbox.send_due()
        await self.follow()
        return deal

    async def hold(
        self, deal: DealId, buyer: str, variant: str = "red", quantity: int = 1
    ) -> HoldId:
        """Hold units for a buyer; it must be granted."""
        person = PersonId(buyer)
        hold = hold_id(deal, person, str(next(self.numbers)))
        item = HoldItem(
            hold=hold,
            buyer=person,
            variant=VariantId(variant),
            quantity=quantity,
            fingerprint=fingerprint(VariantId(variant), quantity),
        )
        (answer,) = await self.stock.hold(deal, [item])
        assert answer.granted()[0] == "held"
        return hold

    async def checkout(
        self, buyer: str, *holds: HoldId, state: str = "authorised"
    ) -> PaymentId:
        """Write the payment of a buyer's holds, and mark them as being paid."""
        number = next(self.numbers)
        payment = PaymentId(f"p07_{number:010d}")
        found = {row.hold: row for row in await self.stock.get_all(holds)}
        now = CLOCK.now()
        async with self.database.begin() as connection:
            await connection.execute(
                insert(tables.payment).values(
                    id=payment,
                    show=SHOW,
                    order=f"o07_{number:010d}",
                    buyer=buyer,
                    name=buyer.title(),
                    provider="sandbox",
                    state=state,
                    amount=sum(PRICE * row.quantity for row in found.values()),
                    currency="CNY",
                    key=str(number),
                    fingerprint="f",
                    expires_at=now + HOUR_MS,
                    check_at=now + HOUR_MS,
                    created_at=now,
                    changed_at=now,
                )
            )
            await connection.execute(
                insert(tables.payment_line),
                [
                    {
                        "payment": payment,
                        "hold": hold,
                        "deal": deal_of(hold),
                        "variant": found[hold].variant,
                        "sku": f"TEA-{found[hold].variant}",
                        "title": {"und": found[hold].variant},
                        "quantity": found[hold].quantity,
                        "price": PRICE,
                    }
                    for hold in holds
                ],
            )
        await self.stock.pay(payment, PersonId(buyer), now + HOUR_MS, holds)
        return payment

    async def confirm(self, payment: PaymentId) -> None:
        """Sell what a payment paid."""
        line = tables.payment_line
        async with self.database.read() as connection:
            rows = await connection.execute(
                select(line, tables.payment.c.buyer)
                .join(tables.payment, tables.payment.c.id == line.c.payment)
                .where(line.c.payment == payment)
            )
            lines = [
                PaidLine(
                    hold=row.hold,
                    buyer=row.buyer,
                    variant=row.variant,
                    quantity=row.quantity,
                )
                for row in rows
            ]
        await self.stock.confirm(payment, lines)

    async def capture(self, payment: PaymentId) -> None:
        """Take the money of a confirmed payment into the books."""
        orders, row, now = tables.orders, tables.payment, CLOCK.now()
        async with self.database.begin() as connection:
            order = (
                await connection.execute(
                    select(orders).where(orders.c.payment == payment)
                )
            ).one()
            await connection.execute(
                update(row).where(row.c.id == payment).values(state="captured")
            )
            await connection.execute(
                update(orders).where(orders.c.id == order.id).values(state="paid")
            )
            await connection.execute(
                insert(tables.entry),
                [
                    {
                        "source": f"capture:{payment}",
                        "account": account,
                        "amount": amount,
                        "currency": "CNY",
                        "order": order.id,
                        "at": now,
                    }
                    for account, amount in (
                        ("provider:sandbox", order.total),
                        ("seller:seller", -order.total),
                    )
                ],
            )

    async def follow(self) -> None:
        """Let the ledger take in all that Redis has to tell."""
        async with asyncio.timeout(FOLLOW_S):
            while await self.ledger.lag() and not self.ledger.closed:
                await self.ledger.follow(block_ms=500)

    async def sold(self, deal: DealId, buyer: str, variant: str = "red") -> PaymentId:
        """Sell one unit, from the hold to the money."""
        payment = await self.checkout(buyer, await self.hold(deal, buyer, variant))
        await self.confirm(payment)
        await self.follow()
        await self.capture(payment)
        return payment


PAIRS = ("standalone-sqlite", "cluster-postgresql")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database, of each kind."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(params=PAIRS)
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Books]:
    """Lend out a small shop on each pair of Redis and SQL."""
    servers: RedisServers
    if request.param == PAIRS[0]:
        servers, url = request.getfixturevalue("standalone"), sqlite_url(tmp_path)
    else:
        servers = request.getfixturevalue("cluster")
        url = request.getfixturevalue("postgres_url")
    async with books(servers, url) as made:
        yield made


@pytest.fixture
async def small(standalone: RedisServers, tmp_path: Path) -> AsyncIterator[Books]:
    """Lend out a small shop on one Redis server and SQLite."""
    async with books(standalone, sqlite_url(tmp_path)) as made:
        yield made


def sqlite_url(folder: Path) -> str:
    """Return the URL of a database file in ``folder``."""
    return f"sqlite+aiosqlite:///{folder / 'dealcast.db'}"


@asynccontextmanager
async def books(servers: RedisServers, url: str) -> AsyncIterator[Books]:
    """Connect to ``servers`` and to the empty database at ``url``."""
    servers.empty()
    redis = await Redis.connect(servers.url)
    await redis.load_library(library())
    database = Database.connect(url)
    try:
        await database.migrate()
        made = Books(servers, redis, database)
        await made.open()
        yield made
    finally:
        await redis.aclose()
        await database.aclose()
