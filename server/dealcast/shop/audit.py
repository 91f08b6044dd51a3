"""The audit: what members of staff did, kept in the transaction that did it."""

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.events import Audit
from dealcast.core.wire import Caller
from dealcast.store import tables


async def write(
    connection: AsyncConnection,
    *,
    caller: Caller,
    act: str,
    show: str | None,
    subject: str,
    reason: str | None,
    now: int,
) -> Audit:
    """Keep that ``caller`` did ``act``; return what other staff are told of it."""
    by = caller.public()
    await connection.execute(
        insert(tables.audit).values(
            show=show,
            act=act,
            by=by.id,
            name=by.name,
            role=by.role,
            subject=subject,
            reason=reason,
            at=now,
        )
    )
    return Audit(act=act, by=by, subject=subject, reason=reason, at=now)
