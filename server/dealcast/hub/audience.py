"""Those who follow one show here: how they join, and what state they were told."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

import msgspec

from dealcast.core.clock import Clock
from dealcast.core.errors import Unavailable
from dealcast.core.events import Notice
from dealcast.core.ids import ShowId
from dealcast.hub import frames, snapshot
from dealcast.hub.cursor import Cursor
from dealcast.hub.feed import WRITES_PER_TURN, Feed, Follower, erased, framed
from dealcast.store import keys
from dealcast.store.log import COUNTERS, Log, LogEntry, LogKind, Snapshot
from dealcast.store.redis import Redis

RANGE_MAX = 300  # Missed events that are read from the store; else a snapshot.
TRIES_MAX = 20
PAUSE_S = 0.05
VIEWERS_MS = 2000  # The number of viewers is told at most this often.


@dataclass(frozen=True, kw_only=True)
class Welcome:
    """What somebody who joins is sent first, and from where it then follows."""

    outcome: str  # ring, range, ahead, snapshot or bare: for the metrics.
    epoch: int
    n: int
    frames: bytes

    @property
    def recovered(self) -> bool:
        """Tell whether the client goes on where it was."""
        return self.outcome in ("ring", "range", "ahead")


Reply = Callable[[Welcome], bytes]  # Frames the answer to a CONNECT.


class Past(Protocol):
    """Knows what the logs no longer have (``store.archive.Archive``)."""

    async def read(
        self, show: ShowId, kind: LogKind, after: int, count: int, /
    ) -> list[LogEntry]:
        """
        Return entries after number ``after``, those of deleted lines without data.

        Raises:
            Unavailable: If the database did not answer.
        """


class Audience:
    """The followers of one show in this process."""

    def __init__(
        self,
        show: ShowId,
        redis: Redis,
        log: Log,
        archive: Past,
        clock: Clock,
        *,
        wake: Callable[[], None],
    ) -> None:
        self.show = show
        self.feeds: dict[LogKind, Feed] = {}
        self.fields: dict[str, str] = {}  # The state as it was last told.
        self.empty_since: int | None = None
        self.deaf_since: int | None = None
        self._redis = redis
        self._log = log
        self._archive = archive
        self._clock = clock
        self._wake = wake  # Tells the reader that there is something to read.
        self._expected = 0
        self._stale = False
        self._viewers_at = 0
        self._heard: dict[LogKind, int] = {}
        self._flight: asyncio.Task[Snapshot] | None = None
        self._opening = asyncio.Lock()
        self._fresh: tuple[Snapshot, int, bytes] | None = None

    def viewers(self) -> int:
        """Count who watches: people once, and connections without a person."""
        feed = self.feeds.get("log")
        counted = [one for one in feed.followers if one.counted] if feed else []
        people = {one.person for one in counted if one.person is not None}
        return len(people) + sum(one.person is None for one in counted)

    def busy(self) -> bool:
        """Tell whether anybody is here or on the way in."""
        return self._expected > 0 or any(one.followers for one in self.feeds.values())

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """Keep the audience while somebody joins it."""
        self._expected += 1
        try:
            yield
        finally:
            self._expected -= 1

    # Joining.

    async def open(self, kind: LogKind) -> Feed:
        """
        Return the feed of ``kind``, opened where the log stands now.

        Raises:
            Unavailable: If the store does not answer.
        """
        async with self._opening:
            feed = self.feeds.get(kind)
            if feed is None:
                now = await self.snapshot()
                n = int(now.state.get(COUNTERS[kind], "0"))
                feed = self.feeds[kind] = Feed(kind, now.epoch, n)
                self.fields = self.fields or now.state
                self._wake()
            return feed

    async def join(
        self, kind: LogKind, follower: Follower, cursor: Cursor | None, reply: Reply
    ) -> Welcome:
        """
        Let ``follower`` in: its reply, ``sync``, what it missed, all that comes.

        Nothing is awaited between the last look at the log and the writing, so
        that no event falls between and none comes twice.

        Raises:
            Unavailable: If the store does not answer.
        """
        for _ in range(TRIES_MAX):
            feed = await self.open(kind)
            welcome = await self._welcome(feed, follower, cursor)
            if welcome.epoch != feed.epoch:
                feed.lost = "epoch"
            if feed.lost or not feed.ring.covers(welcome.n):
                await asyncio.sleep(PAUSE_S)  # The reader makes it start anew.
                continue
            if welcome.outcome == "snapshot" and welcome.n < feed.deleted_n:
                continue  # It may hold lines that were deleted since.
            follower.lane.write(reply(welcome) + welcome.frames)
            feed.attach(follower, welcome.n)
            return welcome
        raise Unavailable("the show's log does not stand still")

    async def _welcome(
        self, feed: Feed, follower: Follower, cursor: Cursor | None
    ) -> Welcome:
        if cursor is not None and cursor.epoch == feed.epoch:
            outcome, missed = await self._missed(feed, cursor.n, follower.person)
            if outcome:
                n = cursor.n if outcome != "range" else feed.ring.first - 1
                sync = frames.event(
                    feed.namespace, b"sync", self._sync_recovered(feed), str(cursor)
                )
                return Welcome(
                    outcome=outcome, epoch=feed.epoch, n=n, frames=sync + missed
                )
        return await self._anew(feed, cursor)

    async def _anew(self, feed: Feed, before: Cursor | None) -> Welcome:
        if feed.kind == "log":
            now = await self.snapshot()
            epoch, n, sync = now.epoch, now.n, self._sync_fresh(now)
            outcome = "snapshot"
        else:
            epoch, n, outcome = feed.epoch, feed.n, "bare"
            sync = snapshot.bare(self._clock.now(), recovered=False)
        frame = frames.event(feed.namespace, b"sync", sync, str(Cursor(epoch, n)))
        if before is not None and before.epoch != epoch and feed.kind == "log":
            frame += self._recovery()
        return Welcome(outcome=outcome, epoch=epoch, n=n, frames=frame)

    def _recovery(self) -> bytes:
        """Frame the word that the show was built anew: something may be lost."""
        notice = Notice(code="recovered", at=self._clock.now())
        return frames.event("/live", b"notice", msgspec.json.encode(notice))

    async def _missed(
        self, feed: Feed, n: int, person: str | None
    ) -> tuple[str, bytes]:
        """Return how what follows ``n`` can be had ('': not), and its older part."""
        if n > feed.n:  # Another process was faster, or the log is not that one.
            return (
                "ahead" if n <= await self._log.last(self.show, feed.kind) else ""
            ), b""
        if feed.ring.covers(n):
            return "ring", b""
        if feed.n - n > RANGE_MAX:
            return "", b""
        entries = await self._range(feed, n)
        older = [entry for entry in entries if entry.n < feed.ring.first]
        whole = [entry.n for entry in older] == list(range(n + 1, feed.ring.first))
        if not whole or any(entry.epoch != feed.epoch for entry in older):
            return "", b""
        deleted = feed.deleted_n
        gone = await self._log.gone(self.show, [e.line for e in older if e.line])
        if deleted != feed.deleted_n or older[-1].n + 1 != feed.ring.first:
            return "", b""
        parts = [
            erased(feed.epoch, entry.n, entry.at)
            if entry.line in gone or not entry.data
            else framed(feed.namespace, entry).frame
            for entry in older
            if entry.person is None or entry.person == person
        ]
        return "range", b"".join(parts)

    async def _range(self, feed: Feed, n: int) -> list[LogEntry]:
        """Read what follows ``n``, out of the archive where the log is too short."""
        entries = await self._log.read(self.show, feed.kind, n, RANGE_MAX)
        begin = entries[0].n if entries else feed.ring.first
        if begin > n + 1:
            with suppress(Unavailable):  # Then it takes a snapshot.
                older = await self._archive.read(self.show, feed.kind, n, begin - n - 1)
                return older + entries
        return entries

    def _sync_recovered(self, feed: Feed) -> bytes:
        now = self._clock.now()
        if feed.kind == "log":
            return snapshot.recovered(self.fields, now)
        return snapshot.bare(now, recovered=True)

    def _sync_fresh(self, now: Snapshot) -> bytes:
        """Return the ``sync`` of a snapshot, made once for all who share it."""
        newest = max(now.state, self.fields, key=snapshot.version)
        version = snapshot.version(newest)
        made = self._fresh
        if made is None or made[0] is not now or made[1] != version:
            sync = snapshot.fresh(now.state, newest, now.lines, now.now)
            made = self._fresh = (now, version, sync)
        return made[2]

    async def snapshot(self) -> Snapshot:
        """
        Read a snapshot; all who ask at the same time share one.

        Raises:
            Unavailable: If the store does not answer.
        """
        if self._flight is None or self._flight.done():
            reading = self._log.snapshot(self.show, snapshot.LINES_MAX)
            self._flight = asyncio.create_task(reading)
        return await asyncio.shield(self._flight)

    # Going on.

    async def restart(self) -> None:
        """Give everybody a snapshot: the log has a gap, or is another one."""
        if self._flight is not None:  # It may have begun before the break.
            await asyncio.wait([self._flight])
        now = await self.snapshot()
        self.fields = now.state
        sync = frames.event(
            "/live", b"sync", self._sync_fresh(now), str(Cursor(now.epoch, now.n))
        )
        for kind, feed in self.feeds.items():
            if not feed.lost and feed.epoch == now.epoch:
                continue
            n = int(now.state.get(COUNTERS[kind], "0"))
            if kind == "log":
                notice = b"" if feed.epoch == now.epoch else self._recovery()
                feed.restart(now.epoch, now.n, sync + notice)
            else:
                bare = snapshot.bare(now.now, recovered=False)
                cursor = str(Cursor(now.epoch, n))
                frame = frames.event(feed.namespace, b"sync", bare, cursor)
                feed.restart(now.epoch, n, frame)

    async def poll(self) -> None:
        """
        Look at the state's version; tell what changed. Find a log set back.

        Raises:
            Unavailable: If the store does not answer.
        """
        key = keys.state(self.show)
        before = {kind: feed.n for kind, feed in self.feeds.items()}
        names = ("v", "ep", *(COUNTERS[kind] for kind in before))
        version, epoch, *counts = await self._redis.command(key, "HMGET", key, *names)
        for (kind, n), count in zip(before.items(), counts, strict=True):
            feed = self.feeds[kind]
            if int(count or 0) < n:
                feed.lost = "behind"  # It goes on from a number that we passed.
            if epoch is not None and int(epoch) > feed.epoch:
                feed.lost = "epoch"  # Built anew, and nothing was said since.
        self._listen(
            {kind: int(n or 0) for kind, n in zip(before, counts, strict=True)}
        )
        if version is None or "log" not in self.feeds:
            return
        if self._stale or int(version) != snapshot.version(self.fields):
            await self._tell()

    def _listen(self, counts: dict[LogKind, int]) -> None:
        """Note since when the log has had more to say than we heard."""
        stuck = any(
            self.feeds[kind].n < count and self.feeds[kind].n == self._heard.get(kind)
            for kind, count in counts.items()
        )
        self._heard = {kind: feed.n for kind, feed in self.feeds.items()}
        if not stuck:
            self.deaf_since = None
        elif self.deaf_since is None:
            self.deaf_since = self._clock.now()

    async def _tell(self) -> None:
        key = keys.state(self.show)
        found = await self._redis.hgetall(key)
        fields = {
            name.decode(): text.decode()
            for name, text in found.items()
            if not name.startswith(b"mute:")
        }
        now = self._clock.now()
        parts = snapshot.changes(self.fields, fields)
        self._stale = "viewers" in parts and now - self._viewers_at < VIEWERS_MS
        if self._stale:  # Told later; until then it counts as not yet known.
            del parts["viewers"]
            fields["viewers"] = self.fields.get("viewers", "0")
        elif "viewers" in parts:
            self._viewers_at = now
        self.fields = fields
        if parts:
            await self._broadcast(frames.event("/live", b"state", snapshot.told(parts)))

    async def _broadcast(self, frame: bytes) -> None:
        for number, follower in enumerate(list(self.feeds["log"].followers)):
            follower.lane.write(frame)
            if number % WRITES_PER_TURN == WRITES_PER_TURN - 1:
                await asyncio.sleep(0)
