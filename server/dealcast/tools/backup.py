"""``dealcast backup``: the whole shop in one folder, taken beside a running node."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from dealcast.app.books import database_of
from dealcast.config import Settings, Unusable
from dealcast.core.clock import Clock, SystemClock
from dealcast.core.errors import Refused
from dealcast.store.backup import CopyFailed, Saved, save
from dealcast.store.schema import NewerSchema
from dealcast.store.sql import Database
from dealcast.tools import manifest

NICE = 10  # The shop goes first.

T = TypeVar("T")


def run(settings: Settings, into: Path, config: Path | None = None) -> int:
    """
    Back the shop up into a new folder, whole or not at all.

    ``config`` is the file of settings, if it is not the data folder's.

    Raises:
        Unusable: If it cannot be done.
    """
    os.umask(0o077)
    os.nice(NICE)
    with explaining("the backup"):
        saved, made_at = back_up(settings, into, config, SystemClock())
    print(
        f"Saved {sum(saved.rows.values()):,} rows as of {date(made_at)} in {into}.\n"
        "It has the shop's secret and its buyers' addresses: keep it as safe as they."
    )
    if settings.auth.secret is not None:
        print("The setting auth.secret may not be in it: keep that, too.")
    return 0


def back_up(
    settings: Settings, into: Path, config: Path | None, clock: Clock
) -> tuple[Saved, int]:
    """Make the folder ``into``; return what is in it, and as of when."""
    into = into.expanduser().resolve()
    check_place(into)
    database = books_of(settings)
    made = Path(tempfile.mkdtemp(prefix=f".{into.name}.", dir=into.parent))
    try:
        made_at = clock.now()
        saved = whole(copy(database, made / manifest.BOOKS))
        manifest.sync(made / manifest.BOOKS)
        sources = (settings.folder / "secret", config or settings.folder / TOML)
        for name, source in zip(manifest.KEPT, sources, strict=True):
            if source.is_file():
                manifest.put(made / name, source.read_bytes())
        manifest.write(made, saved, made_at)
        made.rename(into)  # An empty folder gives way to it.
        manifest.sync(into.parent)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return saved, made_at


TOML = "dealcast.toml"


def check_place(into: Path) -> None:
    """
    Check that ``into`` can become a backup.

    Raises:
        Unusable: If it is there already, or the folder that it is to be in is not.
    """
    if into.is_dir():
        if any(into.iterdir()):
            raise Unusable(f"{into} is not empty: give another folder")
    elif into.exists():
        raise Unusable(f"{into} is not a folder")
    elif not into.parent.is_dir():
        raise Unusable(f"there is no folder {into.parent}")


def books_of(settings: Settings) -> Database:
    """Return the books; reading must not make a file where none was."""
    database = database_of(settings)
    if database.is_sqlite and not Path(str(database.url.database)).is_file():
        raise Unusable(f"there are no books in {settings.folder}")
    return database


async def copy(database: Database, file: Path) -> Saved:
    """Copy the books into ``file``."""
    try:
        return await save(database, file)
    finally:
        await database.aclose()


def whole(work: Coroutine[Any, Any, T]) -> T:
    """
    Run ``work``; told to stop by SIGTERM it is undone, as by Ctrl-C.

    Raises:
        Unusable: If it was told to.
    """

    async def heeding() -> T:
        task = asyncio.ensure_future(work)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await task

    try:
        return asyncio.run(heeding())
    except asyncio.CancelledError:
        raise Unusable("told to stop before it was done; nothing was kept") from None


@contextmanager
def explaining(what: str) -> Iterator[None]:
    """
    Say in one line what went wrong with a disk or a database.

    Raises:
        Unusable: If anything did.
    """
    try:
        yield
    except (CopyFailed, NewerSchema, Refused) as error:
        raise Unusable(f"{what}: {error}") from None
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        raise Unusable(f"{what}: {place}{error.strerror or error}") from None


def date(at: int) -> str:
    """Write an instant as people do."""
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
