"""Time and chance are given, not taken: only ``app`` makes a clock."""

import time
from typing import Protocol


class Clock(Protocol):
    """Where the present comes from."""

    def now(self) -> int:
        """Return the present as milliseconds since 1970, UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Return the present as milliseconds since 1970, UTC."""
        return time.time_ns() // 1_000_000


class ManualClock:
    """A clock that stands still until it is moved: for tests."""

    def __init__(self, now: int) -> None:
        self._now = now

    def now(self) -> int:
        """Return the instant at which the clock stands."""
        return self._now

    def advance(self, ms: int) -> None:
        """Move the clock ``ms`` milliseconds on."""
        self._now += ms
