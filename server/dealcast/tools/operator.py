"""What the operator does beside a node: tokens, links, imports, crowds, recounts."""

import argparse
import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import or_, select

from dealcast.app import secrets, tls
from dealcast.app.books import books
from dealcast.app.node import raise_file_limit
from dealcast.config import Settings, Unusable
from dealcast.core.clock import SystemClock
from dealcast.core.errors import Refused
from dealcast.core.events import Role
from dealcast.core.ids import PersonId
from dealcast.core.wire import Caller
from dealcast.shop.catalog.service import Catalog
from dealcast.shop.people.service import CODE_S, People
from dealcast.shop.people.tokens import Tokens
from dealcast.store import tables
from dealcast.store.sql import Database
from dealcast.tools import crowd as crowds
from dealcast.tools.scene import Plan

YEAR_S = 366 * 24 * 3600
EXPIRING_S = 30.0  # A shorter load of a crowd does not wait for holds to expire.

OPERATOR = Caller(
    person=PersonId("u_operator"),
    subject="operator",
    name="Operator",
    role="shop",
    show="*",
    expires_at=2**53,
)


def people_of(settings: Settings, database: Database) -> People:
    """Return who knows people by this installation's secret."""
    return People(
        tokens=Tokens(secrets.of(settings).encode()),
        database=database,
        clock=SystemClock(),
        demo=True,
    )


def token(settings: Settings, options: argparse.Namespace) -> int:
    """
    Print a token.

    Raises:
        Unusable: If it is to live for less than a second or more than a year, or
            for a show that is not there.
    """
    if not 1 <= options.seconds <= YEAR_S:
        raise Unusable(f"--seconds: between 1 and {YEAR_S}")

    show = options.show
    if show != "*":  # A token for all shows needs no books, only the secret.
        show = asyncio.run(look_up(settings, show))
    people = people_of(settings, Database.connect(settings.sql_url))
    print(
        people.issue(options.subject, options.name, options.role, show, options.seconds)
    )
    return 0


async def look_up(settings: Settings, show: str) -> str:
    """Return the id of a show in the books of this data folder."""
    if settings.sql.url is None and not settings.folder.is_dir():
        raise Unusable(f"there is no data folder {settings.folder}")
    async with books(settings) as database:
        return await show_of(database, show)


def staff_link(settings: Settings, role: Role, show: str) -> int:
    """
    Print a staff link that works once.

    Raises:
        Unusable: If the role has no page, or there is no such show.
    """
    if role not in ("host", "moderator"):
        raise Unusable("--link: for --role host or moderator")

    async def make() -> str:
        async with books(settings) as database:
            of = await show_of(database, show)
            return await people_of(settings, database).make_code(role, of)

    base = noted(settings, "pages.url") or address_of(settings)
    print(f"{base}/{role}#code={asyncio.run(make())}")
    until = datetime.now(UTC) + timedelta(seconds=CODE_S)
    print(f"It works once, until {until:%Y-%m-%d %H:%M} UTC.", file=sys.stderr)
    return 0


async def show_of(database: Database, name: str) -> str:
    """
    Return the id of the show that an id or a slug names; "*" is all shows.

    Raises:
        Unusable: If there is no such show.
    """
    if name == "*":
        return name
    row = tables.show
    query = select(row.c.id).where(or_(row.c.id == name, row.c.slug == name))
    async with database.read() as connection:
        found: str | None = await connection.scalar(query)
    if found is None:
        raise Unusable(f"--show: there is no show {name}")
    return found


def address_of(settings: Settings) -> str:
    """Return where the folder's node answers: a running one has noted it."""
    return noted(settings, "public.url") or settings.public_url


def noted(settings: Settings, name: str) -> str:
    """Return what a running node has noted of itself; nothing if none runs."""
    try:
        return (settings.folder / "run" / name).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def catalog_import(settings: Settings, file: Path, currency: str) -> int:
    """
    Import a CSV file; 1 if a row is wrong, and then nothing is imported.

    Raises:
        Unusable: If the file cannot be read.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise Unusable(f"{file}: {error.strerror}") from None

    async def bring() -> str:
        async with books(settings) as database:
            catalog = Catalog(database=database, clock=SystemClock())
            found = await catalog.import_csv(OPERATOR, data, currency=currency)
            return (
                f"{found.products} products with {found.variants} variants: "
                f"{found.created} created, {found.changed} changed, "
                f"{found.unchanged} as they were."
            )

    try:
        print(asyncio.run(bring()))
    except Refused as refused:
        print(f"{file}: {refused.detail or refused.title}", file=sys.stderr)
        return 1
    return 0


def crowd(settings: Settings, options: argparse.Namespace) -> int:
    """
    Send a crowd to this node's show, or to another server's.

    Raises:
        Unusable: If a number makes no sense.
    """
    if not 1 <= options.viewers <= 15_000:
        raise Unusable("--viewers: between 1 and 15000")
    if not 0 <= options.chat <= 1000 or not 1 <= options.quantity <= 999:
        raise Unusable("--chat: at most 1000 lines a second; --quantity: 1 to 999")
    if not 0 <= options.steady <= 86_400 or not 0 < options.rate <= 1000:
        raise Unusable("--steady: at most a day; --rate: at most 1000 buys a second")
    host = None
    if options.open or options.steady:
        people = people_of(settings, Database.connect(settings.sql_url))
        host = people.issue("crowd", "Crowd", "host", "*")
    url = (options.url or address_of(settings)).rstrip("/")
    plan = Plan(
        url=url,
        trust=tls.client_context(settings, url),
        show=options.show,
        viewers=options.viewers,
        chat_per_s=options.chat,
        buy=options.buy,
        quantity=options.quantity,
        open_token=host,
        seconds=options.seconds,
        seed=options.seed,
        steady_s=options.steady,
        buys_per_s=options.rate,
        expiring=options.steady >= EXPIRING_S,
    )
    raise_file_limit()
    try:
        return asyncio.run(crowds.run(plan, options.history))
    except OSError as error:
        raise Unusable(f"--history: {error.strerror or error}") from None
