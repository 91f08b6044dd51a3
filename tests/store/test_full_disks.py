"""Disks run full: nothing is granted that was not kept, and all goes on after."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import msgspec
import pytest
from redis.asyncio import Redis as Client
from redis.exceptions import RedisError
from sqlalchemy import text

from dealcast.core.errors import Unavailable
from dealcast.core.ids import PaymentId
from dealcast.core.money import Money
from dealcast.shop.payments.provider import Intent
from dealcast.store.server import Server, ServerUnusable
from dealcast.store.sql import Database
from dealcast.tools.sandbox_psp.books import Books as Sheets
from dealcast.tools.verify import verify
from tests.store.selling import Trade, caller, trading
from tests.support.books import books, sqlite_url
from tests.support.disk import Disk, small_disk
from tests.support.postgres import Postgres, server_user
from tests.support.processes import group_of
from tests.support.redis import RedisServers

ANN = caller("ann")
BACK_S = 20.0

Mount = Callable[[Path, str], Disk]


@pytest.fixture
def disks() -> Iterator[Mount]:
    """Return what mounts small disks; they go with the test."""
    with ExitStack() as stack:
        yield lambda folder, size: stack.enter_context(small_disk(folder, size))


@pytest.fixture
async def shop(
    standalone: RedisServers, tmp_path: Path, disks: Mount
) -> AsyncIterator[tuple[Trade, Disk]]:
    """Open a shop whose books are on a small disk."""
    disk = disks(tmp_path / "disk", "12m")
    async with books(standalone, sqlite_url(disk.folder)) as made:
        async with trading(made, tmp_path / "psp") as trade:
            yield trade, disk


async def test_the_ledger_waits_for_room(shop: tuple[Trade, Disk]) -> None:
    trade, disk = shop
    deal = await trade.listing(4)
    disk.fill()
    hold = await trade.hold(ANN, deal.id)  # Redis admits as before.
    with pytest.raises(Unavailable, match="full"):
        await trade.books.follow()
    with pytest.raises(Unavailable, match="full"):
        await trade.check_out(ANN, hold)
    assert trade.books.ledger.closed == {}
    disk.empty()
    assert await trade.units(deal.id) == (4, 3, 1, 0)
    assert await verify(trade.books.database) == []


async def test_a_webhook_that_was_not_kept_is_not_answered(
    shop: tuple[Trade, Disk],
) -> None:
    trade, disk = shop
    deal = await trade.listing(4)
    out = await trade.check_out(ANN, await trade.hold(ANN, deal.id))
    refused = 0
    keep = trade.inbox.receive

    async def receive(*told: object) -> bool:
        nonlocal refused
        try:
            return await keep(*told)  # type: ignore[arg-type]  # As it came.
        except Unavailable:
            refused += 1
            disk.empty()
            raise

    object.__setattr__(trade.inbox, "receive", receive)
    disk.fill()
    await trade.choose(out.payment.url)
    await trade.heard(1)  # The provider has told it again.
    assert refused == 1
    assert (await trade.drive_to(out.payment.id, "captured")).state == "captured"
    assert await verify(trade.books.database) == []


async def test_a_full_disk_of_postgresql_is_no_fault(
    postgres: Postgres, tmp_path: Path, disks: Mount
) -> None:
    disk = disks(postgres.folder / "small", "8m")
    user = server_user()
    if user is not None:
        shutil.chown(disk.folder, user, group_of(user))
    name = postgres.create()
    database = Database.connect(postgres.url(name))
    where = ["-c", f"CREATE TABLESPACE small LOCATION '{disk.folder}'"]
    postgres.run("psql", [*postgres.where, *where, name])
    more = text("INSERT INTO big SELECT repeat('x', 2000) FROM generate_series(1, 100)")
    try:
        async with database.begin() as connection:
            await connection.execute(text("CREATE TABLE big (x text) TABLESPACE small"))
        disk.fill()
        with pytest.raises(Unavailable, match="No space left"):
            async with database.begin() as connection:
                await connection.execute(more)
        disk.empty()
        async with database.begin() as connection:
            await connection.execute(more)
    finally:  # Others use this server: it must not miss its files.
        await database.aclose()
        postgres.drop(name)
        gone = ["-c", "DROP TABLESPACE small", "postgres"]
        postgres.run("psql", [*postgres.where, *gone])


async def write(url: str, first: int, count: int) -> int:
    """Write so many numbers to Redis; return how many were acknowledged."""
    client = Client.from_url(url)
    try:
        for number in range(first, first + count):
            await client.rpush("numbers", f"{number:06d}" * 100)
    except (RedisError, OSError):
        return number - first
    finally:
        await client.aclose()
    return count


async def numbers(url: str) -> int:
    client = Client.from_url(url)
    try:
        return int(await client.llen("numbers"))
    finally:
        await client.aclose()


async def test_redis_gets_up_with_all_that_it_had_acknowledged(
    tmp_path: Path, disks: Mount
) -> None:
    disk = disks(tmp_path / "redis", "2m")
    server = Server(tmp_path)
    await server.start()
    told = await write(server.url, 0, 100)
    disk.fill()
    told += await write(server.url, told, 100)
    await down(server)  # It keeps every write, or ends.
    assert 100 <= told < 200
    url = server.url
    await up(server)  # Reading needs no room.
    assert await numbers(url) >= told
    assert await write(url, told, 1) == 0
    disk.empty()
    await down(server)
    await up(server)
    assert server.url == url
    kept = await numbers(url)
    assert kept >= told
    assert await write(url, kept, 50) == 50
    await server.stop()


async def down(server: Server) -> None:
    """Wait until a server has ended."""
    async with asyncio.timeout(BACK_S):
        for pause in [0.05] * 1000:
            if not server.alive():
                return
            await asyncio.sleep(pause)


async def up(server: Server) -> None:
    """Start a server as the supervisor does: until it runs."""
    until = monotonic() + BACK_S
    while not server.alive():
        try:
            await server.start()
        except ServerUnusable:
            assert monotonic() < until
            await asyncio.sleep(0.1)


async def test_redis_gets_up_with_a_torn_end_of_its_file(tmp_path: Path) -> None:
    server = Server(tmp_path)
    await server.start()
    assert await write(server.url, 0, 10) == 10
    await server.stop()
    (file,) = (tmp_path / "redis" / "appendonlydir").glob("*.incr.aof")
    with file.open("r+b") as aof:
        aof.truncate(file.stat().st_size - 100)
    await server.start()
    assert await numbers(server.url) == 9
    assert await write(server.url, 9, 1) == 1
    await server.stop()


def test_the_sandbox_keeps_whole_lines_or_none(tmp_path: Path, disks: Mount) -> None:
    disk = disks(tmp_path / "disk", "1m")
    journal = disk.folder / "journal"
    kept, refused = Sheets(journal, 0), 0
    intent = Intent(
        reference=PaymentId("p07_0000000001"),
        amount=Money(100, "CNY"),
        title="Tea" * 1000,  # A line that may find room for its beginning alone.
        return_url="http://shop.test",
        webhook_url="http://shop.test",
        expires_at=2**53,
    )
    first = kept.create(intent, 0)
    disk.fill()
    for number in range(2, 12):
        reference = PaymentId(f"p07_{number:010d}")
        try:
            kept.create(msgspec.structs.replace(intent, reference=reference), 0)
        except OSError:
            refused += 1
    assert refused > 0
    disk.empty()
    kept.step(first, "pay", 0)
    again = Sheets(journal, 0)
    assert again.find(intent.reference).status == "authorised"
    lines = journal.read_bytes().splitlines()
    assert all(msgspec.json.decode(line) for line in lines)
