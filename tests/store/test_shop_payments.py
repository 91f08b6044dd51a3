"""From a hold to the money and the books, with everything that may go wrong."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from sqlalchemy import update

from dealcast.core.errors import (
    Conflict,
    Forbidden,
    HoldConfirmed,
    HoldPaying,
    HoldReleased,
    Invalid,
    NotFound,
    ProviderUnavailable,
    TokenInvalid,
)
from dealcast.core.ids import HoldId, PaymentId
from dealcast.core.money import Money
from dealcast.shop.payments import signature
from dealcast.shop.payments.provider import Object, PaymentProvider
from dealcast.shop.payments.sandbox import WEBHOOK_KEY
from dealcast.store import tables
from tests.store.selling import SECRET, Trade, caller

ANN, BOB = caller("ann"), caller("Bob 王")


@dataclass
class Odd:
    """A provider that is one of ours, but for what a test changes."""

    real: PaymentProvider
    changes: dict[str, Any] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    name: str = "sandbox"

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        return self.changes.get(name) or getattr(self.real, name)


def make_odd(trade: Trade, **changes: Any) -> Odd:
    odd = Odd(trade.providers["sandbox"], changes)
    trade.providers["sandbox"] = odd
    return odd


async def test_a_hold_is_paid_and_becomes_a_paid_order(both: Trade) -> None:
    deal = await both.listing(10)
    first = await both.hold(ANN, deal.id, 2)
    second = await both.hold(ANN, deal.id)
    out = await both.check_out(ANN, first, second)
    assert out.payment.amount == Money(3 * 12_900, "CNY")
    assert await both.units(deal.id) == (10, 7, 3, 0)
    assert await both.choose(out.payment.url) == 303
    row = await both.drive_to(out.payment.id, "captured")
    assert await both.order_state(out.order) == "paid"
    assert await both.units(deal.id) == (10, 7, 0, 3)
    entries = await both.rows(tables.entry)
    assert {entry.account: entry.amount for entry in entries} == {
        "provider:sandbox": 38_700,
        "seller:shop": -38_700,
    }
    assert {entry.source for entry in entries} == {f"capture:{row.id}"}
    order = await both.orders.get(ANN, out.order)
    assert [line.quantity for line in order.lines].count(2) == 1
    with pytest.raises(NotFound):
        await both.orders.get(BOB, out.order)
    (told,) = await both.told(deal.show, "log", "order")
    assert (told["count"], told["units"], told["names"]) == (1, 3, ["a**"])
    states = [one["state"] for one in await both.told(deal.show, "own", "payment")]
    assert states == ["authorised", "captured"]
    (mine,) = await both.told(deal.show, "own", "order")
    (staff,) = await both.told(deal.show, "staff", "order")
    assert mine == staff == msgspec.to_builtins(order)
    state = await both.books.redis.hgetall(f"{{p{deal.id[1:3]}}}:state:{deal.show}")
    assert msgspec.json.decode(state[b"sold"]) == {"orders": 1, "units": 3}


async def test_orders_paid_together_are_told_in_one_event(trade: Trade) -> None:
    deal = await trade.listing(10)
    outs = []
    for number in range(7):
        buyer = caller(f"{number}号 buyer")
        hold = await trade.hold(buyer, deal.id)
        outs.append(await trade.check_out(buyer, hold))
    await asyncio.gather(*(trade.choose(out.payment.url) for out in outs))

    await trade.heard(7)
    for out in outs:
        await trade.drive_to(out.payment.id, "captured")
    told = await trade.told(deal.show, "log", "order")
    assert sum(one["count"] for one in told) == 7
    assert sum(one["units"] for one in told) == 7
    assert len(told) < 7
    assert all(len(one["names"]) == min(5, one["count"]) for one in told)


async def test_the_same_key_goes_on_with_the_same_payment(trade: Trade) -> None:
    deal = await trade.listing()
    hold, other = await trade.hold(ANN, deal.id), await trade.hold(ANN, deal.id)

    first, again = await asyncio.gather(
        *(trade.check_out(ANN, hold, key="k") for _ in range(2))
    )
    assert first == again == await trade.check_out(ANN, hold, key="k")
    with pytest.raises(Conflict):
        await trade.check_out(ANN, other, key="k")
    with pytest.raises(HoldPaying):
        await trade.check_out(ANN, hold, other)
    assert len(await trade.rows(tables.payment)) == 1
    row = await trade.books.stock.get(other)
    assert row is not None and row.state == "held"


async def test_what_cannot_be_checked_out(trade: Trade) -> None:
    deal = await trade.listing()
    hold = await trade.hold(ANN, deal.id)
    with pytest.raises(NotFound):
        await trade.check_out(BOB, hold)
    with pytest.raises(NotFound):
        await trade.check_out(
            ANN, HoldId(hold[:-1] + ("0" if hold[-1] != "0" else "1"))
        )
    with pytest.raises(Invalid):
        await trade.check_out(ANN, hold, hold)
    elsewhere = caller("ann", show="s01_0000000000")
    with pytest.raises(Forbidden):
        await trade.check_out(elsewhere, hold)
    await trade.holds.release(ANN, hold)
    with pytest.raises(HoldReleased):
        await trade.check_out(ANN, hold)
    second = await trade.show()
    other = await trade.deal(second, deal.product.id, 2, kind="listing")
    mixed = [await trade.hold(ANN, deal.id), await trade.hold(ANN, other.id)]
    with pytest.raises(Invalid):
        await trade.check_out(ANN, *mixed)
    assert await trade.rows(tables.payment) == []


async def test_a_provider_that_is_down_is_asked_again(trade: Trade) -> None:
    deal = await trade.listing()
    hold = await trade.hold(ANN, deal.id)

    async def down(_: object) -> Object:
        raise ProviderUnavailable

    odd = make_odd(trade, create=down)
    with pytest.raises(ProviderUnavailable):
        await trade.check_out(ANN, hold, key="k")
    (row,) = await trade.rows(tables.payment)
    assert row.state == "created"
    held = await trade.books.stock.get(hold)
    assert held is not None and held.state == "paying"
    odd.changes.clear()
    out = await trade.check_out(ANN, hold, key="k")
    assert out.payment.id == row.id
    await trade.choose(out.payment.url)
    await trade.drive_to(out.payment.id, "captured")


async def test_declined_units_go_back(trade: Trade) -> None:
    deal = await trade.listing()
    out = await trade.check_out(ANN, await trade.hold(ANN, deal.id, 2))
    assert await trade.choose(out.payment.url, "decline") == 303
    row = await trade.drive_to(out.payment.id, "failed")
    assert row.reason == "declined"
    assert await trade.units(deal.id) == (10, 10, 0, 0)
    told = await trade.told(deal.show, "own", "payment")
    assert [(one["state"], one["reason"]) for one in told] == [("failed", "declined")]
    assert await trade.choose(out.payment.url) == 409


async def test_past_the_deadline_the_units_go_back(both: Trade) -> None:
    deal = await both.listing()
    out = await both.check_out(ANN, await both.hold(ANN, deal.id))
    both.clock.ahead_ms = 899_000
    await both.driver.follow()
    assert (await both.payment(out.payment.id)).state == "pending"
    both.clock.ahead_ms = 901_000
    row = await both.drive_to(out.payment.id, "failed")
    assert row.reason == "expired"
    assert await both.units(deal.id) == (10, 10, 0, 0)
    assert await both.choose(out.payment.url) == 409


async def test_one_that_was_never_submitted_is_let_go(trade: Trade) -> None:
    deal = await trade.listing()
    hold = await trade.hold(ANN, deal.id)

    async def down(_: object) -> Object:
        raise ProviderUnavailable

    make_odd(trade, create=down)
    with pytest.raises(ProviderUnavailable):
        await trade.check_out(ANN, hold)
    (row,) = await trade.rows(tables.payment)
    trade.clock.ahead_ms = 901_000  # The checkout might still be at work.
    await trade.driver.follow()
    assert (await trade.payment(row.id)).state == "created"
    trade.clock.ahead_ms = 931_000
    await trade.drive_to(row.id, "failed")
    assert await trade.units(deal.id) == (10, 10, 0, 0)


async def test_paid_at_the_last_moment_counts(trade: Trade) -> None:
    deal = await trade.listing()
    out = await trade.check_out(ANN, await trade.hold(ANN, deal.id))
    await trade.choose(out.payment.url)
    trade.clock.ahead_ms = 3_600_000  # The webhook is far too old by now, or lost.
    await trade.drive_to(out.payment.id, "captured")
    assert await trade.order_state(out.order) == "paid"


@pytest.mark.parametrize("off", [Money(12_899, "CNY"), Money(12_900, "USD")])
async def test_another_amount_is_voided(trade: Trade, off: Money) -> None:
    deal = await trade.listing()
    out = await trade.check_out(ANN, await trade.hold(ANN, deal.id))
    await trade.choose(out.payment.url)
    real = trade.providers["sandbox"]

    async def fetch(reference: PaymentId) -> Object | None:
        found = await real.fetch(reference)
        assert found is not None
        return msgspec.structs.replace(found, amount=off)

    make_odd(trade, fetch=fetch)
    row = await trade.drive_to(out.payment.id, "voided")
    assert row.reason == "amount_mismatch"
    assert await trade.units(deal.id) == (10, 10, 0, 0)
    assert await trade.rows(tables.orders) == []
    found = await real.fetch(out.payment.id)
    assert found is not None and found.status == "cancelled"


async def test_paid_when_the_units_had_gone_is_voided(trade: Trade) -> None:
    deal = await trade.listing(1)
    out = await trade.check_out(ANN, await trade.hold(ANN, deal.id))
    await trade.choose(out.payment.url)
    await trade.books.follow()
    # As after a failover that lost the payment's mark: the hold went elsewhere.
    hold = (await trade.rows(tables.hold))[0].id
    await trade.books.stock.release([hold], reason="lost", payment=out.payment.id)
    await trade.hold(BOB, deal.id)
    row = await trade.drive_to(out.payment.id, "voided")
    assert row.reason == "refund_due"
    assert await trade.units(deal.id) == (1, 0, 1, 0)
    found = await trade.providers["sandbox"].fetch(out.payment.id)
    assert found is not None and found.status == "cancelled"
    told = await trade.told(deal.show, "own", "payment")
    assert [one["state"] for one in told] == ["authorised", "voided"]


async def test_a_refused_capture_cancels_the_order(both: Trade) -> None:
    deal = await both.listing()
    out = await both.check_out(ANN, await both.hold(ANN, deal.id, 2))
    await both.choose(out.payment.url)
    real = both.providers["sandbox"]

    async def capture(reference: PaymentId) -> Object:
        gone = await real.cancel(reference)
        assert gone is not None
        return gone

    make_odd(both, capture=capture)
    row = await both.drive_to(out.payment.id, "voided")
    assert row.reason == "capture_refused"
    assert await both.order_state(out.order) == "cancelled"
    assert await both.units(deal.id) == (10, 10, 0, 0)
    assert await both.rows(tables.entry) == []
    assert await both.told(deal.show, "log", "order") == []
    (told,) = await both.told(deal.show, "own", "order")
    assert told["state"] == "cancelled"
    hold = (await both.rows(tables.hold))[0]
    assert hold.state == "released"
    assert both.books.ledger.closed == {}
    # What the buyer may have counts anew: the limit is five.
    await both.hold(ANN, deal.id, 5)


async def test_only_its_payment_gives_a_confirmed_hold_back(trade: Trade) -> None:
    deal = await trade.listing()
    hold = await trade.hold(ANN, deal.id)
    out = await trade.check_out(ANN, hold)
    await trade.choose(out.payment.url)
    await trade.drive_to(out.payment.id, "captured")
    stock = trade.books.stock
    for reason, payment in [
        ("capture_refused", PaymentId("p07_0000000000")),
        ("capture_refused", None),
        ("buyer", out.payment.id),
    ]:
        with pytest.raises(HoldConfirmed):
            await stock.release([hold], reason=reason, payment=payment)
    assert await trade.units(deal.id) == (10, 9, 0, 1)


async def test_webhooks_doubled_and_out_of_order_change_nothing(trade: Trade) -> None:
    deal = await trade.listing()
    out = await trade.check_out(ANN, await trade.hold(ANN, deal.id))
    key = signature.derive(SECRET, WEBHOOK_KEY)
    now_s = trade.clock.now() // 1000
    for number, kind in enumerate(["captured", "cancelled", "authorised", "refunded"]):
        body = msgspec.json.encode(
            {"type": f"payment.{kind}", "reference": out.payment.id}
        )
        headers = signature.sign(key, f"evt_{number}", now_s, body)
        assert await trade.inbox.receive("sandbox", headers, body)
        assert not await trade.inbox.receive("sandbox", headers, body)
    await trade.driver.follow()
    assert (await trade.payment(out.payment.id)).state == "pending"
    await trade.choose(out.payment.url)
    await trade.drive_to(out.payment.id, "captured")
    assert len(await trade.told(deal.show, "log", "order")) == 1
    body = b'{"type":"x","reference":"p99_unknown"}'
    headers = signature.sign(key, "evt_stranger", now_s, body)
    assert await trade.inbox.receive("sandbox", headers, body)
    await trade.driver.follow()
    (row,) = await trade.rows(tables.inbox, event="evt_stranger")
    assert row.outcome == "no open payment"
    with pytest.raises(TokenInvalid):
        await trade.inbox.receive("sandbox", headers, body + b" ")
    with pytest.raises(NotFound):
        await trade.inbox.receive("paypal", headers, body)


async def test_old_webhooks_are_forgotten(both: Trade) -> None:
    key = signature.derive(SECRET, WEBHOOK_KEY)
    for event, days in (("old", 0), ("new", 31)):
        both.clock.ahead_ms = days * 86_400_000
        body = b'{"type":"x","reference":"p07_unknown"}'
        headers = signature.sign(key, event, both.clock.now() // 1000, body)
        assert await both.inbox.receive("sandbox", headers, body)
        await both.inbox.apply()
    assert [row.event for row in await both.rows(tables.inbox)] == ["new"]


async def test_paid_after_it_had_failed_goes_back(trade: Trade) -> None:
    deal = await trade.listing()
    out = await trade.check_out(ANN, await trade.hold(ANN, deal.id))
    real = trade.providers["sandbox"]

    async def unknown(_: PaymentId) -> Object | None:
        return None

    odd = make_odd(trade, fetch=unknown, cancel=unknown)
    trade.clock.ahead_ms = 901_000
    await trade.drive_to(out.payment.id, "failed")
    odd.changes.clear()
    trade.clock.ahead_ms = 0  # The buyer's bank was slower than our patience.
    await trade.choose(out.payment.url)
    row = await trade.drive_to(out.payment.id, "voided")
    assert row.reason == "too_late"
    assert await trade.units(deal.id) == (10, 10, 0, 0)
    found = await real.fetch(out.payment.id)
    assert found is not None and found.status == "cancelled"


async def test_a_crash_between_capture_and_the_books_books_it_once(
    trade: Trade,
) -> None:
    deal = await trade.listing()
    out = await trade.check_out(ANN, await trade.hold(ANN, deal.id))
    await trade.choose(out.payment.url)

    async def confirmed() -> bool:
        return bool((await trade.payment(out.payment.id)).state == "confirmed")

    await trade.drive(confirmed)
    await trade.providers["sandbox"].capture(out.payment.id)  # And then we died.
    await trade.drive_to(out.payment.id, "captured")
    assert len(await trade.rows(tables.entry)) == 2
    assert len(await trade.told(deal.show, "log", "order")) == 1
    assert await trade.driver.follow() == 0


async def test_what_costs_nothing_takes_the_same_path(trade: Trade) -> None:
    deal = await trade.listing()
    line = tables.deal_line  # No deal has a price of zero yet; coupons will.
    async with trade.books.database.begin() as connection:
        await connection.execute(
            update(line).where(line.c.deal == deal.id).values(price=0)
        )
    out = await trade.check_out(ANN, await trade.hold(ANN, deal.id))
    assert (out.payment.url, out.payment.amount.amount) == (None, 0)
    await trade.drive_to(out.payment.id, "captured")
    assert await trade.order_state(out.order) == "paid"
    assert await trade.rows(tables.entry) == []
    assert len(await trade.told(deal.show, "log", "order")) == 1
