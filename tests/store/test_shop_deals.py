"""Deals, holds and the bag on real stores."""

from typing import Any

import pytest

from dealcast.core.errors import (
    BuyerLimit,
    Closed,
    Conflict,
    Forbidden,
    HoldReleased,
    Invalid,
    NotFound,
    Refused,
    SoldOut,
    StockShort,
    TokenMissing,
    WrongState,
)
from dealcast.core.ids import DealId, HoldId
from dealcast.core.wire import ANYBODY
from dealcast.store import tables
from tests.store.selling import BOSS, ROWS, TEA, Trade, ask, caller

ANN, BOB = caller("ann"), caller("bob")


async def test_a_deal_takes_free_units_and_brings_them_back(both: Trade) -> None:
    show, product = await both.show(), await both.product(stock=20)
    deal = await both.deal(show, product, 15)
    assert deal.status == "planned"
    assert await both.free() == 5
    assert await both.units(deal.id) == (15, 15, 0, 0)
    with pytest.raises(StockShort):
        await both.deal(show, product, 6)
    await both.deals.restock(BOSS, deal.id, None, 5)
    assert await both.units(deal.id) == (20, 20, 0, 0)
    host = caller("h", "host", show)
    for turn, status in [("open", "open"), ("pause", "paused"), ("resume", "open")]:
        turned = await ask(both, f"deal_{turn}", host, deal=deal.id, reason="r")
        assert turned.status == status
    with pytest.raises(WrongState):
        await ask(both, "deal_open", host, deal=deal.id)
    await both.hold(ANN, deal.id, 3)
    closing = {"deal": deal.id, "reason": "That was all.", "key": "once"}
    await ask(both, "deal_close", host, **closing)
    await ask(both, "deal_close", host, **closing)
    assert await both.units(deal.id) == (3, 0, 3, 0)
    assert await both.free() == 17
    with pytest.raises(Closed):
        await both.deals.restock(BOSS, deal.id, None, 1)
    audit = await both.told(show, "staff", "audit")
    assert [one["act"] for one in audit][-5:] == [
        "deal_restock", "deal_open", "deal_pause", "deal_resume", "deal_close",
    ]  # fmt: skip
    changes = [one["change"] for one in await both.told(show, "log", "deal")]
    assert changes == [
        "planned", "restocked", "opened", "paused", "resumed", "closed",
    ]  # fmt: skip
    (view,), stock = await both.deals.page(show)
    assert (view.status, view.reason) == ("closed", "That was all.")
    assert stock[deal.id][view.lines[0].variant].held == 3


async def test_who_may_turn_a_deal(trade: Trade) -> None:
    show, product = await trade.show(), await trade.product()
    deal = await trade.deal(show, product, 1)
    for who, turn in [
        (caller("x", "viewer", show), "close"),
        (caller("x", "moderator", show), "open"),
    ]:
        with pytest.raises(Forbidden):
            await ask(trade, f"deal_{turn}", who, deal=deal.id)
    with pytest.raises(Forbidden):
        elsewhere = caller("x", "moderator", "s01_0000000000")
        await ask(trade, "deal_close", elsewhere, deal=deal.id)
    with pytest.raises(NotFound):
        await ask(trade, "deal_close", deal="d07_0000000000")


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("invalid", {"price": {"amount": 0, "currency": "CNY"}}),
        ("invalid", {"price": {"amount": -1, "currency": "CNY"}}),
        ("invalid", {"price": {"amount": 99.5, "currency": "CNY"}}),
        ("invalid", {"price": {"amount": "99", "currency": "CNY"}}),
        ("invalid", {"price": {"amount": 2**63, "currency": "CNY"}}),
        ("invalid", {"price": None}),
        ("invalid", {"quantity": 0}),
        ("invalid", {"quantity": 1_000_001}),
        ("invalid", {"quantity": True}),
        ("invalid", {"quantity": "1"}),
        ("invalid", {"per_buyer_max": 0}),
        ("invalid", {"per_buyer_max": 3}),
        ("invalid", {"hold_s": 29}),
        ("invalid", {"opens_at": 1}),
        ("invalid", {"closes_at": 1_600_000_000_000}),
        ("invalid", {"kind": "listing"}),
        ("invalid", {"surprise": 1}),
        ("not_found", {"product": "nothing"}),
        ("not_found", {"show": "nowhere"}),
        ("currency_mismatch", {"price": {"amount": 100, "currency": "USD"}}),
        ("stock_short", {"quantity": 21, "per_buyer_max": 1}),
    ],
)
async def test_what_makes_no_deal_changes_nothing(
    trade: Trade, code: str, change: dict[str, Any]
) -> None:
    show = await trade.show()
    await trade.product(stock=20)
    fields = {
        "show": show,
        "product": TEA,
        "price": {"amount": 100, "currency": "CNY"},
        "quantity": 2,
        **change,
    }
    with pytest.raises(Refused) as refused:
        await ask(trade, "deal_create", **fields)
    assert refused.value.code == code
    assert await trade.rows(tables.deal, show=show) == []
    assert await trade.free() == 20


