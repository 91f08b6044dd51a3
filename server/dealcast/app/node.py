"""``dealcast serve``: check what was given, start the node, tell its addresses."""

import os
import resource

import uvloop

from dealcast.app import secrets
from dealcast.app.books import books
from dealcast.app.supervisor import Supervisor, check_port, lock_folder
from dealcast.config import Settings, Unusable
from dealcast.core.clock import SystemClock
from dealcast.core.errors import Unavailable
from dealcast.core.events import Role
from dealcast.shop.people.service import People
from dealcast.shop.people.tokens import Tokens
from dealcast.store.redis import Redis
from dealcast.store.server import ServerUnusable, check_info
from dealcast.store.sql import Database

STAFF_LINKS: dict[Role, str] = {"host": "host", "moderator": "moderator"}


def run(settings: Settings) -> int:
    """
    Run a node until it is told to stop.

    Raises:
        Unusable: If something that was given cannot be used.
    """
    os.umask(0o077)  # Books, secrets and journals are nobody else's to read.
    lock = lock_folder(settings.folder)
    try:
        check_port(settings.http.host, settings.http.port)
        if settings.payments.provider == "sandbox":
            check_port(settings.http.host, settings.http.port + 1)
        secrets.of(settings)
        raise_file_limit()
        return uvloop.run(serve(settings))
    except ServerUnusable as error:
        raise Unusable(str(error)) from None
    finally:
        os.close(lock)


async def serve(settings: Settings) -> int:
    """Check the stores that were given, then run the supervisor."""
    await check_stores(settings)

    def say(line: str) -> None:
        print(line, flush=True)

    async def told() -> list[str]:
        return await addresses(settings)

    return await Supervisor(settings, say).run(told)


async def check_stores(settings: Settings) -> None:
    """
    Make sure that a given Redis is new enough, and bring the books up to date.

    Raises:
        Unusable: If one of them does not answer, or a newer product wrote the books.
        ServerUnusable: If Redis is too old.
    """
    if settings.redis.url is not None:
        try:
            redis = await Redis.connect(settings.redis.url)
        except (Unavailable, ValueError) as error:
            raise Unusable(f"redis.url: {error}") from None
        try:
            for info in await redis.servers():
                check_info(info)
        finally:
            await redis.aclose()
    async with books(settings):
        pass  # Opening them has brought them up to date.


async def addresses(settings: Settings) -> list[str]:
    """Return the addresses of the pages, with codes for staff in a demo."""
    base = settings.public_url
    lines = ["", f"{settings.shop_name} is open.", f"  viewer     {base}/"]
    if settings.demo:
        database = Database.connect(settings.sql_url)
        try:
            people = People(
                tokens=Tokens(secrets.of(settings).encode()),
                database=database,
                clock=SystemClock(),
                demo=True,
            )
            for role, page in STAFF_LINKS.items():
                code = await people.make_code(role, "*")
                lines.append(f"  {role:<10} {base}/{page}#code={code}")
        finally:
            await database.aclose()
        lines.append("Staff links work once; `dealcast token --link` makes more.")
    else:
        lines += [f"  {role:<10} {base}/{page}" for role, page in STAFF_LINKS.items()]
    return [*lines, "Ctrl-C stops."]


def raise_file_limit() -> None:
    """Allow as many open files as the system does: one connection is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
