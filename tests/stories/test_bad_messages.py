"""Lines of chat, webhooks and catalogs that are not as they should be."""

import hmac
import json
import secrets
import time
from base64 import b64encode
from typing import Any

import pytest

from tests.support.server import Node
from tests.support.shopper import PROVIDER_SECRET, Json, Shop
from tests.support.stage import Scene, photograph

# Chat.

LINES: dict[str, Any] = {
    "empty": "", "blank": "  \t ", "too-long": "字" * 301, "too-many-bytes": "a" * 1201,
    "bidi": "a\u202eb", "isolate": "\u2066x", "mark": "\u200fx",
    "zero-width": "a\u200bb",
    "control": "a\x00b", "line": "a\nb", "escape": "\x1b[31mred", "tag": "\U000e0041",
    "private": "\ue000", "blank-letter": "\u3164", "pile": "e" + "\u0301" * 9,
    "soft-hyphen": "a\u00adb", "number": 5, "null": None, "list": ["a"],
    "object": {"text": "a"}, "true": True,
}  # fmt: skip


async def test_a_bad_line(shop: Shop, scene: Scene) -> None:
    stage, _ = scene
    for name, text in LINES.items():
        viewer = await shop.join(stage.show, token=shop.token())
        answer = await viewer.ask("chat", {"text": text, "key": "k"})
        assert (answer["ok"], answer["code"]) == (False, "invalid"), name
    viewer = await shop.join(stage.show, token=shop.token())
    no_lines: tuple[Any, ...] = (
        None, [], "x", {"key": "k"}, {"text": "x"},
        {"text": "x", "key": "k", "role": "host"},
    )  # fmt: skip
    for asked in no_lines:
        assert (await viewer.ask("chat", asked))["code"] == "invalid"
    other = {"text": "x", "key": "k", "show": stage.other}
    assert (await viewer.ask("chat", other))["code"] == "forbidden"
    assert (await viewer.ask("shout", {"text": "x"}))["code"] == "not_found"


# Webhooks.


def stamped(key: bytes, body: bytes, at_s: int, event: str = "evt_1") -> Json:
    """Sign as Standard Webhooks says."""
    told = f"{event}.{at_s}.".encode() + body
    mac = b64encode(hmac.digest(key, told, "sha256")).decode()
    return {"webhook-id": event, "webhook-timestamp": str(at_s),
            "webhook-signature": f"v1,{mac}"}  # fmt: skip


async def test_a_webhook_that_the_provider_did_not_sign(
    shop: Shop, scene: Scene
) -> None:
    stage, _ = scene
    body = json.dumps({"type": "paid", "reference": f"p{stage.show[1:4]}0000000000"})
    data, now = body.encode(), int(time.time())
    key = hmac.digest(PROVIDER_SECRET.encode(), b"sandbox webhook", "sha256")
    good = stamped(key, data, now, event=f"evt_{secrets.token_hex(4)}")
    cases: list[tuple[Json, bytes]] = [
        ({}, data),
        (stamped(b"forged", data, now), data),
        (stamped(PROVIDER_SECRET.encode(), data, now), data),
        (stamped(key, data, now - 301), data),
        (stamped(key, data, now + 301), data),
        (good, data + b" "),
        ({**good, "webhook-id": "evt_other"}, data),
        ({**good, "webhook-id": "x" * 300}, data),
        ({**good, "webhook-timestamp": f"{now}.0"}, data),
        ({**good, "webhook-signature": "v1,"}, data),
        ({**good, "webhook-signature": good["webhook-signature"][3:]}, data),
        ({**good, "webhook-signature": "v1,é"}, data),
    ]
    path = "/payments/sandbox/webhook"
    for headers, sent in cases:
        answer = await shop.ask("POST", path, data=sent, headers=headers)
        assert answer.code() == "token_invalid", headers
    for strange in (b"{}", b"[]", b'{"type": 1, "reference": 2}', b"\xff"):
        headers = stamped(key, strange, now)
        answer = await shop.ask("POST", path, data=strange, headers=headers)
        assert answer.code() == "invalid"
    code = await shop.code("POST", "/payments/other/webhook", data=data, headers=good)
    assert code == "not_found"
    for _ in range(2):  # Of a payment that nobody knows: kept, and no more.
        answer = await shop.ask("POST", path, data=data, headers=good)
        assert answer.status == 204


