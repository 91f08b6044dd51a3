"""The embedded server: private, durable, and clear about what it cannot do."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dealcast.app.folder import holders
from dealcast.store import keys
from dealcast.store.redis import Redis
from dealcast.store.server import (
    PATH_MAX,
    Server,
    ServerUnusable,
    Ties,
    check_info,
)
from tests.store.dealing import PART, open_gate
from tests.support.processes import alive, children


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """Lend a server that runs in an empty data folder."""
    server = Server(tmp_path)
    await server.start()
    yield server
    await server.stop()


def program(folder: Path, told: str) -> str:
    """Write a program that prints something and ends."""
    path = folder / "some-server"
    path.write_text(f"#!/bin/sh\necho '{told}'\n")
    path.chmod(0o755)
    return str(path)


async def test_it_answers_on_a_private_socket_alone(server: Server) -> None:
    redis = await Redis.connect(server.url)
    [info] = await redis.servers()
    check_info(info)
    assert (info["tcp_port"], info["process_id"]) == ("0", str(server.pid))
    path = Path(server.url.removeprefix("unix://"))
    assert len(str(path)) <= PATH_MAX
    assert path.parent.stat().st_mode & 0o077 == 0
    await redis.aclose()


async def test_it_keeps_what_was_answered(server: Server) -> None:
    redis = await Redis.connect(server.url)
    told = await redis.command("x", "CONFIG", "GET", "append*")
    names = dict(zip(told[::2], told[1::2], strict=True))
    assert names[b"appendonly"] == b"yes"
    assert names[b"appendfsync"] == b"always"
    assert await redis.command("x", "CONFIG", "GET", "maxmemory-policy") == [
        b"maxmemory-policy",
        b"noeviction",
    ]
    await open_gate(redis, PART)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    while server.alive():
        pass
    assert server.pid is None
    url = server.url
    await server.start()
    assert server.url == url
    assert await redis.hget(keys.meta(PART), "epoch") == b"1"
    await redis.aclose()


async def test_it_stops_and_leaves_no_socket(tmp_path: Path) -> None:
    server = Server(tmp_path)
    await server.start()
    pid, path = server.pid, Path(server.url.removeprefix("unix://"))
    assert pid is not None
    assert os.getsid(pid) == pid  # Ctrl-C in our terminal does not reach it.
    await server.stop()
    assert not alive(pid)
    assert not path.parent.exists()
    await server.stop()


async def test_a_stuck_server_is_killed(tmp_path: Path) -> None:
    server = Server(tmp_path)
    await server.start()
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    await server.stop(within_s=0.1)
    assert not alive(pid)


async def test_the_folder_says_who_wrote_it(server: Server, tmp_path: Path) -> None:
    await server.stop()
    record = tmp_path / "redis" / "server.json"
    wrote = json.loads(record.read_text())
    assert wrote["name"] == "redis"
    for other in ({"minor": wrote["minor"] + 1}, {"name": "valkey"}):
        record.write_text(json.dumps(wrote | other))
        with pytest.raises(ServerUnusable, match="was written by") as caught:
            await server.start()
        assert "\n" not in str(caught.value)
    record.write_text("{")
    with pytest.raises(ServerUnusable, match="cannot be read"):
        await server.start()
    record.write_text(json.dumps(wrote | {"major": wrote["major"] - 1}))
    await server.start()
    assert json.loads(record.read_text()) == wrote


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("Redis server v=6.2.14 sha=00000000:0 malloc=libc", "redis 6.2 is too old"),
        ("Valkey server v=7.1.0 sha=00000000:0", "valkey 7.1 is too old"),
        ("busybox", "is no redis-server"),
        ("Redis server v=7.2.0 sha=0", "ended at once"),
    ],
)
async def test_what_is_no_server_is_named(tmp_path: Path, told: str, why: str) -> None:
    server = Server(tmp_path, binary=program(tmp_path, told))
    with pytest.raises(ServerUnusable, match=why) as caught:
        await server.start()
    assert "\n" not in str(caught.value)
    assert server.pid is None


def test_a_binary_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServerUnusable, match="nowhere is no program"):
        Server(tmp_path, binary=str(tmp_path / "nowhere"))


async def test_broken_files_are_told_in_the_servers_words(tmp_path: Path) -> None:
    folder = tmp_path / "redis" / "appendonlydir"
    folder.mkdir(parents=True)
    (folder / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(ServerUnusable, match=r"ended at once: .*manifest"):
        await Server(tmp_path).start()


async def test_it_ends_after_all_whom_it_serves(tmp_path: Path) -> None:
    """However the supervisor went: a guard sees that the pipes have no writer."""
    (lifeline, supervisor), (company, worker) = os.pipe(), os.pipe()
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    server = Server(tmp_path, lock=lock, ties=Ties(lifeline=lifeline, company=company))
    await server.start()
    pid, place = server.pid, Path(server.url.removeprefix("unix://"))
    assert pid is not None
    assert pid in holders(tmp_path / "lock")
    os.close(supervisor)
    redis = await Redis.connect(server.url)
    await redis.ping()
    await redis.aclose()
    os.close(worker)
    async with asyncio.timeout(20):
        for pause in [0.05] * 1000:
            if not server.alive() and not place.parent.exists():
                break
            await asyncio.sleep(pause)
    assert not server.alive()
    assert await server.stop() is False
    for end in (lifeline, company, lock):
        os.close(end)


async def test_its_guard_goes_with_it(tmp_path: Path) -> None:
    (lifeline, supervisor), (company, worker) = os.pipe(), os.pipe()
    server = Server(tmp_path, ties=Ties(lifeline=lifeline, company=company))
    before = set(children(os.getpid()))
    await server.start()
    assert len(set(children(os.getpid())) - before) == 2
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    while server.alive():
        pass
    url = server.url
    await server.start()  # With a guard of its own.
    assert server.url == url
    assert len(set(children(os.getpid())) - before) == 2
    await server.stop()
    assert set(children(os.getpid())) - before == set()
    for end in (lifeline, supervisor, company, worker):
        os.close(end)


async def test_a_start_that_fails_leaves_its_address_as_it_is(tmp_path: Path) -> None:
    """Others have been told where it answers; they come again."""
    server = Server(tmp_path)
    await server.start()
    url = server.url
    await server.halt()
    manifest = tmp_path / "redis" / "appendonlydir" / "appendonly.aof.manifest"
    good = manifest.read_text()
    manifest.write_text("nonsense\n")
    with pytest.raises(ServerUnusable):
        await server.start()
    manifest.write_text(good)
    await server.start()
    assert server.url == url
    await server.stop()
