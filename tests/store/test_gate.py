"""A partition takes changes only when Redis and the ledger tell the same story."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dealcast.core.errors import Recovering
from dealcast.core.ids import PARTITIONS, DealId, Partition
from dealcast.store import keys
from dealcast.store.gate import Gate
from dealcast.store.ledger import Ledger
from dealcast.store.posting import Fenced
from dealcast.store.redis import Redis
from dealcast.store.sql import Database
from tests.support.books import Books, books, gate_of, sqlite_url
from tests.support.redis import RedisServers

PARTITION = Partition(7)


@pytest.fixture
async def own(own_redis: RedisServers, tmp_path: Path) -> AsyncIterator[Books]:
    """Lend out a small shop on a Redis server that may be killed."""
    async with books(own_redis, sqlite_url(tmp_path)) as made:
        yield made


async def restart(servers: RedisServers) -> None:
    """Kill the server as a crash does, and run it again on its files."""
    (server,) = servers.servers
    server.kill()
    await asyncio.to_thread(server.start)


async def clerk(made: Books) -> tuple[Ledger, Gate]:
    """Start the ledger and the gate as a new clerk does."""
    ledger = Ledger(made.redis, made.database)
    await ledger.start()
    return ledger, gate_of(made.redis, made.database, ledger)


async def why(gate: Gate) -> str:
    """Look, and return why the show's partition alone is closed."""
    await gate.look()
    assert set(gate.closed) == {PARTITION}
    return gate.closed[PARTITION]


async def shut(made: Books, **meta: str) -> None:
    """Halt the partition, and set other fields of its ``meta``."""
    key = keys.meta(PARTITION)
    await made.redis.call("dc1_halt", [key], [made.ledger.lease])
    if meta:
        await made.redis.hset(key, meta)


async def test_a_first_start_begins_every_partition(pair: Books) -> None:
    assert pair.gate.is_open
    for number in range(PARTITIONS):
        partition = Partition(number)
        meta = await pair.redis.hgetall(keys.meta(partition))
        assert meta.pop(b"run").decode() == await pair.redis.run_of(partition)
        assert meta.pop(b"home").decode() == await pair.redis.home_of(partition)
        assert meta == {b"epoch": b"1", b"seq": b"0", b"chain": b"", b"lease": b"1"}
        assert pair.ledger.position(partition).epoch == 1


async def test_a_first_start_that_was_cut_short_goes_on(pair: Books) -> None:
    ledger, gate = await clerk(pair)
    partition = Partition(9)
    async with pair.database.begin() as connection:
        await connection.exec_driver_sql("UPDATE partition SET epoch = 0 WHERE id = 9")
    await ledger.start()
    await gate.look()
    assert gate.is_open
    assert ledger.position(partition).epoch == 1


async def test_a_restart_is_let_in_when_the_ledger_has_caught_up(own: Books) -> None:
    deal = await own.opened({"red": 5})
    await own.hold(deal, "u_ann")
    await restart(own.servers)
    with pytest.raises(Recovering):
        await own.hold(deal, "u_bob")
    ledger, gate = await clerk(own)
    assert await why(gate) == "Redis is at fact 2, the ledger still at 1"
    await ledger.follow()
    await gate.look()
    assert gate.is_open
    await own.hold(deal, "u_bob")


async def test_the_gate_opens_by_itself_after_a_crash(own: Books) -> None:
    deal = await own.opened({"red": 5})
    stop = asyncio.Event()
    running = [
        asyncio.create_task(own.ledger.run(stop)),
        asyncio.create_task(own.gate.run(stop)),
    ]
    await own.hold(deal, "u_ann")
    await restart(own.servers)
    async with asyncio.timeout(10):
        await asyncio.sleep(0.5)
        await own.hold(deal, "u_bob")
    stop.set()
    await asyncio.gather(*running)
    assert own.gate.is_open


async def check_rebuilt(made: Books, epoch: int = 2) -> None:
    """Look twice: the partition is built anew, and then let in."""
    assert await why(made.gate) == "built anew, to be looked at"
    await made.gate.look()
    assert made.gate.closed == {}
    assert made.ledger.position(PARTITION).epoch == epoch
    meta = await made.redis.hgetall(keys.meta(PARTITION))
    assert meta[b"epoch"] == str(epoch).encode()


async def test_a_redis_that_lost_everything_is_built_anew(pair: Books) -> None:
    deal = await pair.opened({"red": 5})
    for key in (await pair.redis.keys_of([PARTITION]))[PARTITION]:
        await pair.redis.delete(key)
    await check_rebuilt(pair)
    await pair.hold(deal, "u_ann")


async def test_a_redis_that_lost_a_suffix_is_built_anew(pair: Books) -> None:
    deal = await pair.opened({"red": 5})
    seq = pair.ledger.position(PARTITION).seq
    await pair.hold(deal, "u_ann")
    await pair.follow()
    await shut(pair, seq=str(seq))
    await check_rebuilt(pair)
    await pair.hold(deal, "u_bob")
    await pair.follow()


async def test_another_chain_or_epoch_is_built_anew(small: Books) -> None:
    await small.opened({"red": 5})
    await shut(small, chain="x")
    await check_rebuilt(small)
    await shut(small, epoch="7")
    await check_rebuilt(small, epoch=8)


async def test_other_stock_is_built_anew(pair: Books) -> None:
    deal = await pair.opened({"red": 5})
    await pair.redis.hset(keys.deal(deal), {"f:red": "4"})
    await shut(pair)
    await check_rebuilt(pair)
    assert await pair.redis.hget(keys.deal(deal), "f:red") == b"5"
    await shut(pair)
    await pair.redis.delete(keys.deal(deal))
    await check_rebuilt(pair, epoch=3)
    assert await pair.redis.hget(keys.deal(deal), "f:red") == b"5"


