"""
``dealcast serve``: one data folder, its Redis, and the processes of one node.

A process that dies is started again after a pause that grows. Children hold
the read end of a pipe whose write end lives here: when this process is gone,
however it went, they read its end and stop. The write end of another they hold
themselves: its end is when Redis may stop.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from dealcast import config
from dealcast.app import logs
from dealcast.app.folder import Claim, Say, forget_notes, note
from dealcast.config import Settings
from dealcast.shop.payments.sandbox import Trust, public
from dealcast.store.server import Server, ServerUnusable, Ties

PAUSE_FIRST_S = 0.25
PAUSE_MAX_S = 15.0
REDIS_PAUSE_MAX_S = 2.0  # Nothing goes on without it.
CALM_S = 30.0  # After so long without a death the pause is short again.
SAID_S = 300.0  # What dies again and again is said so seldom.
# The whole stop takes 30 s at most: each step so long, and then it is killed.
STOP_S = 28.0
STEPS_S = {"worker": 10.0, "clerk": 8.0, "sandbox-psp": 2.0, "redis": 6.0}
KILLED_S = 1.0
READY_S = 60.0
LOOK_S = 0.05
LOGS_S = 30.0  # Between two looks at the size of logs.
LIFELINE = "DEALCAST_LIFELINE"


@dataclass
class Child:
    """A process of this node that is to run until the node stops."""

    name: str
    arguments: list[str]
    process: asyncio.subprocess.Process | None = None
    keeper: asyncio.Task[None] | None = None
    pause_max_s: float = PAUSE_MAX_S
    deaths: int = 0  # Since it last lived for long.
    said_at: float = 0.0
    pause_s: float = 0.0  # The one that was said.


@dataclass
class Supervisor:
    """Starts what a node consists of, keeps it up, and stops it in order."""

    settings: Settings
    say: Say
    claim: Claim
    trust: Trust = public  # Whether it is the node that answers, by TLS.
    children: list[Child] = field(default_factory=list)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    redis: Server | None = None
    lifeline: tuple[int, int] = field(default_factory=os.pipe)
    company: tuple[int, int] = field(default_factory=os.pipe)
    killed: list[str] = field(default_factory=list)

    async def run(self, told: Callable[[], Awaitable[list[str]]]) -> int:
        """Run the node until it is told to stop; return the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stopping.set)
        trimming = asyncio.create_task(self.trim_logs())
        try:
            await self.unless_stopped(self.begin(told))
            await self.stopping.wait()
            self.say("Stopping ...")
        finally:
            trimming.cancel()
            await self.stop()
        if self.killed:
            self.say(f"Stopped, but killed: {', '.join(self.killed)}.")
            return 1
        self.say("Stopped. The same command goes on where it was.")
        return 0

    async def begin(self, told: Callable[[], Awaitable[list[str]]]) -> None:
        """Start everything, and say so when it is ready."""
        await self.start()
        if await self.ready():
            for line in await told():
                self.say(line)

    async def unless_stopped(self, work: Coroutine[None, None, None]) -> None:
        """Do ``work``, and leave off when the node is to stop."""
        doing = asyncio.create_task(work)
        stopped = asyncio.create_task(self.stopping.wait())
        await asyncio.wait([doing, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not doing.done():
            doing.cancel()
        with suppress(asyncio.CancelledError):
            await doing

    async def start(self) -> None:
        """Start Redis where none is given, then the processes."""
        settings = self.settings
        environment = config.environment(settings)
        forget_notes(settings.folder)
        if settings.redis.url is None:
            self.say("Starting Redis ...")
            self.redis = Server(
                settings.folder,
                binary=settings.redis.binary,
                lock=self.claim.shared,
                ties=Ties(lifeline=self.lifeline[0], company=self.company[0]),
            )
            await self.redis.start()
            environment["DEALCAST__REDIS__URL"] = self.redis.url
            note(settings, "redis.url", self.redis.url)
        note(settings, "public.url", settings.public_url)
        names = ["sandbox-psp"] if settings.payments.provider == "sandbox" else []
        names += ["clerk", *(f"worker-{n}" for n in range(settings.workers))]
        self.say(f"Starting {', '.join(names)} ...")
        for name in names:
            command, index = (name, "")
            if name.startswith("worker-"):
                command, _, index = name.partition("-")
            arguments = [sys.executable, "-m", "dealcast", command]
            child = Child(name, arguments + (["--index", index] if index else []))
            child.keeper = asyncio.create_task(self.keep(child, environment))
            self.children.append(child)
        if self.redis is not None:
            watch = Child("redis", [], pause_max_s=REDIS_PAUSE_MAX_S)
            watch.keeper = asyncio.create_task(self.keep_redis(watch, self.redis))
            self.children.append(watch)

    async def keep(self, child: Child, environment: dict[str, str]) -> None:
        """Run ``child``, and run it again whenever it dies."""
        log = self.settings.folder / "log" / f"{child.name}.log"
        while not self.stopping.is_set():
            began = time.monotonic()
            try:
                child.process = await self.launch(child, environment, log)
                code = await child.process.wait()
            except OSError as error:  # No more processes, or no memory.
                how = f"cannot be started ({error.strerror or error})"
            else:
                how = f"ended (signal {-code})" if code < 0 else f"ended (code {code})"
            await self.mourn(child, how, time.monotonic() - began, log)

    async def launch(
        self, child: Child, environment: dict[str, str], log: Path
    ) -> asyncio.subprocess.Process:
        """Start ``child``; it holds what tells that the node, or it, has gone."""
        held = (self.lifeline[0], self.company[1], self.claim.shared)
        logs.trim(log)
        with logs.opened(log) as output:
            process = await asyncio.create_subprocess_exec(
                *child.arguments,
                env={**environment, LIFELINE: str(self.lifeline[0])},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=held,
                start_new_session=True,
            )
        if self.stopping.is_set():  # While it began: nobody has told it.
            process.terminate()
        return process

    async def keep_redis(self, child: Child, server: Server) -> None:
        """Start Redis again whenever it dies."""
        log = self.settings.folder / "redis" / "redis.log"
        began, how = time.monotonic(), "ended"
        while not self.stopping.is_set():
            await asyncio.sleep(LOOK_S)
            if server.alive() or self.stopping.is_set():
                continue
            await self.mourn(child, how, time.monotonic() - began, log)
            if not self.stopping.is_set():
                began, how = time.monotonic(), "ended"
                try:
                    await server.start()
                except ServerUnusable as error:
                    how = f"did not start: {error}"

    async def mourn(self, child: Child, how: str, lived_s: float, log: Path) -> None:
        """Say that ``child`` died, and wait before its next start."""
        if self.stopping.is_set():
            return
        child.deaths = 1 if lived_s > CALM_S else child.deaths + 1
        # After 2**8 times the first one the pause has long been the longest.
        growing = PAUSE_FIRST_S * 2 ** min(8, child.deaths - 1)
        pause, now = min(child.pause_max_s, growing), time.monotonic()
        if pause != child.pause_s or now - child.said_at > SAID_S:
            child.said_at, child.pause_s = now, pause
            times = f", {child.deaths} times in a row" if child.deaths > 1 else ""
            self.say(f"{child.name} {how}{times}; again in {pause:g} s ({log})")
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self.stopping.wait()

    async def trim_logs(self) -> None:
        """Keep every log to its size."""
        folder = self.settings.folder
        while True:
            for log in (*folder.glob("log/*.log"), folder / "redis" / "redis.log"):
                await asyncio.to_thread(logs.trim, log)
            await asyncio.sleep(LOGS_S)

    async def ready(self) -> bool:
        """Wait until the node answers that it is ready; say so if it does not."""
        url = f"{self.settings.inside_url}/readyz"
        until = time.monotonic() + READY_S
        async with aiohttp.ClientSession() as session:
            while time.monotonic() < until and not self.stopping.is_set():
                with suppress(aiohttp.ClientError, TimeoutError):
                    limit = aiohttp.ClientTimeout(total=2)
                    async with session.get(
                        url, timeout=limit, ssl=self.trust()
                    ) as answer:
                        if answer.status == 200:
                            return True
                await asyncio.sleep(0.1)
        if not self.stopping.is_set():
            logs = self.settings.folder / "log"
            self.say(f"Not ready after {READY_S:g} s; see {logs}")
        return False

    async def stop(self) -> None:
        """Stop workers first, then the clerk, then what they stand on."""
        self.stopping.set()
        until = time.monotonic() + STOP_S
        for kind in ("worker", "clerk", "sandbox-psp"):
            limit = min(STEPS_S[kind], max(0.0, until - time.monotonic()))
            group = [c for c in self.children if c.name.startswith(kind)]
            await asyncio.gather(*(self.end(child, limit) for child in group))
        keepers = [c.keeper for c in self.children if c.keeper is not None]
        if keepers:  # They end by themselves; what they have just begun does, too.
            _, left = await asyncio.wait(keepers, timeout=KILLED_S)
            for keeper in left:
                keeper.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        if self.redis is not None:
            limit = min(STEPS_S["redis"], max(0.0, until - time.monotonic()))
            if await self.redis.stop(within_s=limit):
                self.killed.append("redis")
        with suppress(OSError):
            forget_notes(self.settings.folder)
        for end in (*self.lifeline, *self.company):
            os.close(end)

    async def end(self, child: Child, limit_s: float) -> None:
        """Ask ``child`` to stop, and kill it if it does not."""
        process = child.process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        if await ended(process, limit_s):
            return
        self.killed.append(child.name)
        self.say(f"{child.name} did not stop within {limit_s:.0f} s; killing it")
        with suppress(ProcessLookupError):
            process.kill()
        await ended(process, KILLED_S)


async def ended(process: asyncio.subprocess.Process, within_s: float) -> bool:
    """Wait for the end of ``process``; tell whether it came."""
    try:
        async with asyncio.timeout(within_s):
            await process.wait()
    except TimeoutError:
        return False
    return True


def until_told(loop: asyncio.AbstractEventLoop) -> asyncio.Event:
    """Return an event that is set by SIGINT, SIGTERM or the supervisor's end."""
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    lifeline = os.environ.get(LIFELINE)
    if lifeline is not None:
        end = int(lifeline)

        def gone() -> None:
            loop.remove_reader(end)
            told.set()

        loop.add_reader(end, gone)
    return told
