"""Whatever is sent: a refusal with its code, nothing changed, nothing broken."""

import json
import time
from typing import Any, ClassVar

import pytest

from dealcast.core.wire import Act
from tests.support.server import Node
from tests.support.shopper import Json, Shop
from tests.support.stage import (
    ACTS,
    HTTP_ACTS,
    Scene,
    Stage,
    caller_of,
    name_of,
    numbers_in,
    photograph,
    replaced,
    with_body,
)

WITH_BODY = [act for act in HTTP_ACTS if with_body(act)]

# Numbers. What is no whole number in range is no number, in whatever field.

NEVER: tuple[Any, ...] = (
    1.5, 1.0, -1.0, 1e300, "1", "", "one", True, False, [], [1], {}, {"amount": 1},
    2**53, 2**63, 2**64, 10**30, -(2**31) - 1, -(2**63),
)  # fmt: skip
# Fields of which null, zero or less than zero say something.
NULL = {"opens_at", "closes_at", "starts_at", "per_buyer_max", "version"}
ZERO = {"stock", "stock_delta", "seconds", "starts_at", "version"}
MINUS = {"stock_delta"}


def bad_for(field: str) -> list[Any]:
    """Return what a field of this name refuses."""
    bad = list(NEVER)
    bad += [] if field in NULL else [None]
    bad += [] if field in ZERO else [0]
    bad += [] if field in MINUS else [-1]
    return bad


def number_cases() -> list[Any]:
    """Return each act with the path to each number in its example."""
    blank: Any = _Blank()
    return [
        pytest.param(act, path, id=f"{act.name}-{'.'.join(map(str, path))}")
        for act in ACTS
        if act.http or act.socket
        for path in numbers_in(Stage.fields(blank, act))
    ]


class _Blank:
    """Stands for a stage where only the numbers of an example count."""

    product: ClassVar[Json] = {"red": "", "id": "", "variants": [{"sku": ""}]}

    def __getattr__(self, name: str) -> str:
        return "s00_"


@pytest.mark.parametrize(("act", "path"), number_cases())
async def test_a_bad_number(
    shop: Shop, scene: Scene, act: Act[Any], path: tuple[Any, ...]
) -> None:
    stage, _ = scene
    good = stage.fields(act)
    for value in bad_for(path[-1]):
        fields = replaced(good, path, value)
        if act.http:
            method, where, more = stage.call(act, fields)
            token = caller_of(shop, act)
            code = await shop.code(method, where, token=token, **more)
            assert code == "invalid", value
    if act.socket:
        token = caller_of(shop, act)
        watcher = await shop.join(stage.show, act.socket, token=token)
        for value in bad_for(path[-1]):
            fields = replaced(good, path, value)
            if fields.get("show") != stage.show:
                fields.pop("show", None)
            answer = await watcher.ask(act.name, fields, act.socket)
            assert (answer["ok"], answer["code"]) == (False, "invalid"), value


PRICES: list[Any] = [
    12, "12.00", 12.5, True, [], [12], {}, {"amount": 700}, {"currency": "CNY"},
    {"amount": 700, "currency": "cny"}, {"amount": 700, "currency": "ZZZ"},
    {"amount": 700, "currency": ""}, {"amount": 700, "currency": 156},
    {"amount": 700, "currency": "CNY", "step": 1},
    [{"amount": 700, "currency": "CNY"}, {"amount": 800, "currency": "CNY"}],
]  # fmt: skip


@pytest.mark.parametrize("price", PRICES, ids=name_of)
async def test_a_bad_price(shop: Shop, scene: Scene, price: Any) -> None:
    stage, _ = scene
    for name, path in (
        ("product_create", ("price",)),
        ("product_put", ("price",)),
        ("deal_create", ("lines", 0, "price")),
    ):
        (act,) = (act for act in HTTP_ACTS if act.name == name)
        fields = replaced(stage.fields(act), path, price)
        method, where, more = stage.call(act, fields)
        assert await shop.code(method, where, token=shop.keeper, **more) == "invalid"


