"""The logs of a show: what everybody, one person, or staff may see, numbered."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from dealcast.core.errors import refusal
from dealcast.core.ids import ShowId, partition_of
from dealcast.store import keys
from dealcast.store.reads import Entry
from dealcast.store.redis import Redis

LogKind = Literal["log", "own", "staff"]
Class = Literal["P0", "P1", "P2"]

KEYS = {"log": keys.log, "own": keys.own, "staff": keys.staff}
COUNTERS: dict[LogKind, str] = {"log": "n", "own": "n_own", "staff": "n_staff"}


@dataclass(frozen=True, kw_only=True)
class LogEntry:
    """One entry of a log; ``data`` is ready JSON."""

    n: int
    event: str
    data: bytes
    klass: str
    at: int
    epoch: int
    person: str | None = None  # Whom an entry of `own` is for.
    line: str | None = None  # The id of a line of chat.


@dataclass(frozen=True, kw_only=True)
class Record:
    """
    What happened in a show, to be appended and set at one instant.

    ``log``: (event, class, data) or (event, class, data, line id); ``own``:
    (person, event, data); ``staff``: (event, data), data being JSON text.
    ``state`` sets fields of the latest-wins state, ``unset`` removes some,
    ``incr`` adds to some; ``gone`` are lines of chat that were deleted.
    """

    show: ShowId
    log: Sequence[tuple[str, ...]] = ()
    own: Sequence[tuple[str, str, str]] = ()
    staff: Sequence[tuple[str, str]] = ()
    state: dict[str, str] = field(default_factory=dict)
    unset: Sequence[str] = ()
    gone: Sequence[str] = ()
    incr: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """All of a show that one who joins now needs; the log goes on after ``n``."""

    epoch: int
    n: int
    now: int
    state: dict[str, str]
    lines: list[tuple[int, bytes]]  # The last lines of chat, oldest first.


class Log:
    """The logs and the state of shows."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def record(self, record: Record, *, op: str = "") -> None:
        """
        Append and set what ``record`` says, once for each ``op`` that is given.

        Raises:
            Invalid: If a field of the state may not be set so.
            TooLarge: If there is more of it than one call takes.
        """
        document = msgspec.json.encode(record)
        await self.record_document(record.show, document, op=op)

    async def record_document(self, show: ShowId, document: bytes, *, op: str) -> None:
        """Do the same with a record that is JSON already, as outbox rows have it."""
        code, *told = await self._redis.call(
            "dc1_record", record_keys(show), (op, document)
        )
        if code != b"ok":
            raise refusal(code.decode(), " ".join(word.decode() for word in told))

    async def snapshot(self, show: ShowId, lines_max: int = 50) -> Snapshot:
        """
        Return the state of ``show`` and its last lines of chat, read together.

        Raises:
            Recovering: If the partition holds nothing, for the gate is closed.
        """
        answer = await self._redis.call(
            "dc1_snapshot", record_keys(show), (lines_max,), write=False
        )
        code, *told = answer
        if code != b"ok":
            raise refusal(code.decode())
        epoch, n, now, state, lines = told
        texts = [text.decode() for text in state]
        found = zip(lines[::2], lines[1::2], strict=True)
        return Snapshot(
            epoch=int(epoch),
            n=int(n),
            now=int(now),
            state=dict(zip(texts[::2], texts[1::2], strict=True)),
            lines=[(int(number), data) for number, data in found][::-1],
        )

    async def read(
        self, show: ShowId, kind: LogKind, after: int, count: int = 300
    ) -> list[LogEntry]:
        """Return the entries after number ``after``, oldest first."""
        found = await self._redis.xrange(KEYS[kind](show), f"({after}-0", count=count)
        return [decode(entry) for entry in found]

    async def last(self, show: ShowId, kind: LogKind) -> int:
        """Return the number of the last entry, 0 if there was none."""
        number = await self._redis.hget(keys.state(show), COUNTERS[kind])
        return int(number or 0)

    async def gone(self, show: ShowId, lines: Sequence[str]) -> set[str]:
        """Return those of ``lines`` that were deleted."""
        if not lines:
            return set()
        key = keys.gone(show)
        told = await self._redis.command(key, "SMISMEMBER", key, *lines)
        return {line for line, deleted in zip(lines, told, strict=True) if deleted}

    async def state_field(self, show: ShowId, name: str) -> str | None:
        """Return one field of the state, such as ``mute:<person>``."""
        value = await self._redis.hget(keys.state(show), name)
        return value.decode() if value is not None else None

    async def trim(self, show: ShowId, kind: LogKind, kept_from: int) -> int:
        """Remove the entries before number ``kept_from``."""
        return await self._redis.xtrim(KEYS[kind](show), f"{kept_from}-0")


def record_keys(show: ShowId) -> list[str]:
    """Return the keys of ``dc1_record`` and ``dc1_snapshot``."""
    part = partition_of(show)
    return [*keys.head_keys(part), *keys.show_keys(show), keys.gone(show)]


def decode(entry: Entry) -> LogEntry:
    """Read an entry of a log."""
    name, fields = entry

    def text(field_name: bytes) -> str | None:
        value: Any = fields.get(field_name)
        return value.decode() if value is not None else None

    return LogEntry(
        n=int(name.split("-")[0]),
        event=fields[b"e"].decode(),
        data=fields[b"d"],
        klass=fields[b"c"].decode(),
        at=int(fields[b"at"]),
        epoch=int(fields[b"ep"]),
        person=text(b"u"),
        line=text(b"l"),
    )
