"""The clerk: ledger, gate, outbox, timers, payments, and the demo's planner."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
import uvloop

from dealcast.app.admin import Admin
from dealcast.app.demo import Demo
from dealcast.app.logs import set_up_logs
from dealcast.app.loops import Loops
from dealcast.app.metrics import Metrics
from dealcast.app.parts import Parts, library, parts, sources
from dealcast.app.supervisor import until_told
from dealcast.app.sweeper import Sweeper
from dealcast.app.timers import Timers
from dealcast.app.turns import Turns
from dealcast.config import Settings
from dealcast.core.errors import Refused
from dealcast.core.ids import partition_of
from dealcast.shop.payments.driver import PaymentDriver
from dealcast.store.archive import Archive
from dealcast.store.gate import Gate
from dealcast.store.lease import Lease
from dealcast.store.ledger import Ledger
from dealcast.store.posting import Fenced
from dealcast.store.rebuild import Rebuilder

OUTBOX_S = 1.0  # How long a missed nudge may delay.
CONTROL_MS = 1000
DEMO_S = 2.0
LAG_S = 2.0
ARCHIVE_S = 1.0
SWEEP_S = 30.0
LAST_MS = 200  # Of the last look at the facts before the end.
LAST_S = 3.0  # How long that may go on.
RENEW_S = 2.0
HOLDER_MAX = 200

log = structlog.get_logger()


def run(settings: Settings) -> int:
    """Run the clerk until it is told to stop."""
    set_up_logs("clerk")
    return uvloop.run(work(settings))


async def work(settings: Settings) -> int:
    """Work while the lease is ours, and stand by while it is another clerk's."""
    told = until_told(asyncio.get_running_loop())
    async with parts(settings) as shared:
        await shared.redis.load_library(library())
        lease = Lease(
            shared.database,
            holder=f"{socket.gethostname()}:{settings.folder}"[-HOLDER_MAX:],
            clock=shared.clock,
            ticks=lambda: time.monotonic_ns() // 1_000_000,
        )
        metrics = Metrics(shared.registry)
        turns = Turns(lease, lambda: Clerk(shared, lease, metrics))
        run = settings.folder / "run"
        admin = Admin("clerk", run, shared.registry, turns.ready)
        await admin.start()
        try:
            await turns.run(told)
        finally:
            await admin.stop()
    return 0


class Clerk:
    """The one that writes the books, from one succession to the next."""

    def __init__(self, shared: Parts, lease: Lease, metrics: Metrics) -> None:
        self.shared = shared
        self.lease = lease
        self.metrics = metrics
        self.loops = Loops(fatal=(Fenced,))
        self.over = self.loops.over
        self.halt = asyncio.Event()
        self.sent = asyncio.Event()
        self.driver = PaymentDriver(
            database=shared.database,
            stock=shared.stock,
            providers=shared.providers,
            inbox=shared.inbox,
            courier=shared.courier,
            clock=shared.clock,
            check=lease.check,
        )
        self.ledger = Ledger(
            shared.redis, shared.database, on_confirmed=self.driver.confirmed
        )
        self.archive = Archive(
            shared.redis,
            shared.database,
            shared.clock,
            on_lost=metrics.archive_lost.inc,
        )
        rebuilder = Rebuilder(
            redis=shared.redis,
            database=shared.database,
            ledger=self.ledger,
            archive=self.archive,
            clock=shared.clock,
            sources=sources(),
        )
        self.gate = Gate(shared.redis, shared.database, self.ledger, rebuilder)
        self.timers = Timers(redis=shared.redis, stock=shared.stock, clock=shared.clock)
        self.sweeper = Sweeper(
            database=shared.database, log=shared.log, clock=shared.clock
        )

    async def start(self) -> None:
        """Take the ledger over and begin all loops."""
        await self.ledger.start(self.lease.check)
        loops = self.loops
        self.repeat("lease", RENEW_S, self.lease.renew)
        loops.start("ledger", lambda: self.ledger.run(self.halt))
        loops.start("gate", lambda: self.gate.run(self.halt))
        loops.start("control", self.listen)
        loops.start("outbox", self.send)
        loops.start("timers", self.timers.run)
        loops.start("payments", lambda: self.driver.run(self.halt))
        self.repeat("sweeper", SWEEP_S, self.sweeper.look)
        self.repeat("lag", LAG_S, self.measure)
        self.repeat("archive", ARCHIVE_S, self.copy)
        if self.shared.settings.demo:
            loops.start("demo", self.play)

    def repeat(
        self, name: str, seconds: float, work: Callable[[], Awaitable[object]]
    ) -> None:
        """Do ``work`` again and again."""
        self.loops.start(name, lambda: self.loops.every(name, seconds, work))

    async def stop(self) -> None:
        """Stop all loops; fold what Redis already has, if there is time."""
        await self.loops.stop()
        if not self.over.is_set():
            with suppress(Refused, Fenced, TimeoutError):
                async with asyncio.timeout(LAST_S):
                    while await self.ledger.follow(LAST_MS):
                        pass
        await self.lease.give_back()

    async def listen(self) -> None:
        """Hear nudges, and wake whoever they are for."""
        control = self.shared.control
        position = await control.position()
        while True:
            position, nudges = await control.tail(position, CONTROL_MS)
            for kind, detail in nudges:
                if kind == "outbox":
                    self.sent.set()
                elif kind == "inbox":
                    self.driver.wake()
                elif kind == "behind":
                    show, epoch = detail.split()
                    self.gate.distrust(partition_of(show), int(epoch))

    async def send(self) -> None:
        """Send what is in the outbox."""
        while True:
            self.sent.clear()
            if await self.shared.outbox.send_due():
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(OUTBOX_S):
                    await self.sent.wait()

    async def measure(self) -> None:
        """Note how far the ledger is behind."""
        self.metrics.ledger_lag.set(await self.ledger.lag())

    async def copy(self) -> None:
        """Archive what shows have told; the ledger goes on meanwhile."""
        more = True
        while more:
            try:
                more = await self.archive.look(lease=self.ledger.lease)
            finally:
                self.metrics.archive_lag.set(self.archive.lag)

    async def play(self) -> None:
        """Keep the demo show going."""
        shared = self.shared
        demo = Demo(
            catalog=shared.catalog,
            shows=shared.shows,
            deals=shared.deals,
            pins=shared.pins,
            clock=shared.clock,
            rng=shared.rng,
        )
        await demo.seed()
        await self.loops.every("demo", DEMO_S, demo.plan_next)

    async def ready(self) -> dict[str, str | None]:
        """Tell which part is not ready, and why."""
        closed = self.gate.closed
        first = next(iter(closed.items()), None)
        gate = f"{len(closed)} partitions, first {first}" if first else None
        failing = ", ".join(f"{k}: {v}" for k, v in self.loops.failing.items())
        return {"gate": gate, "loops": failing or None}
