"""Paying: all holds of a checkout or none; a late payment gets units or is told."""

from collections.abc import Sequence

import pytest

from dealcast.core.errors import (
    Conflict,
    Forbidden,
    HoldConfirmed,
    HoldExpired,
    HoldPaying,
    HoldReleased,
    Invalid,
    NotFound,
    RefundDue,
)
from dealcast.core.ids import HoldId, PaymentId, ShowId
from dealcast.store.facts import Facts
from dealcast.store.redis import Redis
from dealcast.store.stock import PaidLine, Stock
from tests.store.dealing import (
    BLUE,
    DEAL,
    HOUR_MS,
    OTHER,
    PART,
    PAYMENT,
    RED,
    buyer,
    check_books,
    held,
    item,
    make_overdue,
    now_ms,
    state_of,
    terms,
    units,
)

ANN, BOB = buyer(1), buyer(2)
ANOTHER = PaymentId("p07_0000000002")
LATER = now_ms() + HOUR_MS


@pytest.fixture
async def stock(redis: Redis) -> Stock:
    """Lend the stock with two open deals of one show."""
    stock = Stock(redis)
    await stock.load("load", terms(lines={RED: 3, BLUE: 2}))
    await stock.load("load other", terms(OTHER, lines={RED: 2}))
    return stock


async def bag(stock: Stock) -> list[HoldId]:
    """Let Ann hold something of both deals."""
    return [
        *await held(stock, item(ANN, "r"), item(ANN, "b", variant=BLUE)),
        *await held(stock, item(ANN, deal=OTHER), deal=OTHER),
    ]


async def lines(stock: Stock, holds: Sequence[HoldId]) -> list[PaidLine]:
    """Make what a payment knows of its holds."""
    return [
        PaidLine(
            hold=row.hold, buyer=row.buyer, variant=row.variant, quantity=row.quantity
        )
        for row in await stock.get_all(holds)
    ]


async def test_past_its_deadline_a_payment_marks_nothing(
    redis: Redis, stock: Stock
) -> None:
    holds = await bag(stock)
    with pytest.raises(HoldExpired):
        await stock.pay(PAYMENT, ANN, now_ms() - 1, holds)
    assert [await state_of(stock, hold) for hold in holds] == ["held"] * 3
    await stock.pay(PAYMENT, ANN, LATER, holds)
    await stock.pay(PAYMENT, ANN, now_ms() - 1, holds)  # They are marked already.
    assert [await state_of(stock, hold) for hold in holds] == ["paying"] * 3
    await check_books(redis, DEAL)


async def test_a_bag_of_several_deals_is_paid_in_one(
    redis: Redis, stock: Stock
) -> None:
    holds = await bag(stock)
    for _ in range(2):
        await stock.pay(PAYMENT, ANN, LATER, [*holds, holds[0]])
    row = await stock.get(holds[0])
    assert row is not None
    assert (row.state, row.payment, row.expires_at) == ("paying", PAYMENT, LATER)
    for _ in range(2):
        assert await stock.confirm(PAYMENT, await lines(stock, holds)) == [False] * 3
    await stock.pay(PAYMENT, ANN, LATER, holds)  # Too late to matter, and harmless.
    assert await check_books(redis, DEAL, OTHER) == {
        DEAL: {RED: (3, 2, 0, 1), BLUE: (2, 1, 0, 1)},
        OTHER: {RED: (2, 1, 0, 1)},
    }
    kinds = [fact.kind for fact in await Facts(redis).read(PART, 0)]
    assert kinds == ["load", "load", "hold", "hold", "pay", "confirm"]


async def test_a_bag_is_paid_whole_or_not_at_all(redis: Redis, stock: Stock) -> None:
    holds = await bag(stock)
    await stock.release(holds[2:], reason="x")
    with pytest.raises(HoldReleased) as caught:
        await stock.pay(PAYMENT, ANN, LATER, holds)
    assert caught.value.detail == holds[2]
    assert await state_of(stock, holds[0]) == "held"
    await make_overdue(redis, holds[1])
    await stock.expire(DEAL)
    with pytest.raises(HoldExpired):
        await stock.pay(PAYMENT, ANN, LATER, holds[:2])
    await stock.pay(PAYMENT, ANN, LATER, holds[:1])
    with pytest.raises(HoldPaying):
        await stock.pay(ANOTHER, ANN, LATER, holds[:1])
    await stock.confirm(PAYMENT, await lines(stock, holds[:1]))
    with pytest.raises(HoldConfirmed):
        await stock.pay(ANOTHER, ANN, LATER, holds[:1])
    with pytest.raises(HoldConfirmed):
        await stock.release(holds[:1], reason="x", payment=PAYMENT)
    await check_books(redis, DEAL, OTHER)


async def test_one_pays_for_ones_own_holds(stock: Stock) -> None:
    holds = await bag(stock)
    with pytest.raises(Forbidden):
        await stock.pay(PAYMENT, BOB, LATER, holds)
    with pytest.raises(NotFound):
        await stock.pay(PAYMENT, ANN, LATER, [item(ANN, "unknown").hold])
    with pytest.raises(Invalid):
        await stock.pay(PAYMENT, ANN, LATER, [])


async def test_holds_of_two_shows_are_not_paid_in_one(
    redis: Redis, stock: Stock
) -> None:
    elsewhere = terms(OTHER, show=ShowId("s07_0000000001"))
    await redis.command("{p07}", "DEL", f"{{p07}}:deal:{OTHER}")
    await stock.load("load elsewhere", elsewhere)
    holds = [item(ANN).hold, item(ANN, deal=OTHER).hold]
    with pytest.raises(Invalid):
        await Stock(redis).pay(PAYMENT, ANN, LATER, holds)


