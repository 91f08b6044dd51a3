"""The control stream: one process tells all others that there is something to do."""

from dealcast.store.keys import CONTROL
from dealcast.store.redis import Redis

KEPT = 1000


class Control:
    """
    Nudges between processes.

    A nudge is only a hint that saves waiting: whoever misses one finds the same
    work by its own slow poll.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def nudge(self, kind: str, detail: str = "") -> None:
        """Tell every process that there is work of ``kind``, such as ``outbox``."""
        await self._redis.xadd(CONTROL, {"k": kind, "d": detail}, KEPT)

    async def position(self) -> str:
        """Return where the stream ends now: what comes later comes after this."""
        last = await self._redis.xrevrange(CONTROL, count=1)
        return last[0][0] if last else "0-0"

    async def tail(
        self, after: str, block_ms: int
    ) -> tuple[str, list[tuple[str, str]]]:
        """Wait for what is nudged after ``after``: the new position, (kind, detail)."""
        found = await self._redis.xread({CONTROL: after}, block_ms)
        nudges = found.get(CONTROL, [])
        told = [(fields[b"k"].decode(), fields[b"d"].decode()) for _, fields in nudges]
        return (nudges[-1][0] if nudges else after), told
