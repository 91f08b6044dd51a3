"""Holding: nobody gets what is not there, and asking twice is asking once."""

import asyncio
from collections import Counter

import pytest

from dealcast.core.errors import Forbidden, HoldPaying, Invalid, NotFound, Recovering
from dealcast.core.ids import HoldId
from dealcast.store import keys
from dealcast.store.log import Log
from dealcast.store.redis import Redis
from dealcast.store.stock import BATCH_MAX, HOLDS_MAX, HoldItem, Stock
from tests.store.dealing import (
    BLUE,
    DEAL,
    HOUR_MS,
    OTHER,
    PART,
    PAYMENT,
    RED,
    SHOW,
    buyer,
    changes,
    check_books,
    codes,
    held,
    item,
    make_overdue,
    now_ms,
    state_of,
    terms,
    units,
)


@pytest.fixture
async def stock(redis: Redis) -> Stock:
    """Lend the stock with one open deal of ten red units, two for each buyer."""
    stock = Stock(redis)
    await stock.load("load", terms())
    return stock


async def test_a_rush_sells_each_unit_once(redis: Redis, stock: Stock) -> None:
    rush = [stock.hold(DEAL, [item(buyer(number))]) for number in range(150)]
    answers = await asyncio.gather(*rush)
    told = Counter(answer.code for [answer] in answers)
    assert told == {"ok": 10, "sold_out": 140}
    assert (await check_books(redis, DEAL))[DEAL] == {RED: (10, 0, 10, 0)}
    assert await changes(redis) == ["planned", "opened", "sold_out"]


async def test_batches_are_decided_in_order(redis: Redis, stock: Stock) -> None:
    rush = [item(buyer(number)) for number in range(BATCH_MAX)]
    answers = await stock.hold(DEAL, rush)
    assert codes(answers) == ["ok"] * 10 + ["sold_out"] * (BATCH_MAX - 10)
    facts = await redis.command(keys.facts(PART), "XLEN", keys.facts(PART))
    assert facts == 2  # One for the load, one for the whole batch.
    await check_books(redis, DEAL)


async def test_the_last_units_go_to_who_wants_no_more(stock: Stock) -> None:
    await held(stock, *(item(buyer(number)) for number in range(9)))
    wants_two, wants_one = item(buyer(20), quantity=2), item(buyer(21))
    answers = await stock.hold(DEAL, [wants_two, wants_one])
    assert codes(answers) == ["sold_out", "ok"]


async def test_the_same_key_twice_is_one_hold(redis: Redis, stock: Stock) -> None:
    [first] = await stock.hold(DEAL, [item(buyer(1))])
    [again] = await stock.hold(DEAL, [item(buyer(1))])
    twice = await stock.hold(DEAL, [item(buyer(2)), item(buyer(2))])
    assert first == again
    assert twice[0] == twice[1]
    assert await units(redis) == {RED: (10, 8, 2, 0)}
    await check_books(redis, DEAL)


async def test_the_same_key_with_another_body_is_a_conflict(stock: Stock) -> None:
    await held(stock, item(buyer(1)))
    other = item(buyer(1), quantity=2, fingerprint="g")
    in_one = [item(buyer(2)), item(buyer(2), fingerprint="g")]
    assert codes(await stock.hold(DEAL, [other])) == ["conflict"]
    assert codes(await stock.hold(DEAL, in_one)) == ["ok", "conflict"]


async def test_a_replay_tells_what_became_of_the_hold(stock: Stock) -> None:
    holds = await held(stock, item(buyer(1)))
    await stock.release(holds, reason="buyer", buyer=buyer(1))
    [again] = await stock.hold(DEAL, [item(buyer(1))])
    assert (again.code, again.state) == ("ok", "released")


