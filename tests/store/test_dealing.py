"""The life of a deal: loaded once, opened, paused, restocked, closed."""

from collections.abc import Awaitable, Callable

import msgspec
import pytest

from dealcast.core.errors import Closed, Invalid, NotFound, StockShort, WrongState
from dealcast.core.events import Person
from dealcast.core.ids import PersonId
from dealcast.core.states import DEAL as TABLE
from dealcast.store import keys
from dealcast.store.facts import Facts
from dealcast.store.log import Log
from dealcast.store.redis import Redis
from dealcast.store.stock import Stock
from tests.store.dealing import (
    BLUE,
    DEAL,
    HOUR_MS,
    PART,
    RED,
    SHOW,
    buyer,
    changes,
    check_books,
    codes,
    fold,
    held,
    item,
    make_overdue,
    now_ms,
    terms,
    units,
)

HOST = Person(id=PersonId("u_0000000000000009"), name="老王", role="host")


async def status(redis: Redis) -> str:
    """Return the status of the deal."""
    return (await redis.hgetall(keys.deal(DEAL)))[b"status"].decode()


async def due_at(redis: Redis) -> int | None:
    """Return when the clerk is to look at the deal next."""
    key = keys.due(PART)
    score = await redis.command(key, "ZSCORE", key, DEAL)
    return None if score is None else int(score)


async def test_a_deal_is_loaded_once(redis: Redis) -> None:
    stock = Stock(redis)
    await stock.load("load", terms(lines={RED: 10, BLUE: 0}))
    await held(stock, item(buyer(1)))
    await stock.load("load", terms(lines={RED: 10, BLUE: 0}))
    await stock.load("another", terms(lines={RED: 99}))
    assert (await check_books(redis, DEAL))[DEAL] == {
        RED: (10, 9, 1, 0),
        BLUE: (0,) * 4,
    }
    assert await changes(redis) == ["planned", "opened"]
    assert await stock.show_of(DEAL) == SHOW


async def test_a_new_deal_is_told_with_its_view(redis: Redis) -> None:
    await Stock(redis).load("load", terms(status="planned"))
    [entry] = await Log(redis).read(SHOW, "log", 0)
    told = msgspec.json.decode(entry.data)
    assert (told["change"], told["status"], entry.klass) == ("planned", "planned", "P0")
    assert told["view"] == msgspec.json.decode(terms().view)
    snapshot = await Log(redis).snapshot(SHOW)
    assert snapshot.state[f"deal:{DEAL}"] == terms().view
    assert msgspec.json.decode(snapshot.state[f"status:{DEAL}"]) == {
        "status": "planned",
        "reason": None,
    }


@pytest.mark.parametrize(
    "lines", [{}, {RED: -1}, {RED: 10**10}, {f"v{n}": 1 for n in range(101)}]
)
async def test_a_strange_deal_is_not_loaded(
    redis: Redis, lines: dict[str, int]
) -> None:
    asked = msgspec.structs.replace(terms(), lines=list(lines.items()))
    with pytest.raises(Invalid):
        await Stock(redis).load("load", asked)
    assert await redis.hgetall(keys.deal(DEAL)) == {}
    assert await redis.command(keys.facts(PART), "XLEN", keys.facts(PART)) == 0


@pytest.mark.parametrize("state", ["planned", "open", "paused", "closed"])
@pytest.mark.parametrize("act", ["open", "pause", "resume", "close"])
async def test_acts_follow_the_table_of_states(
    redis: Redis, state: str, act: str
) -> None:
    stock = Stock(redis)
    await stock.load("load", terms(status="planned"))
    paths = {"planned": "", "open": "open", "paused": "open pause", "closed": "close"}
    for step in paths[state].split():
        await turn(stock, step)(DEAL, op=f"first {step}")
    if (state, act) in TABLE:
        await turn(stock, act)(DEAL, op="act")
        await turn(stock, act)(DEAL, op="act")  # The same operation again.
        assert await status(redis) == TABLE[state, act]
    else:
        with pytest.raises(WrongState):
            await turn(stock, act)(DEAL, op="act")
        assert await status(redis) == state
    await check_books(redis, DEAL)


def turn(stock: Stock, act: str) -> Callable[..., Awaitable[None]]:
    """Return the method for an act."""
    return {
        "open": stock.open,
        "pause": stock.pause,
        "resume": stock.resume,
        "close": stock.close,
    }[act]


async def test_a_deal_that_is_not_there_cannot_be_opened(redis: Redis) -> None:
    with pytest.raises(NotFound):
        await Stock(redis).open(DEAL, op="op")


