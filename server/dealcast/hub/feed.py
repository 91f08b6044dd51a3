"""
One log and those who follow it here: framed once, written once per window.

Everybody's place in the log is a number, so that a viewer who joins while
others are being written to gets every event once, and none twice.
"""

import asyncio

import orjson

from dealcast.hub import frames
from dealcast.hub.cursor import Cursor
from dealcast.hub.lane import Lane
from dealcast.hub.ring import BYTES_MAX, FRAMES_MAX, Framed, Ring
from dealcast.store.log import LogEntry, LogKind

NAMESPACES: dict[LogKind, str] = {"log": "/live", "own": "/me", "staff": "/staff"}
WRITES_PER_TURN = 500  # About 4 ms; then whoever else waits has a turn.


class Follower:
    """One namespace of one connection."""

    __slots__ = ("counted", "lane", "n", "person")

    def __init__(self, lane: Lane, person: str | None, *, counted: bool) -> None:
        self.lane = lane
        self.person = person
        self.counted = counted  # One of the viewers, whom the show counts.
        self.n = 0  # The last event of the log that was written to it.


class Feed:
    """One log of one show, from a place on."""

    def __init__(self, kind: LogKind, epoch: int, n: int) -> None:
        self.kind: LogKind = kind
        self.namespace = NAMESPACES[kind]
        self.epoch = epoch
        self.ring = Ring(n)
        self.deleted_n = 0  # Where the newest deletion stands.
        self.urgent = False
        self.lost: str | None = None  # Why what follows cannot be told.
        self.followers: set[Follower] = set()
        self._people: dict[str, set[Follower]] = {}
        self._named: set[str] = set()  # Whom unsent events are for.
        self._sent = n
        self._unsent = 0  # Bytes that came after.
        self._joined: dict[int, bytes] = {}  # By where one stands,
        self._joined_upto = n  # up to here.

    @property
    def n(self) -> int:
        """The last event that was taken."""
        return self.ring.last

    @property
    def cursor(self) -> str:
        """Where the log stands here."""
        return str(Cursor(self.epoch, self.n))

    @property
    def waiting(self) -> int:
        """How many events have not been sent."""
        return self.ring.last - self._sent

    @property
    def full(self) -> bool:
        """Tell whether events must be sent before more are taken."""
        return self.waiting >= FRAMES_MAX or self._unsent >= BYTES_MAX

    # In.

    def take(self, entries: list[LogEntry]) -> None:
        """
        Take what the log says next.

        A break in the numbers or a new epoch is noted in ``lost``: nothing is
        taken from there on, and everybody needs a snapshot.
        """
        for entry in entries:
            if entry.n <= self.n and entry.epoch == self.epoch:
                continue  # Read again after a restart of the feed.
            if entry.epoch != self.epoch:
                self.lost = "epoch"
            elif entry.n != self.n + 1:
                self.lost = "trimmed"
            if self.lost:
                return
            self._add(entry)

    def _add(self, entry: LogEntry) -> None:
        if entry.event == "deleted":
            self.erase(entry)
        event = framed(self.namespace, entry)
        self.ring.add(event)
        self._unsent += len(event.frame)
        self.urgent = self.urgent or entry.klass == "P0"
        if entry.person is not None:
            self._named.add(entry.person)

    def erase(self, entry: LogEntry) -> None:
        """Forget the lines that a deletion names: they are never sent again."""
        lines = frozenset(orjson.loads(entry.data)["lines"])
        self.deleted_n = entry.n
        self.ring.erase(lines, lambda n: erased(self.epoch, n, entry.at))
        self._joined.clear()

    # Out.

    def attach(self, follower: Follower, n: int) -> None:
        """Let ``follower`` follow from ``n`` on, with what has come since."""
        assert self.ring.covers(n)
        missed = self.ring.joined(n, follower.person)
        if missed:
            follower.lane.write(missed)
        follower.n = max(n, self.n)
        self.followers.add(follower)
        if self.kind == "own" and follower.person is not None:
            self._people.setdefault(follower.person, set()).add(follower)

    def detach(self, follower: Follower) -> None:
        """Let ``follower`` go."""
        self.followers.discard(follower)
        mine = self._people.get(follower.person or "")
        if mine is not None:
            mine.discard(follower)
            if not mine:
                self._people.pop(follower.person or "")

    async def flush(self) -> int:
        """Write what is new to everybody; return how many writes that took."""
        upto, ring, self.urgent = self.n, self.ring, False
        if self._sent == upto:
            return 0
        due = self._due()
        self._named.clear()
        self._unsent = 0
        writes = 0
        for follower in due:
            writes += self._send(follower)
            if writes % WRITES_PER_TURN == WRITES_PER_TURN - 1:
                await asyncio.sleep(0)
        if ring is self.ring:  # Else the feed was restarted meanwhile.
            self._sent = upto
            self._joined.clear()
            ring.trim(upto)
        return writes

    def _due(self) -> list[Follower]:
        if self.kind != "own":
            return list(self.followers)
        return [one for person in self._named for one in self._people.get(person, ())]

    def _send(self, follower: Follower) -> int:
        if follower.n >= self.n or follower not in self.followers:
            return 0
        if self.kind == "own":
            missed = self.ring.joined(follower.n, follower.person)
        else:
            missed = self._missed(follower.n)
        follower.n = self.n
        follower.lane.write(missed)
        return 1

    def _missed(self, n: int) -> bytes:
        """Join what follows ``n``; nearly all followers stand at the same place."""
        if self.n != self._joined_upto:
            self._joined.clear()
            self._joined_upto = self.n
        missed = self._joined.get(n)
        if missed is None:
            missed = self._joined[n] = self.ring.joined(n)
        return missed

    def restart(self, epoch: int, n: int, sync: bytes) -> None:
        """Go on from another place; everybody gets ``sync``, which says so."""
        self.epoch = epoch
        self.ring = Ring(n)
        self.lost = None
        self._sent = n
        self._named.clear()
        self._joined.clear()
        for follower in list(self.followers):
            follower.n = n
            follower.lane.write(sync)


def framed(namespace: str, entry: LogEntry) -> Framed:
    """Frame an entry of a log, its payload untouched."""
    cursor = str(Cursor(entry.epoch, entry.n))
    frame = frames.event(namespace, entry.event.encode(), entry.data, cursor)
    return Framed(entry.n, frame, entry.person, entry.line)


def erased(epoch: int, n: int, at: int) -> bytes:
    """Frame what stands where a deleted line stood."""
    data = orjson.dumps({"at": at})
    return frames.event("/live", b"erased", data, str(Cursor(epoch, n)))
