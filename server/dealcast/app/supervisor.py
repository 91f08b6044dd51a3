"""
``dealcast serve``: one data folder, its Redis, and the processes of one node.

A process that dies is started again after a pause that grows. Children hold
the read end of a pipe whose write end lives here: when this process is gone,
however it went, they read its end and stop.
"""

import asyncio
import fcntl
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from dealcast import config
from dealcast.config import Settings, Unusable
from dealcast.shop.payments.sandbox import Trust, public
from dealcast.store.server import Server, ServerUnusable

PAUSE_FIRST_S = 0.25
PAUSE_MAX_S = 15.0
CALM_S = 30.0  # After so long without a death the pause is short again.
STOP_S = 12.0
READY_S = 60.0
LOOK_S = 0.05
LIFELINE = "DEALCAST_LIFELINE"

Say = Callable[[str], None]


def lock_folder(folder: Path) -> int:
    """
    Take the data folder for this process; the lock goes with the process.

    Raises:
        Unusable: If it cannot be written, or another process has it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Root may write where nobody should: the mode says what was meant.
        if not folder.stat().st_mode & 0o222:
            raise PermissionError(13, "it is read-only")
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        probe = folder / ".probe"
        probe.write_bytes(b"x")
        probe.unlink()
        for name in ("run", "log"):
            (folder / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unusable(f"cannot write the data folder {folder}: {reason}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise Unusable(
            f"the data folder {folder} is in use by another dealcast; "
            "stop it or give another one with --data"
        ) from None
    return lock


def check_port(host: str, port: int) -> None:
    """
    Make sure that nobody listens on ``port``.

    Tried without SO_REUSEPORT: with it two servers would share the port in
    silence, each answering for some of the connections.

    Raises:
        Unusable: If the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise Unusable(
                f"cannot listen on {host} port {port}: {reason}; "
                "give another one with --port"
            ) from None


def note(settings: Settings, name: str, url: str) -> None:
    """Note where a part of the node answers, for commands beside the node."""
    (settings.folder / "run" / name).write_text(url, encoding="utf-8")


@dataclass
class Child:
    """A process of this node that is to run until the node stops."""

    name: str
    arguments: list[str]
    process: asyncio.subprocess.Process | None = None
    keeper: asyncio.Task[None] | None = None
    deaths: int = 0


@dataclass
class Supervisor:
    """Starts what a node consists of, keeps it up, and stops it in order."""

    settings: Settings
    say: Say
    trust: Trust = public  # Whether it is the node that answers, by TLS.
    children: list[Child] = field(default_factory=list)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    redis: Server | None = None
    lifeline: tuple[int, int] = field(default_factory=os.pipe)

    async def run(self, told: Callable[[], Awaitable[list[str]]]) -> int:
        """Run the node until it is told to stop; return the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stopping.set)
        try:
            await self.start()
            if not self.stopping.is_set() and await self.ready():
                for line in await told():
                    self.say(line)
            await self.stopping.wait()
            self.say("Stopping ...")
        finally:
            await self.stop()
        self.say("Stopped. The same command goes on where it was.")
        return 0

    async def start(self) -> None:
        """Start Redis where none is given, then the processes."""
        settings = self.settings
        environment = config.environment(settings)
        if settings.redis.url is None:
            self.say("Starting Redis ...")
            self.redis = Server(settings.folder, binary=settings.redis.binary)
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
            watch = Child("redis", [])
            watch.keeper = asyncio.create_task(self.keep_redis(watch, self.redis))
            self.children.append(watch)

    async def keep(self, child: Child, environment: dict[str, str]) -> None:
        """Run ``child``, and run it again whenever it dies."""
        read_end, _ = self.lifeline
        log = self.settings.folder / "log" / f"{child.name}.log"
        while not self.stopping.is_set():
            began = time.monotonic()
            with log.open("ab") as output:
                child.process = await asyncio.create_subprocess_exec(
                    *child.arguments,
                    env={**environment, LIFELINE: str(read_end)},
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=(read_end,),
                    start_new_session=True,
                )
            code = await child.process.wait()
            how = f"ended (signal {-code})" if code < 0 else f"ended (code {code})"
            await self.mourn(child, how, time.monotonic() - began, log)

    async def keep_redis(self, child: Child, server: Server) -> None:
        """Start Redis again whenever it dies."""
        log = self.settings.folder / "redis" / "redis.log"
        began = time.monotonic()
        while not self.stopping.is_set():
            await asyncio.sleep(LOOK_S)
            if server.alive() or self.stopping.is_set():
                continue
            await self.mourn(child, "ended", time.monotonic() - began, log)
            if not self.stopping.is_set():
                began = time.monotonic()
                try:
                    await server.start()
                except ServerUnusable as error:
                    self.say(f"redis: {error}")

    async def mourn(self, child: Child, how: str, lived_s: float, log: Path) -> None:
        """Say that ``child`` died, and wait before its next start."""
        if self.stopping.is_set():
            return
        child.deaths = 1 if lived_s > CALM_S else child.deaths + 1
        pause = min(PAUSE_MAX_S, PAUSE_FIRST_S * 2 ** (child.deaths - 1))
        self.say(f"{child.name} {how}; again in {pause:g} s ({log})")
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), pause)

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
        order = ["worker", "clerk", "sandbox-psp"]
        for kind in order:
            group = [c for c in self.children if c.name.startswith(kind)]
            await asyncio.gather(*(self.end(child) for child in group))
        for child in self.children:
            if child.keeper is not None:
                child.keeper.cancel()
                with suppress(asyncio.CancelledError):
                    await child.keeper
        if self.redis is not None:
            await self.redis.stop()
        for name in ("redis.url", "public.url", "pages.url"):
            (self.settings.folder / "run" / name).unlink(missing_ok=True)
        for end in self.lifeline:
            os.close(end)

    async def end(self, child: Child) -> None:
        """Ask ``child`` to stop, and kill it if it does not."""
        process = child.process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            self.say(f"{child.name} did not stop within {STOP_S:g} s; killing it")
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


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
