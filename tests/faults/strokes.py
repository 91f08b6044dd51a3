"""What befalls a node: each stroke returns once it is over."""

import asyncio
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from redis import Redis as Client
from redis.exceptions import RedisError

from tests.faults.harness import Fault
from tests.support.disk import Disk
from tests.support.server import Node

LOOK_S = 0.05
ANSWERS_S = 30.0
BYTES = 5  # The last command, at least, is not whole without them.


def kill(part: str) -> Fault:
    """Kill ``worker-0``, ``clerk`` or ``redis`` with -9."""

    async def strike(node: Node) -> None:
        os.kill(node.pid(part), signal.SIGKILL)
        if part == "redis":
            await redis_answers(node)

    return strike


def freeze(part: str, seconds: float) -> Fault:
    """Stop a part as SIGSTOP does, and let it go on later."""

    async def strike(node: Node) -> None:
        pid = node.pid(part)
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)

    return strike


async def kill_supervisor(node: Node) -> None:
    """Kill the whole node's head, and start the same command at once."""
    assert node.process is not None
    os.kill(node.process.pid, signal.SIGKILL)
    node.process.process.wait()
    await asyncio.to_thread(node.start)


def while_redis_is_dead(work: Callable[[Path], None]) -> Fault:
    """Kill Redis, let ``work`` loose on its folder, and let it be started again."""

    async def strike(node: Node) -> None:
        assert node.process is not None
        head = node.process.pid
        os.kill(head, signal.SIGSTOP)  # Or it would start Redis at once.
        try:
            os.kill(node.pid("redis"), signal.SIGKILL)
            work(node.data / "redis")
        finally:
            os.kill(head, signal.SIGCONT)
        await redis_answers(node)

    return strike


def wipe(folder: Path) -> None:
    """Lose all that Redis had."""
    shutil.rmtree(folder)
    folder.mkdir(mode=0o700)


def commands(folder: Path) -> Path:
    """Return the file to which Redis appends its commands."""
    return max((folder / "appendonlydir").glob("*.incr.aof"))


def tear(folder: Path) -> None:
    """Leave half of a change that was being written and never answered."""
    with commands(folder).open("ab") as output:
        for words in (["MULTI"], ["SET", "torn", "x"], ["SET", "torn", "y" * 100]):
            output.write(f"*{len(words)}\r\n".encode())
            for word in words:
                output.write(f"${len(word)}\r\n{word}\r\n".encode())
        output.truncate(output.tell() - BYTES)


def cut(share: float) -> Callable[[Path], None]:
    """Lose the last commands: a share of all that was written, or a few bytes."""

    def work(folder: Path) -> None:
        file = commands(folder)
        size = file.stat().st_size
        os.truncate(file, size - max(BYTES, int(size * share)))

    return work


def lock_books(seconds: float) -> Fault:
    """Let another process keep everybody from writing the books."""

    def lock(file: Path) -> None:
        with closing(sqlite3.connect(file, timeout=30)) as books:
            books.isolation_level = None
            books.execute("BEGIN EXCLUSIVE")
            time.sleep(seconds)
            books.execute("ROLLBACK")

    async def strike(node: Node) -> None:
        await asyncio.to_thread(lock, node.data / "books.sqlite3")

    return strike


def fill(disk: Disk, seconds: float) -> Fault:
    """Let a disk be full for a while."""

    async def strike(_: Node) -> None:
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until:  # What is freed is taken again.
                await asyncio.to_thread(disk.fill)
                await asyncio.sleep(LOOK_S)
        finally:
            disk.empty()

    return strike


async def redis_answers(node: Node) -> None:
    """Wait until the node's Redis answers."""
    until = time.monotonic() + ANSWERS_S
    while not await asyncio.to_thread(pings, node.data):
        assert time.monotonic() < until, "Redis does not answer"
        await asyncio.sleep(LOOK_S)


def pings(data: Path) -> bool:
    """Say whether the Redis of a data folder answers."""
    with suppress(OSError, RedisError):
        url = (data / "run" / "redis.url").read_text(encoding="utf-8")
        with Client.from_url(url, protocol=2, socket_timeout=1) as client:
            return bool(client.ping())
    return False
