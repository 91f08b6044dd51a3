"""What moderation keeps in Redis, written anew from the books."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.ids import ShowId
from dealcast.store import keys, tables
from dealcast.store.draft import Draft, within


async def rules(connection: AsyncConnection, draft: Draft) -> None:
    """Write who is muted, how slow the chat is, and which lines were deleted."""
    mute, slow, line = tables.mute, tables.slow_mode, tables.deleted_line
    muted = await connection.execute(
        select(mute.c.show, mute.c.person, mute.c.until_at)
        .where(within(mute.c.show, draft.partition))
        .where(mute.c.until_at > draft.now)
    )
    for row in muted:
        draft.state(ShowId(row.show), {f"mute:{row.person}": str(row.until_at)})
    slowed = await connection.execute(
        select(slow).where(within(slow.c.show, draft.partition))
    )
    for row in slowed:
        draft.state(ShowId(row.show), {"slow_ms": str(row.slow_ms)})
    deleted = await connection.execute(
        select(line).where(within(line.c.show, draft.partition))
    )
    gone: dict[ShowId, list[str]] = {}
    for row in deleted:
        gone.setdefault(ShowId(row.show), []).append(row.line)
    for show, lines in gone.items():
        draft.set(keys.gone(show), lines)
