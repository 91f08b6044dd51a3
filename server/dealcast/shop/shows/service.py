"""Shows in SQL, and what the hub shows of them."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Row, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.clock import Clock
from dealcast.core.errors import Conflict, Forbidden, Invalid, NotFound
from dealcast.core.events import Audit, Notice, ShowView, Text
from dealcast.core.ids import PARTITIONS, Partition, ShowId, new_id, partition_of
from dealcast.core.money import STEPS
from dealcast.core.states import SHOW, advance
from dealcast.core.wire import Caller
from dealcast.shop import audit
from dealcast.shop.courier import Courier
from dealcast.store import outbox, tables
from dealcast.store.sql import Database

KNOWN_MAX = 1024
PAGE_MAX = 100


class ShowRef(Struct, frozen=True, kw_only=True):
    """What never changes of a show."""

    id: ShowId
    slug: str | None
    currency: str


@dataclass(frozen=True, kw_only=True)
class Shows:
    """Knows the shows."""

    database: Database
    courier: Courier
    clock: Clock
    rng: Random
    _known: OrderedDict[str, ShowRef] = field(default_factory=OrderedDict)

    async def find(self, name: str) -> ShowRef:
        """
        Return the show with the id or slug ``name``.

        Raises:
            NotFound: If there is none.
        """
        known = self._known.get(name)
        if known is not None:
            self._known.move_to_end(name)
            return known
        async with self.database.read() as connection:
            row = await _row(connection, name)
        show = ShowRef(id=row.id, slug=row.slug, currency=row.currency)
        self._known[name] = show
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        return show

    async def get(self, name: str) -> ShowView:
        """
        Return the show with the id or slug ``name``, as it is now.

        Raises:
            NotFound: If there is none.
        """
        async with self.database.read() as connection:
            return view(await _row(connection, name))

    async def recent(self) -> list[ShowView]:
        """Return the newest shows, newest first."""
        table = tables.show
        async with self.database.read() as connection:
            rows = await connection.execute(
                select(table)
                .order_by(table.c.created_at.desc(), table.c.id)
                .limit(PAGE_MAX)
            )
            return [view(row) for row in rows]

    async def create(
        self,
        caller: Caller,
        *,
        title: Text,
        currency: str,
        slug: str | None,
        host: str,
        starts_at: int | None,
    ) -> ShowView:
        """
        Plan a show.

        Raises:
            Forbidden: If the caller's role is for one show only.
            Invalid: If the currency is unknown, or the slug looks like an id.
            Conflict: If another show has the slug.
        """
        if caller.show != "*":
            raise Forbidden("this role is for one show")
        if currency not in STEPS:
            raise Invalid(f"unknown currency {currency!r}")
        if slug is not None and looks_like_id(slug):
            raise Invalid("a slug must not look like an id")
        show = ShowId(new_id("s", Partition(self.rng.randrange(PARTITIONS)), self.rng))
        now = self.clock.now()
        try:
            async with self.database.begin() as connection:
                await connection.execute(
                    insert(tables.show).values(
                        id=show,
                        slug=slug,
                        title=title,
                        currency=currency,
                        status="scheduled",
                        host=host,
                        created_at=now,
                        starts_at=starts_at,
                    )
                )
                told = await _audit(connection, caller, "show_create", show, now)
                made = view(await _row(connection, show))
                await _tell(connection, made, told, [], now)
        except IntegrityError:
            raise Conflict(f"the slug {slug} is taken") from None
        await self.courier.send()
        return made

    async def start(self, caller: Caller, name: str) -> ShowView:
        """
        Go live.

        Raises:
            WrongState: If the show is not scheduled.
        """
        return await self._turn(caller, name, "start")

    async def end(self, caller: Caller, name: str) -> ShowView:
        """
        End a show; its deals and listings go on until they are closed.

        Raises:
            WrongState: If the show has ended.
        """
        return await self._turn(caller, name, "end")

    async def _turn(self, caller: Caller, name: str, step: str) -> ShowView:
        show = (await self.find(name)).id
        check_staff(caller, show)
        now, table = self.clock.now(), tables.show
        async with self.database.begin() as connection:
            old = await _row(connection, show, lock=True)
            status = advance(SHOW, old.status, step)
            if status == "live":
                changed = {"starts_at": now}
                notice = Notice(code="show_started", at=now)
            else:
                changed = {"ended_at": now}
                notice = Notice(code="show_ended", at=now)
            await connection.execute(
                update(table).where(table.c.id == show).values(status=status, **changed)
            )
            told = await _audit(connection, caller, f"show_{step}", show, now)
            made = view(await _row(connection, show))
            await _tell(connection, made, told, [notice], now)
        await self.courier.send()
        return made


def check_staff(caller: Caller, show: ShowId) -> None:
    """
    Let the caller act on ``show``, or not.

    Raises:
        Forbidden: If the caller's role is for another show.
    """
    if not caller.may_in(show):
        raise Forbidden("this role is for another show")


def looks_like_id(name: str) -> bool:
    """Tell whether ``name`` could be the id of a show."""
    return name[:1] == "s" and name[1:3].isdigit() and name[3:4] == "_"


def view(row: Row[Any]) -> ShowView:
    """Return a show as clients see it."""
    return ShowView(
        id=row.id,
        slug=row.slug,
        title=row.title,
        currency=row.currency,
        status=row.status,
        host=row.host,
        starts_at=row.starts_at,
        ended_at=row.ended_at,
    )


async def lock(connection: AsyncConnection, show: ShowId) -> Row[Any]:
    """
    Return the show's row, and let other acts on the show wait.

    What SQL tells Redis of one show is put into the outbox in one order.

    Raises:
        NotFound: If there is none.
    """
    return await _row(connection, show, lock=True)


async def _row(
    connection: AsyncConnection, name: str, *, lock: bool = False
) -> Row[Any]:
    table = tables.show
    query = select(table).where(or_(table.c.id == name, table.c.slug == name))
    if lock:
        # Rows that name the show may still be written: the ledger's must not wait.
        query = query.with_for_update(key_share=True)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFound(f"show {name}")
    return row


async def _audit(
    connection: AsyncConnection, caller: Caller, act: str, show: ShowId, now: int
) -> Audit:
    return await audit.write(
        connection,
        caller=caller,
        act=act,
        show=show,
        subject=show,
        reason=None,
        now=now,
    )


async def _tell(
    connection: AsyncConnection,
    show: ShowView,
    told: Audit,
    notices: Sequence[Notice],
    now: int,
) -> None:
    payload = {
        "show": show.id,
        "log": [["notice", "P0", text(notice)] for notice in notices],
        "staff": [["audit", text(told)]],
        "state": {"show": text(show)},
    }
    op = f"{told.act}:{show.id}"
    await outbox.put(connection, op, partition_of(show.id), "record", payload, now)


def text(thing: Struct) -> str:
    """Return ``thing`` as the JSON text that logs and state carry."""
    return msgspec.json.encode(thing).decode()
