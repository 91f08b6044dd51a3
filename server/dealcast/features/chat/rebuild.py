"""What chat keeps in Redis, written anew from the archive."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.ids import ShowId
from dealcast.features.chat.service import chat_keys
from dealcast.store import tables
from dealcast.store.draft import Draft, within

KEPT_MS = 24 * 3600 * 1000  # How long a line may be said again under its key.
LINES_MAX = 10_000  # Of all shows of a partition, the newest.


async def lines(connection: AsyncConnection, draft: Draft) -> None:
    """Write which lines were said under which number: none is said twice."""
    row = tables.archive
    found = await connection.execute(
        select(row.c.show, row.c.line, row.c.n)
        .where(within(row.c.show, draft.partition), row.c.kind == "log")
        .where(row.c.line.is_not(None), row.c.at > draft.now - KEPT_MS)
        .order_by(row.c.at.desc())
        .limit(LINES_MAX)
    )
    said: dict[ShowId, dict[str, int]] = {}
    for one in found:
        said.setdefault(ShowId(one.show), {})[one.line] = one.n
    for show, numbers in said.items():
        key = chat_keys(show)[1]
        draft.scores(key, numbers)
        draft.until(key, draft.now + KEPT_MS)
