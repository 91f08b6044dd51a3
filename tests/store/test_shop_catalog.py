"""The catalog, shows, pins and people on real stores."""

import asyncio
from typing import Any

import msgspec
import pytest

from dealcast.core.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    StockShort,
    TokenExpired,
    TokenInvalid,
    VersionMismatch,
    WrongState,
)
from dealcast.core.ids import ProductId
from dealcast.store import tables
from tests.store.selling import BOSS, ROWS, TEA, Trade, ask, caller

ANN, BOB = caller("ann"), caller("bob")


async def test_an_import_is_all_or_nothing(both: Trade) -> None:
    bad = ROWS.encode() + b"pu2,,Pu2,,,PU2,,12.345,1\n"
    with pytest.raises(Invalid) as refused:
        await ask(both, "product_import", csv=bad)
    assert "line 5, column price_CNY" in str(refused.value)
    assert await both.rows(tables.product, id="oolong") == []
    done = await ask(both, "product_import", csv=ROWS.encode())
    assert (done.products, done.variants, done.created) == (2, 3, 2)
    page = await ask(both, "product_list")
    (oolong,) = (one for one in page.products if one.id == "oolong")
    assert oolong.seller.name == {"und": "王記"}
    assert [variant.stock for variant in oolong.variants] == [5, 7]


async def test_importing_twice_changes_nothing(both: Trade) -> None:
    await ask(both, "product_import", csv=ROWS.encode())
    again = await ask(both, "product_import", csv=ROWS.encode())
    assert (again.created, again.changed, again.unchanged) == (0, 0, 2)
    dearer = ROWS.replace("239", "249").replace(",7\n", ",700\n")
    third = await ask(both, "product_import", csv=dearer.encode())
    assert (third.changed, third.unchanged) == (1, 1)
    (row,) = await both.rows(tables.variant, sku="OO-L")
    assert (row.prices, row.free, row.received) == ({"CNY": 24_900}, 7, 7)
    (product,) = await both.rows(tables.product, id="oolong")
    assert product.version == 2


async def test_stock_comes_and_goes_by_stock_delta(trade: Trade) -> None:
    await trade.product(stock=20)
    head = "external_id,title,sku,price_CNY,stock_delta\n"
    row = f"{TEA},Tea,TEA-1,129,"
    await ask(trade, "product_import", csv=f"{head}{row}5\n".encode())
    assert await trade.free() == 25
    with pytest.raises(StockShort):
        await ask(trade, "product_import", csv=f"{head}{row}-26\n".encode())
    await ask(trade, "product_import", csv=f"{head}{row}-25\n".encode())
    (variant,) = await trade.rows(tables.variant, sku="TEA-1")
    assert (variant.free, variant.received) == (0, 0)
    with pytest.raises(Invalid):
        await ask(trade, "product_import", csv=f"{head}new,New,NEW,1,5\n".encode())


async def test_a_put_expects_the_version_that_was_read(trade: Trade) -> None:
    await trade.product()
    tea: dict[str, Any] = {
        "external_id": TEA,
        "title": "Green tea",
        "sku": "TEA-1",
        "price": [
            {"amount": 100, "currency": "CNY"},
            {"amount": 20, "currency": "USD"},
        ],
    }
    with pytest.raises(VersionMismatch):
        await ask(trade, "product_put", **tea, version=2)
    with pytest.raises(VersionMismatch):
        await ask(trade, "product_create", **tea)
    changed = await ask(trade, "product_put", **tea, version=1)
    assert (changed.version, changed.title) == (2, {"und": "Green tea"})
    assert changed.variants[0].stock == 20
    with pytest.raises(Invalid):
        await ask(trade, "product_put", **{**tea, "external_id": "other"})
    with pytest.raises(Forbidden):
        await ask(trade, "product_put", caller("h", "host", "s07_abcdefghjk"), **tea)


async def test_a_show_goes_live_and_ends_once(both: Trade) -> None:
    show = await both.show()
    slug = (await both.shows.get(show)).slug
    assert slug is not None
    assert (await both.shows.find(slug)).id == show
    live = await both.shows.start(BOSS, slug)
    assert live.status == "live"
    with pytest.raises(WrongState):
        await both.shows.start(BOSS, show)
    with pytest.raises(Forbidden):
        await both.shows.end(caller("h", "host", "s01_0000000000"), show)
    await both.shows.end(caller("h", "host", show), show)
    with pytest.raises(WrongState):
        await both.shows.end(BOSS, show)
    codes = [one["code"] for one in await both.told(show, "log", "notice")]
    assert codes == ["show_started", "show_ended"]
    acts = [one["act"] for one in await both.told(show, "staff", "audit")]
    assert acts == ["show_create", "show_start", "show_end"]
    state = await both.books.redis.hgetall(f"{{p{show[1:3]}}}:state:{show}")
    assert msgspec.json.decode(state[b"show"])["status"] == "ended"
    with pytest.raises(NotFound):
        await both.shows.find("no-such-show")
    with pytest.raises(Conflict):
        await both.shows.create(
            BOSS, title={}, currency="CNY", slug=slug, host="", starts_at=None
        )


async def test_five_pins_and_no_more(trade: Trade) -> None:
    show = await trade.show()
    for number in range(7):
        await trade.product(external_id=f"p{number}", sku=f"P{number}")
        await trade.pins.pin(BOSS, show, ProductId(f"p{number}"))
        await asyncio.sleep(0.002)
    await trade.pins.pin(BOSS, show, ProductId("p4"))
    cards = await trade.pins.unpin(BOSS, show, ProductId("p5"))
    assert [card.id for card in cards] == ["p4", "p6", "p3", "p2"]
    state = await trade.books.redis.hgetall(f"{{p{show[1:3]}}}:state:{show}")
    shown = msgspec.json.decode(state[b"pins"])
    assert [card["id"] for card in shown] == ["p4", "p6", "p3", "p2"]
    with pytest.raises(NotFound):
        await trade.pins.pin(BOSS, show, ProductId("none"))


async def test_a_staff_link_works_once(both: Trade) -> None:
    code = await both.people.make_code("host", "s07_abcdefghjk", ttl_s=60)
    results = await asyncio.gather(
        *(both.people.use_code(code) for _ in range(5)), return_exceptions=True
    )
    (token,) = (one[0] for one in results if isinstance(one, tuple))
    assert sum(isinstance(one, TokenInvalid) for one in results) == 4
    who = await both.people.caller(token)
    assert (who.role, who.show, who.renewable) == ("host", "s07_abcdefghjk", True)
    stored = await both.rows(tables.code)
    assert code not in str(stored)
    late = await both.people.make_code("moderator", "*", ttl_s=60)
    both.clock.ahead_ms = 61_000
    with pytest.raises(TokenInvalid):
        await both.people.use_code(late)
    with pytest.raises(TokenInvalid):
        await both.people.use_code("guessed")


async def test_a_demo_account_is_a_viewer_of_its_own(both: Trade) -> None:
    token, person = await both.people.demo_account("  小 \u202e明  ")
    other, _ = await both.people.demo_account("")
    who = await both.people.caller(token)
    assert (who.person, who.name, who.role) == (person, "小 明", "viewer")
    assert (await both.people.caller(other)).name.startswith("Guest ")
    (row,) = await both.rows(tables.person, id=person)
    assert row.name == "小 明"
    renewed = await both.people.caller(both.people.renew(who))
    assert renewed.person == person
    both.clock.ahead_ms = -3_700_000
    old = both.people.issue("x", "X", "viewer", "*")
    with pytest.raises(TokenExpired):
        await both.people.caller(old)
