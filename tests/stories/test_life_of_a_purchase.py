"""A purchase from the catalog to the turnover, and all the ways it may end."""

import asyncio
from typing import Any

import pytest
import redis

from tests.support.purchase import TURNOVER, Purchase
from tests.support.server import Node
from tests.support.shopper import (
    Shop,
    changes,
    eventually,
    now_ms,
    numbers,
    stock_of,
)


async def test_a_purchase_from_the_catalog_to_the_turnover(shop: Shop) -> None:
    assert await Purchase(shop).whole() == TURNOVER


async def hold(shop: Shop, deal: str, token: str, key: str, **more: Any) -> str:
    """Hold one unit over HTTP."""
    asked = {"quantity": 1, **more}
    path = f"/deals/{deal}/holds"
    answer = await shop.done("POST", path, asked, token=token, key=key)
    return str(answer["hold"])


async def only_variant(shop: Shop, show: str, deal: str) -> str:
    """Return the one variant of a deal."""
    page = await shop.done("GET", f"/shows/{show}/deals")
    (variant,) = page["stock"][deal]
    return str(variant)


async def test_a_declined_payment_gives_the_units_back(shop: Shop) -> None:
    show, deal = await shop.on_sale(1)
    variant = await only_variant(shop, show, deal)
    mei, lin = shop.token(), shop.token(name="Lin")
    looking = await shop.join(show)
    buying = await shop.join(show, "/me", token=mei)
    held = await hold(shop, deal, mei, "one")
    path = f"/deals/{deal}/holds"
    assert await shop.code("POST", path, {}, token=lin, key="k") == "sold_out"
    checkout = await shop.check_out(mei, held)
    assert await shop.code("DELETE", f"/holds/{held}", token=mei) == "hold_paying"
    await shop.choose(checkout, "decline")

    await looking.until(lambda: changes(looking, deal)[-1:] == ["back"])
    await looking.until(lambda: stock_of(looking, deal, variant) == (1, 0, 0))
    assert changes(looking, deal) == ["sold_out", "back"]
    await buying.until(lambda: buying.events("/me", "payment"))
    await buying.until(lambda: buying.events("/me", "hold"))
    assert buying.events("/me", "payment")[-1]["state"] == "failed"
    assert buying.events("/me", "hold")[-1]["state"] == "released"
    assert buying.events("/me", "order") == []
    order = checkout["order"]
    assert await shop.code("GET", f"/orders/{order}", token=mei) == "not_found"
    assert await hold(shop, deal, lin, "k2")
    assert looking.events("/live", "order") == []


async def test_an_expired_hold_gives_the_unit_back(shop: Shop, shop_node: Node) -> None:
    """The shortest hold lasts 30 seconds: this one's length is cut in Redis."""
    show = await shop.new_show()
    product = await shop.new_product({"red": 1})
    deal = await shop.new_deal(show, product, {"red": 1}, hold_s=30)
    looking = await shop.join(show)
    await looking.until(
        lambda: looking.events("/live", "sync")[0]["deals"] or changes(looking, deal)
    )
    where = (shop_node.data / "run" / "redis.url").read_text()
    with redis.Redis(unix_socket_path=where.removeprefix("unix://")) as store:
        keys = list(store.scan_iter(f"*deal:{deal}*", _type="hash"))
        (key,) = [key for key in keys if store.hexists(key, "hold_ms")]
        store.hset(key, "hold_ms", 1200)
    await shop.open(deal)
    mei, lin = shop.token(), shop.token(name="Lin")
    buying = await shop.join(show, "/me", token=mei)
    held = await hold(shop, deal, mei, "one")
    path = f"/deals/{deal}/holds"
    assert await shop.code("POST", path, {}, token=lin, key="k") == "sold_out"

    await looking.until(lambda: changes(looking, deal)[-1:] == ["back"])
    await buying.until(lambda: buying.events("/me", "hold"))
    told = buying.events("/me", "hold")[0]
    assert (told["hold"], told["state"]) == (held, "expired")
    at = (await shop.done("GET", f"/holds/{held}", token=mei))["expires_at"]
    assert told["at"] >= at
    late = {"holds": [held]}
    code = await shop.code("POST", "/checkout", late, token=mei, key="late")
    assert code == "hold_expired"
    assert await hold(shop, deal, lin, "k2")


async def test_a_buyer_gives_a_hold_back(shop: Shop) -> None:
    show, deal = await shop.on_sale(1)
    mei, lin = shop.token(), shop.token(name="Lin")
    buying = await shop.join(show, "/live", "/me", token=mei)
    stranger = await shop.join(show, token=lin)
    held = await hold(shop, deal, mei, "one")
    assert (await stranger.ask("release", {"hold": held}))["code"] == "not_found"
    assert await shop.code("DELETE", f"/holds/{held}", token=lin) == "not_found"
    assert (await buying.ask("release", {"hold": held}))["ok"] is True
    await shop.done("DELETE", f"/holds/{held}", token=mei)  # Again is no more.
    await buying.until(lambda: changes(buying, deal)[-1:] == ["back"])
    await buying.until(lambda: buying.events("/me", "hold"))
    assert [e["state"] for e in buying.events("/me", "hold")] == ["released"]
    again = await shop.done(
        "POST", f"/deals/{deal}/holds", {"quantity": 1}, token=mei, key="one"
    )
    assert (again["hold"], again["state"]) == (held, "released")
    assert await hold(shop, deal, mei, "two") != held


