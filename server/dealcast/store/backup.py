"""
The books in one file, and the way back.

The file is SQLite of whatever kind the books are, so that either kind can be
restored from it. It has their revision of the schema: what an older product
saved is loaded as it was, and migrated after that.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    JSON,
    URL,
    ColumnElement,
    Connection,
    MetaData,
    NullPool,
    Table,
    Text,
    bindparam,
    cast,
    event,
    exc,
    func,
    insert,
    inspect,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from dealcast.core.ids import PARTITIONS
from dealcast.store import schema, tables
from dealcast.store.sql import Database

# Who writes the books of a shop that is gone, and codes that let staff in.
LEFT_OUT = ("clerk", "code")
CHUNK = 500  # Rows in memory at a time.
JUMP_MIN, JUMP_MAX = 1_000, 1_000_000
INTEGER_MAX = 2**31 - 1


class CopyFailed(Exception):
    """The books cannot be copied; the message is one clear line."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What was copied."""

    revision: str
    rows: dict[str, int]  # Of each table.


async def save(database: Database, file: Path) -> Saved:
    """
    Copy the books as of one instant into a new file, beside whoever uses them.

    Raises:
        CopyFailed: If they cannot be read, or the file not be written.
        NewerSchema: If a newer product has written them.
        Unavailable: If the database did not answer.
    """
    with _naming("the books"):
        return await _save(database, file)


async def _save(database: Database, file: Path) -> Saved:
    async with database.read() as source, _open(file, "rwc") as target:
        revision = await source.run_sync(schema.revision_of)
        if revision is None:
            raise CopyFailed("there is nothing in the books")
        schema.check_known(revision)
        with _naming(file):
            await target.run_sync(schema.upgrade, revision)
            copied = await target.run_sync(_tables)
        rows = {one.name: await _copy(one, source, target) for one in copied}
    return Saved(revision, rows)


async def load(database: Database, file: Path, expected: Saved, *, rng: Random) -> None:
    """
    Fill empty books from a file and bring them up to date, or leave them as they are.

    Raises:
        CopyFailed: If the file is not what was saved, or the books are not empty.
        NewerSchema: If a newer product has written one of them.
        Unavailable: If the database did not answer.
    """
    schema.check_known(expected.revision)
    with _naming("the books"):
        await _load(database, file, expected, rng)


async def _load(database: Database, file: Path, expected: Saved, rng: Random) -> None:
    async with _open(file, "ro") as source, database.reshape() as target:
        with _naming(file):
            revision = await source.run_sync(schema.revision_of)
            copied = await source.run_sync(_tables)
        if revision != expected.revision:
            raise CopyFailed(f"{file}: revision {revision}, not {expected.revision}")
        await target.run_sync(_make_room)
        await target.run_sync(schema.upgrade, revision)
        rows = {one.name: await _copy(one, source, target) for one in copied}
        if rows != expected.rows:
            raise CopyFailed(f"{file}: other numbers of rows than were saved")
        await target.run_sync(schema.upgrade)
        await _leave_behind(target, rng)
        await _ask_first(target)
        if not database.is_sqlite:
            await _number_on(target, copied)


async def _copy(table: Table, source: AsyncConnection, target: AsyncConnection) -> int:
    # JSON is carried as its text: read and written anew, null would not be NULL.
    asked = select(*(_told(column) for column in table.columns))
    row = insert(table).values(
        {
            column.name: _given(number, column, target.dialect.name)
            for number, column in enumerate(table.columns)
        }
    )
    count = 0
    with _naming(f"table {table.name}"):
        found = await source.stream(asked, execution_options={"yield_per": CHUNK})
        async for part in found.partitions():
            values = [{f"v{n}": word for n, word in enumerate(one)} for one in part]
            await target.execute(row, values)
            count += len(part)
    return count


