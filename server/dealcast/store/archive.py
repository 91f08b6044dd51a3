"""
The archive: the logs of all shows, copied into SQL before Redis forgets them.

An entry that was copied stays as it is, but for a line of chat that is deleted:
of that the place alone is kept, and its ``data`` is empty for whoever reads it.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import structlog
from sqlalchemy import func, or_, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.clock import Clock
from dealcast.core.ids import Partition, ShowId, partition_of
from dealcast.store import keys, shelf, tables
from dealcast.store.log import COUNTERS, KEYS, LogEntry, LogKind, decode
from dealcast.store.posting import lock
from dealcast.store.reads import Entry
from dealcast.store.redis import Redis, entries
from dealcast.store.shelf import Mark
from dealcast.store.sql import Database

KEPT = 10_000  # Entries of a log that stay in Redis behind the archive.
BATCH_MAX = 500  # Entries of one show in one transaction.
LATELY_MS = 3_600_000  # A show that ended is looked at as often for so long.
SLICE = 100  # Of all other shows, so many are looked at each time.
SHOWS_MAX = 500  # Of one question.

log = structlog.get_logger()

Moved = dict[ShowId, Mark]  # Shows of which Redis has more, and how much we have.


class _OtherEpoch(Exception):
    """Redis and SQL are not in the same epoch: nothing may be copied."""


@dataclass(frozen=True, slots=True)
class News:
    """What Redis has of a show beyond a mark, read at one instant."""

    epoch: int
    likes: int
    entries: dict[LogKind, list[LogEntry]]
    gone: frozenset[str]  # Lines among them that were deleted.

    def after(self, mark: Mark) -> dict[LogKind, list[LogEntry]]:
        """Return what is new after ``mark``; a log without any is left out."""
        found = {
            kind: [entry for entry in told if entry.n > mark.last[kind]]
            for kind, told in self.entries.items()
        }
        return {kind: new for kind, new in found.items() if new}


def _nobody(_entries: int) -> None:
    pass


class Archive:
    """
    Copies the logs of shows; ``on_lost`` hears how many entries never came.

    ``kept`` is how many entries of each log stay in Redis. They are trimmed here
    alone, and only behind what is committed.
    """

    def __init__(
        self,
        redis: Redis,
        database: Database,
        clock: Clock,
        *,
        kept: int = KEPT,
        on_lost: Callable[[int], None] = _nobody,
    ) -> None:
        self._redis = redis
        self._database = database
        self._clock = clock
        self._kept = kept
        self._on_lost = on_lost
        self._marks: dict[ShowId, Mark] = {}
        self._behind: dict[ShowId, int] = {}
        self._slice_after = ""

    @property
    def lag(self) -> int:
        """How many entries Redis had, when last asked, that SQL has not."""
        return sum(self._behind.values())

    async def look(self, *, lease: int) -> bool:
        """
        Copy the next entries of every show that moved; tell if there are more.

        A show whose entries SQL refuses holds up no other.

        Raises:
            Fenced: If another clerk has taken over.
            Unavailable: If a store did not answer; the next look goes on.
            DBAPIError: If SQL refused some; the others were copied.
        """
        shows = await self._shows()
        moved = await self._moved(shows)
        self._behind = {show: self._behind[show] for show in moved}
        more, failure = False, None
        for show, mark in moved.items():
            started = perf_counter()
            try:
                went_on = await self._copy(show, mark, lease) != mark
                more = more or (went_on and self._behind.get(show, 0) > 0)
            except DBAPIError as error:
                failure = error
            # The ledger writes there too: at least half of the time is its own.
            await asyncio.sleep(perf_counter() - started)
        kept = set(shows)
        self._marks = {show: m for show, m in self._marks.items() if show in kept}
        if failure is not None:
            raise failure
        return more

    async def copy_partition(self, partition: Partition, *, lease: int) -> None:
        """
        Copy all that Redis has of ``partition``, if its epoch is the ledger's.

        A show whose entries SQL refuses is left as it is.

        Raises:
            Fenced: If another clerk has taken over.
            Unavailable: If a store did not answer.
        """
        show = tables.show
        within = func.substr(show.c.id, 2, 2) == f"{partition:02d}"
        async with self._database.read() as connection:
            names = await connection.scalars(select(show.c.id).where(within))
            shows = [ShowId(name) for name in names]
        for name, mark in (await self._moved(shows)).items():
            try:
                before, now = None, mark
                while now != before:
                    before, now = now, await self._copy(name, now, lease)
            except DBAPIError:
                log.exception("archive_refused", show=name)

    async def read(
        self, show: ShowId, kind: LogKind, after: int, count: int = 300
    ) -> list[LogEntry]:
        """
        Return the entries after number ``after``, oldest first.

        A line that was deleted has its place and its id, and empty ``data``.

        Raises:
            Unavailable: If the database did not answer.
        """
        n = tables.archive.c.n
        query = shelf.of_log(show, kind).where(n > after).order_by(n).limit(count)
        async with self._database.read() as connection:
            return [shelf.entry(row) for row in await connection.execute(query)]

    async def _shows(self) -> list[ShowId]:
        """Return the shows to look at: what goes on, and some of the others."""
        show = tables.show
        lately = self._clock.now() - LATELY_MS
        current = select(show.c.id).where(
            or_(show.c.status != "ended", show.c.ended_at > lately)
        )
        some = (
            select(show.c.id)
            .where(show.c.id > self._slice_after)
            .order_by(show.c.id)
            .limit(SLICE)
        )
        async with self._database.read() as connection:
            names = list(await connection.scalars(some))
            # What comes late, such as news of an order, is found in its turn.
            self._slice_after = names[-1] if len(names) == SLICE else ""
            names += await connection.scalars(current)
        return [ShowId(name) for name in dict.fromkeys(names)]

    async def _moved(self, shows: Sequence[ShowId]) -> Moved:
        """Find out of which ``shows`` Redis has more than SQL."""
        moved: Moved = {}
        for start in range(0, len(shows), SHOWS_MAX):
            some = shows[start : start + SHOWS_MAX]
            unknown = [show for show in some if show not in self._marks]
            async with self._database.read() as connection:
                self._marks |= await shelf.marks(connection, unknown)
            ours = {show: self._marks[show] for show in some}
            for show, theirs in (await self._told(some)).items():
                behind = ours[show].behind(theirs)
                if behind or theirs.likes > ours[show].likes:
                    self._behind[show] = behind
                    moved[show] = ours[show]
        return moved

    async def _told(self, shows: Iterable[ShowId]) -> dict[ShowId, Mark]:
        """Return how far Redis is, with those shows that it knows."""
        fields = ("likes", *COUNTERS.values(), "v")
        names = {keys.state(show): show for show in shows}
        if not names:
            return {}
        told = await self._redis.commands(
            {name: ("HMGET", name, *fields) for name in names}
        )
        found = {}
        for name, show in names.items():
            likes, *numbers, version = told[name]
            if version is not None or any(numbers):
                last = zip(COUNTERS, (int(n or 0) for n in numbers), strict=True)
                found[show] = Mark(dict(last), int(likes or 0))
        return found

    async def _copy(self, show: ShowId, mark: Mark, lease: int) -> Mark:
        """Copy the next entries of ``show`` after ``mark``; return the new one."""
        news = await self._news(show, mark)
        if not news.after(mark) and news.likes <= mark.likes:
            return mark
        try:
            async with self._database.begin() as connection:
                # A deletion comes before or after these, never in between.
                await shelf.lock_show(connection, show)
                had = (await shelf.marks(connection, [show]))[show]
                new = news.after(had)
                await shelf.add(connection, show, new, news.gone)
                await shelf.keep_likes(connection, show, had.likes, news.likes)
                # Locked last of all, so that the ledger hardly waits for it.
                ledger = await lock(connection, partition_of(show), lease)
                if ledger.epoch != news.epoch:
                    raise _OtherEpoch
        except _OtherEpoch:
            return mark
        numbers = {kind: found[-1].n for kind, found in new.items()}
        likes = max(had.likes, news.likes)
        now = self._marks[show] = Mark(had.last | numbers, likes)
        self._behind[show] = max(0, self._behind.get(show, 0) - mark.behind(now))
        self._tell_lost(show, had, new)
        await self._trim(show, now, new)
        return now

    async def _news(self, show: ShowId, mark: Mark) -> News:
        names = [keys.meta(partition_of(show)), *keys.show_keys(show), keys.gone(show)]
        args = (BATCH_MAX, *(mark.last[kind] for kind in COUNTERS))
        answer = await self._redis.call("dc1_since", names, args, write=False)
        _, epoch, likes, *logs, gone = answer
        found = {
            kind: [_decoded(kind, entry) for entry in entries(told)]
            for kind, told in zip(COUNTERS, logs, strict=True)
        }
        lines = frozenset(line.decode() for line in gone)
        return News(int(epoch), int(likes), found, lines)

    def _tell_lost(
        self, show: ShowId, had: Mark, new: Mapping[LogKind, Sequence[LogEntry]]
    ) -> None:
        """Say if entries are missing: Redis has lost them, or had to trim them."""
        for kind, found in new.items():
            after = had.last[kind]
            lost = found[-1].n - after - len(found)
            if lost:
                log.error("archive_gap", show=show, kind=kind, after=after, lost=lost)
                self._on_lost(lost)

    async def _trim(self, show: ShowId, now: Mark, moved: Collection[LogKind]) -> None:
        """Let Redis forget what was committed, but for the newest entries."""
        first = {KEYS[kind](show): now.last[kind] - self._kept + 1 for kind in moved}
        asked = {
            name: ("XTRIM", name, "MINID", f"{n}-0")
            for name, n in first.items()
            if n > 1
        }
        if asked:
            await self._redis.commands(asked)


async def last(connection: AsyncConnection, show: ShowId) -> dict[LogKind, int]:
    """Return the number of the last entry of each log, 0 if there is none."""
    return (await shelf.marks(connection, [show]))[show].last


async def tail_of(
    connection: AsyncConnection, show: ShowId, kind: LogKind, count: int
) -> list[LogEntry]:
    """
    Return the newest ``count`` entries of a log, oldest first.

    A line that was deleted has its place and its id, and empty ``data``.
    """
    n = tables.archive.c.n
    query = shelf.of_log(show, kind).order_by(n.desc()).limit(count)
    found = await connection.execute(query)
    return [shelf.entry(row) for row in found][::-1]


async def erase(
    connection: AsyncConnection, show: ShowId, lines: Collection[str]
) -> None:
    """
    Forget what ``lines`` of chat said, whether they are here or are yet to come.

    Raises:
        NotFound: If there is no such show.
    """
    await shelf.lock_show(connection, show)
    await shelf.erase(connection, show, lines)


def _decoded(kind: LogKind, entry: Entry) -> LogEntry:
    try:
        return decode(entry)
    except (KeyError, ValueError):
        # It keeps its number, so that nobody sees a gap, and tells nothing.
        log.exception("log_entry_unreadable", id=entry[0])
        return LogEntry(
            n=int(entry[0].split("-")[0]), event="erased", data=b'{"at":0}',
            klass="P2", at=0, epoch=0, person="" if kind == "own" else None,
        )  # fmt: skip