async def test_a_server_that_may_have_lost_something_is_not_trusted(
    pair: Books,
) -> None:
    await pair.opened({"red": 5})
    await shut(pair, home="10.0.0.1:6379", was="0" * 40)
    await check_rebuilt(pair)


async def test_a_server_that_writes_late_is_not_trusted_after_a_crash(
    own: Books,
) -> None:
    await own.opened({"red": 5})
    await own.follow()
    key = keys.meta(PARTITION)
    await own.redis.command(key, "CONFIG", "SET", "appendfsync", "everysec")
    await own.redis.hset(key, {"run": "0" * 40})
    await check_rebuilt(own)


async def test_a_redis_that_forgot_what_was_heard_is_built_anew(pair: Books) -> None:
    await pair.opened({"red": 5})
    pair.gate.distrust(PARTITION, 1)
    await check_rebuilt(pair)
    pair.gate.distrust(PARTITION, 1)  # Told late: that epoch is over.
    await pair.gate.look()
    assert pair.gate.is_open
    assert pair.ledger.position(PARTITION).epoch == 2


async def test_facts_that_do_not_continue_are_cured_by_building_anew(
    pair: Books,
) -> None:
    deal = await pair.opened({"red": 5})
    await pair.follow()
    await pair.redis.hset(keys.meta(PARTITION), {"chain": "of another story"})
    await pair.hold(deal, "u_ann")
    await pair.ledger.follow(50)
    assert PARTITION in pair.ledger.forked
    await check_rebuilt(pair)
    await pair.hold(deal, "u_bob")
    await pair.follow()
    assert pair.ledger.closed == {} == pair.ledger.forked


async def test_a_clerk_that_was_succeeded_changes_nothing(pair: Books) -> None:
    deal = await pair.opened({"red": 5})
    ledger, gate = await clerk(pair)
    assert ledger.lease == pair.ledger.lease + 1
    await shut(pair, chain="x")
    with pytest.raises(Fenced):
        await pair.gate.look()
    await gate.look()
    await gate.look()
    assert gate.is_open
    with pytest.raises(Fenced):  # What it was about to send when it was stopped.
        await pair.gate._call("dc1_halt", [keys.meta(PARTITION)])
    await pair.hold(deal, "u_ann")


async def test_a_deal_that_was_not_sent_yet_is_not_missed(small: Books) -> None:
    await small.deal({"red": 5})
    await shut(small)
    await small.gate.look()
    assert small.gate.is_open


async def test_the_redis_of_another_database_stays_out(
    small: Books, tmp_path: Path
) -> None:
    await small.opened({"red": 5})
    (tmp_path / "other").mkdir()
    database = Database.connect(sqlite_url(tmp_path / "other"))
    await database.migrate()
    ledger = Ledger(small.redis, database)
    await ledger.start()
    gate = gate_of(small.redis, database, ledger)
    await shut(small)
    assert await why(gate) == "Redis is at fact 1, but the ledger never knew of it"
    await database.aclose()


async def test_each_server_of_a_cluster_is_judged_by_itself(
    cluster: RedisServers, tmp_path: Path
) -> None:
    async with books(cluster, sqlite_url(tmp_path)) as made:
        server = cluster.owner_of(keys.meta(PARTITION))
        theirs = {
            Partition(number)
            for number in range(PARTITIONS)
            if cluster.owner_of(keys.meta(Partition(number))) is server
        }
        assert 0 < len(theirs) < PARTITIONS
        server.kill()
        await asyncio.to_thread(server.start)
        made.gate.closed.clear()
        async with asyncio.timeout(20):
            await look_until_open(made.gate, theirs)


async def look_until_open(gate: Gate, theirs: set[Partition]) -> None:
    """Look until all is open; none but ``theirs`` may be closed meanwhile."""
    await gate.look()
    while gate.closed:
        assert set(gate.closed) <= theirs
        await asyncio.sleep(0.1)
        await gate.look()


async def test_nothing_is_changed_before_the_gate_has_looked(
    standalone: RedisServers,
) -> None:
    standalone.empty()
    redis = await Redis.connect(standalone.url)
    deal = DealId("d07_abcdefghj1")
    names = [*keys.head_keys(PARTITION), *["{p07}:x"] * 4, *keys.deal_keys(deal)]
    with pytest.raises(Recovering):
        await redis.call("dc1_load", names, ["op", "{}"])
    await redis.aclose()


async def test_a_quiet_gate_asks_each_server_once(
    own: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    meta_of = own.redis.meta_of

    async def counted(partition: Partition) -> tuple[dict[bytes, bytes], str]:
        asked.append(partition)
        return await meta_of(partition)

    monkeypatch.setattr(own.redis, "meta_of", counted)
    stop = asyncio.Event()
    running = asyncio.create_task(own.gate.run(stop))
    await asyncio.sleep(0.9)  # The first look, and then three quiet ones.
    assert len(asked) == PARTITIONS
    deal = await own.opened({"red": 5})
    await own.ledger.close(PARTITION, "its books do not add up")
    async with asyncio.timeout(5):
        for pause in [0.02] * 250:
            if PARTITION in own.gate.closed:
                break
            await asyncio.sleep(pause)
    assert own.gate.closed[PARTITION] == "its books do not add up"
    with pytest.raises(Recovering):
        await own.hold(deal, "u_ann")
    stop.set()
    await running