def _told(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(column, Text) if isinstance(column.type, JSON) else column


def _given(number: int, column: ColumnElement[Any], kind: str) -> ColumnElement[Any]:
    if not isinstance(column.type, JSON):
        return bindparam(f"v{number}", type_=column.type)
    written = bindparam(f"v{number}", type_=Text())
    return cast(written, JSON) if kind == "postgresql" else written


def _tables(connection: Connection) -> list[Table]:
    """Read which tables a copy has; what others refer to comes first."""
    found = MetaData()

    @event.listens_for(found, "column_reflect")
    def _(_inspector: Any, _table: Table, column: Any) -> None:
        column["type"] = column["type"].as_generic()  # The other kind knows it too.

    found.reflect(connection)
    spared = {*LEFT_OUT, "alembic_version"}
    return [one for one in found.sorted_tables if one.name not in spared]


def _make_room(connection: Connection) -> None:
    """Take down tables that are there and empty."""
    if schema.revision_of(connection) is None:
        return
    there = set(inspect(connection).get_table_names())
    for table in tables.metadata.sorted_tables:
        if table.name not in there:
            continue
        if connection.scalar(select(literal(1)).select_from(table).limit(1)):
            raise CopyFailed(f"the books are not empty: there are rows in {table.name}")
    schema.take_down(connection)


async def _leave_behind(connection: AsyncConnection, rng: Random) -> None:
    """
    Begin another time-line, far from the one that was lost.

    It went on after the copy: Redis may still tell of it, and viewers have its
    cursors. Nothing of it may look like the next epoch, or the next clerk, of
    these books. Books that no clerk has ever followed have no time-line.
    """
    row = tables.partition
    epoch, lease = (
        await connection.execute(select(func.max(row.c.epoch), func.max(row.c.lease)))
    ).one()
    if not epoch:
        return
    room = min(JUMP_MAX, INTEGER_MAX - max(epoch, lease))
    if room < JUMP_MIN:
        raise CopyFailed(f"there is no epoch left after {epoch}")
    known = set(await connection.scalars(select(row.c.id)))
    new = [
        {"id": number, "epoch": 0, "seq": 0, "chain": ""}
        for number in range(PARTITIONS)
        if number not in known
    ]
    if new:
        await connection.execute(insert(row), new)
    jump = rng.randint(JUMP_MIN, room)
    await connection.execute(
        update(row).values(epoch=row.c.epoch + jump, lease=row.c.lease + jump)
    )


async def _ask_first(connection: AsyncConnection) -> None:
    """Ask the providers soon: what was on its way may have been paid long ago."""
    row = tables.payment
    open_ones = row.c.state.in_(("created", "pending"))
    await connection.execute(update(row).where(open_ones).values(check_at=0))


async def _number_on(connection: AsyncConnection, copied: list[Table]) -> None:
    """Let PostgreSQL number new rows after those that came with their numbers."""
    for table in copied:
        for column in table.primary_key.columns:
            name = f'"{table.name}"', column.name
            query = text("SELECT pg_get_serial_sequence(:table, :column)")
            named = {"table": name[0], "column": name[1]}
            sequence = await connection.scalar(query, named)
            if sequence is not None:
                last = func.coalesce(func.max(column), 0) + 1
                await connection.execute(select(func.setval(sequence, last, False)))


@asynccontextmanager
async def _open(file: Path, mode: str) -> AsyncIterator[AsyncConnection]:
    """
    Open a copy; what was written is committed at the end.

    A new file takes no care of itself: if it is not finished, it is thrown away.
    """
    query = {"mode": mode, "uri": "true"} | ({"immutable": "1"} if mode == "ro" else {})
    url = URL.create(
        "sqlite+aiosqlite", database=f"file:{quote(str(file))}", query=query
    )
    engine = create_async_engine(url, poolclass=NullPool)

    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # `begin` below begins transactions.
        if mode != "ro":
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    event.listen(engine.sync_engine, "connect", prepare)
    event.listen(engine.sync_engine, "begin", begin)
    try:
        with _naming(file):
            connection = await engine.connect()
        try:
            yield connection
            with _naming(file):
                await connection.commit()
        finally:
            await connection.close()
    finally:
        await engine.dispose()


@contextmanager
def _naming(what: object) -> Iterator[None]:
    """Say in one line what the database said, and of what."""
    try:
        yield
    except exc.DBAPIError as error:
        said = str(error.orig).strip().splitlines() or [type(error).__name__]
        raise CopyFailed(f"{what}: {said[0]}") from error
