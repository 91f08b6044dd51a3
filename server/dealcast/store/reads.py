"""Blocking reads of several servers at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

Entry = tuple[str, dict[bytes, bytes]]  # Of a stream: its id and its fields.
Found = dict[str, list[Entry]]
Streams = tuple[str, ...]  # Names, then the positions in them.


class Reads:
    """
    Reads for which others wait.

    On a cluster one blocking read runs for each slot. The first that has
    something ends the wait; the others go on, and the next call with the same
    positions takes them over.
    """

    def __init__(self, read: Callable[[Streams, int, int], Awaitable[Found]]) -> None:
        self._read = read
        self._under_way: dict[Streams, asyncio.Task[Found]] = {}

    async def aclose(self) -> None:
        """Give up all reads."""
        reading = list(self._under_way.values())
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)

    async def first(self, asked: Sequence[Streams], block_ms: int, count: int) -> Found:
        """Return what the first of several reads has found, and others meanwhile."""
        tasks = [self._begun(streams, block_ms, count) for streams in asked]
        await asyncio.wait(
            tasks, timeout=block_ms / 1000, return_when=asyncio.FIRST_COMPLETED
        )
        found: Found = {}
        for task in tasks:
            if task.done():
                found |= task.result()
        return found

    def _begun(
        self, streams: Streams, block_ms: int, count: int
    ) -> asyncio.Task[Found]:
        """Return the read of ``streams`` that is under way, or begin one."""
        if task := self._under_way.get(streams):
            return task

        def over(done: asyncio.Task[Any]) -> None:
            self._under_way.pop(streams, None)
            if not done.cancelled():
                done.exception()  # Whoever waits gets it; perhaps nobody does.

        task = asyncio.ensure_future(self._read(streams, block_ms, count))
        task.add_done_callback(over)
        self._under_way[streams] = task
        return task
