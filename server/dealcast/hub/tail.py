"""The one reader of logs in a process, and the one writer to its viewers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import NamedTuple

import structlog

from dealcast.core.clock import Clock
from dealcast.core.errors import Recovering, Unavailable
from dealcast.core.ids import ShowId
from dealcast.hub.audience import Audience
from dealcast.hub.feed import Feed
from dealcast.hub.metrics import Metrics
from dealcast.store.control import Control
from dealcast.store.log import KEYS, LogEntry, LogKind, decode
from dealcast.store.reads import Entry
from dealcast.store.redis import Redis

BLOCK_MS = 100  # A log that is opened now is read with the next call.
COUNT = 256
POLL_S = 0.25
PAUSE_S = 0.2
DEAF_MS = 5000
WINDOW_MAX_S = 1.0
# A pass over the audience takes about 9 us each; it may use 40 % of the time.
WINDOW_PER_VIEWER_S = 9e-6 / 0.4

log = structlog.get_logger(__name__)


class Place(NamedTuple):
    """Whose log a key is."""

    audience: Audience
    kind: LogKind
    feed: Feed


class Tail:
    """Reads the logs of the shows that have an audience here, and passes them on."""

    def __init__(
        self,
        audiences: Mapping[ShowId, Audience],
        redis: Redis,
        clock: Clock,
        metrics: Metrics,
        *,
        window_ms: int,
    ) -> None:
        self._audiences = audiences
        self._redis = redis
        self._control = Control(redis)
        self._clock = clock
        self._metrics = metrics
        self._window_s = window_ms / 1000
        self._wanted = asyncio.Event()  # There is something to read,
        self._dirty = asyncio.Event()  # to send,
        self._urgent = asyncio.Event()  # to send at once.
        self._answered_at = clock.now()

    # Health.

    def trouble(self) -> str | None:
        """Say why this process does not hear the logs, if it does not."""
        now = self._clock.now()
        if not self._places():
            return None
        if now - self._answered_at > DEAF_MS:
            return "redis has not answered the hub for 5 seconds"
        for audience in self._audiences.values():
            since = audience.deaf_since
            if since is not None and now - since > DEAF_MS:
                return "the hub does not hear a log that goes on"
        return None

    def age_ms(self) -> int:
        """Return how long ago the store last answered; 0 if nobody asks it."""
        return self._clock.now() - self._answered_at if self._places() else 0

    # Reading.

    def wake(self) -> None:
        """Tell the reader that a log was opened."""
        self._wanted.set()

    def _places(self) -> dict[str, Place]:
        return {
            KEYS[kind](show): Place(audience, kind, feed)
            for show, audience in self._audiences.items()
            for kind, feed in audience.feeds.items()
        }

    async def read(self) -> None:
        """Take what the logs say next."""
        places = self._places()
        if not places:
            self._answered_at = self._clock.now()
            self._wanted.clear()
            await self._wanted.wait()
            self._answered_at = self._clock.now()
            return
        for place in places.values():
            if place.feed.lost:
                await self._restart(place)
        positions = {key: f"{place.feed.n}-0" for key, place in places.items()}
        found = await self._redis.xread(positions, BLOCK_MS, COUNT)
        for key, entries in found.items():
            self._answered_at = self._clock.now()
            place = places[key]
            if place.feed is place.audience.feeds.get(place.kind):
                await self._take(place, entries)

    async def _take(self, place: Place, entries: list[Entry]) -> None:
        feed = place.feed
        feed.take([self._decoded(entry, feed) for entry in entries])
        self._metrics.entries.labels(kind=place.kind).inc(len(entries))
        if feed.lost:
            await self._restart(place)
        if feed.full:
            self._metrics.writes.inc(await feed.flush())
        if feed.waiting:
            self._dirty.set()
        if feed.urgent:
            self._urgent.set()

    def _decoded(self, entry: Entry, feed: Feed) -> LogEntry:
        try:
            return decode(entry)
        except (KeyError, ValueError):
            # It keeps its number, so that nobody sees a gap, and tells nothing.
            log.exception("log_entry_unreadable", id=entry[0])
            n, person = int(entry[0].split("-")[0]), None
            return LogEntry(
                n=n, event="erased", data=b'{"at":0}', klass="P2", at=0,
                epoch=feed.epoch, person="" if feed.kind == "own" else person,
            )  # fmt: skip

    async def _restart(self, place: Place) -> None:
        log.warning("log_restarted", show=place.audience.show, why=place.feed.lost)
        self._metrics.restarts.labels(why=place.feed.lost).inc()
        if place.feed.lost == "behind":
            # Others may have heard it too, who are not here to miss it.
            detail = f"{place.audience.show} {place.feed.epoch}"
            await self._control.nudge("behind", detail)
        await place.audience.restart()

    async def poll(self) -> None:
        """Tell what changed in the state of every show."""
        for audience in list(self._audiences.values()):
            if audience.feeds:
                await audience.poll()
                self._answered_at = self._clock.now()
        await asyncio.sleep(POLL_S)

    # Writing.

    async def flush(self) -> None:
        """Write what is new to everybody: at the end of the window, or at once."""
        await self._dirty.wait()
        try:
            async with asyncio.timeout(self.window_s()):
                await self._urgent.wait()
        except TimeoutError:
            pass
        self._dirty.clear()
        self._urgent.clear()
        started = perf_counter()
        for place in self._places().values():
            self._metrics.writes.inc(await place.feed.flush())
        self._metrics.passes.observe(perf_counter() - started)

    def window_s(self) -> float:
        """Return how long events wait for company, by the size of the audience."""
        here = sum(len(place.feed.followers) for place in self._places().values())
        return min(max(self._window_s, here * WINDOW_PER_VIEWER_S), WINDOW_MAX_S)


async def keep(name: str, step: Callable[[], Awaitable[None]]) -> None:
    """Repeat ``step`` for ever; what fails is said, and tried again."""
    while True:
        try:
            await step()
        except (Unavailable, Recovering) as error:
            log.warning("hub_waits", loop=name, why=str(error))
            await asyncio.sleep(PAUSE_S)
        except Exception:
            log.exception("hub_loop_failed", loop=name)
            await asyncio.sleep(PAUSE_S)
