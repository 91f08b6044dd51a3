"""Logs of a show: numbered without a gap, read with the state at one instant."""

import asyncio

import pytest

from dealcast.core.errors import Invalid, Recovering, TooLarge
from dealcast.core.ids import ShowId
from dealcast.store import keys
from dealcast.store.control import Control
from dealcast.store.log import Log, Record
from dealcast.store.redis import Redis
from tests.store.dealing import SHOW, check_numbers, now_ms

ELSEWHERE = ShowId("s08_0000000000")


def chat(number: int) -> tuple[str, ...]:
    """Make a log entry of a line of chat."""
    return ("chat", "P2", f'{{"text":"第 {number} 行"}}', f"c07_{number:016d}")


async def test_many_writers_number_without_a_gap(redis: Redis) -> None:
    log = Log(redis)
    await asyncio.gather(
        *(
            log.record(Record(show=SHOW, log=[chat(n), chat(n + 100)]))
            for n in range(50)
        )
    )
    entries = await log.read(SHOW, "log", 0, 1000)
    assert len(entries) == 100
    await check_numbers(redis)
    assert await log.read(SHOW, "log", 98) == entries[98:]


async def test_an_entry_says_all_that_the_hub_needs(redis: Redis) -> None:
    log = Log(redis)
    await log.record(
        Record(
            show=SHOW,
            log=[chat(1), ("notice", "P0", "{}")],
            own=[("u_0", "payment", '{"a":1}')],
            staff=[("audit", "{}")],
        )
    )
    line, notice = await log.read(SHOW, "log", 0)
    assert (line.n, line.event, line.klass, line.epoch) == (1, "chat", "P2", 1)
    assert (line.line, line.person) == ("c07_0000000000000001", None)
    assert line.data.decode() == '{"text":"第 1 行"}'
    assert abs(line.at - now_ms()) < 60_000
    assert (notice.n, notice.line) == (2, None)
    [own] = await log.read(SHOW, "own", 0)
    assert (own.n, own.event, own.person, own.data) == (1, "payment", "u_0", b'{"a":1}')
    [staff] = await log.read(SHOW, "staff", 0)
    assert (staff.n, staff.event) == (1, "audit")


async def test_an_operation_is_recorded_once(redis: Redis) -> None:
    log = Log(redis)
    record = Record(show=SHOW, log=[chat(1)], incr={"likes": 3})
    await log.record(record, op="op")
    await log.record(record, op="op")
    assert len(await log.read(SHOW, "log", 0)) == 1
    assert await log.state_field(SHOW, "likes") == "3"
    await log.record(record)
    assert await log.state_field(SHOW, "likes") == "6"


async def test_a_snapshot_is_what_a_newcomer_needs(redis: Redis) -> None:
    log = Log(redis)
    await log.record(
        Record(
            show=SHOW,
            log=[chat(n) for n in range(1, 6)] + [("notice", "P0", "{}")],
            state={"show": '{"title":"年貨節"}', "mute:u_1": "99", "slow_ms": "0"},
            incr={"viewers": -5},
        )
    )
    gone = [chat(4)[3]]
    await log.record(Record(show=SHOW, gone=gone, unset=["slow_ms"]))
    snapshot = await log.snapshot(SHOW, lines_max=3)
    assert (snapshot.epoch, snapshot.n) == (1, 6)
    assert [n for n, _ in snapshot.lines] == [2, 3, 5]
    assert snapshot.lines[0][1].decode() == '{"text":"第 2 行"}'
    assert snapshot.state == {
        "show": '{"title":"年貨節"}',
        "viewers": "0",
        "n": "6",
        "v": "2",
    }
    assert await log.state_field(SHOW, "mute:u_1") == "99"
    assert await log.gone(SHOW, [chat(3)[3], *gone]) == set(gone)
    assert await log.gone(SHOW, []) == set()


async def test_lines_are_found_behind_many_other_entries(redis: Redis) -> None:
    log = Log(redis)
    await log.record(Record(show=SHOW, log=[chat(1)]))
    await log.record(Record(show=SHOW, log=[("order", "P0", "{}")] * 300))
    assert [n for n, _ in (await log.snapshot(SHOW)).lines] == [1]


async def test_an_empty_show_has_an_empty_snapshot(redis: Redis) -> None:
    snapshot = await Log(redis).snapshot(ELSEWHERE)
    assert (snapshot.n, snapshot.state, snapshot.lines) == (0, {}, [])


async def test_a_closed_gate_tells_nothing(closed_redis: Redis) -> None:
    with pytest.raises(Recovering):
        await Log(closed_redis).snapshot(SHOW)
    with pytest.raises(Recovering):
        await Log(closed_redis).record(Record(show=SHOW, log=[chat(1)]))


@pytest.mark.parametrize("field", ["n", "n_own", "n_staff", "v"])
async def test_counters_are_not_for_others_to_set(redis: Redis, field: str) -> None:
    log = Log(redis)
    with pytest.raises(Invalid):
        await log.record(Record(show=SHOW, state={field: "9"}))
    with pytest.raises(Invalid):
        await log.record(Record(show=SHOW, incr={field: 9}))
    assert await log.state_field(SHOW, field) is None


async def test_a_record_has_a_limit(redis: Redis) -> None:
    log = Log(redis)
    with pytest.raises(TooLarge):
        await log.record(Record(show=SHOW, log=[chat(n) for n in range(301)]))
    assert await log.last(SHOW, "log") == 0


async def test_a_counter_behind_its_log_writes_nothing(redis: Redis) -> None:
    """What XADD would refuse is found out before anything is written."""
    log, key = Log(redis), keys.log(SHOW)
    await redis.command(key, "XADD", key, "5-0", "e", "x")
    with pytest.raises(Exception, match="LOGORDER"):
        await log.record(Record(show=SHOW, log=[chat(1)], state={"show": "{}"}))
    assert await log.state_field(SHOW, "show") is None


async def test_a_log_is_trimmed_from_its_beginning(redis: Redis) -> None:
    log = Log(redis)
    await log.record(Record(show=SHOW, log=[chat(n) for n in range(10)]))
    assert await log.trim(SHOW, "log", 9) == 8
    await log.record(Record(show=SHOW, log=[chat(1)]))
    assert [entry.n for entry in await log.read(SHOW, "log", 0)] == [9, 10, 11]


async def test_a_nudge_reaches_who_waits(redis: Redis) -> None:
    control = Control(redis)
    await control.nudge("inbox")
    start = await control.position()
    waiting = asyncio.create_task(control.tail(start, 5_000))
    await asyncio.sleep(0.05)
    await control.nudge("mute", "s07")
    after, told = await waiting
    assert told == [("mute", "s07")]
    assert await control.tail(after, 1) == (after, [])
    assert await Control(redis).tail("0-0", 1_000) == (
        after,
        [("inbox", ""), ("mute", "s07")],
    )
