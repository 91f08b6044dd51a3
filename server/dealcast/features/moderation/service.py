"""What moderators can do, each act with its audit in one transaction."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec
from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.clock import Clock
from dealcast.core.errors import Forbidden
from dealcast.core.ids import LineId, PersonId, ShowId, partition_of
from dealcast.core.wire import Caller
from dealcast.features.moderation import rules
from dealcast.shop import audit
from dealcast.shop.courier import Courier, new_op
from dealcast.shop.shows.service import lock
from dealcast.store import archive, outbox, tables
from dealcast.store.log import Log
from dealcast.store.sql import Database


@dataclass(frozen=True, kw_only=True)
class Moderation:
    """Keeps the chat of shows in order."""

    database: Database
    log: Log
    courier: Courier
    clock: Clock
    rng: Random

    async def delete_lines(
        self, caller: Caller, show: ShowId, lines: list[LineId], reason: str | None
    ) -> None:
        """
        Delete lines of chat: nobody is sent them again, by whatever way.

        Raises:
            Forbidden: If the caller's role is for another show, or a line is
                of another partition.
            NotFound: If there is no such show.
        """
        if any(partition_of(line) != partition_of(show) for line in lines):
            raise Forbidden("lines of another show")
        subject = lines[0] if len(lines) == 1 else f"{len(lines)} lines"
        named = list(dict.fromkeys(lines))
        await self._record(
            caller,
            show,
            "lines_delete",
            subject=subject,
            reason=reason,
            record=rules.gone(named, self.clock.now()),
            also=lambda connection: archive.erase(connection, show, named),
        )

    async def mute(
        self,
        caller: Caller,
        show: ShowId,
        person: PersonId,
        *,
        seconds: int,
        reason: str | None,
        delete_lines: bool,
    ) -> int:
        """
        Mute ``person`` for ``seconds``, 0 to end it; return until when.

        Raises:
            Forbidden: If the caller's role is for another show.
            NotFound: If there is no such show.
        """
        now = self.clock.now()
        until_at = now + seconds * 1000 if seconds else now
        lines = await self._recent(show, person) if delete_lines else []
        field = f"mute:{person}"
        change = {"state": {field: str(until_at)}} if seconds else {"unset": [field]}

        async def keep(connection: AsyncConnection) -> None:
            table = tables.mute
            await connection.execute(
                delete(table).where(table.c.show == show, table.c.person == person)
            )
            if seconds:
                await connection.execute(
                    insert(table).values(
                        show=show,
                        person=person,
                        until_at=until_at,
                        reason=reason,
                        by=caller.buyer(),
                    )
                )
            if lines:
                await archive.erase(connection, show, lines)

        await self._record(
            caller,
            show,
            "mute" if seconds else "unmute",
            subject=person,
            reason=reason,
            record={**change, **rules.gone(lines, now)},
            also=keep,
        )
        return until_at

    async def slow_mode(self, caller: Caller, show: ShowId, *, seconds: int) -> None:
        """
        Let everybody but staff wait ``seconds`` between two lines; 0 ends it.

        Raises:
            Forbidden: If the caller's role is for another show.
            NotFound: If there is no such show.
        """
        table, slow_ms = tables.slow_mode, seconds * 1000

        async def keep(connection: AsyncConnection) -> None:
            await connection.execute(delete(table).where(table.c.show == show))
            if seconds:
                await connection.execute(
                    insert(table).values(show=show, slow_ms=slow_ms)
                )

        await self._record(
            caller,
            show,
            "slow_mode",
            subject=f"{seconds} s",
            reason=None,
            record={"state": {"slow_ms": str(slow_ms)}},
            also=keep,
        )

    async def _recent(self, show: ShowId, person: PersonId) -> list[LineId]:
        last = await self.log.last(show, "log")
        after = max(0, last - rules.RECENT_MAX)
        entries = await self.log.read(show, "log", after, rules.RECENT_MAX)
        chat = (entry.data for entry in entries if entry.event == "chat")
        return rules.lines_of(person, chat)

    async def _record(
        self,
        caller: Caller,
        show: ShowId,
        act: str,
        *,
        subject: str,
        reason: str | None,
        record: dict[str, Any],
        also: Callable[[AsyncConnection], Awaitable[None]],
    ) -> None:
        """Write an act down with its audit, and tell Redis and other staff of it."""
        if not caller.may_in(show):
            raise Forbidden("this role is for another show")
        now = self.clock.now()
        async with self.database.begin() as connection:
            await lock(connection, show)
            told = await audit.write(
                connection,
                caller=caller,
                act=act,
                show=show,
                subject=subject,
                reason=reason,
                now=now,
            )
            await also(connection)
            event = msgspec.json.encode(told).decode()
            payload = {"show": show, "staff": [["audit", event]], **record}
            op = new_op(act, show, self.rng)
            await outbox.put(connection, op, partition_of(show), "record", payload, now)
        await self.courier.send()
