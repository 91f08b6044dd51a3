"""A history as read: questions with their answers, events, syncs, connections."""

import json
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

WAITING = {"in_progress"}  # The answer to a question that is not decided yet.

Json = dict[str, Any]


@dataclass
class Op:
    """What a client asked under one key, and every answer to it."""

    client: int
    key: str
    what: str
    about: Json
    good: list[Json] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    waiting: int = 0  # Asked, and neither answered nor refused.
    asked: float = 0.0  # When it was asked first,
    ended: float = 0.0  # and when the last answer came.

    @property
    def over(self) -> bool:
        """Whether the client knows what became of it."""
        return self.waiting <= 0

    @property
    def answer(self) -> Json:
        """The last good answer."""
        return self.good[-1]


@dataclass(frozen=True)
class Event:
    """Something that a client was told, or a sync: where it was told to go on."""

    client: int
    namespace: str
    name: str
    epoch: int
    n: int
    at: float
    body: Json

    @property
    def is_sync(self) -> bool:
        """Whether it says where to go on."""
        return self.name == "sync"

    @property
    def is_paid(self) -> bool:
        """Whether it tells a buyer that an order was paid."""
        return self.name == "order" and self.body.get("state") == "paid"


@dataclass
class Seen:
    """All that the clients of one crowd saw."""

    ops: dict[tuple[int, str], Op] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    people: dict[int, str] = field(default_factory=dict)
    marks: list[Json] = field(default_factory=list)
    lost: Counter[int] = field(default_factory=Counter)
    # Per client, the instants at which a new epoch of /live was told.
    renewed: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    last: str = ""

    @classmethod
    def read(cls, lines: Iterable[str]) -> Self:
        """Read the lines of a history."""
        seen, epochs = cls(), dict[int, int]()
        for text in lines:
            line = json.loads(text)
            seen.last = line["k"]
            seen._take(line, epochs)
        return seen

    def _take(self, line: Json, epochs: dict[int, int]) -> None:
        kind, client = line["k"], line.get("c", -1)
        if kind == "client":
            self.people[client] = line["person"]
        elif kind == "lost":
            left = line["why"] == "client disconnect"
            self.lost[client] += line["ns"] == "/live" and not left
        elif kind in ("mark", "plan"):
            self.marks.append(line)
        elif kind in ("event", "sync"):
            event = event_of(line)
            self.events.append(event)
            if event.is_sync and event.namespace == "/live":
                if not event.body["recovered"] and event.epoch > epochs.get(
                    client, event.epoch
                ):
                    self.renewed[client].append(event.at)
                epochs[client] = event.epoch
        elif kind in ("invoke", "ok", "refused", "unknown"):
            self._answer(line)

    def _answer(self, line: Json) -> None:
        kind, place = line["k"], (line["c"], line["op"])
        rest = {n: line[n] for n in line if n not in ("t", "k", "c", "op", "what")}
        if kind == "invoke":
            first = Op(*place, line["what"], rest, asked=line["t"])
            op = self.ops.setdefault(place, first)
            op.waiting = 1 if rest.get("again") else op.waiting + 1
            return
        op = self.ops[place]
        op.ended = line["t"]
        if kind == "ok":
            op.good.append(rest)
            op.waiting -= 1
        else:
            op.codes.append(rest["code"])
            op.waiting -= kind == "refused"

    def good(self, what: str) -> list[Op]:
        """Return what was asked and answered well."""
        return [op for op in self.ops.values() if op.what == what and op.good]

    def told_after(self, client: int, instant: float) -> bool:
        """Tell whether a client was told of a new epoch after an instant."""
        times = self.renewed.get(client, [])
        return bisect_left(times, instant) < len(times)

    def summary(self) -> str:
        """Say in a line how much was seen."""
        asked = Counter(op.what for op in self.ops.values())
        calls = ", ".join(f"{n} {what}" for what, n in asked.most_common())
        again = sum(bool(op.good and {*op.codes} - WAITING) for op in self.ops.values())
        syncs = [e for e in self.events if e.is_sync and e.namespace == "/live"]
        whole = sum(bool(e.body["recovered"]) for e in syncs)
        return (
            f"{len(self.people)} clients; asked: {calls}; {again} answered well only "
            f"when asked again; {len(self.events)} events; connections lost: "
            f"{sum(self.lost.values())}; syncs of /live: {len(syncs)}, of these "
            f"{whole} recovered; told of a new epoch: {len(self.renewed)} clients"
        )


def event_of(line: Json) -> Event:
    """Read the line of an event or a sync."""
    epoch, _, n = line["cursor"].partition(".")
    body = {x: line[x] for x in line if x not in ("t", "k", "c", "ns", "cursor")}
    name = line.get("event", "sync")
    return Event(line["c"], line["ns"], name, int(epoch), int(n), line["t"], body)
