"""What every process of a node is made of: stores, shop, features."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random, SystemRandom
from typing import Any

import aiohttp
from prometheus_client import CollectorRegistry

from dealcast.app import secrets, tls
from dealcast.app.books import bring_up_to_date
from dealcast.app.tls import Door
from dealcast.config import Settings, Unusable
from dealcast.core.clock import Clock, SystemClock
from dealcast.core.wire import Act
from dealcast.features import chat
from dealcast.features.chat import rebuild as chat_rebuild
from dealcast.features.chat import wire as chat_wire
from dealcast.features.chat.service import Chat
from dealcast.features.moderation import rebuild as moderation_rebuild
from dealcast.features.moderation import wire as moderation_wire
from dealcast.features.moderation.service import Moderation
from dealcast.hub import presence
from dealcast.shop import rebuild as shop_rebuild
from dealcast.shop.catalog import wire as catalog_wire
from dealcast.shop.catalog.service import Catalog
from dealcast.shop.checkout import wire as checkout_wire
from dealcast.shop.checkout.service import Checkout, Places
from dealcast.shop.courier import Courier
from dealcast.shop.deals import wire as deals_wire
from dealcast.shop.deals.book import DealBook
from dealcast.shop.deals.service import Deals
from dealcast.shop.holds import wire as holds_wire
from dealcast.shop.holds.bag import Bags
from dealcast.shop.holds.service import Holds
from dealcast.shop.orders import wire as orders_wire
from dealcast.shop.orders.service import Orders
from dealcast.shop.payments.free import Free
from dealcast.shop.payments.inbox import Inbox
from dealcast.shop.payments.provider import PaymentProvider
from dealcast.shop.payments.sandbox import Sandbox, public
from dealcast.shop.people import wire as people_wire
from dealcast.shop.people.jwks import Jwks
from dealcast.shop.people.service import People
from dealcast.shop.people.tokens import Tokens
from dealcast.shop.pins import wire as pins_wire
from dealcast.shop.pins.service import Pins
from dealcast.shop.shows import wire as shows_wire
from dealcast.shop.shows.service import Shows
from dealcast.store.control import Control
from dealcast.store.draft import Source
from dealcast.store.library import library_text
from dealcast.store.log import Log
from dealcast.store.outbox import Outbox
from dealcast.store.redis import Redis
from dealcast.store.sql import Database
from dealcast.store.stock import Stock

HTTP_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The parts that workers and the clerk share."""

    settings: Settings
    door: Door | None
    clock: Clock
    rng: Random
    registry: CollectorRegistry
    redis: Redis
    database: Database
    log: Log
    stock: Stock
    control: Control
    outbox: Outbox
    courier: Courier
    people: People
    catalog: Catalog
    shows: Shows
    pins: Pins
    book: DealBook
    deals: Deals
    providers: dict[str, PaymentProvider]
    inbox: Inbox


@asynccontextmanager
async def parts(settings: Settings) -> AsyncIterator[Parts]:
    """
    Build the parts, and close what they hold at the end.

    Raises:
        Unusable: If no Redis is given, or a newer product has written the books.
        Unavailable: If Redis or the database does not answer.
    """
    if settings.redis.url is None:
        raise Unusable("redis.url: give one, or run `dealcast serve`")
    clock, rng = SystemClock(), SystemRandom()
    door = tls.door_of(settings)
    async with AsyncExitStack() as stack:
        redis = await Redis.connect(
            settings.redis.url, connections_max=settings.redis.connections_max
        )
        stack.push_async_callback(redis.aclose)
        database = Database.connect(settings.sql_url)
        stack.push_async_callback(database.aclose)
        await bring_up_to_date(database)
        limit = aiohttp.ClientTimeout(total=HTTP_S)
        http = await stack.enter_async_context(aiohttp.ClientSession(timeout=limit))
        control = Control(redis)
        outbox = Outbox(redis, database, clock)
        courier = Courier(outbox, control)
        shows = Shows(database=database, courier=courier, clock=clock, rng=rng)
        book = DealBook(database)
        stock = Stock(redis)
        providers = providers_of(settings, database, http, clock, door)
        yield Parts(
            settings=settings,
            door=door,
            clock=clock,
            rng=rng,
            registry=CollectorRegistry(),
            redis=redis,
            database=database,
            log=Log(redis),
            stock=stock,
            control=control,
            outbox=outbox,
            courier=courier,
            people=people_of(settings, database, clock),
            catalog=Catalog(database=database, clock=clock),
            shows=shows,
            pins=Pins(
                database=database, shows=shows, courier=courier, clock=clock, rng=rng
            ),
            book=book,
            deals=Deals(
                database=database,
                shows=shows,
                book=book,
                stock=stock,
                courier=courier,
                clock=clock,
                rng=rng,
            ),
            providers=providers,
            inbox=Inbox(
                providers=providers, database=database, courier=courier, clock=clock
            ),
        )