async def test_terms_that_make_no_deal(shop: Shop, scene: Scene) -> None:
    stage, _ = scene
    product = stage.product
    price = {"amount": 700, "currency": "CNY"}
    line = {"variant": product["red"], "price": price, "quantity": 1}
    blue = {**line, "variant": product["blue"]}
    good = {"product": product["id"], "lines": [line]}
    soon = int(time.time() * 1000) + 60_000
    cases: list[tuple[Json, str]] = [
        ({**good, "lines": []}, "invalid"),
        ({**good, "lines": [line, line]}, "invalid"),
        ({**good, "lines": [line] * 101}, "invalid"),
        ({**good, "price": price, "quantity": 1}, "invalid"),
        ({"product": product["id"], "price": price, "quantity": 1}, "invalid"),
        ({**good, "opens_at": soon, "closes_at": soon}, "invalid"),
        ({**good, "closes_at": soon - 120_000}, "invalid"),
        ({**good, "opens_at": soon // 1000}, "invalid"),
        ({**good, "per_buyer_max": 2}, "invalid"),
        ({**good, "hold_s": 29}, "invalid"),
        ({**good, "kind": "gift"}, "invalid"),
        ({**good, "kind": "listing"}, "invalid"),
        ({**good, "kind": "listing", "opens_at": soon}, "invalid"),
        ({**good, "lines": [{**line, "variant": "v_nowhere"}]}, "not_found"),
        ({**good, "product": "nowhere"}, "not_found"),
        ({**good, "lines": [{**blue, "quantity": 900}]}, "stock_short"),
        ({**good, "lines": [line, {**blue, "quantity": 900}]}, "stock_short"),
    ]
    path = f"/shows/{stage.show}/deals"
    for body, code in cases:
        assert await shop.code("POST", path, body, token=shop.host) == code, body


# Bodies.

BODIES: dict[str, tuple[str | bytes, str]] = {
    "half": ("{", "invalid"),
    "array": ("[]", "invalid"),
    "text": ('"x"', "invalid"),
    "null": ("null", "invalid"),
    "number": ("1", "invalid"),
    "not-a-number": ('{"a": NaN}', "invalid"),
    "infinite": ('{"a": 1e999}', "invalid"),
    "deep": ("[" * 20_000, "invalid"),
    "deep-object": ('{"a":' * 5_000, "invalid"),
    "not-utf-8": (b'{"a": "\xff"}', "invalid"),
    "half-a-character": ('{"a": "\\ud800"}', "invalid"),
    "binary": (bytes(range(256)), "invalid"),
    "form": ("title=x&currency=CNY", "invalid"),
    "too-large": ('{"a": "' + "x" * 70_000 + '"}', "too_large"),
}


@pytest.mark.parametrize("act", WITH_BODY, ids=name_of)
async def test_a_bad_body(shop: Shop, scene: Scene, act: Act[Any]) -> None:
    stage, _ = scene
    good = stage.fields(act)
    method, path, more = stage.call(act, good)
    key = more.get("key")
    json_type = {"Content-Type": "application/json"}
    for name, (body, code) in BODIES.items():
        answer = await shop.ask(
            method, path, data=body, token=caller_of(shop, act), key=key,
            headers=json_type,
        )  # fmt: skip
        assert answer.code() == code, name
    text = json.dumps(more["body"])
    for headers in (
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {**json_type, "Content-Encoding": "gzip"},
    ):
        answer = await shop.ask(
            method, path, data=text, token=caller_of(shop, act), key=key,
            headers=headers,
        )  # fmt: skip
        assert answer.code() == "invalid", headers
    unknown = {**more["body"], "as_admin": True}
    token = caller_of(shop, act)
    assert await shop.code(method, path, unknown, token=token, key=key) == "invalid"


FREE_TEXT = ("reason", "name", "title")  # What cannot be shown is left out of it.
WRONG: tuple[Any, ...] = ({"$ne": 1}, [[]], True, "\x00", "x" * 5_000, -1)


@pytest.mark.parametrize("act", WITH_BODY, ids=name_of)
async def test_fields_of_a_wrong_type(shop: Shop, scene: Scene, act: Act[Any]) -> None:
    stage, _ = scene
    good = stage.fields(act)
    elsewhere = {"key", *(name for name in good if f"{{{name}}}" in (act.http or ""))}
    for name in good.keys() - elsewhere:
        for value in WRONG:
            if (value == "\x00" and name in FREE_TEXT) or (
                value == -1 and name in MINUS
            ):
                continue
            method, path, more = stage.call(act, {**good, name: value})
            code = await shop.code(method, path, token=caller_of(shop, act), **more)
            assert code in ("invalid", "token_invalid", "not_found"), (name, value)
    for name in {*act.request.__struct_fields__} - good.keys() - elsewhere:
        method, path, more = stage.call(act, {**good, name: {"$gt": ""}})
        if "body" in more and name in more["body"]:
            code = await shop.code(method, path, token=caller_of(shop, act), **more)
            assert code == "invalid", name


# Keys.


@pytest.mark.parametrize("key", [None, "", " ", "a b", "é", "x" * 129, "\t"])
async def test_a_bad_key(shop: Shop, scene: Scene, key: str | None) -> None:
    stage, _ = scene
    hold, checkout = f"/deals/{stage.deal}/holds", "/checkout"
    for path, body in ((hold, {"quantity": 1}), (checkout, {"holds": [stage.hold]})):
        code = await shop.code("POST", path, body, token=stage.mei, key=key)
        assert code == "invalid"
    code = await shop.code("POST", hold, {"key": "in-the-body"}, token=stage.mei)
    assert code == "invalid"


async def test_the_same_key_with_another_body(shop: Shop, scene: Scene) -> None:
    stage, _ = scene
    path = f"/deals/{stage.deal}/holds"
    body = {"quantity": 2}
    code = await shop.code("POST", path, body, token=stage.mei, key="good")
    assert code == "conflict"
    viewer = await shop.join(stage.show, token=stage.mei)
    asked = {"deal": stage.deal, "quantity": 2, "key": "good"}
    assert (await viewer.ask("hold", asked))["code"] == "conflict"
    answer = await viewer.ask("chat", {"text": "another line", "key": "good"})
    assert answer["code"] == "conflict"
    same = await shop.done("POST", path, {"quantity": 1}, token=stage.mei, key="good")
    assert same["hold"] == stage.hold


# Names.


@pytest.mark.parametrize("act", HTTP_ACTS, ids=name_of)
async def test_what_is_not_there(shop: Shop, scene: Scene, act: Act[Any]) -> None:
    stage, _ = scene
    tag = stage.show[1:4]
    unknown = {
        "show": ["nowhere", f"s{tag}0000000000"],
        "deal": [f"d{tag}0000000000", "d63_0000000000"],
        "hold": [f"h{tag}{stage.deal[4:]}_{'0' * 16}", f"h{tag}0000000000_{'0' * 16}"],
        "order": [f"o{tag}0000000000"],
    }
    strange = ["..", "%00", "%2e%2e%2fetc", "d99_0000000000", "x" * 300, "%ff", "'"]
    good = stage.fields(act)
    for name in [name for name in unknown if f"{{{name}}}" in (act.http or "")]:
        for value in unknown[name] + strange:
            method, path, more = stage.call(act, {**good, name: value})
            code = await shop.code(method, path, token=caller_of(shop, act), **more)
            refused = {"not_found"}
            if value in strange:
                refused |= {"invalid", "method_not_allowed"}
            assert code in refused, path


async def test_names_within_a_request(shop: Shop, scene: Scene) -> None:
    stage, _ = scene
    show, host = f"/shows/{stage.show}", shop.host
    gone = {"product": "nowhere"}
    hold = f"h{stage.show[1:4]}{stage.deal[4:]}_{'0' * 16}"
    foreign = f"c{(int(stage.show[1:3]) + 1) % 64:02d}_{'0' * 16}"
    cases: list[tuple[str, Json, str]] = [
        (f"{show}/pins", gone, "not_found"),
        (f"{show}/pins/remove", gone, "not_found"),
        (f"{show}/lines/delete", {"lines": [foreign]}, "forbidden"),
        (f"{show}/lines/delete", {"lines": ["x"]}, "invalid"),
        (f"{show}/mutes", {"person": "Mei", "seconds": 5}, "invalid"),
        (f"/deals/{stage.deal}/restock", {"variant": "v", "quantity": 1}, "not_found"),
        (f"/deals/{stage.deal}/holds", {"variant": "v"}, "not_found"),
        ("/checkout", {"holds": [hold]}, "not_found"),
        ("/checkout", {"holds": [stage.hold] * 2}, "invalid"),
        ("/checkout", {"holds": []}, "invalid"),
        ("/checkout", {"holds": [stage.hold], "provider": "none"}, "not_found"),
    ]
    for path, body, code in cases:
        assert await shop.code("POST", path, body, token=host, key="names") == code
    asked = {"holds": [stage.hold], "provider": "another"}
    code = await shop.code("POST", "/checkout", asked, token=stage.mei, key="p")
    assert code == "invalid"


# Too much.


async def test_who_asks_too_often_has_to_wait(shop: Shop, scene: Scene) -> None:
    stage, _ = scene
    eager = await shop.join(stage.show, token=shop.token())
    answers = [await eager.ask("hold", {"deal": stage.deal}) for _ in range(90)]
    codes = {answer["code"] for answer in answers}
    assert codes == {"invalid", "rate_limited"}
    assert answers[-1]["retryable"] is True
    other = await shop.join(stage.show, token=shop.token())
    assert (await other.ask("hold", {"deal": stage.deal}))["code"] == "invalid"


async def test_after_all_of_it_nothing_has_changed(
    shop: Shop, shop_node: Node, scene: Scene
) -> None:
    stage, before = scene
    assert await photograph(shop, stage) == before
    assert shop_node.faults() == []
