"""Work that goes on until the process stops, whatever happens to it."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from dealcast.core.errors import Refused

PAUSE_FIRST_S = 0.1
PAUSE_MAX_S = 5.0
SAID_S = 60.0
STOP_S = 3.0  # How long cancelled loops may take; what hangs ends with the process.

log = structlog.get_logger()


class Loops:
    """
    Named loops; one that fails is started again after a growing pause.

    A ``fatal`` fault ends its loop for good and sets ``over``: whoever runs
    the process is to end it.
    """

    def __init__(self, fatal: tuple[type[Exception], ...] = ()) -> None:
        self.fatal = fatal
        self.over = asyncio.Event()
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.failing: dict[str, str] = {}

    def start(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run ``work``, which is to run until it is cancelled."""
        self.tasks[name] = asyncio.create_task(self.keep(name, work), name=name)

    async def keep(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run ``work`` again whenever it ends."""
        pause, said = PAUSE_FIRST_S, ("", 0.0)
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            # Well again once it has run so long; most loops never end by themselves.
            calm = loop.call_later(PAUSE_MAX_S, self.failing.pop, name, None)
            try:
                await work()
                return
            except self.fatal as error:
                log.warning("loop_over", loop=name, why=str(error))
                self.over.set()
                return
            except Refused as error:  # A store is away: expected, and said seldom.
                code, at = said
                if code != error.code or loop.time() - at > SAID_S:
                    log.warning("loop_waits", loop=name, code=error.code)
                    said = (error.code, loop.time())
                self.failing[name] = error.code
            except Exception as error:
                self.failing[name] = type(error).__name__
                log.exception("loop_failed", loop=name)
            finally:
                calm.cancel()
            if loop.time() - began > PAUSE_MAX_S:
                pause = PAUSE_FIRST_S
            await asyncio.sleep(pause)
            pause = min(PAUSE_MAX_S, pause * 2)

    async def every(
        self, name: str, seconds: float, work: Callable[[], Awaitable[object]]
    ) -> None:
        """Do ``work`` again and again, ``seconds`` apart."""
        while True:
            await work()
            self.failing.pop(name, None)
            await asyncio.sleep(seconds)

    async def stop(self) -> None:
        """Cancel all loops and wait for their end, if it comes."""
        for task in self.tasks.values():
            task.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks.values(), timeout=STOP_S)
