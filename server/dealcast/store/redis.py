"""
Redis, standalone or cluster, behind one face.

A call that got no answer is sent again with the same arguments, which is safe
since every function answers a retry alike; in the end it is ``Unavailable``.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import TimeoutError as LateAnswer

from dealcast.core.errors import Recovering, Unavailable
from dealcast.core.ids import Partition
from dealcast.store import keys, library
from dealcast.store.nodes import INFO, Node, Nodes, Word, read_info, run_in
from dealcast.store.reads import Entry, Reads

ANSWER_S = 5.0  # How long one call may take, with all its attempts.
RECOVER_S = 1.0  # How long of it the gate is waited for.
PAUSE_S = 0.02
PAUSE_MAX_S = 0.25
SCAN_S = 60.0

# Answers that say: not here, or not now.
PASSING = (
    AskError,  # And MovedError, which is one.
    ClusterDownError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
)
# The library has no class for these.
PASSING_WORDS = ("BUSY", "NOREPLICAS", "MISCONF", "UNBLOCKED")
NO_FUNCTION = "Function not found"

T = TypeVar("T")


class Redis:
    """One Redis, whatever its shape."""

    def __init__(self, nodes: Nodes, *, answer_s: float = ANSWER_S) -> None:
        self._nodes = nodes
        self._answer_s = answer_s
        self._library: str | None = None
        self._reads = Reads(self._read)

    @classmethod
    async def connect(
        cls, url: str, *, connections_max: int = 64, answer_s: float = ANSWER_S
    ) -> "Redis":
        """
        Connect to ``redis://``, ``rediss://`` or ``unix://``.

        For a cluster, give any of its nodes, or several with commas between
        them; ``redis+cluster://`` means the same as ``redis://``.

        Raises:
            Unavailable: If nothing answers there.
        """
        given = url.replace("redis+cluster://", "redis://").split(",")
        scheme = given[0].split("://", 1)[0]
        urls = [part if "://" in part else f"{scheme}://{part}" for part in given]
        redis = cls(Nodes(urls, connections_max), answer_s=answer_s)
        await redis.ping()
        return redis

    async def aclose(self) -> None:
        """Close all connections."""
        await self._reads.aclose()
        await self._nodes.aclose()

    # Functions.

    async def load_library(self, text: str, *, replace: bool = True) -> None:
        """Load the function library on every primary, as ``library.load`` does."""
        self._library = text
        await self._everywhere(
            lambda node: library.load(node.ask, text, replace=replace)
        )

    async def run_of(self, partition: Partition) -> str:
        """Return the run of the server that owns ``partition``."""
        key = keys.meta(partition)
        return await self._persist(key, lambda node: node.run())

    async def meta_of(self, partition: Partition) -> tuple[dict[bytes, bytes], str]:
        """Return the partition's ``meta``, and the run of the server that tells it."""
        key = keys.meta(partition)

        async def both(node: Node) -> tuple[dict[bytes, bytes], str]:
            fields, info = await node.ask_all([("HGETALL", key), INFO])
            return pairs(fields), run_in(read_info(info))

        return await self._persist(key, both)

    async def home_of(self, partition: Partition) -> str:
        """Return where the server answers that owns ``partition``."""

        async def home(node: Node) -> str:
            return node.home

        return await self._persist(keys.meta(partition), home)

    async def keeps_all(self, partition: Partition) -> bool:
        """Tell whether the partition's server is one that forgets nothing."""
        return await self._persist(keys.meta(partition), lambda node: node.keeps_all())

    async def keys_of(
        self, partitions: Collection[Partition]
    ) -> dict[Partition, list[str]]:
        """
        Return all keys of ``partitions``, by a walk over every server.

        Raises:
            Unavailable: If a server does not answer.
        """
        tags = {keys.tag(one): one for one in partitions}
        found: dict[Partition, list[str]] = {one: [] for one in partitions}

        async def walk(_: Node) -> list[str]:
            return [n for node in await self._nodes.all() for n in await node.names()]

        for name in set(await self._persist("", walk, limit_s=SCAN_S)):
            owner = tags.get(name[: name.find("}") + 1])
            if owner is not None:
                found[owner].append(name)
        return found

    async def runs(self) -> dict[str, str]:
        """
        Return the run of each primary, by where it answers.

        Raises:
            Unavailable: If one of them does not answer, or is none any more.
        """
        return await self._everywhere(Node.run)

    async def call(
        self,
        function: str,
        names: Sequence[str],
        args: Sequence[Word],
        *,
        write: bool = True,
    ) -> list[Any]:
        """
        Call a function of the library on the server that owns its keys.

        A changing call carries the run id that its connection has seen: it is
        carried out only if the gate has let that run of the server pass.

        Raises:
            Recovering: If the gate has not, and does not within a second.
            Unavailable: If there is no answer in time. It may be carried out.
        """
        head: tuple[Word, ...] = (function, len(names), *names)

        async def send(node: Node) -> list[Any]:
            if write:
                answer = await node.ask_as(lambda run: ("FCALL", *head, run, *args))
            else:
                answer = await node.ask("FCALL_RO", *head, *args)
            assert isinstance(answer, list)
            if answer[0] == b"recovering":
                raise Recovering
            return answer

        return await self._persist(names[0], send)

    # Commands. Those that add are repeated too: an entry may come twice.

    async def command(self, key: str, *words: Word) -> Any:
        """Send a command about ``key`` to the server that owns it."""
        return await self._persist(key, lambda node: node.ask(*words))

    async def commands(self, asked: Mapping[str, Sequence[Word]]) -> dict[str, Any]:
        """Send one command about each key, those of one server in one go."""

        async def ask(_: Node) -> dict[str, Any]:
            owned: dict[Node, list[str]] = {}
            for key in asked:
                owned.setdefault(await self._nodes.of(key), []).append(key)
            answers: dict[str, Any] = {}
            for node, names in owned.items():
                told = await node.ask_all([asked[name] for name in names])
                answers |= zip(names, told, strict=True)
            return answers

        return await self._persist(next(iter(asked)), ask)

    async def ping(self) -> None:
        """
        Ask every primary for a sign of life.

        Raises:
            Unavailable: If one of them gives none.
        """
        await self._everywhere(lambda node: node.ask("PING"))

    async def servers(self) -> list[dict[str, str]]:
        """Return what each primary says of itself (INFO server)."""
        return [await node.info() for node in await self._nodes.all()]

    async def hget(self, key: str, field: str) -> bytes | None:
        """Return a field of a hash."""
        answer: bytes | None = await self.command(key, "HGET", key, field)
        return answer

    async def hgetall(self, key: str) -> dict[bytes, bytes]:
        """Return all fields of a hash."""
        return pairs(await self.command(key, "HGETALL", key))

    async def hset(self, key: str, fields: Mapping[str, Word]) -> None:
        """Set fields of a hash."""
        flat = [word for field in fields.items() for word in field]
        await self.command(key, "HSET", key, *flat)

    async def delete(self, key: str) -> None:
        """Delete a key."""
        await self.command(key, "DEL", key)

    async def zrangebyscore(
        self, key: str, low: Word, high: Word, count: int
    ) -> list[bytes]:
        """Return members of a sorted set, at most ``count``, lowest score first."""
        words = ("ZRANGEBYSCORE", key, low, high, "LIMIT", 0, count)
        members: list[bytes] = await self.command(key, *words)
        return members

    async def xadd(self, key: str, fields: Mapping[str, Word], maxlen: int) -> str:
        """Append to a stream that keeps about ``maxlen`` entries."""
        flat = [word for field in fields.items() for word in field]
        words = ("XADD", key, "MAXLEN", "~", maxlen, "*", *flat)
        answer: bytes = await self.command(key, *words)
        return answer.decode()

    async def xtrim(self, key: str, minid: str) -> int:
        """Remove the entries before ``minid``."""
        removed: int = await self.command(key, "XTRIM", key, "MINID", minid)
        return removed

    async def xrange(
        self, key: str, first: str = "-", last: str = "+", count: int = 1000
    ) -> list[Entry]:
        """Return entries of a stream, oldest first."""
        return entries(
            await self.command(key, "XRANGE", key, first, last, "COUNT", count)
        )

    async def xrevrange(
        self, key: str, last: str = "+", first: str = "-", count: int = 1000
    ) -> list[Entry]:
        """Return entries of a stream, newest first."""
        words = ("XREVRANGE", key, last, first, "COUNT", count)
        return entries(await self.command(key, *words))

    async def xread(
        self, positions: Mapping[str, str], block_ms: int, count: int = 1000
    ) -> dict[str, list[Entry]]:
        """
        Return what came after ``positions``, waiting up to ``block_ms`` for it.

        Raises:
            Unavailable: If a server does not answer.
        """
        groups: dict[int, list[str]] = {}
        for key in positions:
            slot = key_slot(key.encode()) if self._nodes.cluster else 0
            groups.setdefault(slot, []).append(key)
        if not groups:
            await asyncio.sleep(block_ms / 1000)
            return {}
        streams = [
            (*names, *(positions[name] for name in names)) for names in groups.values()
        ]
        return await self._reads.first(streams, block_ms, count)

    async def _read(
        self, streams: tuple[str, ...], block_ms: int, count: int
    ) -> dict[str, list[Entry]]:
        block_s = max(1, block_ms) / 1000  # A block of 0 would be without end.
        words: list[Word] = ["XREAD", "COUNT", count, "BLOCK", max(1, block_ms)]
        words += ["STREAMS", *streams]
        answer = await self._persist(
            streams[0],
            lambda node: node.wait(words, block_s),
            limit_s=block_s + self._answer_s,
        )
        return {key.decode(): entries(found) for key, found in answer or []}

    async def _persist(
        self,
        key: str,
        attempt: Callable[[Node], Awaitable[T]],
        *,
        limit_s: float | None = None,
    ) -> T:
        """Do ``attempt`` on the owner of ``key`` until it is answered."""
        loop = asyncio.get_running_loop()
        recovered_by = loop.time() + RECOVER_S
        pause_s = PAUSE_S
        failure: Exception | None = None
        try:
            async with asyncio.timeout(limit_s or self._answer_s):
                while True:
                    node: Node | None = None
                    try:
                        node = await self._nodes.of(key)
                        return await attempt(node)
                    except Recovering:
                        if loop.time() > recovered_by:
                            raise
                    except (LostConnection, LateAnswer, OSError) as error:
                        failure = error
                        await self._find_again()
                    except ResponseError as error:
                        failure = error
                        await self._pass_over(node, error)
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, PAUSE_MAX_S)
        except TimeoutError:
            raise Unavailable(f"redis: {failure or 'no answer'}") from failure

    async def _pass_over(self, node: Node | None, error: ResponseError) -> None:
        """Do what helps against ``error``; raise it if it is a fault of ours."""
        text = str(error)
        if NO_FUNCTION in text:  # A server that has joined, or lost its files.
            if node is not None and self._library is not None:
                await library.load(node.ask, self._library, replace=False)
        elif isinstance(error, PASSING) or text.startswith(PASSING_WORDS):
            if node is not None:
                node.doubt()
            await self._find_again()
        else:
            raise error

    async def _everywhere(self, ask: Callable[[Node], Awaitable[T]]) -> dict[str, T]:
        """Ask every primary; return what each answers, by where it does."""

        async def all_of_them(_: Node) -> dict[str, T]:
            return {str(node): await ask(node) for node in await self._nodes.all()}

        return await self._persist("", all_of_them)

    async def _find_again(self) -> None:
        """Learn who owns what now; a failure to is found out by the next attempt."""
        if not self._nodes.cluster:
            return
        try:
            await self._nodes.refresh()
        except (RedisError, OSError):
            return


def pairs(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    """Make a mapping of the flat list of names and values that Redis answers."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def entries(answer: Sequence[Any]) -> list[Entry]:
    """Make entries of what Redis answers; those without fields were deleted."""
    return [(name.decode(), pairs(flat)) for name, flat in answer if flat is not None]
