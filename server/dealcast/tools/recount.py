"""``dealcast verify``: the recount, on a running node or a stopped one."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from rich.console import Console

from dealcast.app.books import books
from dealcast.app.folder import claim_folder
from dealcast.config import Settings, Unusable
from dealcast.core.errors import Refused
from dealcast.store.redis import Redis
from dealcast.store.server import Server, ServerUnusable
from dealcast.tools.verify import table, verify


def run(settings: Settings) -> int:
    """
    Recount, print what disagrees, and return 1 if anything does.

    Raises:
        Unusable: If there is nothing to recount, or a store does not answer.
    """
    if settings.sql.url is None and not settings.folder.is_dir():
        raise Unusable(f"there is no data folder {settings.folder}")
    try:
        return asyncio.run(recount(settings))
    except Refused as refused:
        raise Unusable(str(refused)) from None
    except ServerUnusable as error:
        raise Unusable(str(error)) from None


async def recount(settings: Settings) -> int:
    """Open both stores and hold them against each other."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(books(settings))
        # A stopped node's ledger cannot catch up: what waits for it is no fault.
        stopped = settings.redis.url is None and running(settings.folder) is None
        redis = await stack.enter_async_context(redis_of(settings))
        differences = await verify(database, redis, stopped=stopped)
    console = Console(width=120)
    if differences:
        console.print(table(differences))
        return 1
    console.print("Stock, holds, orders, payments and facts agree.")
    return 0


@asynccontextmanager
async def redis_of(settings: Settings) -> AsyncIterator[Redis | None]:
    """
    Connect to the node's Redis; start it for the time of the recount if the
    node is stopped.
    """
    async with AsyncExitStack() as stack:
        url = settings.redis.url or running(settings.folder)
        if url is None and (settings.folder / "redis").is_dir():
            claim = claim_folder(settings.folder)
            stack.callback(claim.release)
            server = Server(
                settings.folder, binary=settings.redis.binary, lock=claim.shared
            )
            await server.start()
            stack.push_async_callback(server.stop)
            url = server.url
        if url is None:
            yield None
            return
        redis = await Redis.connect(url)
        stack.push_async_callback(redis.aclose)
        yield redis


def running(folder: Path) -> str | None:
    """Return where the Redis of a running node answers."""
    note = folder / "run" / "redis.url"
    try:
        url = note.read_text(encoding="utf-8")
    except OSError:
        return None
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(url.removeprefix("unix://"))
        except OSError:  # A node that was killed left its note, and perhaps this.
            return None
    return url