def people_of(settings: Settings, database: Database, clock: Clock) -> People:
    """Return who knows people by the tokens that this installation trusts."""
    jwks = settings.auth.jwks_url
    return People(
        tokens=Tokens(
            secrets.of(settings).encode(), Jwks(jwks, clock) if jwks else None
        ),
        database=database,
        clock=clock,
        token_s=settings.auth.token_s,
        demo=settings.demo,
    )


def providers_of(
    settings: Settings,
    database: Database,
    http: aiohttp.ClientSession,
    clock: Clock,
    door: Door | None,
) -> dict[str, PaymentProvider]:
    """
    Return the payment providers by their names.

    Raises:
        Unusable: If the settings name another one.
    """
    free = Free(database, clock)
    sandbox = Sandbox(
        settings.sandbox_url,
        secrets.sandbox(settings).encode(),
        http,
        trust=public if settings.payments.sandbox_url else tls.trust_of(door),
    )
    known: dict[str, PaymentProvider] = {free.name: free, sandbox.name: sandbox}
    if settings.payments.provider not in known:
        raise Unusable(f"payments.provider: one of {', '.join(sorted(known))}")
    return known


def shop_acts(shared: Parts) -> list[Act[Any]]:
    """Return everything that clients may ask of shop and features."""
    s, rng, clock = shared, shared.rng, shared.clock
    places = Places(
        public_url=s.settings.public_url,
        webhook_url=s.settings.payments.webhook_url or s.settings.inside_url,
        shop_name=s.settings.shop_name,
    )
    checkout = Checkout(
        database=s.database,
        stock=s.stock,
        book=s.book,
        providers=s.providers,
        provider=s.settings.payments.provider,
        places=places,
        courier=s.courier,
        clock=clock,
        rng=rng,
        pay_s=s.settings.payments.pay_s,
    )
    holds = Holds(stock=s.stock, redis=s.redis)
    bags = Bags(database=s.database, shows=s.shows, clock=clock)
    return [
        *people_wire.acts(s.people),
        *catalog_wire.acts(s.catalog),
        *shows_wire.acts(s.shows),
        *deals_wire.acts(s.deals),
        *holds_wire.acts(holds, bags),
        *checkout_wire.acts(checkout),
        *orders_wire.acts(Orders(database=s.database, shows=s.shows)),
        *pins_wire.acts(s.pins),
        *feature_acts(s),
    ]


def feature_acts(shared: Parts) -> list[Act[Any]]:
    """Return what clients may ask of the features."""
    s = shared
    talk = Chat(redis=s.redis, lines_per_s_max=s.settings.hub.chat_per_s_max)
    order = Moderation(
        database=s.database, log=s.log, courier=s.courier, clock=s.clock, rng=s.rng
    )
    return [*chat_wire.acts(talk), *moderation_wire.acts(order)]


def library() -> str:
    """Return the Redis function library with what hub and features add."""
    return library_text([presence.functions(), chat.functions()])


def sources() -> list[Source]:
    """Return who writes what Redis had, when a partition is built anew."""
    return [
        *shop_rebuild.SOURCES,
        presence.likes,
        chat_rebuild.lines,
        moderation_rebuild.rules,
    ]