async def test_what_is_overdue_but_not_swept_can_be_paid(
    redis: Redis, stock: Stock
) -> None:
    holds = await bag(stock)
    await make_overdue(redis, holds[0])
    await stock.pay(PAYMENT, ANN, LATER, holds)
    await stock.confirm(PAYMENT, await lines(stock, holds))
    await check_books(redis, DEAL, OTHER)


async def test_a_failed_payment_gives_its_holds_back(
    redis: Redis, stock: Stock
) -> None:
    holds = await bag(stock)
    await stock.pay(PAYMENT, ANN, LATER, holds)
    with pytest.raises(HoldPaying):
        await stock.release(holds, reason="failed", payment=ANOTHER)
    assert await stock.release(holds, reason="failed", payment=PAYMENT) == 3
    assert await units(redis) == {RED: (3, 3, 0, 0), BLUE: (2, 2, 0, 0)}
    await check_books(redis, DEAL, OTHER)


async def test_what_could_not_be_captured_is_for_sale_again(
    redis: Redis, stock: Stock
) -> None:
    holds = await bag(stock)
    await stock.pay(PAYMENT, ANN, LATER, holds)
    await stock.confirm(PAYMENT, await lines(stock, holds))
    await stock.close(OTHER, op="close")
    with pytest.raises(HoldConfirmed):
        await stock.release(holds, reason="capture_refused", payment=ANOTHER)
    for count in (3, 0):
        told = await stock.release(holds, reason="capture_refused", payment=PAYMENT)
        assert told == count
    assert await check_books(redis, DEAL, OTHER) == {
        DEAL: {RED: (3, 3, 0, 0), BLUE: (2, 2, 0, 0)},
        OTHER: {RED: (0, 0, 0, 0)},
    }


async def test_a_late_payment_takes_free_units_again(
    redis: Redis, stock: Stock
) -> None:
    holds = await bag(stock)
    paid = await lines(stock, holds)
    await stock.pay(PAYMENT, ANN, LATER, holds)
    await stock.release(holds, reason="failed", payment=PAYMENT)
    for expected in ([True] * 3, [False] * 3):  # The replay has nothing left to do.
        assert await stock.confirm(PAYMENT, paid) == expected
    assert (await check_books(redis, DEAL, OTHER))[OTHER] == {RED: (2, 1, 0, 1)}


async def test_a_hold_that_redis_lost_is_sold_from_free_units(
    redis: Redis, stock: Stock
) -> None:
    lost = item(ANN, "lost")
    line = PaidLine(hold=lost.hold, buyer=ANN, variant=RED, quantity=2)
    assert await stock.confirm(PAYMENT, [line]) == [True]
    assert (await check_books(redis, DEAL))[DEAL][RED] == (3, 1, 0, 2)


async def test_a_late_payment_without_units_is_refunded(
    redis: Redis, stock: Stock
) -> None:
    holds = await bag(stock)
    paid = await lines(stock, holds)
    await stock.release(holds, reason="x")
    await held(stock, item(BOB, quantity=2, variant=BLUE))
    with pytest.raises(RefundDue) as caught:
        await stock.confirm(PAYMENT, paid)
    assert caught.value.detail == holds[1]
    assert (await check_books(redis, DEAL))[DEAL][RED] == (3, 3, 0, 0)


async def test_a_late_payment_after_the_close_is_refunded(
    redis: Redis, stock: Stock
) -> None:
    early, late = await held(stock, item(ANN, "a"), item(BOB, "b"))
    paid = await lines(stock, [early, late])
    await stock.pay(PAYMENT, ANN, LATER, [early])
    await stock.release([late], reason="x")
    await stock.close(DEAL, op="close")
    assert await stock.confirm(PAYMENT, paid[:1]) == [False]
    with pytest.raises(RefundDue):
        await stock.confirm(ANOTHER, paid[1:])
    assert (await check_books(redis, DEAL))[DEAL] == {RED: (1, 0, 0, 1), BLUE: (0,) * 4}


async def test_a_late_payment_does_not_go_around_the_limit(stock: Stock) -> None:
    holds = await held(stock, item(ANN, quantity=2))
    paid = await lines(stock, holds)
    await stock.release(holds, reason="x")
    await held(stock, item(ANN, "again"))
    with pytest.raises(RefundDue):
        await stock.confirm(PAYMENT, paid)


async def test_a_hold_is_sold_by_one_payment_alone(redis: Redis, stock: Stock) -> None:
    holds = await bag(stock)
    paid = await lines(stock, holds)
    await stock.pay(PAYMENT, ANN, LATER, holds)
    with pytest.raises(RefundDue):
        await stock.confirm(ANOTHER, paid)
    await stock.confirm(PAYMENT, paid)
    with pytest.raises(RefundDue):
        await stock.confirm(ANOTHER, paid)
    await check_books(redis, DEAL, OTHER)


async def test_what_was_paid_must_be_what_was_held(stock: Stock) -> None:
    [hold] = await held(stock, item(ANN))
    with pytest.raises(Conflict):
        await stock.confirm(
            PAYMENT, [PaidLine(hold=hold, buyer=ANN, variant=RED, quantity=2)]
        )
    assert await state_of(stock, hold) == "held"