async def test_a_deal_of_several_variants_has_lines(trade: Trade) -> None:
    show = await trade.show()
    await ask(trade, "product_import", csv=ROWS.encode())
    (small, large) = await trade.rows(tables.variant, product="oolong")
    with pytest.raises(Invalid):
        await ask(
            trade,
            "deal_create",
            show=show,
            product="oolong",
            price={"amount": 1, "currency": "CNY"},
            quantity=1,
        )
    deal = await ask(
        trade,
        "deal_create",
        show=show,
        product="oolong",
        per_buyer_max=4,
        lines=[
            {"variant": small.id, "price": {"amount": 9_900, "currency": "CNY"},
             "quantity": 5},
            {"variant": large.id, "price": {"amount": 19_900, "currency": "CNY"},
             "quantity": 2},
        ],
    )  # fmt: skip
    await trade.deals.turn(BOSS, deal.id, "open", reason=None, key=None)
    with pytest.raises(Invalid):
        await trade.hold(ANN, deal.id)
    held = await trade.holds.hold(ANN, deal.id, variant=large.id, quantity=2, key="k")
    with pytest.raises(SoldOut):
        await trade.holds.hold(BOB, deal.id, variant=large.id, quantity=1, key="k")
    out = await trade.check_out(ANN, held.hold)
    assert out.payment.amount.amount == 39_800


async def test_a_buyer_holds_looks_and_releases(both: Trade) -> None:
    deal = await both.listing(10, per_buyer_max=3)
    made = await both.holds.hold(ANN, deal.id, variant=None, quantity=2, key="k")
    again = await both.holds.hold(ANN, deal.id, variant=None, quantity=2, key="k")
    assert made == again
    with pytest.raises(Conflict):
        await both.holds.hold(ANN, deal.id, variant=None, quantity=1, key="k")
    with pytest.raises(BuyerLimit):
        await both.hold(ANN, deal.id, 2)
    with pytest.raises(NotFound):
        await both.holds.get(BOB, made.hold)
    with pytest.raises(NotFound):
        await both.holds.release(BOB, made.hold)
    with pytest.raises(TokenMissing):
        await both.hold(ANYBODY, deal.id)
    with pytest.raises(Forbidden):
        await both.hold(caller("ann", show="s01_0000000000"), deal.id)
    with pytest.raises(NotFound):
        await both.hold(ANN, DealId("d07_0000000000"))
    assert (await both.holds.get(ANN, made.hold)).quantity == 2
    await both.holds.release(ANN, made.hold)
    await both.holds.release(ANN, made.hold)
    assert (await both.holds.get(ANN, made.hold)).state == "released"
    assert await both.units(deal.id) == (10, 10, 0, 0)


async def test_the_bag_holds_what_is_held_or_being_paid(both: Trade) -> None:
    deal = await both.listing()
    first, second = await both.hold(ANN, deal.id), await both.hold(ANN, deal.id, 2)
    third = await both.hold(ANN, deal.id)
    await both.hold(BOB, deal.id)
    await both.holds.release(ANN, third)
    out = await both.check_out(ANN, second)
    await both.books.follow()
    held, now = await both.bags.get(ANN, deal.show)
    assert {one.hold for one in held} == {first, second}
    by_hold = {one.hold: one for one in held}
    waiting, paying = by_hold[first], by_hold[second]
    assert (waiting.state, waiting.payment) == ("held", None)
    assert 290_000 < waiting.expires_at - now <= 300_000
    assert waiting.price.amount == 12_900
    assert waiting.product.title == {"en": "Tea", "zh-Hant": "茶"}
    assert paying.payment is not None
    assert (paying.state, paying.quantity) == ("paying", 2)
    assert paying.payment.url == out.payment.url
    assert paying.payment.order == out.order


async def test_no_hold_is_paid_twice_at_once(trade: Trade) -> None:
    deal = await trade.listing()
    hold = await trade.hold(ANN, deal.id)
    await trade.check_out(ANN, hold)
    with pytest.raises(Refused) as refused:
        await trade.holds.release(ANN, hold)
    assert refused.value.code == "hold_paying"
    with pytest.raises(NotFound):
        await trade.holds.get(ANN, HoldId(hold[:-4] + "0000"))
    other = await trade.hold(ANN, deal.id)
    await trade.holds.release(ANN, other)
    with pytest.raises(HoldReleased):
        await trade.check_out(ANN, other)