async def test_a_deal_is_paused_resumed_and_closed(shop: Shop) -> None:
    show, deal = await shop.on_sale(3, per_buyer_max=2)
    mei = shop.token()
    looking = await shop.join(show)
    held = await hold(shop, deal, mei, "one")
    path = f"/deals/{deal}/holds"
    many = await shop.code("POST", path, {"quantity": 2}, token=mei, key="two")
    assert many == "buyer_limit"

    async def turn(step: str, reason: str) -> None:
        body = {"reason": reason}
        await shop.done("POST", f"/deals/{deal}/{step}", body, token=shop.host)

    await turn("pause", "a wrong price")
    assert await shop.code("POST", path, {}, token=mei, key="k") == "paused"
    await turn("resume", "it was right")
    second = await hold(shop, deal, shop.token(name="Lin"), "k")
    assert second != held
    await turn("close", "that is all")
    assert await shop.code("POST", path, {}, token=mei, key="k2") == "closed"
    code = await shop.code("POST", f"/deals/{deal}/open", token=shop.host)
    assert code == "wrong_state"
    await looking.until(lambda: changes(looking, deal)[-1:] == ["closed"])
    assert changes(looking, deal) == ["paused", "resumed", "closed"]
    reasons = [event["reason"] for event in looking.events("/live", "deal")]
    assert reasons == ["a wrong price", "it was right", "that is all"]

    # What was held before stays payable.
    buying = await shop.join(show, "/me", token=mei)
    await shop.choose(await shop.check_out(mei, held), "pay")
    await buying.until(
        lambda: [e for e in buying.events("/me", "order") if e["state"] == "paid"]
    )


async def test_units_that_a_closed_deal_has_left_are_free_again(shop: Shop) -> None:
    show = await shop.new_show()
    product = await shop.new_product({"red": 10})
    deal = await shop.new_deal(show, product, {"red": 4})
    await shop.open(deal)
    mei = shop.token()
    held = await hold(shop, deal, mei, "one")

    async def free(units: int) -> bool:
        found = (await shop.products())[product["id"]]
        return bool(found["variants"][0]["stock"] == units)

    assert await free(6)
    await shop.done("POST", f"/deals/{deal}/close", token=shop.host)
    await eventually(lambda: free(9))
    await shop.done("DELETE", f"/holds/{held}", token=mei)
    await eventually(lambda: free(10))


async def test_a_deal_closes_at_its_instant(shop: Shop) -> None:
    show = await shop.new_show()
    product = await shop.new_product({"red": 3})
    closes_at = now_ms() + 1_500
    deal = await shop.new_deal(show, product, {"red": 3}, closes_at=closes_at)
    await shop.open(deal)
    mei = shop.token()
    looking = await shop.join(show)
    await hold(shop, deal, mei, "in-time")
    await looking.until(lambda: changes(looking, deal)[-1:] == ["closed"])
    assert looking.events("/live", "deal")[-1]["at"] >= closes_at
    lin = shop.token(name="Lin")
    path = f"/deals/{deal}/holds"
    assert await shop.code("POST", path, {}, token=lin, key="late") == "closed"


async def test_two_buyers_at_once_get_one_unit(shop: Shop) -> None:
    """Over two workers, asked in one instant: one of ten, and nine refusals."""
    show, deal = await shop.on_sale(1)
    looking = await shop.join(show)
    path, asked = f"/deals/{deal}/holds", {"quantity": 1}
    answers = await asyncio.gather(
        *(shop.ask("POST", path, asked, token=shop.token(), key="k") for _ in range(10))
    )
    assert sorted(answer.status for answer in answers) == [201] + [409] * 9
    assert {a.code() for a in answers if a.status == 409} == {"sold_out"}
    await looking.until(lambda: changes(looking, deal) == ["sold_out"])
    first = numbers(looking)[0]
    assert numbers(looking) == [first, first + 1]


async def test_a_restock_brings_a_deal_back(shop: Shop) -> None:
    show = await shop.new_show()
    product = await shop.new_product({"red": 3})
    deal = await shop.new_deal(show, product, {"red": 1})
    await shop.open(deal)
    looking = await shop.join(show)
    mei = shop.token()
    await hold(shop, deal, mei, "one")
    path = f"/deals/{deal}/restock"
    code = await shop.code("POST", path, {"quantity": 3}, token=shop.host)
    assert code == "stock_short"
    await shop.done("POST", path, {"quantity": 2}, token=shop.host)
    await looking.until(lambda: "back" in changes(looking, deal))
    assert set(changes(looking, deal)) <= {"sold_out", "back", "restocked"}
    await looking.until(lambda: stock_of(looking, deal, product["red"]) == (2, 1, 0))
    assert await hold(shop, deal, shop.token(name="Lin"), "k")


@pytest.mark.parametrize(
    ("price", "currency", "code"),
    [
        (9_950, "TWD", "off_step"),
        (9_901, "TWD", "off_step"),
        (9_900, "CNY", "currency_mismatch"),
        (9_900, "XXX", "invalid"),
        (0, "TWD", "invalid"),
    ],
)
async def test_a_price_falls_on_the_step_of_the_shows_currency(
    shop: Shop, price: int, currency: str, code: str
) -> None:
    show = await shop.new_show("TWD")
    product = await shop.new_product({"red": 3}, price=12_900, currency="TWD")
    line = {"variant": product["red"], "quantity": 3,
            "price": {"amount": price, "currency": currency}}  # fmt: skip
    asked = {"product": product["id"], "lines": [line]}
    path = f"/shows/{show}/deals"
    assert await shop.code("POST", path, asked, token=shop.host) == code
    page = await shop.done("GET", path)
    assert page["deals"] == []
    deal = await shop.new_deal(show, product, {"red": 3}, currency="TWD")
    assert deal.startswith("d")


def test_the_shop_agrees_with_itself(shop_node: Node) -> None:
    verified = shop_node.dealcast("verify")
    assert verified.returncode == 0, verified.stdout
    assert shop_node.faults() == []
