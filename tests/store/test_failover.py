"""Servers of a cluster die, stand still, are promoted, and give their slots away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from dealcast.core.errors import Recovering, Unavailable
from dealcast.core.ids import PARTITIONS, Partition
from dealcast.store import keys, tables
from dealcast.store.control import Control
from dealcast.store.log import Log, Record
from dealcast.store.nodes import Word
from dealcast.store.redis import Redis
from tests.store.failing import (
    META,
    OPEN_S,
    PARTITION,
    clerking,
    epoch,
    let_in,
    promote,
    sell,
)
from tests.support.books import SHOW, Books, books, sqlite_url
from tests.support.redis import RedisServer, RedisServers
from tests.support.shards import Cluster, ask, calls, cut, linked, slot_of, wait_until

LINE = Record(show=SHOW, log=[("notice", "P0", "{}")])


@pytest.fixture
async def grown(shards: Cluster, postgres_url: str) -> AsyncIterator[Books]:
    """Lend out a small shop on a cluster that may be broken, and on PostgreSQL."""
    async with books(shards, postgres_url) as made:
        await made.gate.look()  # With all servers as they are now.
        yield made


async def test_a_replica_that_lacks_writes_is_never_let_in_as_it_is(
    shards: Cluster, grown: Books
) -> None:
    """The ledger had not read them either: nothing but the server tells of it."""
    deal = await grown.opened({"red": 5})
    kept = await grown.hold(deal, "u_ann")
    await grown.follow()
    primary = shards.owner_of(META)
    replica = await asyncio.to_thread(shards.add_replica, primary)
    await asyncio.to_thread(cut, replica)
    lost = await grown.hold(deal, "u_bob")
    await grown.gate._see_runs()  # A look begins, and the server dies meanwhile.
    primary.kill()
    await promote(shards, replica)
    await grown.gate._judge()
    assert grown.gate.closed[PARTITION] == "built anew, to be looked at"
    await let_in(grown)
    assert await epoch(grown) == 2
    assert await grown.stock.get(kept) is not None
    assert await grown.stock.get(lost) is None
    await grown.hold(deal, "u_eve")
    await grown.follow()


async def test_a_primary_that_was_a_replica_meanwhile_is_another(
    shards: Cluster, grown: Books
) -> None:
    """It is the same process, and has lost what its replica had lacked."""
    deal = await grown.opened({"red": 5})
    primary = shards.owner_of(META)
    replica = await asyncio.to_thread(shards.add_replica, primary)
    await asyncio.to_thread(cut, replica)
    lost = await grown.hold(deal, "u_bob")
    await promote(shards, replica)
    await asyncio.to_thread(wait_until, lambda: linked(primary), "it follows")
    await promote(shards, primary)
    await grown.gate.look()
    assert PARTITION in grown.gate.closed
    await let_in(grown)
    assert await epoch(grown) > 1
    assert await grown.stock.get(lost) is None


async def test_a_shop_goes_on_when_a_replica_is_promoted(
    shards: Cluster, grown: Books, capfd: pytest.CaptureFixture[str]
) -> None:
    deal = await grown.opened({"red": 5})
    primary = shards.owner_of(META)
    replica = await asyncio.to_thread(shards.add_replica, primary)
    async with clerking(grown):
        await grown.hold(deal, "u_ann")
        primary.kill()
        took = await sell(grown, deal, "u_bob")
        assert await epoch(grown) == 2
    assert shards.owner_of(META) is replica
    with capfd.disabled():
        print(f" sold again {took:.1f} s after a kill -9", end=" ")


async def test_a_replaced_primary_sells_nothing_that_is_not_lost_and_told(
    shards: Cluster, grown: Books, capfd: pytest.CaptureFixture[str]
) -> None:
    """It goes on before it hears of its successor, with calls in its sockets."""
    deal = await grown.opened({"red": 100})
    old = shards.owner_of(META)
    replica = await asyncio.to_thread(shards.add_replica, old)
    async with clerking(grown):
        await sell(grown, deal, "u_ann")
        before = calls(old)
        old.freeze()
        buyers = [f"u_{number}" for number in range(30)]
        buying = [asyncio.create_task(sell(grown, deal, buyer)) for buyer in buyers]
        await asyncio.sleep(0.3)  # Their calls are in its sockets.
        ask(replica, "CLUSTER", "FAILOVER", "TAKEOVER")
        old.thaw()
        await asyncio.gather(*buying)
        await asyncio.to_thread(wait_until, lambda: linked(old), "it follows")
        after = calls(old)
        await sell(grown, deal, "u_eve")
        await grown.follow()
    assert calls(old) == after > before
    assert await epoch(grown) == 2
    row = tables.deal_line
    async with grown.database.read() as connection:
        found = await connection.scalar(select(row.c.held).where(row.c.deal == deal))
    held = found or 0
    assert 0 < held <= 32
    assert await grown.redis.hget(keys.deal(deal), "h:red") == str(held).encode()
    with capfd.disabled():
        told = f"{after - before} calls on the old one, {32 - held} of 32 holds lost"
        print(f" {told}", end=" ")


@pytest.mark.parametrize("promoted", [False, True])
async def test_slots_that_moved_keep_their_epoch(
    shards: Cluster, grown: Books, promoted: bool
) -> None:
    """Also to a server without our functions, or that was promoted long before."""
    deal = await grown.opened({"red": 5})
    kept = await grown.hold(deal, "u_ann")
    slot, source = slot_of(META), shards.owner_of(META)
    to = next(one for one in shards.servers if one is not source)
    if promoted:
        heir = await asyncio.to_thread(shards.add_replica, to)
        await promote(shards, heir)
        to = heir
    ask(to, "FUNCTION", "FLUSH")
    await let_in(grown)
    await grown.gate.look()
    async with clerking(grown):
        moved = await asyncio.to_thread(shards.move, slot - 20, slot + 20, to)
        assert moved > 0
        await sell(grown, deal, "u_bob")
        await grown.follow()
    assert shards.owner_of(META) is to
    assert await epoch(grown) == 1
    assert await grown.stock.get(kept) is not None


Change = Callable[[Cluster, RedisServer, RedisServer], Awaitable[None]]


async def killed(shards: Cluster, old: RedisServer, new: RedisServer) -> None:
    """The primary dies."""
    old.kill()
    await asyncio.to_thread(shards.promoted, new)


async def demoted(shards: Cluster, old: RedisServer, new: RedisServer) -> None:
    """The primary lives on as a replica."""
    await promote(shards, new)


async def halted(shards: Cluster, old: RedisServer, new: RedisServer) -> None:
    """The primary stands still, and its connections stay open."""
    old.freeze()
    await promote(shards, new)


@pytest.mark.parametrize("change", [killed, demoted, halted])
async def test_blocking_reads_follow_to_another_server(
    shards: Cluster, grown: Books, change: Change
) -> None:
    old = shards.owner_of(META)
    new = await asyncio.to_thread(shards.add_replica, old)
    assert await heard_over(grown, lambda: change(shards, old, new)) == []


async def test_blocking_reads_follow_a_slot(shards: Cluster, grown: Books) -> None:
    slot, source = slot_of(META), shards.owner_of(META)
    to = next(one for one in shards.servers if one is not source)
    move = asyncio.to_thread
    assert await heard_over(grown, lambda: move(shards.move, slot, slot, to)) == []


async def heard_over(made: Books, change: Callable[[], Awaitable[object]]) -> list[str]:
    """Change something under a reader of a log; return what it stumbled over."""
    log = Log(made.redis)
    await log.record(LINE)
    async with clerking(made):
        hearing = asyncio.create_task(hear(made.redis, "1-0"))
        await asyncio.sleep(0.2)  # It waits for the second line.
        await change()
        async with asyncio.timeout(OPEN_S):
            while not hearing.done():
                try:
                    await log.record(LINE)
                except (Recovering, Unavailable):
                    continue
                await asyncio.wait([hearing], timeout=0.1)
    return await hearing


async def hear(redis: Redis, after: str) -> list[str]:
    """Wait for the next line of the show; return the faults until then."""
    faults: list[str] = []
    while True:
        try:
            if await redis.xread({keys.log(SHOW): after}, 100):
                return faults
        except Unavailable:
            continue
        except Exception as error:
            faults.append(repr(error))


async def test_control_is_heard_after_a_failover(shards: Cluster, grown: Books) -> None:
    control = Control(grown.redis)
    old = shards.owner_of(keys.CONTROL)
    new = await asyncio.to_thread(shards.add_replica, old)
    await control.nudge("inbox")
    position, nudges = await control.position(), list[tuple[str, str]]()
    hearing = asyncio.create_task(control.tail(position, 1000))
    await asyncio.sleep(0.1)
    await killed(shards, old, new)
    await control.nudge("outbox")
    try:
        position, nudges = await hearing
    except Unavailable:
        nudges = []
    while not nudges:
        position, nudges = await control.tail(position, 1000)
    assert nudges == [("outbox", "")]


async def test_a_dead_server_holds_up_no_other(shards: Cluster, grown: Books) -> None:
    dead = shards.owner_of(META)
    for server in shards.servers:
        ask(server, "CONFIG", "SET", "cluster-require-full-coverage", "no")
    alive = next(
        Partition(number)
        for number in range(PARTITIONS)
        if shards.owner_of(keys.meta(Partition(number))) is not dead
    )
    dead.kill()
    grown.redis._answer_s = 0.5
    with pytest.raises(Unavailable):
        await grown.redis.runs()
    assert await grown.redis.hget(keys.meta(alive), "epoch") == b"1"
    await grown.gate.look()
    assert PARTITION in grown.gate.closed
    assert alive not in grown.gate.closed
    await asyncio.to_thread(dead.start)
    await let_in(grown)
    assert await epoch(grown) == 1


async def test_a_rebuild_ends_with_its_server(
    own_redis: RedisServers, tmp_path: Path
) -> None:
    """A replica that was promoted in the middle may lack what came before."""
    async with books(own_redis, sqlite_url(tmp_path)) as made:
        (server,), lease = own_redis.servers, made.ledger.lease
        seen = await made.redis.run_of(PARTITION)
        head: list[str] = [META]
        at: list[Word] = [lease, "1:2"]
        assert await made.redis.call("dc1_clear", head, at) == [b"ok"]
        server.kill()
        await asyncio.to_thread(server.start)
        built = await made.redis.call("dc1_built", head, [*at, "2", "0", ""])
        assert built == [b"wrong_state", b"given up"]
        await let_in(made)
        fields, run = await made.redis.meta_of(PARTITION)
        told = [fields[name] for name in (b"epoch", b"seq", b"chain", b"home")]
        again = await made.redis.call("dc1_admit", head, [lease, *told, seen])
        assert again == [b"wrong_state", b"moved"] and run != seen
