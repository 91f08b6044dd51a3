"""A node that is stopped and started again goes on where it was; its commands."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.ports import free_port
from tests.support.server import Node
from tests.support.shopper import Json, Shop, eventually, texts, visiting

GOOD = "external_id,title,sku,price_CNY,stock\nmug,A mug,MUG-1,12.50,7\n"
BROKEN = "external_id,title,sku,price_CNY,stock\njar,A jar,JAR-1,1.00,3\nx,X,X-1,?,1\n"
SHOPIFY = """\
Handle,Title,Vendor,Tags,Option1 Name,Option1 Value,Variant SKU,Variant Price,\
Variant Inventory Qty,Image Src
scarf,A scarf,Wool & Co,"warm, soft",Colour,Red,SCARF-R,49.90,11,https://x.test/r.jpg
scarf,,,,,Blue,SCARF-B,49.90,4,https://x.test/b.jpg
scarf,,,,,,,,,https://x.test/c.jpg
"""


@dataclass
class Before:
    """What stood in a node before it was stopped."""

    show: str
    deal: str
    token: str  # Of the buyer.
    kept: str  # A hold that is only held.
    unpaid: Json  # A checkout whose buyer has not paid yet.
    paid: str  # An order.
    cursors: dict[str, str]
    picture: Json


async def picture(shop: Shop, show: str, token: str) -> Json:
    """Return what must be the same after a restart."""
    bag = await shop.done("GET", f"/shows/{show}/bag", token=token)
    demo = await shop.done("GET", "/shows/demo/deals")
    return {
        "bag": bag["holds"],
        "orders": await shop.done("GET", f"/shows/{show}/orders", token=shop.host),
        "deals": await shop.done("GET", f"/shows/{show}/deals"),
        "show": await shop.done("GET", f"/shows/{show}"),
        "demo": await shop.done("GET", "/shows/demo"),
        "listings": sorted(d["id"] for d in demo["deals"] if d["kind"] == "listing"),
    }


async def trade(shop: Shop) -> Before:
    """Hold, pay, talk."""
    show, deal = await shop.on_sale(6, per_buyer_max=6, hold_s=600)
    account = await shop.done("POST", "/demo/accounts", {"name": "Mei"})
    token = account["token"]
    mei = await shop.join(show, "/live", "/me", token=token)
    holds = []
    for key in ("kept", "unpaid", "paid"):
        asked = {"deal": deal, "quantity": 1, "key": key}
        holds.append((await mei.ask("hold", asked))["hold"])
    unpaid = await shop.check_out(token, holds[1], key="unpaid")
    paid = await shop.check_out(token, holds[2], key="paid")
    await shop.choose(paid, "pay")
    await mei.until(lambda: mei.events("/live", "order"))
    await mei.until(
        lambda: any(one["state"] == "paid" for one in mei.events("/me", "order"))
    )
    assert (await mei.ask("chat", {"text": "before", "key": "b"}))["ok"] is True
    await mei.until(lambda: texts(mei) == ["before"])

    async def settled() -> Json | None:
        seen = await picture(shop, show, token)
        states = sorted(hold["state"] for hold in seen["bag"])
        return seen if states == ["held", "paying"] else None

    return Before(
        show=show,
        deal=deal,
        token=token,
        kept=holds[0],
        unpaid=unpaid,
        paid=paid["order"],
        cursors={ns: mei.cursors(ns)[-1] for ns in ("/live", "/me")},
        picture=await eventually(settled),
    )


async def go_on(shop: Shop, before: Before) -> None:
    """Do with the same tokens what was begun before the stop."""
    show, token = before.show, before.token
    assert await picture(shop, show, token) == before.picture
    epoch, n = before.cursors["/live"].split(".")
    back = await shop.join(show, cursor=before.cursors["/live"])
    own = await shop.join(show, "/me", token=token, cursor=before.cursors["/me"])
    for watcher, namespace in ((back, "/live"), (own, "/me")):
        (sync,) = watcher.events(namespace, "sync")
        assert sync["recovered"] is True
        assert watcher.cursors(namespace) == [before.cursors[namespace]]
    late = await shop.join(show, token=token)
    (sync,) = late.events("/live", "sync")
    assert [line["text"] for line in sync["chat"]] == ["before"]
    again = await late.ask("chat", {"text": "before", "key": "b"})
    assert again["n"] == int(n)
    answer = await late.ask("chat", {"text": "after", "key": "a"})
    assert answer["n"] == int(n) + 1
    await back.until(lambda: texts(back) == ["after"])
    assert back.cursors()[-1] == f"{epoch}.{int(n) + 1}"

    # The same keys mean what they meant.
    hold = await shop.done(
        "POST", f"/deals/{before.deal}/holds", {"quantity": 1}, token=token, key="kept"
    )
    assert (hold["hold"], hold["state"]) == (before.kept, "held")
    unpaid = before.unpaid["order"]
    assert before.unpaid == await shop.check_out(
        token, *[h["hold"] for h in before.picture["bag"] if h["payment"]], key="unpaid"
    )
    await shop.choose(before.unpaid, "pay")
    kept = await shop.check_out(token, before.kept)
    await shop.choose(kept, "pay")
    orders = {before.paid, unpaid, kept["order"]}

    async def all_paid() -> bool:
        page = await shop.done("GET", f"/shows/{show}/orders", token=shop.host)
        paid = {one["id"] for one in page["orders"] if one["state"] == "paid"}
        return paid == orders

    await eventually(all_paid)
    (stock,) = (await shop.done("GET", f"/shows/{show}/deals"))["stock"][
        before.deal
    ].values()
    assert stock == {"free": 3, "held": 0, "sold": 3}


@pytest.mark.timeout(150)  # Several times what it takes on an idle machine.
async def test_a_stopped_node_goes_on_where_it_was(nodes: Callable[..., Node]) -> None:
    node = nodes("--demo", "--workers=2")
    host, keeper = node.token("host"), node.token("shop")
    async with visiting(node.url) as shop:
        shop.host, shop.keeper = host, keeper
        before = await trade(shop)
    second = node.dealcast("serve", f"--port={free_port()}", "--demo")
    assert second.returncode == 2, second
    assert "in use" in second.stderr and second.stderr.count("\n") == 1
    assert_agrees(node)
    node.stop()  # Ctrl-C: ends with 0, and leaves no process behind.
    assert list((node.data / "run").iterdir()) == []
    assert_agrees(node)
    link = import_catalogs(node)
    node.start()
    async with visiting(node.url) as shop:
        shop.host, shop.keeper = host, keeper
        await go_on(shop, before)
        await check_catalog(shop)
        await check_link(shop, link)
    assert_agrees(node)
    assert node.faults() == []


def assert_agrees(node: Node) -> None:
    """Recount the whole node."""
    verified = node.dealcast("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def import_catalogs(node: Node) -> str:
    """Import what is good, not what is broken; return a staff link."""
    sheets = {"good": GOOD, "broken": BROKEN, "shopify": SHOPIFY}
    for name, text in sheets.items():
        (node.folder / f"{name}.csv").write_text(text, encoding="utf-8")
    good = node.dealcast("catalog", "import", str(node.folder / "good.csv"))
    assert good.returncode == 0, good
    assert "1 products with 1 variants: 1 created" in good.stdout
    again = node.dealcast("catalog", "import", str(node.folder / "good.csv"))
    assert "0 created, 0 changed, 1 as they were" in again.stdout
    broken = node.dealcast("catalog", "import", str(node.folder / "broken.csv"))
    assert (broken.returncode, broken.stdout) == (1, "")
    assert "line 3, column price_CNY" in broken.stderr
    shopify = node.dealcast("catalog", "import", str(node.folder / "shopify.csv"))
    assert shopify.returncode == 0, shopify
    assert "1 products with 2 variants: 1 created" in shopify.stdout
    assert claims_of(node.token("host", "--show=demo"))["show"].startswith("s")
    made = node.dealcast("token", "--role=moderator", "--link")
    assert made.returncode == 0, made
    return made.stdout.strip()


async def check_catalog(shop: Shop) -> None:
    """Look for what was imported while the node stood still."""
    products = await shop.products()
    assert "jar" not in products
    (mug,) = products["mug"]["variants"]
    assert (mug["sku"], mug["stock"]) == ("MUG-1", 7)
    assert mug["prices"] == [{"amount": 1250, "currency": "CNY"}]
    scarf = products["scarf"]
    assert scarf["seller"]["name"] == {"und": "Wool & Co"}
    assert (scarf["tags"], scarf["image"]) == (["warm", "soft"], "https://x.test/r.jpg")
    assert [(v["sku"], v["stock"]) for v in scarf["variants"]] == [
        ("SCARF-R", 11), ("SCARF-B", 4),
    ]  # fmt: skip


async def check_link(shop: Shop, link: str) -> None:
    """Sign in by a staff link: once."""
    parts = urlsplit(link)
    assert parts.path == "/moderator"
    code = {"code": parts.fragment.removeprefix("code=")}
    told = await shop.done("POST", "/staff/sign-in", code)
    assert (told["role"], told["show"]) == ("moderator", "*")
    demo = await shop.done("GET", "/shows/demo")
    await shop.join(demo["id"], "/staff", token=told["token"])
    assert await shop.code("POST", "/staff/sign-in", code) == "token_invalid"
    renewed = await shop.done("POST", "/tokens/renew", token=told["token"])
    await shop.join(demo["id"], "/staff", token=renewed["token"])


def test_what_commands_refuse(tmp_path: Path) -> None:
    """One clear line and exit code 2: nothing was tried."""
    node = Node(tmp_path, free_port())
    cases = [
        ("catalog", "import", str(tmp_path / "none.csv")),
        ("catalog", "import", str(tmp_path)),
        ("token", "--role=owner"),
        ("token", "--seconds=0"),
        ("token", "--role=viewer", "--link"),
        ("verify", "--config=none.toml"),
    ]
    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(lambda words: node.dealcast(*words), cases))
    for words, ended in zip(cases, ends, strict=True):
        assert ended.returncode == 2, (words, ended)
        assert ended.stdout == ""
        assert "Traceback" not in ended.stderr and ended.stderr


def claims_of(token: str) -> dict[str, Any]:
    """Read what a token says."""
    text = token.split(".")[1]
    claims: dict[str, Any] = json.loads(
        urlsafe_b64decode(text + "=" * (-len(text) % 4))
    )
    return claims


def test_a_token_says_what_was_asked(tmp_path: Path) -> None:
    node = Node(tmp_path, free_port())
    claims = claims_of(node.token("host", "--subject=mei", "--seconds=60"))
    assert claims["exp"] - claims["iat"] == 60
    told = {name: claims[name] for name in ("sub", "role", "show", "aud")}
    assert told == {"sub": "mei", "role": "host", "show": "*", "aud": "dealcast"}
