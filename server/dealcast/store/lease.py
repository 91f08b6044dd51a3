"""
The clerk's lease: who writes the books, of all clerks on the same stores.

One row says who, and is written anew every few seconds; who sees it stand still
for long enough may succeed. That is a matter of time, which nobody can be sure
of: what is past a succession is refused by the numbers, which only rise. Here
it is the row's own, in SQL's ``partition`` and Redis's ``meta`` the ledger's.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Row, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.clock import Clock
from dealcast.core.errors import Refused, Unavailable
from dealcast.store import tables
from dealcast.store.posting import Fenced
from dealcast.store.sql import Database

ROW = 1
KEPT_MS = 6_000
GIVEN_BACK = 0
RENEW_S = 2.0  # One attempt.
GIVE_BACK_S = 2.0

log = structlog.get_logger()

Ticks = Callable[[], int]  # Milliseconds of a clock that nobody sets.


class Lease:
    """
    One clerk's claim to be the one.

    How long the row has stood still is measured here, by ``ticks``: clocks of
    two machines may differ by more than the lease is long.
    """

    def __init__(
        self, database: Database, *, holder: str, clock: Clock, ticks: Ticks
    ) -> None:
        self._database = database
        self._holder = holder
        self._clock = clock
        self._ticks = ticks
        self._number = 0
        self._until_at = 0
        self._was_held = False
        self._seen: tuple[int, int] | None = None
        self._seen_at = 0

    async def take(self) -> bool:
        """
        Take the lease if it is free; tell whether it is ours now.

        It is free if nobody had it, if it was given back, if it was not renewed
        for too long, and if its holder has our name: that was the clerk before
        us on the same data folder, which has ended. Not so once we were
        succeeded ourselves: then somebody else bears our name.

        Raises:
            Unavailable: If the database does not answer.
        """
        try:
            async with self._database.read() as connection:
                before = await _row(connection)
        except Unavailable:
            self._seen = None  # Its holder could not renew it either.
            raise
        if before is not None and not self._is_free(before):
            return False
        try:
            async with self._database.begin() as connection:
                return await self._succeed(connection, before)
        except IntegrityError:
            return False  # Somebody wrote the first row at the same time.

    def _is_free(self, row: Row[Any]) -> bool:
        if row.until_at == GIVEN_BACK or row.lease == self._number:
            return True
        if row.holder == self._holder and not self._was_held:
            return True
        now, seen = self._ticks(), (int(row.lease), int(row.until_at))
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
        return now - self._seen_at > KEPT_MS

    async def _succeed(
        self, connection: AsyncConnection, before: Row[Any] | None
    ) -> bool:
        row = tables.clerk
        number = 1 if before is None else int(before.lease) + 1
        until_at = self._clock.now() + KEPT_MS
        values = {"holder": self._holder, "lease": number, "until_at": until_at}
        if before is None:
            await connection.execute(insert(row).values(id=ROW, **values))
        else:
            moved = await connection.execute(
                update(row)
                .where(row.c.id == ROW, row.c.lease == before.lease)
                .where(row.c.until_at == before.until_at)
                .values(values)
            )
            if moved.rowcount != 1:
                return False
        self._number, self._until_at, self._was_held = number, until_at, True
        return True

    async def renew(self) -> None:
        """
        Say that we are still there.

        However late it comes: the lease is ours until somebody has taken it.

        Raises:
            Fenced: If another clerk has.
            Unavailable: If the database does not answer.
        """
        # Never the same twice, whatever the clock does: others watch it change.
        until_at = max(self._clock.now() + KEPT_MS, self._until_at + 1)
        row = tables.clerk
        try:
            async with asyncio.timeout(RENEW_S), self._database.begin() as connection:
                renewed = await connection.execute(
                    update(row).where(*self._ours()).values(until_at=until_at)
                )
        except TimeoutError:
            raise Unavailable("the lease could not be renewed in time") from None
        if renewed.rowcount != 1:
            raise Fenced(f"the clerk's lease {self._number} was succeeded")
        self._until_at = until_at

    async def check(self, connection: AsyncConnection) -> None:
        """
        Make sure, until the end of this transaction, that the lease is ours.

        Raises:
            Fenced: If another clerk has taken over.
        """
        row = tables.clerk
        ours = select(row.c.lease).where(*self._ours()).with_for_update(read=True)
        if (await connection.execute(ours)).one_or_none() is None:
            raise Fenced(f"the clerk's lease {self._number} was succeeded")

    async def give_back(self) -> None:
        """Let the next one take over at once, unless the lease is not ours."""
        row = tables.clerk
        try:
            async with asyncio.timeout(GIVE_BACK_S), self._database.begin() as c:
                await c.execute(
                    update(row).where(*self._ours()).values(until_at=GIVEN_BACK)
                )
        except (Refused, TimeoutError) as error:
            log.warning("lease_not_given_back", why=str(error))

    def _ours(self) -> tuple[ColumnElement[bool], ...]:
        row = tables.clerk
        return (
            row.c.id == ROW,
            row.c.lease == self._number,
            row.c.until_at != GIVEN_BACK,
        )


async def _row(connection: AsyncConnection) -> Row[Any] | None:
    row = tables.clerk
    found = await connection.execute(select(row).where(row.c.id == ROW))
    return found.one_or_none()
