"""Clerks of several nodes take turns: one works, the others stand by."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import structlog

from dealcast.core.errors import Refused
from dealcast.store.lease import Lease
from dealcast.store.posting import Fenced

LOOK_S = 1.0

log = structlog.get_logger()


class Worker(Protocol):
    """What works while the lease is ours."""

    over: asyncio.Event

    async def start(self) -> None:
        """Begin to work."""

    async def stop(self) -> None:
        """Leave off, whether or not it could begin."""

    async def ready(self) -> dict[str, str | None]:
        """Tell which part is not ready, and why."""


class Turns:
    """
    Lets a clerk work while the lease is ours.

    Whoever was succeeded leaves off at once and stands by: the process need not
    end, and only a process that is new may take the lease of its forerunner.
    """

    def __init__(self, lease: Lease, make: Callable[[], Worker]) -> None:
        self.lease = lease
        self.make = make
        self.at_work: Worker | None = None
        self.waits: str | None = "not begun yet"  # What keeps us from knowing.
        self._said = False

    async def run(self, told: asyncio.Event) -> None:
        """Work and stand by until ``told``."""
        while not told.is_set():
            if await self.taken():
                await self.work(told)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await told.wait()

    async def taken(self) -> bool:
        """Tell whether the lease is ours now."""
        try:
            taken = await self.lease.take()
        except Refused as refused:
            if self.waits != refused.code:
                log.warning("lease_waits", why=str(refused))
            self.waits = refused.code
            return False
        self.waits = None
        if not taken and not self._said:
            log.info("standing_by", why="another clerk is at work")
        self._said = not taken
        return taken

    async def work(self, told: asyncio.Event) -> None:
        """Work until ``told``, or until another clerk has taken over."""
        worker = self.make()
        self.at_work = worker
        try:
            log.info("taking_over")
            await worker.start()
            ends = [asyncio.create_task(e.wait()) for e in (told, worker.over)]
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for end in ends:
                    end.cancel()
            if worker.over.is_set():
                log.warning("fenced")
        except Fenced:
            log.warning("fenced")
        except Refused as refused:  # A store is away: tried again, said here.
            self.waits = refused.code
            log.warning("clerk_waits", why=str(refused))
        finally:
            self.at_work = None
            await worker.stop()

    async def ready(self) -> dict[str, str | None]:
        """Tell which part is not ready; nothing is wrong with standing by."""
        if self.at_work is not None:
            return await self.at_work.ready()
        return {"lease": self.waits}
