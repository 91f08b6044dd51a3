"""A hub on a real web server and a real Redis, and stock clients who watch it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Annotated, Any

import orjson
import socketio
from aiohttp import web
from msgspec import Meta
from prometheus_client import CollectorRegistry

from dealcast.core.clock import Clock, SystemClock
from dealcast.core.errors import NotFound, SoldOut, TokenExpired, TokenInvalid
from dealcast.core.events import Role
from dealcast.core.ids import PersonId, ShowId, partition_of
from dealcast.core.rates import Rates
from dealcast.core.wire import ANY, STAFF, Act, Answer, Caller, Request
from dealcast.hub.audience import Past
from dealcast.hub.hub import Hub, HubLimits
from dealcast.hub.presence import functions
from dealcast.hub.socket import Server
from dealcast.store import keys
from dealcast.store.library import library_text
from dealcast.store.log import Log, LogEntry, LogKind, Record
from dealcast.store.redis import Redis

SHOW = ShowId("s07_abcdefghjk")
OTHER = ShowId("s08_abcdefghjk")
SLUGS = {"tea-time": SHOW, "other-time": OTHER}
HOUR_MS = 3_600_000
WAIT_S = 5.0
LINE = "c07_{:016d}"


class Buy(Request, frozen=True, kw_only=True):
    """Ask for units."""

    deal: str
    quantity: Annotated[int, Meta(ge=1, le=9)]


class Bought(Answer, frozen=True, kw_only=True):
    """What was bought, by whom."""

    deal: str
    by: PersonId


class Pause(Request, frozen=True, kw_only=True):
    """Ask for a pause."""

    show: ShowId


class Paused(Answer, frozen=True, kw_only=True):
    """Where it paused, in whose role."""

    show: ShowId
    role: Role


async def buy(caller: Caller, ask: Buy) -> Bought:
    """Sell one unit of everything but of what is sold out, slow or broken."""
    if ask.deal == "none":
        raise SoldOut
    if ask.deal == "slow":
        await asyncio.sleep(0.3)
    assert ask.deal != "broken", "a fault of ours"
    return Bought(deal=ask.deal, by=caller.buyer())


async def pause(caller: Caller, ask: Pause) -> Paused:
    """Tell where and as whom it was asked."""
    return Paused(show=ask.show, role=caller.role)


ACTS: list[Act[Any]] = [
    Act(name="buy", request=Buy, answer=Bought, handler=buy, roles=ANY,
        socket="/live", per_minute=240),
    Act(name="pause", request=Pause, answer=Paused, handler=pause, roles=STAFF,
        socket="/staff"),
]  # fmt: skip


async def caller(token: str) -> Caller:
    """Read a test's token: subject, role, show and life, with slashes between."""
    subject, role, show, *life = token.split("/")
    if subject == "nobody":
        raise TokenInvalid
    now = SystemClock().now()
    expires_at = now + (int(life[0]) if life else HOUR_MS)
    if expires_at < now:
        raise TokenExpired
    return Caller(
        person=PersonId(f"u_{subject:0>16}"),
        subject=subject,
        name=subject,
        role=role,  # type: ignore[arg-type]  # A test may say what it likes.
        show=show,
        expires_at=expires_at,
    )


async def find_show(text: str) -> ShowId:
    """Find a show by its id or slug."""
    show = SLUGS.get(text, text)
    if show not in SLUGS.values():
        raise NotFound
    return ShowId(show)


@dataclass
class Watcher:
    """A stock client, and all that it was told."""

    client: socketio.AsyncClient
    namespaces: tuple[str, ...]
    told: list[tuple[str, str, Any, str | None]] = field(default_factory=list)
    refused: list[Any] = field(default_factory=list)
    wait_s: float = WAIT_S

    def __post_init__(self) -> None:
        for namespace in self.namespaces:
            self.client.on("*", self._hear(namespace), namespace=namespace)
            self.client.on("connect_error", self._refuse, namespace=namespace)

    def _hear(self, namespace: str) -> Callable[..., None]:
        def hear(event: str, data: Any, cursor: str | None = None) -> None:
            self.told.append((namespace, event, data, cursor))

        return hear

    def _refuse(self, data: Any) -> None:
        self.refused.append(data)

    def events(self, namespace: str = "/live", *names: str) -> list[Any]:
        """Return what was told on a namespace, or only events of these names."""
        return [
            data for ns, name, data, _ in self.told
            if ns == namespace and (not names or name in names)
        ]  # fmt: skip

    def cursors(self, namespace: str = "/live") -> list[str]:
        """Return the cursors of a namespace, in the order in which they came."""
        return [cursor for ns, _, _, cursor in self.told if ns == namespace and cursor]

    async def until(self, true: Callable[[], Any]) -> None:
        """Wait until what is expected has come true."""
        async with asyncio.timeout(self.wait_s):
            while True:
                if true():
                    return
                await asyncio.sleep(0.01)

    async def hears(self, event: str, count: int = 1, namespace: str = "/live") -> None:
        """Wait until so many events of a name have come."""
        await self.until(lambda: len(self.events(namespace, event)) >= count)

    async def ask(self, event: str, fields: Any, namespace: str = "/live") -> Any:
        """Send an event and return its ack."""
        return await self.client.call(event, fields, namespace=namespace, timeout=5)


