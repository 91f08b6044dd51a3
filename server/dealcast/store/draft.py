"""
What the keys of a partition are to be, as the books have it.

Whoever keeps something in Redis that the books know too writes it into the
draft when a partition is built anew (``Source``); shop, features and hub each
for themselves.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, func
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.ids import Partition, ShowId
from dealcast.store import keys
from dealcast.store.log import COUNTERS, KEYS, LogEntry, LogKind

Kind = Literal["hash", "scores", "set", "stream", "until_at"]

CHUNK = 500  # Values, or pairs of them, of one call.


@dataclass(frozen=True, slots=True)
class Put:
    """One write: texts for a key, few enough for one call."""

    key: str
    kind: Kind
    values: Any

    @property
    def packed(self) -> bytes:
        """What ``dc1_put`` unpacks."""
        return msgspec.msgpack.encode(self.values)


@dataclass
class Draft:
    """The keys of one partition."""

    partition: Partition
    epoch: int  # That begins with it.
    now: int  # Instant of the draft, by the clerk's clock.
    shows: dict[ShowId, dict[str, str]] = field(default_factory=dict)
    puts: list[Put] = field(default_factory=list)
    logged: dict[ShowId, dict[LogKind, int]] = field(default_factory=dict)

    def state(self, show: ShowId, fields: Mapping[str, str]) -> None:
        """Set fields of the show's state."""
        self.shows.setdefault(show, {}).update(fields)

    def hash(self, key: str, fields: Mapping[str, str] | Mapping[str, int]) -> None:
        """Set fields of a hash."""
        flat = [str(word) for pair in fields.items() for word in pair]
        self._put(key, "hash", flat)

    def scores(self, key: str, members: Mapping[str, int]) -> None:
        """Add members of a sorted set, with their scores."""
        flat = [word for name, at in members.items() for word in (str(at), name)]
        self._put(key, "scores", flat)

    def set(self, key: str, members: Iterable[str]) -> None:
        """Add members of a set."""
        self._put(key, "set", list(members))

    def until(self, key: str, at: int) -> None:
        """Let a key that was written go at the instant ``at``."""
        self.puts.append(Put(key, "until_at", str(at)))

    def log(self, show: ShowId, kind: LogKind, entries: Sequence[LogEntry]) -> None:
        """Append entries to a log, which are then its newest."""
        packed = [_stream_entry(entry) for entry in entries]
        for start in range(0, len(packed), CHUNK):
            part = packed[start : start + CHUNK]
            self.puts.append(Put(KEYS[kind](show), "stream", part))
        if entries:
            self.count(show, kind, entries[-1].n)

    def count(self, show: ShowId, kind: LogKind, n: int) -> None:
        """Let the log of a show go on after number ``n``, or after a higher one."""
        counts = self.logged.setdefault(show, {})
        counts[kind] = max(n, counts.get(kind, 0))

    def all(self) -> list[Put]:
        """Return every write; a key's own come in their order."""
        for show, counts in self.logged.items():
            numbers = {COUNTERS[kind]: str(n) for kind, n in counts.items()}
            self.state(show, numbers)
        written = list(self.puts)
        for show, fields in self.shows.items():
            # The version never goes back: who was told a newer one is deaf to it.
            flat = [word for pair in fields.items() for word in pair]
            flat += ["v", str(self.now), "ep", str(self.epoch)]
            written += _cut(keys.state(show), "hash", flat)
        return written

    def _put(self, key: str, kind: Kind, flat: list[str]) -> None:
        self.puts += _cut(key, kind, flat)


Source = Callable[[AsyncConnection, Draft], Awaitable[None]]


def within(column: ColumnElement[str], partition: Partition) -> ColumnElement[bool]:
    """Tell which ids are of ``partition``: they carry it behind their letter."""
    return func.substr(column, 2, 2) == f"{partition:02d}"


def _cut(key: str, kind: Kind, flat: list[str]) -> list[Put]:
    step = 2 * CHUNK
    return [
        Put(key, kind, flat[start : start + step])
        for start in range(0, len(flat), step)
    ]


def _stream_entry(entry: LogEntry) -> list[str]:
    words = [f"{entry.n}-0", "e", entry.event, "c", entry.klass]
    words += ["d", entry.data.decode() or "{}", "at", str(entry.at)]
    words += ["ep", str(entry.epoch)]
    if entry.person is not None:
        words += ["u", entry.person]
    if entry.line is not None:
        words += ["l", entry.line]
    return words
