"""
One server process of Redis, and which of them owns a key.

The library's own retries are off: it would repeat a command whose answer got
lost, and only we know which commands may be repeated.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from redis.asyncio import BlockingConnectionPool, ConnectionPool
from redis.asyncio.connection import AbstractConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import ReadOnlyError, RedisError, ResponseError

ATTEMPT_S = 2.0  # One attempt of a call; an unanswered one is sent again.
LOOK_S = 1.0  # How often it is looked where the address leads.
READS_MAX = 128  # Connections to one node that may wait in a blocking read.
SCAN_COUNT = 2_000
SLOTS = 16384
PROMOTED = "+"  # In the run of a server that was.
KEEPING = (b"yes", b"always")
INFO = ("INFO", "server", "replication")

Word = str | int | bytes
T = TypeVar("T")


class Node:
    """One primary, with its connections and the run id that each has seen."""

    def __init__(self, where: dict[str, Any], connections_max: int) -> None:
        self._where = where
        self._runs: WeakKeyDictionary[AbstractConnection, str] = WeakKeyDictionary()
        self._run = ""  # What the newest connection has seen.
        self._look_at = 0.0
        self.silent = False  # It did not answer when it was last asked.
        self._closed = False
        self._calls = self._pool(connections_max)
        self._reads = self._pool(READS_MAX)

    def _pool(self, connections_max: int) -> BlockingConnectionPool:
        return BlockingConnectionPool(
            max_connections=connections_max,
            timeout=None,  # Whoever asks has a deadline of its own.
            retry=Retry(NoBackoff(), 0),
            # The library limits a send by wait_for, which on Python 3.11 may take
            # a cancellation for the end of its wait: the limits here are ours.
            socket_timeout=None,
            socket_connect_timeout=ATTEMPT_S,
            protocol=2,
            redis_connect_func=self._connected,
            **self._where,
        )

    def __str__(self) -> str:
        place = (
            self._where.get("path") or f"{self.host}:{self._where.get('port', 6379)}"
        )
        return str(place)

    @property
    def home(self) -> str:
        """Where the server answers; the path of a socket may change."""
        return "unix" if "path" in self._where else str(self)

    @property
    def host(self) -> str:
        """Where the node answers."""
        return str(self._where.get("host", "localhost"))

    async def ask(self, *words: Word) -> Any:
        """Send one command, once."""
        return await self._exchange(self._calls, lambda _: words, ATTEMPT_S)

    async def ask_all(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        """Send commands together, and return their answers, in their order."""

        async def talk(connection: AbstractConnection, _run: str) -> list[Any]:
            await connection.send_packed_command(connection.pack_commands(commands))
            answers: list[Any] = []
            for _ in commands:
                try:
                    answers.append(await connection.read_response())
                except ResponseError as error:
                    answers.append(error)  # The others are still to be read.
            return answers

        answers = await self._converse(self._calls, talk, ATTEMPT_S)
        for answer in answers:
            if isinstance(answer, ResponseError):
                raise answer
        return answers

    async def ask_as(self, make: Callable[[str], Sequence[Word]]) -> Any:
        """Send what ``make`` makes of the run id that the connection has seen."""
        return await self._exchange(self._calls, make, ATTEMPT_S)

    async def wait(self, words: Sequence[Word], block_s: float) -> Any:
        """Send one blocking command, on a connection kept for such."""
        return await self._exchange(self._reads, lambda _: words, block_s + ATTEMPT_S)

    async def run(self) -> str:
        """
        Return the run of the server, which is to be a primary.

        Raises:
            ReadOnlyError: If it is a replica.
        """
        info = read_info(await self.ask(*INFO))
        if info["role"] != "master":
            raise ReadOnlyError(f"{self} is a replica")
        return run_in(info)

    def doubt(self) -> None:
        """Look before the next call where the address leads now."""
        self._look_at = 0.0

    async def info(self) -> dict[str, str]:
        """Return what the server says of itself."""
        return read_info(await self.ask("INFO", "server"))

    async def names(self) -> list[str]:
        """Return the keys of all partitions that the server has; some come twice."""
        found: list[str] = []
        cursor: Word = 0
        while True:
            words = ("SCAN", cursor, "MATCH", "{p*", "COUNT", SCAN_COUNT)
            cursor, names = await self.ask(*words)
            found += map(bytes.decode, names)
            if cursor == b"0":
                return found

    async def keeps_all(self) -> bool:
        """Tell whether the server writes each change to its disk before it answers."""
        try:
            told = await self.ask("CONFIG", "GET", "append*")
        except ResponseError:
            return False  # It does not say, as with some that are rented.
        settings = dict(zip(told[::2], told[1::2], strict=True))
        return (settings.get(b"appendonly"), settings.get(b"appendfsync")) == KEEPING

    async def aclose(self) -> None:
        """Close all connections, and open none any more."""
        self._closed = True
        await self._calls.aclose()
        await self._reads.aclose()

    async def _exchange(
        self,
        pool: BlockingConnectionPool,
        make: Callable[[str], Sequence[Word]],
        timeout_s: float,
    ) -> Any:
        async def talk(connection: AbstractConnection, run: str) -> Any:
            await connection.send_command(*make(run))
            return await connection.read_response()

        return await self._converse(pool, talk, timeout_s)

    async def _converse(
        self,
        pool: BlockingConnectionPool,
        talk: Callable[[AbstractConnection, str], Awaitable[T]],
        timeout_s: float,
    ) -> T:
        if self._closed:
            raise LostConnection(f"{self} is no server of ours any more")
        try:
            connection = await free_connection(pool)
        except (RedisError, OSError):
            self.silent = True
            raise
        try:
            async with asyncio.timeout(timeout_s):
                answer = await talk(connection, await self._settle(connection))
        except ResponseError:
            raise  # An answer: the connection is in order.
        except BaseException:
            # The answer may still come: nobody else must get it.
            await connection.disconnect(nowait=True)
            self.silent = True
            raise
        finally:
            if self._closed:
                await connection.disconnect(nowait=True)
            await pool.release(connection)
        self.silent = False
        return answer

    async def _settle(self, connection: AbstractConnection) -> str:
        """
        Let a connection lead where the address leads now; return the run there.

        An address may be given to another server while connections to the old
        one stay open, which may not know of its successor: one of ours is made
        anew now and then, and the others follow it.
        """
        now = asyncio.get_running_loop().time()
        if now > self._look_at:
            self._look_at = now + LOOK_S  # Others need not.
            await _reconnect(connection)
        run = self._runs.get(connection) or await self._see(connection)
        if run != self._run:
            await _reconnect(connection)
        return self._runs[connection]

    async def _connected(self, connection: AbstractConnection) -> None:
        async with asyncio.timeout(ATTEMPT_S):
            await connection.on_connect()
            self._run = await self._see(connection)
            self._look_at = asyncio.get_running_loop().time() + LOOK_S

    async def _see(self, connection: AbstractConnection) -> str:
        await connection.send_command(*INFO)
        run = run_in(read_info(await connection.read_response()))
        self._runs[connection] = run
        return run


async def free_connection(pool: ConnectionPool) -> AbstractConnection:
    """Wait for a free connection; the library leaves the type of it open."""
    get: Callable[[], Awaitable[AbstractConnection]] = pool.get_connection
    return await get()


async def _reconnect(connection: AbstractConnection) -> None:
    connect: Callable[[], Awaitable[None]] = connection.connect
    await connection.disconnect(nowait=True)
    await connect()


def read_info(answer: bytes) -> dict[str, str]:
    """Read the answer of INFO."""
    lines = answer.decode("utf-8", "replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def run_in(info: Mapping[str, str]) -> str:
    """
    Return the run that INFO tells of: a server's life, since it is a primary.

    One that was promoted has the history of another server, perhaps without
    its end: it is another one than before, even if it had been a primary once.
    """
    promoted = set(info.get("master_replid2", "0")) != {"0"}
    return info["run_id"] + (PROMOTED + info["master_replid"] if promoted else "")


class Nodes:
    """All primaries, standalone or cluster, and which of them owns a key."""

    def __init__(self, urls: Sequence[str], connections_max: int) -> None:
        self._places = [cast(dict[str, Any], parse_url(url)) for url in urls]
        self._connections_max = connections_max
        self._nodes: dict[str, Node] = {}
        self._asked: dict[str, Node] = {}  # Others, which may know the map.
        self._slots: list[Node] | None = None  # None: one server owns all.
        self._mapping = asyncio.Lock()
        self._mapped = False

    async def of(self, key: str) -> Node:
        """Return the node that owns ``key``."""
        if not self._mapped:
            await self.refresh()
        if self._slots is None:
            return next(iter(self._nodes.values()))
        return self._slots[key_slot(key.encode())]

    async def all(self) -> list[Node]:
        """Return every primary."""
        if not self._mapped:
            await self.refresh()
        return list(self._nodes.values())

    @property
    def cluster(self) -> bool:
        """Tell whether keys are spread over several nodes."""
        return self._slots is not None

    async def refresh(self) -> None:
        """Read anew who owns what, from the first node that tells."""
        waited_for_another = self._mapping.locked()
        async with self._mapping:
            if waited_for_another and self._mapped:
                return
            failure: Exception | None = None
            known = [*self._nodes.values(), *map(self._node, self._places)]
            for node in sorted(known, key=lambda one: one.silent):
                try:
                    await self._read_map(node)
                except (RedisError, OSError, TimeoutError) as error:
                    failure = error
                else:
                    self._mapped = True
                    return
            assert failure is not None
            raise failure

    async def _read_map(self, node: Node) -> None:
        if (await node.info()).get("redis_mode") != "cluster":
            self._slots = None
            await self._keep({str(node): node})
            return
        asked = [("CLUSTER", "INFO"), ("CLUSTER", "SLOTS")]
        state, ranges = await node.ask_all(asked)
        if read_info(state).get("cluster_state") != "ok":
            raise ResponseError(f"CLUSTERDOWN {node} has lost the others")
        slots: list[Node | None] = [None] * SLOTS
        primaries: dict[str, Node] = {}
        for first, last, (host, port, *_), *_ in ranges:
            place = dict(self._places[0])
            place |= {"host": (host or b"").decode() or node.host, "port": int(port)}
            owner = self._node(place)
            primaries[str(owner)] = owner
            slots[first : last + 1] = [owner] * (last + 1 - first)
        owned = [owner for owner in slots if owner is not None]
        if len(owned) != SLOTS:
            raise ResponseError("CLUSTERDOWN some slots have no owner")
        self._slots = owned
        await self._keep(primaries)

    async def _keep(self, nodes: dict[str, Node]) -> None:
        known = self._nodes | self._asked
        self._nodes, self._asked = nodes, {}
        for name, node in known.items():
            if name not in nodes:
                await node.aclose()

    def _node(self, place: dict[str, Any]) -> Node:
        node = Node(place, self._connections_max)
        known = self._nodes.get(str(node))
        return known or self._asked.setdefault(str(node), node)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._keep({})