class Nothing:
    """An archive that has nothing."""

    async def read(
        self, _show: ShowId, _kind: LogKind, _after: int, _count: int, /
    ) -> list[LogEntry]:
        """Return nothing."""
        return []


class Theatre:
    """One process's hub, and the store beside it."""

    def __init__(self, redis: Redis, clock: Clock) -> None:
        self.redis = redis
        self.log = Log(redis)
        self.archive: Past = Nothing()
        self.clock = clock
        self.hubs: list[Hub] = []
        self.ports: list[int] = []
        self.lines = 0
        self._runners: list[web.AppRunner] = []
        self._clients: list[socketio.AsyncClient] = []

    async def open(
        self, limits: HubLimits | None = None, acts: Sequence[Act[Any]] = ACTS
    ) -> Hub:
        """Start a hub in front of the store; more than one are several processes."""
        hub = Hub(
            process=f"w{len(self.hubs)}", redis=self.redis, log=self.log,
            archive=self.archive, caller=caller, find_show=find_show, acts=acts,
            clock=self.clock, rng=Random(7), rates=Rates(),
            registry=CollectorRegistry(), limits=limits or HubLimits(window_ms=20),
        )  # fmt: skip
        server = Server(hub, self.clock)
        app = web.Application()
        app.router.add_get("/socket.io/", server.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await hub.start()
        self.hubs.append(hub)
        self._runners.append(runner)
        self.ports.append(runner.addresses[0][1])
        return hub

    async def close(self) -> None:
        """Send everybody home."""
        for client in self._clients:
            await client.disconnect()
        for hub in self.hubs:
            await hub.stop()
        for runner in self._runners:
            await runner.cleanup()

    async def watch(
        self,
        *namespaces: str,
        at: int = 0,
        show: str = SHOW,
        wait: bool = True,
        **auth: Any,
    ) -> Watcher:
        """Connect a stock client; it has its ``sync`` of each namespace."""
        joined = namespaces or ("/live",)
        client = socketio.AsyncClient(reconnection=False)
        watcher = Watcher(client, joined)
        self._clients.append(client)
        await client.connect(
            f"http://127.0.0.1:{self.ports[at]}",
            transports=["websocket"],
            namespaces=list(joined),
            auth={"show": show, **auth},
            wait=wait,
        )
        if wait:
            await watcher.until(
                lambda: all(watcher.events(ns, "sync") for ns in joined)
            )
        return watcher

    async def say(self, text: str, show: ShowId = SHOW) -> str:
        """Append a line of chat; return its id."""
        self.lines += 1
        line = LINE.format(self.lines)
        data = orjson.dumps({"id": line, "text": text, "at": 1}).decode()
        await self.log.record(Record(show=show, log=[("chat", "P2", data, line)]))
        return line

    async def delete(self, *lines: str) -> None:
        """Delete lines of chat."""
        data = orjson.dumps({"lines": lines, "at": 2}).decode()
        await self.log.record(
            Record(show=SHOW, log=[("deleted", "P0", data)], gone=lines)
        )

    async def gate(self, show: ShowId, epoch: int = 1) -> None:
        """Let the store take changes of a show."""
        partition = partition_of(show)
        run = await self.redis.run_of(partition)
        await self.redis.hset(keys.meta(partition), {"epoch": epoch, "run": run})


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Theatre]:
    """Open a theatre with one hub in front of the Redis at ``url``."""
    redis = await Redis.connect(url)
    await redis.load_library(library_text([functions()]))
    theatre = Theatre(redis, SystemClock())
    for show in SLUGS.values():
        await theatre.gate(show)
    try:
        await theatre.open()
        yield theatre
    finally:
        await theatre.close()
        await redis.aclose()