async def test_nobody_has_more_than_the_limit(redis: Redis, stock: Stock) -> None:
    tries = [item(buyer(1), key=f"k{number}") for number in range(5)]
    assert codes(await stock.hold(DEAL, tries)) == ["ok"] * 2 + ["buyer_limit"] * 3
    assert codes(await stock.hold(DEAL, [item(buyer(2), quantity=3)])) == [
        "buyer_limit"
    ]
    await stock.release([tries[0].hold], reason="buyer")
    assert codes(await stock.hold(DEAL, [tries[4]])) == ["ok"]
    await check_books(redis, DEAL)


@pytest.mark.parametrize(
    ("quantity", "code"), [(10, "ok"), (11, "sold_out"), (1_000_001, "sold_out")]
)
async def test_at_most_what_is_left(redis: Redis, quantity: int, code: str) -> None:
    stock = Stock(redis)
    await stock.load("load", terms(per_buyer_max=0))
    assert codes(await stock.hold(DEAL, [item(buyer(1), quantity=quantity)])) == [code]


@pytest.mark.parametrize("quantity", [0, -1, 10**10])
async def test_a_strange_quantity_changes_nothing(
    redis: Redis, stock: Stock, quantity: int
) -> None:
    with pytest.raises(Invalid):
        await stock.hold(DEAL, [item(buyer(1)), item(buyer(2), quantity=quantity)])
    assert await units(redis) == {RED: (10, 10, 0, 0)}


async def test_what_the_call_cannot_take_is_refused(stock: Stock) -> None:
    many = [item(buyer(number)) for number in range(BATCH_MAX + 1)]
    with pytest.raises(Invalid):
        await stock.hold(DEAL, many)
    with pytest.raises(Invalid):
        await stock.hold(DEAL, [item(buyer(1), fingerprint="a|b")])
    with pytest.raises(Invalid):
        await stock.release([one.hold for one in many[: HOLDS_MAX + 1]], reason="x")
    with pytest.raises(NotFound):
        await stock.hold(OTHER, [item(buyer(1), deal=OTHER)])
    assert codes(await stock.hold(DEAL, [item(buyer(1), variant=BLUE)])) == [
        "not_found"
    ]


@pytest.mark.parametrize(
    ("opens_in", "closes_in", "code", "told"),
    [
        (HOUR_MS, None, "not_open", ["planned"]),
        (-1, None, "ok", ["planned", "opened"]),
        (-HOUR_MS, HOUR_MS, "ok", ["planned", "opened"]),
        (-HOUR_MS, -1, "closed", ["planned", "closed"]),
        (None, None, "not_open", ["planned"]),
    ],
)
async def test_redis_knows_what_time_it_is(
    redis: Redis,
    opens_in: int | None,
    closes_in: int | None,
    code: str,
    told: list[str],
) -> None:
    now, stock = now_ms(), Stock(redis)
    planned = terms(
        status="planned",
        opens_at=None if opens_in is None else now + opens_in,
        closes_at=None if closes_in is None else now + closes_in,
    )
    await stock.load("load", planned)
    assert codes(await stock.hold(DEAL, [item(buyer(1))])) == [code]
    assert await changes(redis) == told
    await check_books(redis, DEAL)


async def test_nothing_is_held_before_the_opening_instant(redis: Redis) -> None:
    stock, opens_at = Stock(redis), now_ms() + 150
    await stock.load("load", terms(status="planned", opens_at=opens_at))
    early, number = 0, 0
    while True:
        number += 1
        [answer] = await stock.hold(DEAL, [item(buyer(number))])
        if answer.code == "ok":
            break
        early += 1
        assert answer.code == "not_open"
    row = await stock.get(item(buyer(number)).hold)
    assert row is not None
    assert row.expires_at - HOUR_MS >= opens_at
    assert early > 0


async def test_an_expired_hold_gives_its_units_back(redis: Redis, stock: Stock) -> None:
    holds = await held(stock, *(item(buyer(n), quantity=2) for n in range(5)))
    await make_overdue(redis, holds[0])
    await make_overdue(redis, holds[1])
    assert await stock.expire(DEAL) == 2
    assert await stock.expire(DEAL) == 0
    assert [await state_of(stock, hold) for hold in holds[:3]] == [
        "expired",
        "expired",
        "held",
    ]
    assert await changes(redis) == ["planned", "opened", "sold_out", "back"]
    own = await Log(redis).read(SHOW, "own", 0)
    assert [entry.person for entry in own] == [buyer(0), buyer(1)]
    assert b'"state":"expired"' in own[0].data
    assert (await check_books(redis, DEAL))[DEAL] == {RED: (10, 4, 6, 0)}


