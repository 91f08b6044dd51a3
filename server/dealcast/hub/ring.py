"""The last events of one log, as frames: what a returning client most often needs."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from operator import attrgetter

FRAMES_MAX = 500
BYTES_MAX = 524_288


class Framed:
    """One event of a log, framed."""

    __slots__ = ("frame", "line", "n", "person")

    def __init__(self, n: int, frame: bytes, person: str | None, line: str | None):
        self.n = n
        self.frame = frame
        self.person = person  # Whom alone it is for; None: everybody.
        self.line = line  # The line of chat that it is.


class Ring:
    """Framed events in order, without gaps: ``first`` to ``last``."""

    def __init__(self, last: int) -> None:
        self._events: list[Framed] = []
        self._bytes = 0
        self.last = last  # The ring is as of here even while it is empty.

    @property
    def first(self) -> int:
        """The number of the oldest event here, or of the next to come."""
        return self._events[0].n if self._events else self.last + 1

    def add(self, event: Framed) -> None:
        """Take the next event."""
        assert event.n == self.last + 1, "events are taken in order, without gaps"
        self._events.append(event)
        self._bytes += len(event.frame)
        self.last = event.n

    def covers(self, n: int) -> bool:
        """Tell whether everything after ``n`` is here."""
        return self.first <= n + 1

    def after(self, n: int) -> Iterator[Framed]:
        """Yield the events that follow ``n``."""
        at = bisect_right(self._events, n, key=attrgetter("n"))
        for index in range(at, len(self._events)):
            yield self._events[index]

    def joined(self, n: int, person: str | None = None) -> bytes:
        """Return the frames after ``n`` that are for ``person``, as one."""
        return b"".join(
            event.frame
            for event in self.after(n)
            if event.person is None or event.person == person
        )

    def trim(self, sent: int) -> None:
        """Forget the oldest that are too many; never what follows ``sent``."""
        drop, size = 0, self._bytes
        while drop < len(self._events) and self._events[drop].n <= sent:
            if len(self._events) - drop <= FRAMES_MAX and size <= BYTES_MAX:
                break
            size -= len(self._events[drop].frame)
            drop += 1
        del self._events[:drop]
        self._bytes = size

    def erase(self, lines: frozenset[str], erased: Callable[[int], bytes]) -> None:
        """Put ``erased`` where lines of chat were that nobody may see any more."""
        for event in self._events:
            if event.line in lines:
                self._bytes -= len(event.frame)
                event.frame = erased(event.n)
                event.line = None
                self._bytes += len(event.frame)
