"""The hub: many viewers, their shows, and what they ask."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Annotated, Any

import msgspec
import structlog
from msgspec import Meta, Struct
from prometheus_client import CollectorRegistry

from dealcast.core.clock import Clock
from dealcast.core.errors import Forbidden, Invalid, RateLimited, Refused, TokenMissing
from dealcast.core.ids import SHOW_PATTERN, ShowId, base32
from dealcast.core.rates import Rates
from dealcast.core.wire import ANYBODY, STAFF, Act, Caller
from dealcast.hub import cursor, frames
from dealcast.hub.audience import Audience, Past, Welcome
from dealcast.hub.desk import TASKS_MAX, Desk, own_acts, refusal
from dealcast.hub.lane import Lane, Wire
from dealcast.hub.metrics import Metrics
from dealcast.hub.presence import Likes, Presence
from dealcast.hub.session import KINDS, Connection, Session
from dealcast.hub.tail import Tail, keep
from dealcast.store.log import Log
from dealcast.store.redis import Redis

CONNECTS_MAX = 64  # CONNECT packets of one connection, in all its life.
LINGER_MS = 30_000  # An empty audience is kept for those who come right back.
PRESENCE_S = 2.0
LIKES_S = 1.0
SWEEP_S = 1.0

Callers = Callable[[str], Awaitable[Caller]]
FindShow = Callable[[str], Awaitable[ShowId]]

log = structlog.get_logger(__name__)


class HubLimits(Struct, frozen=True, kw_only=True):
    """How much the hub takes on."""

    window_ms: int = 50
    lane_bytes_max: int = 1_048_576
    connections_max: int = 20_000


class Hello(Struct, frozen=True, kw_only=True):
    """What a client sends with CONNECT; ``pid`` and ``offset`` by itself."""

    show: Annotated[str, Meta(pattern=SHOW_PATTERN)]
    token: Annotated[str, Meta(max_length=4096)] | None = None
    cursor: Annotated[str, Meta(max_length=40)] | None = None
    offset: Any = None
    pid: Any = None


class Hub:
    """Everybody who is connected to this process."""

    def __init__(
        self,
        *,
        process: str,
        redis: Redis,
        log: Log,
        archive: Past,
        caller: Callers,
        find_show: FindShow,
        acts: Sequence[Act[Any]],
        clock: Clock,
        rng: Random,
        rates: Rates,
        registry: CollectorRegistry,
        limits: HubLimits,
    ) -> None:
        self.limits = limits
        self.metrics = Metrics(registry)
        self.audiences: dict[ShowId, Audience] = {}
        self.connections: dict[str, Connection] = {}
        self.draining = False
        self._redis = redis
        self._log = log
        self._archive = archive
        self._caller = caller
        self._find_show = find_show
        self._clock = clock
        self._rng = rng
        self._tasks: list[asyncio.Task[None]] = []
        self._likes = Likes(process, log)
        self._presence = Presence(process, self.audiences, redis)
        self.acts = [*acts, *hub_acts(clock, self._likes)]
        self._desk = Desk(self.acts, clock, rates, self.metrics, self._renew)
        self._tail = Tail(
            self.audiences, redis, clock, self.metrics, window_ms=limits.window_ms
        )

    # Life.

    async def start(self) -> None:
        """Begin to read the logs."""
        loops: dict[str, Callable[[], Awaitable[None]]] = {
            "read": self._tail.read,
            "flush": self._tail.flush,
            "poll": self._tail.poll,
            "presence": lambda: every(PRESENCE_S, self._presence.tell),
            "likes": lambda: every(LIKES_S, self._likes.send),
            "sweep": lambda: every(SWEEP_S, self._sweep),
        }
        for name, step in loops.items():
            task = asyncio.create_task(keep(name, step), name=f"hub-{name}")
            self._tasks.append(task)

    async def drain(self, seconds: float) -> None:
        """Send everybody away, evenly over ``seconds``; they come back elsewhere."""
        self.draining = True
        leaving = list(self.connections.values())
        pause = seconds / max(1, len(leaving))
        owed = 0.0
        for connection in leaving:
            connection.lane.end(frames.GOING_AWAY)
            self.metrics.cuts.labels(why="drain").inc()
            owed += pause
            if owed >= 0.02:
                await asyncio.sleep(owed)
                owed = 0.0

    async def stop(self) -> None:
        """Stop reading; cut whoever is still there."""
        self.draining = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        for connection in list(self.connections.values()):
            connection.lane.abort()

    def trouble(self) -> str | None:
        """Say why this process should get no more viewers, if so."""
        if self.draining:
            return "going away"
        return self._tail.trouble()

    async def _sweep(self) -> None:
        """Cut the stalled; forget shows that nobody follows any more."""
        now = self._clock.now()
        for connection in list(self.connections.values()):
            if connection.lane.open and connection.lane.stalled(now):
                connection.lane.abort()
                self.metrics.cuts.labels(why="stalled").inc()
        for show, audience in list(self.audiences.items()):
            if audience.busy():
                audience.empty_since = None
            elif audience.empty_since is None:
                audience.empty_since = now
            elif now - audience.empty_since > LINGER_MS:
                del self.audiences[show]
        self.metrics.age.set(self._tail.age_ms() / 1000)

    # Connections.

    def opened(self, id: str, wire: Wire) -> Connection:
        """Take a new connection in."""
        lane = Lane(wire, bytes_max=self.limits.lane_bytes_max, now=self._clock.now())
        connection = self.connections[id] = Connection(id, lane)
        self.metrics.connections.inc()
        return connection

    def closed(self, connection: Connection) -> None:
        """Let a connection go, with all it had joined."""
        if self.connections.pop(connection.id, None) is None:
            return
        self.metrics.connections.dec()
        for namespace in list(connection.sessions):
            self.left(connection, namespace)

    def left(self, connection: Connection, namespace: str) -> None:
        """Let a connection leave one namespace."""
        session = connection.sessions.pop(namespace, None)
        if session is None:
            return
        feed = session.audience.feeds.get(session.kind)
        if feed is not None:
            feed.detach(session.follower)
        self.metrics.followers.labels(namespace=namespace).dec()

    # Joining.

    async def connect(self, connection: Connection, namespace: str, auth: Any) -> None:
        """Answer a CONNECT: the reply and what follows, or why not."""
        try:
            connection.connects += 1
            if connection.connects > CONNECTS_MAX:
                raise RateLimited("connect anew")
            await self._join(connection, namespace, auth)
        except Refused as refused:
            told = {k: v for k, v in refusal(refused).items() if k != "ok"}
            connection.lane.write(frames.refused(namespace, refused.title, told))
            label = namespace if namespace in KINDS else "unknown"
            self.metrics.refusals.labels(namespace=label, code=refused.code).inc()

    async def _join(self, connection: Connection, namespace: str, auth: Any) -> None:
        kind = KINDS.get(namespace)
        if kind is None or namespace in connection.sessions:
            raise Invalid("no such namespace, or joined already")
        hello = hello_of(auth)
        caller = await self._caller(hello.token) if hello.token else ANYBODY
        show = await self._find_show(hello.show)
        admit(namespace, caller, show)
        audience = self.audiences.get(show)
        if audience is None:
            audience = Audience(
                show,
                self._redis,
                self._log,
                self._archive,
                self._clock,
                wake=self._tail.wake,
            )
            self.audiences[show] = audience
        session = Session(
            connection,
            base32(self._rng.getrandbits(80), 16),
            kind,
            audience=audience,
            caller=caller,
            called=hello.show,
        )
        where = cursor.parse(hello.cursor) or cursor.parse(hello.offset)

        def reply(welcome: Welcome) -> bytes:
            connection.sessions[namespace] = session
            pid = pid_of(hello.pid) if welcome.recovered else None
            pid = pid or base32(self._rng.getrandbits(80), 16)
            return frames.connected(namespace, session.sid, pid)

        with audience.expecting():
            welcome = await audience.join(kind, session.follower, where, reply)
        self.metrics.joins.labels(namespace=namespace, outcome=welcome.outcome).inc()
        self.metrics.followers.labels(namespace=namespace).inc()
        if connection.id not in self.connections:  # It went away while it joined.
            self.left(connection, namespace)

    # Asking.

    def ask(
        self, connection: Connection, namespace: str, number: int | None, data: Any
    ) -> None:
        """Answer an event in its own time; each connection has a few at once."""
        session = connection.sessions.get(namespace)
        if session is None or not data or not isinstance(data[0], str):
            return
        if len(connection.tasks) >= TASKS_MAX:
            if number is not None:
                answer = refusal(RateLimited("wait for the answers"))
                connection.lane.write(frames.ack(namespace, number, answer))
            return
        work = self._answer(connection, session, namespace, number, data)
        task = asyncio.create_task(work)
        connection.tasks.add(task)
        task.add_done_callback(connection.tasks.discard)

    async def _answer(
        self,
        connection: Connection,
        session: Session,
        namespace: str,
        number: int | None,
        data: list[Any],
    ) -> None:
        answer = await self._desk.answer(namespace, session, data[0], data[1:])
        if number is not None:
            connection.lane.write(frames.ack(namespace, number, answer))

    async def _renew(self, session: Session, token: str) -> Caller:
        """Go on with a new token, here and where the same person is signed in."""
        caller = await self._caller(token)
        if session.kind == "own" and session.caller.person != caller.person:
            raise Forbidden("another person needs another connection")
        connection = session.connection
        for namespace, other in list(connection.sessions.items()):
            if other is not session and other.caller.person != caller.person:
                continue
            try:
                admit(namespace, caller, other.show)
            except Refused:
                self.left(connection, namespace)
                connection.lane.write(frames.disconnected(namespace))
            else:
                other.renew(caller)
        return caller


def hub_acts(clock: Clock, likes: Likes) -> list[Act[Any]]:
    """Return what the hub answers by itself."""
    return [*own_acts(clock), likes.act()]


def hello_of(auth: Any) -> Hello:
    """
    Read what came with CONNECT.

    Raises:
        Invalid: If the show is missing, or anything is malformed.
    """
    try:
        return msgspec.convert(auth, Hello)
    except msgspec.ValidationError as error:
        raise Invalid(str(error)) from None


def admit(namespace: str, caller: Caller, show: ShowId) -> None:
    """
    Let ``caller`` into ``namespace`` of ``show``, or not.

    Raises:
        TokenMissing: If one has to sign in there.
        Forbidden: If it is for the show's staff.
    """
    if namespace == "/live":
        return
    if caller.person is None:
        raise TokenMissing
    staff = caller.may_in(show) and caller.role in (*STAFF, "shop")
    if namespace == "/staff" and not staff:
        raise Forbidden


def pid_of(given: Any) -> str | None:
    """Return what the client was called before, if it may be called so again."""
    fits = isinstance(given, str) and 0 < len(given) <= 40 and given.isalnum()
    return given if fits and given.isascii() else None


async def every(seconds: float, step: Callable[[], Awaitable[None]]) -> None:
    """Wait, then do ``step``."""
    await asyncio.sleep(seconds)
    await step()
