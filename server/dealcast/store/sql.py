"""
The SQL database: SQLite by default, PostgreSQL when it grows.

Every writing transaction of SQLite begins IMMEDIATE: a deferred one fails at
once, without waiting, when it turns writer while another process writes.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, event, exc, make_url, text
from sqlalchemy.engine.url import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from dealcast.core.errors import Unavailable
from dealcast.store import schema

BUSY_MS = 5_000
WAL_KEPT = 64 * 1024 * 1024  # Bytes of its journal that SQLite keeps for later.
POOL_WAIT_S = 5.0
READERS_MAX = 4  # SQLite connections that read; each has a thread.
POOL_MAX = 8  # PostgreSQL connections of one process.
COMMAND_S = 10  # A server that says nothing is away: whoever asks is to know it.
IDLE_MS = 5_000
MIGRATE_WAIT_S = 60.0
MIGRATE_POLL_S = 0.05
ADVISORY_LOCK = 0x6465616C  # "deal"

# PostgreSQL's states, by their beginning, after which the same act may succeed:
# the connection was lost (08); a primary has become a standby (25006); we were
# silent for too long (25P03); two transactions got into each other's way (40,
# 55P03); memory, disk or connections are used up (53); it starts, stops or was
# told to leave off (57); its disk answers with errors (58).
PASSING_STATES = ("08", "25006", "25P03", "40", "53", "55P03", "57", "58")
# SQLite's word for a statement that is wrong; all else is the world's fault. The
# lowest byte says it, those above say more of how.
SQLITE_ERROR, SQLITE_KIND = 1, 0xFF


class Database:
    """The SQL database, with short transactions for writing and for reading."""

    def __init__(self, url: URL, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self.url = url
        self._writer = writer
        self._reader = reader

    @classmethod
    def connect(cls, url: str) -> "Database":
        """
        Make a database for ``sqlite+aiosqlite:///...`` or ``postgresql+asyncpg://``.

        Nothing is opened before the first transaction.

        Raises:
            ValueError: If the address is of another kind.
        """
        try:
            parsed = make_url(url)
        except exc.ArgumentError as error:
            raise ValueError(str(error)) from None
        if parsed.drivername == "sqlite+aiosqlite":
            if not parsed.database or parsed.database == ":memory:":
                raise ValueError("SQLite needs a file: sqlite+aiosqlite:///PATH")
            # One writer: acts queue in order here, not by polling a file lock.
            return cls(
                parsed, _sqlite(parsed, 1, False), _sqlite(parsed, READERS_MAX, True)
            )
        if parsed.drivername == "postgresql+asyncpg":
            engine = _postgresql(parsed)
            # A reader sees one instant of the books, as it does in SQLite.
            reader = engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            return cls(parsed, engine, reader)
        raise ValueError(
            f"{parsed.drivername}: use sqlite+aiosqlite:/// or postgresql+asyncpg://"
        )

    @property
    def is_sqlite(self) -> bool:
        """Tell whether the database is a file of SQLite."""
        return self.url.get_backend_name() == "sqlite"

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """
        Open a writing transaction: committed at the end, undone by an exception.

        Keep it short, and call nothing over the network inside it.

        Raises:
            Unavailable: If the database did not answer or was too busy.
        """
        with _errors():
            async with self._writer.begin() as connection:
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """
        Open a reading transaction, which sees the books as of one instant.

        Raises:
            Unavailable: If the database did not answer or was too busy.
        """
        with _errors():
            async with self._reader.begin() as connection:
                yield connection

    async def migrate(self) -> None:
        """
        Bring the schema up to date; safe when several processes start at once.

        Raises:
            NewerSchema: If a newer product has migrated it.
            Unavailable: If the database did not answer, or another process
                migrates for longer than a minute.
        """
        async with self.reshape() as connection:
            await connection.run_sync(schema.upgrade)

    @asynccontextmanager
    async def reshape(self) -> AsyncIterator[AsyncConnection]:
        """
        Open a writing transaction that may change the schema; one at a time.

        Raises:
            Unavailable: If the database did not answer, or another process
                migrates for longer than a minute.
        """
        if self.is_sqlite:
            lock = Path(str(self.url.database) + ".migrate")
            async with _file_lock(lock), self.begin() as connection:
                yield connection
            return
        async with self.begin() as connection:
            await _advisory_lock(connection)
            yield connection

    async def aclose(self) -> None:
        """Close all connections."""
        await self._writer.dispose()
        await self._reader.dispose()


def _sqlite(url: URL, connections_max: int, read_only: bool) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=connections_max,
        max_overflow=0,
        pool_timeout=POOL_WAIT_S,
        connect_args={"timeout": BUSY_MS / 1000},
        json_serializer=_to_json,
        json_deserializer=msgspec.json.decode,
    )

    def prepare(connection: Any, _record: object) -> None:
        # The driver must not begin transactions by itself: `begin` below does.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        # What it grew to beside a long backup is given back.
        cursor.execute(f"PRAGMA journal_size_limit = {WAL_KEPT}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA query_only = {'ON' if read_only else 'OFF'}")
        cursor.close()

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    def leave(connection: Any, _record: object, _error: object) -> None:
        # Whoever was cancelled in the middle: a statement that nobody reads to its
        # end keeps a closed connection's locks, until it happens to be collected.
        with suppress(sqlite3.Error, ValueError):
            connection.run_async(lambda real: asyncio.shield(real.rollback()))

    event.listen(engine.sync_engine, "connect", prepare)
    event.listen(engine.sync_engine, "invalidate", leave)
    event.listen(engine.sync_engine, "begin", begin)
    return engine


def _postgresql(url: URL) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_size=POOL_MAX,
        max_overflow=0,
        pool_timeout=POOL_WAIT_S,
        connect_args={
            "timeout": POOL_WAIT_S,
            "command_timeout": COMMAND_S,
            # A process that was halted in the middle must not keep its locks.
            "server_settings": {"idle_in_transaction_session_timeout": str(IDLE_MS)},
        },
        json_serializer=_to_json,
        json_deserializer=msgspec.json.decode,
    )


def _to_json(value: object) -> str:
    return msgspec.json.encode(value).decode()


@contextmanager
def _errors() -> Iterator[None]:
    """Say ``Unavailable`` for what asking again may cure; let our bugs through."""
    try:
        yield
    except (exc.TimeoutError, OSError, TimeoutError) as error:
        raise Unavailable(f"database: {type(error).__name__}: {error}") from error
    except exc.DBAPIError as error:
        if isinstance(error, exc.IntegrityError) or not _passing(error):
            raise
        raise Unavailable(f"database: {error.orig}") from error


def _passing(error: exc.DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    cause = error.orig
    if isinstance(cause, sqlite3.OperationalError):
        code = getattr(cause, "sqlite_errorcode", SQLITE_ERROR)
        return bool(code & SQLITE_KIND != SQLITE_ERROR)
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        return str(state).startswith(PASSING_STATES)
    return isinstance(error, exc.InterfaceError | exc.OperationalError)


@asynccontextmanager
async def _file_lock(path: Path) -> AsyncIterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        await _patiently(lambda: _try_lock(handle))
        yield
    finally:
        os.close(handle)  # Which gives the lock back, as does a crash.


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _patiently(attempt: Callable[[], bool]) -> None:
    for _ in range(int(MIGRATE_WAIT_S / MIGRATE_POLL_S)):
        if attempt():
            return
        await asyncio.sleep(MIGRATE_POLL_S)
    raise Unavailable("another process has been migrating the database for a minute")


async def _advisory_lock(connection: AsyncConnection) -> None:
    ask = text("SELECT pg_try_advisory_xact_lock(:lock)")
    for _ in range(int(MIGRATE_WAIT_S / MIGRATE_POLL_S)):
        if await connection.scalar(ask, {"lock": ADVISORY_LOCK}):
            return
        await asyncio.sleep(MIGRATE_POLL_S)
    raise Unavailable("another process has been migrating the database for a minute")