async def test_overdue_holds_give_way_before_sold_out(
    redis: Redis, stock: Stock
) -> None:
    holds = await held(stock, *(item(buyer(n), quantity=2) for n in range(5)))
    await make_overdue(redis, holds[3])
    assert codes(await stock.hold(DEAL, [item(buyer(9), quantity=2)])) == ["ok"]
    assert await state_of(stock, holds[3]) == "expired"
    assert await changes(redis) == ["planned", "opened", "sold_out"]
    await check_books(redis, DEAL)


async def test_a_hold_that_is_being_paid_does_not_expire(
    redis: Redis, stock: Stock
) -> None:
    holds = await held(stock, item(buyer(1)))
    await stock.pay(PAYMENT, buyer(1), now_ms() + HOUR_MS, holds)
    await make_overdue(redis, holds[0])
    assert await stock.expire(DEAL) == 0
    assert await state_of(stock, holds[0]) == "paying"
    with pytest.raises(HoldPaying):
        await stock.release(holds, reason="buyer", buyer=buyer(1))
    await check_books(redis, DEAL)


async def test_releasing_is_all_or_none_and_once(redis: Redis, stock: Stock) -> None:
    holds = await held(stock, item(buyer(1)), item(buyer(2)))
    unknown = item(buyer(3)).hold
    with pytest.raises(NotFound):
        await stock.release([*holds, unknown], reason="x")
    assert await units(redis) == {RED: (10, 8, 2, 0)}
    assert await stock.release([*holds, holds[0]], reason="x") == 2
    assert await stock.release(holds, reason="x") == 0
    assert (await check_books(redis, DEAL))[DEAL] == {RED: (10, 10, 0, 0)}


async def test_a_hold_is_released_by_its_buyer_alone(stock: Stock) -> None:
    holds = await held(stock, item(buyer(1)))
    with pytest.raises(Forbidden):
        await stock.release(holds, reason="x", buyer=buyer(2))
    assert await state_of(stock, holds[0]) == "held"


async def test_a_closed_gate_holds_nothing(closed_redis: Redis) -> None:
    with pytest.raises(Recovering):
        await Stock(closed_redis).load("load", terms())
    with pytest.raises(Recovering):
        await Stock(closed_redis).hold(DEAL, [item(buyer(1))])
    assert await closed_redis.hgetall(keys.deal(DEAL)) == {}


async def test_a_broken_key_leaves_no_half_of_a_call(
    redis: Redis, stock: Stock
) -> None:
    """Lua has no rollback: what cannot be written must be found out by reading."""
    before = await units(redis)
    for key in (
        keys.deadlines(DEAL),
        keys.buyers(DEAL),
        keys.due(PART),
    ):
        await redis.command(key, "SET", key, "not what it should be")
        with pytest.raises(Exception, match="WRONGTYPE"):
            await stock.hold(DEAL, [item(buyer(1))])
        await redis.delete(key)
        assert await units(redis) == before
        assert await stock.get(HoldId(item(buyer(1)).hold)) is None
    await check_books(redis, DEAL)


async def test_numbers_stay_whole(redis: Redis) -> None:
    stock, lines = Stock(redis), {RED: 1_000_000_000}
    big: list[HoldItem] = [item(buyer(1), quantity=999_999_999)]
    await stock.load("load", terms(lines=lines, per_buyer_max=0))
    assert codes(await stock.hold(DEAL, big)) == ["ok"]
    assert (await redis.hgetall(keys.deal(DEAL)))[b"h:red"] == b"999999999"
    assert await units(redis) == {RED: (1_000_000_000, 1, 999_999_999, 0)}
    await check_books(redis, DEAL)
