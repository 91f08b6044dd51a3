"""The rows of the archive: entries of logs, deleted lines, hearts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.errors import NotFound
from dealcast.core.ids import ShowId
from dealcast.store import tables
from dealcast.store.log import COUNTERS, LogEntry, LogKind


@dataclass(frozen=True, slots=True)
class Mark:
    """How far something has a show: the last number of each log, and the hearts."""

    last: dict[LogKind, int]
    likes: int

    def behind(self, other: "Mark") -> int:
        """Count the entries that ``other`` has beyond this one."""
        return sum(max(0, n - self.last[kind]) for kind, n in other.last.items())


async def lock_show(connection: AsyncConnection, show: ShowId) -> None:
    """
    Let whoever adds or erases entries of the show wait for one another.

    Raises:
        NotFound: If there is no such show.
    """
    row = tables.show
    query = select(row.c.id).where(row.c.id == show)
    # Rows that name the show may still be written: the ledger's must not wait.
    if await connection.scalar(query.with_for_update(key_share=True)) is None:
        raise NotFound(f"show {show}")


async def marks(
    connection: AsyncConnection, shows: Sequence[ShowId]
) -> dict[ShowId, Mark]:
    """Return how far the archive has ``shows``."""
    if not shows:
        return {}
    row, show, count = tables.archive, tables.show, tables.show_count

    def newest(kind: LogKind) -> Any:
        query = select(func.max(row.c.n)).where(row.c.kind == kind)
        return query.where(row.c.show == show.c.id).scalar_subquery()

    found = await connection.execute(
        select(show.c.id, count.c.likes, *(newest(kind) for kind in COUNTERS))
        .outerjoin(count, count.c.show == show.c.id)
        .where(show.c.id.in_(shows))
    )
    nothing = dict.fromkeys(shows, Mark(dict.fromkeys(COUNTERS, 0), 0))
    return nothing | {
        ShowId(name): Mark(
            {kind: n or 0 for kind, n in zip(COUNTERS, numbers, strict=True)},
            likes or 0,
        )
        for name, likes, *numbers in found
    }


async def add(
    connection: AsyncConnection,
    show: ShowId,
    new: dict[LogKind, list[LogEntry]],
    gone: Collection[str],
) -> None:
    """Add entries; of lines that are ``gone``, or were erased, the place alone."""
    lines = [entry.line for all_ in new.values() for entry in all_ if entry.line]
    deleted = {*gone, *await erased(connection, show, lines)}
    values = [
        {
            "show": show,
            "kind": kind,
            "n": entry.n,
            "epoch": entry.epoch,
            "event": entry.event,
            "class": entry.klass,
            "data": b"" if entry.line in deleted else entry.data,
            "at": entry.at,
            "person": entry.person,
            "line": entry.line,
        }
        for kind, all_ in new.items()
        for entry in all_
    ]
    if values:
        await connection.execute(insert(tables.archive), values)


async def keep_likes(
    connection: AsyncConnection, show: ShowId, before: int, likes: int
) -> None:
    """Note how many hearts a show has; it had ``before``, and never loses any."""
    row = tables.show_count
    if likes <= before:
        return
    changed = await connection.execute(
        update(row).where(row.c.show == show).values(likes=likes)
    )
    if changed.rowcount == 0:
        await connection.execute(insert(row).values(show=show, likes=likes))


async def erase(
    connection: AsyncConnection, show: ShowId, lines: Collection[str]
) -> None:
    """Keep of ``lines`` their places alone, also of those that come later."""
    gone, row = tables.deleted_line, tables.archive
    known = await erased(connection, show, lines)
    new = [line for line in dict.fromkeys(lines) if line not in known]
    if new:
        values = [{"show": show, "line": line} for line in new]
        await connection.execute(insert(gone), values)
    await connection.execute(
        update(row).where(row.c.show == show, row.c.line.in_(lines)).values(data=b"")
    )


async def erased(
    connection: AsyncConnection, show: ShowId, lines: Collection[str]
) -> set[str]:
    """Return those of ``lines`` that were erased."""
    if not lines:
        return set()
    row = tables.deleted_line
    query = select(row.c.line).where(row.c.show == show, row.c.line.in_(lines))
    return set(await connection.scalars(query))


def of_log(show: ShowId, kind: LogKind) -> Select[Any]:
    """Ask for the entries of one log, for ``entry`` to read."""
    row, gone = tables.archive, tables.deleted_line
    deleted = (gone.c.show == row.c.show) & (gone.c.line == row.c.line)
    return (
        select(row, gone.c.line.label("deleted"))
        .outerjoin(gone, deleted)
        .where(row.c.show == show, row.c.kind == kind)
    )


def entry(row: Row[Any]) -> LogEntry:
    """Read an entry; that of a line which was deleted has empty ``data``."""
    named = row._mapping  # One of the columns is called `class`.
    return LogEntry(
        n=row.n,
        event=row.event,
        data=b"" if row.deleted is not None else row.data,
        klass=named["class"],
        at=row.at,
        epoch=row.epoch,
        person=row.person,
        line=row.line,
    )