# Catalogs.

HEAD = "external_id,title,sku,price_CNY,stock"
SHEETS: dict[str, tuple[str, str]] = {
    "empty": ("", "line 1"),
    "no-row": (f"{HEAD}\n", "line 2, column 1"),
    "unknown-column": (f"{HEAD},colour\na,A,A-1,1.00,1,red\n", "line 1, column colour"),
    "missing-column": ("external_id,title,price_CNY\na,A,1.00\n", "line 1, column sku"),
    "negative-price": (f"{HEAD}\na,A,A-1,-1.00,1\n", "line 2, column price_CNY"),
    "zero-price": (f"{HEAD}\na,A,A-1,0.00,1\n", "line 2, column price_CNY"),
    "fine-price": (f"{HEAD}\na,A,A-1,1.005,1\n", "line 2, column price_CNY"),
    "word-price": (f"{HEAD}\na,A,A-1,cheap,1\n", "line 2, column price_CNY"),
    "huge-price": (f"{HEAD}\na,A,A-1,99999999999.00,1\n", "line 2, column price_CNY"),
    "signed-stock": (f"{HEAD}\na,A,A-1,1.00,-1\n", "line 2, column stock"),
    "half-stock": (f"{HEAD}\na,A,A-1,1.00,1.5\n", "line 2, column stock"),
    "huge-stock": (f"{HEAD}\na,A,A-1,1.00,99999999\n", "line 2, column stock"),
    "no-title": (f"{HEAD}\na,,A-1,1.00,1\n", "line 2, column title"),
    "no-sku": (f"{HEAD}\na,A,,1.00,1\n", "line 2, column sku"),
    "strange-id": (f"{HEAD}\n../a,A,A-1,1.00,1\n", "line 2, column external_id"),
    "later-row": (f"{HEAD}\na,A,A-1,1.00,1\nb,B,B-1,x,1\n", "line 3, column price_CNY"),
    "same-sku": (f"{HEAD}\na,A,A-1,1.00,1\nb,B,A-1,1.00,1\n", "line 3, column sku"),
    "two-titles": (f"{HEAD}\na,A,A-1,1.00,1\na,B,A-2,1.00,1\n", "line 3, column title"),
    "after-a-long-row": (f'{HEAD}\na,"A\nA",A-1,1.00,1\nb,B,B-1,1.00,x\n',
                         "line 4, column stock"),
    "too-few": (f"{HEAD}\na,A,A-1\n", "line 2"),
    "too-many": (f"{HEAD}\na,A,A-1,1.00,1,1\n", "line 2"),
    "shopify": ("Handle,Title,Variant SKU,Variant Price,Variant Inventory Qty\n"
                "a,A,A-1,free,1\n", "line 2, column Variant Price"),
}  # fmt: skip


@pytest.mark.parametrize("name", SHEETS)
async def test_a_bad_catalog(shop: Shop, scene: Scene, name: str) -> None:
    text, where = SHEETS[name]
    answer = await shop.ask(
        "POST", "/products/import?currency=CNY", data=text, token=shop.keeper,
        headers={"Content-Type": "text/csv"},
    )  # fmt: skip
    assert answer.code() == "invalid"
    assert where in answer.body["detail"]


async def test_a_catalog_that_is_none(shop: Shop) -> None:
    csv = {"Content-Type": "text/csv"}
    path = "/products/import"
    for data, headers, code in (
        (b"\xff\xfe\x00x", csv, "invalid"),
        (b"x" * 5_000_001, csv, "too_large"),
        (b"{}", {"Content-Type": "application/json"}, "invalid"),
        (
            f"{HEAD}\na,A,A-1,1.00,1\n".encode(),
            {"Content-Type": "text/plain"},
            "invalid",
        ),
    ):
        answer = await shop.ask(
            "POST", path, data=data, token=shop.token("shop"), headers=headers
        )
        assert answer.code() == code
    answer = await shop.ask(
        "POST", f"{path}?currency=CNY&currency=USD", data=HEAD, token=shop.keeper,
        headers=csv,
    )  # fmt: skip
    assert answer.code() == "invalid"


async def test_after_all_of_it_nothing_has_changed(
    shop: Shop, shop_node: Node, scene: Scene
) -> None:
    stage, before = scene
    assert await photograph(shop, stage) == before
    assert shop_node.faults() == []