async def test_a_pause_is_told_with_its_reason_and_its_author(redis: Redis) -> None:
    stock = Stock(redis)
    await stock.load("load", terms())
    await stock.pause(DEAL, op="op", reason='say "稍等"', by=HOST)
    assert codes(await stock.hold(DEAL, [item(buyer(1))])) == ["paused"]
    last = (await Log(redis).read(SHOW, "log", 0))[-1]
    assert msgspec.json.decode(last.data)["reason"] == 'say "稍等"'
    [audit] = await Log(redis).read(SHOW, "staff", 0)
    assert msgspec.json.decode(audit.data) == {
        "act": "deal_pause",
        "by": {"id": HOST.id, "name": "老王", "role": "host"},
        "subject": DEAL,
        "reason": 'say "稍等"',
        "at": audit.at,
    }
    fact = (await Facts(redis).read(PART, 0))[-1]
    assert fact.body["by"] == HOST.id
    await stock.resume(DEAL, op="op2")
    assert codes(await stock.hold(DEAL, [item(buyer(1))])) == ["ok"]


async def test_at_close_free_units_leave_the_deal(redis: Redis) -> None:
    stock = Stock(redis)
    await stock.load("load", terms(lines={RED: 10, BLUE: 3}))
    holds = await held(stock, item(buyer(1), quantity=2), item(buyer(2)))
    await stock.close(DEAL, op="close")
    assert codes(await stock.hold(DEAL, [item(buyer(3))])) == ["closed"]
    assert await units(redis) == {RED: (3, 0, 3, 0), BLUE: (0, 0, 0, 0)}
    await stock.release(holds[:1], reason="x")
    await make_overdue(redis, holds[1])
    await stock.expire(DEAL)
    assert (await check_books(redis, DEAL))[DEAL] == {RED: (0,) * 4, BLUE: (0,) * 4}
    returned = (await fold(redis)).returned
    assert returned == {(DEAL, RED): 10, (DEAL, BLUE): 3}
    assert await changes(redis) == ["planned", "opened", "closed"]
    assert await due_at(redis) is None


async def test_a_restock_brings_a_deal_back(redis: Redis) -> None:
    stock = Stock(redis)
    await stock.load("load", terms(lines={RED: 1}))
    await held(stock, item(buyer(1)))
    for _ in range(2):
        await stock.adjust(DEAL, RED, 5, op="more")
    assert (await check_books(redis, DEAL))[DEAL] == {RED: (6, 5, 1, 0)}
    assert await changes(redis) == [
        "planned",
        "opened",
        "sold_out",
        "restocked",
        "back",
    ]


async def test_units_are_taken_back_only_if_they_are_free(redis: Redis) -> None:
    stock = Stock(redis)
    await stock.load("load", terms())
    await held(stock, item(buyer(1), quantity=2))
    with pytest.raises(StockShort):
        await stock.adjust(DEAL, RED, -9, op="less")
    await stock.adjust(DEAL, RED, -8, op="less")
    with pytest.raises(NotFound):
        await stock.adjust(DEAL, BLUE, 1, op="blue")
    assert (await check_books(redis, DEAL))[DEAL] == {RED: (2, 0, 2, 0)}
    assert await changes(redis) == ["planned", "opened", "sold_out"]


async def test_a_restock_that_comes_after_the_close_goes_back(redis: Redis) -> None:
    stock = Stock(redis)
    await stock.load("load", terms())
    await stock.close(DEAL, op="close")
    await stock.adjust(DEAL, RED, 5, op="more")
    with pytest.raises(Closed):
        await stock.adjust(DEAL, RED, -1, op="less")
    assert (await check_books(redis, DEAL))[DEAL] == {RED: (0, 0, 0, 0)}
    assert (await fold(redis)).returned == {(DEAL, RED): 15}


async def test_the_clerk_brings_the_announcement_forward(redis: Redis) -> None:
    stock, now = Stock(redis), now_ms()
    await stock.load(
        "load", terms(status="planned", opens_at=now - 2, closes_at=now + HOUR_MS)
    )
    assert await stock.due(PART, now) == [DEAL]
    await stock.keep_time(DEAL)
    await stock.keep_time(DEAL)
    assert await changes(redis) == ["planned", "opened"]
    assert await stock.due(PART, now) == []
    assert await due_at(redis) == now + HOUR_MS
    [hold] = await held(stock, item(buyer(1)))
    row = await stock.get(hold)
    assert row is not None
    assert await due_at(redis) == min(row.expires_at, now + HOUR_MS)


async def test_the_clerk_closes_what_is_over(redis: Redis) -> None:
    stock, now = Stock(redis), now_ms()
    await stock.load("load", terms(closes_at=now - 1))
    await stock.keep_time(DEAL)
    assert await status(redis) == "closed"
    assert await stock.due(PART, now + HOUR_MS) == []
    await check_books(redis, DEAL)


async def test_operations_are_forgotten_after_a_day(redis: Redis) -> None:
    stock, key = Stock(redis), keys.ops(PART)
    await redis.command(key, "ZADD", key, now_ms() - 25 * HOUR_MS, "old")
    await redis.command(key, "ZADD", key, now_ms() - 23 * HOUR_MS, "young")
    await stock.load("load", terms())
    assert await redis.command(key, "ZRANGE", key, 0, -1) == [b"young", b"load"]
