"""(d) What clients were told of the logs: gapless and alike, or told not to be."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.faults.seen import Event, Seen

NUMBERED = ("/live", "/staff")  # Here a client sees every number; in /me its own.
ERASED = "erased"  # What stands where a deleted line stood.

Place = tuple[int, int]  # An epoch, and a number in it.
Violations = Iterator[tuple[str, str]]


def whole(seen: Seen) -> Violations:
    """The history has its end, and somebody in it."""
    if seen.last != "end" or not seen.people:
        yield "history-cut", f"its last line is {seen.last or 'none'}"


def cursors(seen: Seen, told: Counter[str]) -> Violations:
    """Each client's events follow one another; all clients were told alike."""
    followed: dict[tuple[int, str], list[Event]] = defaultdict(list)
    for event in seen.events:
        followed[event.client, event.namespace].append(event)
    for (client, namespace), events in followed.items():
        for rule, what in one_client(events):
            yield rule, f"client {client} in {namespace}: {what}"
    yield from alike(seen.events)
    count_set_back(seen.events, told)


def one_client(events: list[Event]) -> Violations:
    """Within an epoch n+1 follows n; every break is told by a sync."""
    last: Place | None = None
    for event in events:
        place = event.epoch, event.n
        if event.is_sync:
            yield from sync(event, last)
        elif last is None:
            yield "event-unsynced", f"{place} before it was told where it is"
        elif event.epoch != last[0]:
            yield "epoch-untold", f"{place} after {last}"
        elif event.n <= last[1]:
            yield "event-twice", f"{place} after {last}"
        elif event.namespace in NUMBERED and event.n != last[1] + 1:
            yield "event-gap", f"{place} after {last}"
        last = place


def sync(event: Event, last: Place | None) -> Violations:
    """Recovered goes on where the client was; anything else says that it does not."""
    place = event.epoch, event.n
    if event.body["recovered"] and place != last:
        yield "sync-elsewhere", f"recovered at {place}, was at {last}"
    elif last is not None and event.epoch < last[0]:
        yield "epoch-back", f"from {last} to {place}"


def alike(events: list[Event]) -> Violations:
    """One place of a log says one thing, and of /me it is one person's."""
    said: dict[tuple[str, Place], Event] = {}
    for event in events:
        if event.is_sync or event.name == ERASED:
            continue
        place = event.epoch, event.n
        first = said.setdefault((event.namespace, place), event)
        where = f"{event.namespace} {place}: clients {first.client}, {event.client}"
        if event.namespace not in NUMBERED and event.client != first.client:
            yield "own-shared", where
        elif (event.name, event.body["digest"]) != (first.name, first.body["digest"]):
            yield "told-differently", f"{where}: {first.name}, {event.name}"


def count_set_back(events: list[Event], told: Counter[str]) -> None:
    """Count the numbers that were given anew in a later epoch, which was told."""
    highest: dict[tuple[str, int], int] = defaultdict(int)
    for event in events:
        place = event.namespace, event.epoch
        highest[place] = max(highest[place], event.n)
    again: set[tuple[str, Place]] = set()
    for event in events:
        older = (
            n
            for (namespace, epoch), n in highest.items()
            if namespace == event.namespace and epoch < event.epoch
        )
        if not event.is_sync and event.n <= max(older, default=-1):
            again.add((event.namespace, (event.epoch, event.n)))
    if again:
        told["numbers given again"] += len(again)
