"""Whoever joins or comes back sees everything once, in order, or a snapshot."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from random import Random

import pytest

from dealcast.store import keys
from dealcast.store.log import Record
from tests.support.redis import RedisServers
from tests.support.theatre import OTHER, SHOW, Theatre, Watcher, opened


@pytest.fixture
async def theatre(standalone: RedisServers) -> AsyncIterator[Theatre]:
    """Open a theatre on an empty store."""
    standalone.empty()
    async with opened(standalone.url) as theatre:
        yield theatre


def texts(watcher: Watcher) -> list[str]:
    """Return the lines that came as events."""
    return [line["text"] for line in watcher.events("/live", "chat")]


async def test_a_viewer_without_a_token_gets_a_snapshot_and_what_follows(
    theatre: Theatre,
) -> None:
    state = {
        "show": '{"id":"s07_abcdefghjk"}',
        "deal:d07_a": '{"id":"d07_a","status":"planned","reason":null,"opens_at":5}',
        "status:d07_a": '{"status":"open","reason":null}',
        "stock:d07_a": '{"red":[3,2,1]}',
        "likes": "7",
        "mute:u_1": "99",
    }
    await theatre.log.record(Record(show=SHOW, state=state))
    await theatre.say("early")
    watcher = await theatre.watch(show="tea-time")
    await theatre.say("late")
    await watcher.until(lambda: texts(watcher) == ["late"])

    sync = watcher.events("/live", "sync")[0]
    assert sync["recovered"] is False
    assert sync["show"] == {"id": SHOW}
    assert [deal["status"] for deal in sync["deals"]] == ["open"]
    assert sync["state"]["stock"] == {
        "d07_a": {"red": {"free": 3, "held": 2, "sold": 1}}
    }
    assert sync["state"]["likes"] == 7
    assert [line["text"] for line in sync["chat"]] == ["early"]
    assert watcher.cursors() == ["1.1", "1.2"]
    assert "mute" not in str(sync)


async def test_a_show_hears_nothing_of_another(theatre: Theatre) -> None:
    here, there = await theatre.watch(), await theatre.watch(show=OTHER)
    await theatre.say("here")
    await theatre.say("there", OTHER)
    await here.until(lambda: texts(here) and texts(there))
    assert (texts(here), texts(there)) == (["here"], ["there"])


async def test_a_client_that_returns_gets_what_it_missed(theatre: Theatre) -> None:
    await theatre.watch()
    await theatre.say("0")
    for number in range(1, 6):
        await theatre.say(str(number))
    returned = await theatre.watch(cursor="1.2")
    await returned.until(lambda: len(texts(returned)) == 4)

    sync = returned.events("/live", "sync")[0]
    assert sync["recovered"] is True
    assert sync["deals"] is None and sync["state"]["likes"] == 0
    assert texts(returned) == ["2", "3", "4", "5"]
    assert returned.cursors() == ["1.2", "1.3", "1.4", "1.5", "1.6"]


async def test_a_new_process_reads_what_was_missed_from_the_store(
    theatre: Theatre,
) -> None:
    for number in range(40):
        await theatre.say(str(number))
    returned = await theatre.watch(cursor="1.10")
    await theatre.say("40")
    await returned.until(lambda: texts(returned)[-1:] == ["40"])
    assert returned.events("/live", "sync")[0]["recovered"] is True
    assert texts(returned) == [str(number) for number in range(10, 41)]


@pytest.mark.parametrize("cursor", ["2.3", "0.3", "1.99", "1.0003x", "", "nonsense"])
async def test_a_cursor_that_leads_nowhere_gets_a_snapshot(
    theatre: Theatre, cursor: str
) -> None:
    for number in range(3):
        await theatre.say(str(number))
    watcher = await theatre.watch(cursor=cursor)
    sync = watcher.events("/live", "sync")[0]
    assert sync["recovered"] is False
    assert [line["text"] for line in sync["chat"]] == ["0", "1", "2"]


async def test_a_client_too_far_behind_gets_a_snapshot(theatre: Theatre) -> None:
    for number in range(302):
        await theatre.say(str(number))
    behind = await theatre.watch(cursor="1.1")
    just = await theatre.watch(cursor="1.2")
    assert behind.events("/live", "sync")[0]["recovered"] is False
    assert just.events("/live", "sync")[0]["recovered"] is True
    await just.until(lambda: len(texts(just)) == 300)


async def test_the_stock_client_is_told_its_name_again_only_if_it_recovered(
    theatre: Theatre,
) -> None:
    await theatre.say("0")
    same = await theatre.watch(pid="abc123", offset="1.1")
    other = await theatre.watch(pid="abc123", offset="9.1")
    assert same.events("/live", "sync")[0]["recovered"] is True
    assert other.events("/live", "sync")[0]["recovered"] is False


async def test_joins_amid_a_storm_of_lines_see_no_gap_and_no_duplicate(
    theatre: Theatre,
) -> None:
    rng = Random(3)
    speaking = True

    async def speak() -> None:
        while speaking:
            await theatre.say("x")
            await asyncio.sleep(rng.random() * 0.004)

    speaker = asyncio.create_task(speak())
    watchers: list[Watcher] = []
    for _ in range(25):
        cursor = f"1.{theatre.lines - rng.randrange(8)}" if rng.random() < 0.6 else None
        watchers.append(await theatre.watch(cursor=cursor))
    speaking = False
    await speaker
    last = f"1.{theatre.lines}"
    for watcher in watchers:
        await watcher.until(partial(ends_at, watcher, last))
        numbers = [int(cursor.split(".")[1]) for cursor in watcher.cursors()]
        assert numbers == list(range(numbers[0], theatre.lines + 1))


def ends_at(watcher: Watcher, cursor: str) -> bool:
    """Tell whether the last event was the one at ``cursor``."""
    return watcher.cursors()[-1] == cursor


async def test_deleted_lines_are_never_sent_again(theatre: Theatre) -> None:
    watcher = await theatre.watch()
    lines = [await theatre.say(f"line {number}") for number in range(4)]
    await watcher.until(lambda: len(texts(watcher)) == 4)
    await theatre.delete(lines[1], lines[2])
    await watcher.until(lambda: watcher.events("/live", "deleted"))
    second = await theatre.open()
    assert second.connections == {}

    from_ring = await theatre.watch(cursor="1.1")
    from_store = await theatre.watch(cursor="1.1", at=1)
    late = await theatre.watch()
    for returned in (from_ring, from_store):
        await returned.hears("deleted")
        assert returned.events("/live", "sync")[0]["recovered"] is True
        assert texts(returned) == ["line 3"]
        assert len(returned.events("/live", "erased")) == 2
        assert returned.cursors() == ["1.1", "1.2", "1.3", "1.4", "1.5"]
    chat = late.events("/live", "sync")[0]["chat"]
    assert [line["text"] for line in chat] == ["line 0", "line 3"]


async def test_a_gap_in_the_log_gives_everybody_a_snapshot(theatre: Theatre) -> None:
    watcher = await theatre.watch()
    await theatre.say("heard")
    await watcher.until(lambda: texts(watcher) == ["heard"])
    # The reader sleeps while entries come and are trimmed away.
    key = keys.log(SHOW)
    for name in ("5-0", "6-0"):
        words = ("e", "chat", "c", "P2", "d", '{"text":"z"}', "at", 1, "ep", 1)
        await theatre.redis.command(key, "XADD", key, name, *words)
    await theatre.redis.hset(keys.state(SHOW), {"n": 6})
    await watcher.until(lambda: len(watcher.events("/live", "sync")) == 2)
    sync = watcher.events("/live", "sync")[1]
    assert sync["recovered"] is False
    assert [line["text"] for line in sync["chat"]] == ["heard", "z", "z"]
    await theatre.say("after")
    await watcher.until(lambda: texts(watcher)[-1] == "after")
    assert watcher.cursors()[-2:] == ["1.6", "1.7"]


@pytest.mark.parametrize("n", [0, 7])
async def test_a_new_epoch_gives_everybody_a_snapshot(theatre: Theatre, n: int) -> None:
    watcher = await theatre.watch("/live", "/me", token="mei/viewer/*")
    for number in range(3):
        await theatre.say(str(number))
    await watcher.until(lambda: len(texts(watcher)) == 3)
    for key in (keys.log(SHOW), keys.state(SHOW)):
        await theatre.redis.delete(key)
    await theatre.gate(SHOW, epoch=2)
    if n:
        await theatre.redis.hset(keys.state(SHOW), {"n": n})
    await theatre.say("anew")
    await watcher.until(lambda: len(watcher.events("/live", "sync")) == 2)
    await theatre.say("and on")
    await watcher.until(lambda: texts(watcher)[-1] == "and on")
    assert watcher.cursors()[-2:] == [f"2.{n + 1}", f"2.{n + 2}"]
