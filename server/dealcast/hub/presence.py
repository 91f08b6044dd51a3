"""Honest heat: who watches here, and hearts, told to the store now and then."""

from collections import Counter
from collections.abc import Mapping
from importlib.resources import files
from typing import Annotated

from msgspec import Meta
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.errors import refusal
from dealcast.core.ids import ShowId, partition_of
from dealcast.core.wire import ANY, Act, Caller, Done, Request
from dealcast.hub.audience import Audience
from dealcast.store import keys, tables
from dealcast.store.draft import Draft, within
from dealcast.store.log import Log, Record, record_keys
from dealcast.store.redis import Redis

HEARTS_MAX = 20  # In one request: as fast as a thumb can tap between two of them.


def functions() -> str:
    """Return the Lua that the hub adds to the library."""
    return (files(__package__) / "functions.lua").read_text(encoding="utf-8")


def watch_key(show: ShowId) -> str:
    """Hash: process -> how many watch ``show`` through it, and since when."""
    return f"{keys.tag(partition_of(show))}:watch:{show}"


async def likes(connection: AsyncConnection, draft: Draft) -> None:
    """Write how many hearts every show had when the archive last looked."""
    row = tables.show_count
    found = await connection.execute(
        select(row).where(within(row.c.show, draft.partition))
    )
    for one in found:
        draft.state(ShowId(one.show), {"likes": str(one.likes)})


class Presence:
    """Tells how many watch through this process."""

    def __init__(
        self, process: str, audiences: Mapping[ShowId, Audience], redis: Redis
    ) -> None:
        self._process = process
        self._audiences = audiences
        self._redis = redis
        self._told: set[ShowId] = set()

    async def tell(self) -> None:
        """
        Say the numbers of all shows that have viewers here, and of those that had.

        Raises:
            Unavailable: If the store does not answer.
        """
        counts = {show: one.viewers() for show, one in self._audiences.items()}
        watched = {show for show, count in counts.items() if count}
        for show in watched | self._told:
            await self._say(show, counts.get(show, 0))
        self._told = watched

    async def _say(self, show: ShowId, count: int) -> None:
        names = [*record_keys(show), watch_key(show)]
        code, *_ = await self._redis.call("dc1_viewers", names, (self._process, count))
        if code != b"ok":
            raise refusal(code.decode())


class Like(Request, frozen=True, kw_only=True):
    """Send hearts to the show."""

    show: ShowId
    count: Annotated[int, Meta(ge=1, le=HEARTS_MAX)]


class Likes:
    """Adds up the hearts of a second before the store hears of them."""

    def __init__(self, process: str, log: Log) -> None:
        self._process = process
        self._log = log
        self._new: Counter[ShowId] = Counter()
        self._sending: dict[ShowId, tuple[str, int]] = {}
        self._batch = 0

    async def like(self, caller: Caller, ask: Like) -> Done:
        """Count the hearts that ``caller`` sends."""
        self._new[ask.show] += ask.count
        return Done()

    async def send(self) -> None:
        """
        Add what was counted, once: a batch that got no answer is sent again.

        Raises:
            Unavailable: If the store does not answer.
        """
        self._batch += 1
        for show in [show for show in self._new if show not in self._sending]:
            op = f"likes:{self._process}:{self._batch}:{show}"
            self._sending[show] = op, self._new.pop(show)
        for show, (op, count) in list(self._sending.items()):
            await self._log.record(Record(show=show, incr={"likes": count}), op=op)
            del self._sending[show]

    def act(self) -> Act[Like]:
        """Return what clients may ask."""
        return Act(
            name="like",
            request=Like,
            answer=Done,
            handler=self.like,
            roles=ANY,
            socket="/live",
            per_minute=240,
        )
