"""A shop is saved while it sells, and comes back on another machine."""

import asyncio
import json
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import jwt
import pytest

from tests.support.server import Node
from tests.support.shopper import Json, Shop, eventually, stock_of, visiting
from tests.support.theatre import Watcher

UNITS = 400
BUYERS = 4  # Who buy at a time.
AFTER = 8  # Orders that the first shop takes after it was saved.
PAUSE_S = 0.3  # The host may not look more often, for long.


def token_of(node: Node, subject: str) -> str:
    """Sign a buyer's token by the node's own secret, as the node does."""
    claims = {
        "sub": subject,
        "name": subject,
        "role": "viewer",
        "show": "*",
        "aud": "dealcast",
        "exp": int(time.time()) + 3600,
    }
    secret = (node.data / "secret").read_text().strip()
    return jwt.encode(claims, secret, algorithm="HS256")


@dataclass
class Rush:
    """Buyers who come one after the other, and pay."""

    node: Node
    shop: Shop
    show: str
    deal: str
    orders: list[str] = field(default_factory=list)
    over: bool = False
    count: int = 0

    async def buy(self) -> str:
        """Buy one unit; return the order, paid at the provider."""
        self.count += 1
        token = token_of(self.node, f"buyer-{self.count}")
        hold = await self.hold(token)
        checkout = await self.shop.check_out(token, hold)
        await self.shop.choose(checkout, "pay")
        self.orders.append(checkout["order"])
        return str(checkout["order"])

    async def hold(self, token: str) -> str:
        """Hold one unit."""
        path = f"/deals/{self.deal}/holds"
        held = await self.shop.done(
            "POST", path, {"quantity": 1}, token=token, key="mine"
        )
        return str(held["hold"])

    async def run(self) -> None:
        """Buy until told to leave off."""

        async def one() -> None:
            while not self.over:
                await self.buy()

        await asyncio.gather(*(one() for _ in range(BUYERS)))

    async def paid(self) -> set[str]:
        """Return the orders of the show that are paid, as the host sees them."""
        found: set[str] = set()
        path = f"/shows/{self.show}/orders"
        while True:
            page = await self.shop.done("GET", path, token=self.shop.host)
            if not page["orders"]:
                return found
            found |= {one["id"] for one in page["orders"] if one["state"] == "paid"}
            path = f"/shows/{self.show}/orders?before={page['orders'][-1]['id']}"


@dataclass
class Before:
    """What must be there again."""

    show: str
    deal: str
    host: str
    token: str  # Of who has paid, and holds one more.
    order: Json
    held: str
    cursor: str
    orders: set[str]


async def sell(node: Node, host: str, backup: Path) -> Before:
    """Sell all the time, and save the shop in the midst of it."""
    async with visiting(node.url) as shop:
        shop.host, shop.keeper = host, node.token("shop")
        show, deal = await shop.on_sale(UNITS, per_buyer_max=3, hold_s=900)
        rush = Rush(node, shop, show, deal)
        order = await rush.buy()
        token = token_of(node, "buyer-1")

        async def first() -> Json | None:
            told = await shop.ask("GET", f"/orders/{order}", token=token)
            return told.body if told.body.get("state") == "paid" else None

        paid = await eventually(first)
        viewer = await shop.join(show, token=token)
        held = await shop.done(
            "POST", f"/deals/{deal}/holds", {"quantity": 1}, token=token, key="kept"
        )
        rushing = asyncio.create_task(rush.run())
        await eventually(lambda: reached(rush, 5))
        saved = await asyncio.to_thread(node.dealcast, "backup", str(backup))
        assert saved.returncode == 0, saved
        count = len(rush.orders)
        await eventually(lambda: reached(rush, count + AFTER))
        rush.over = True
        await rushing
        await eventually(lambda: has(rush, set(rush.orders)))
        assert (await shop.ask("GET", f"/shows/{show}")).status == 200
        return Before(
            show=show, deal=deal, host=host, token=token, order=paid,
            held=held["hold"], cursor=viewer.cursors()[-1], orders=set(rush.orders),
        )  # fmt: skip


async def reached(rush: Rush, count: int) -> bool:
    return len(rush.orders) >= count


async def go_on(node: Node, before: Before, known: set[str]) -> None:
    """Find the restored shop as it was, its payments at their end, and buy in it."""
    async with visiting(node.url) as shop:
        shop.host, token = before.host, before.token
        order = await shop.done("GET", f"/orders/{before.order['id']}", token=token)
        assert order == before.order
        hold = await shop.done("GET", f"/holds/{before.held}", token=token)
        assert hold["state"] == "held"
        back = await shop.join(before.show, token=token, cursor=before.cursor)
        [sync] = back.events("/live", "sync")
        assert sync["recovered"] is False
        epoch, n = (int(part) for part in before.cursor.split("."))
        first = back.cursors()[0].split(".")
        assert int(first[0]) > epoch + 999 and int(first[1]) > 0 < n
        rush = Rush(node, shop, before.show, before.deal, count=UNITS)
        await eventually(lambda: has(rush, known))
        new = await rush.buy()
        await eventually(lambda: has(rush, known | {new}))
        checkout = await shop.check_out(token, before.held)
        await shop.choose(checkout, "pay")
        await eventually(lambda: has(rush, known | {new, checkout["order"]}))
        assert (await back_to_back(back, shop, before)) == UNITS


async def has(rush: Rush, orders: set[str]) -> bool:
    await asyncio.sleep(PAUSE_S)
    return await rush.paid() == orders


def begun_in(saved: Path) -> set[str]:
    """Return the orders for which payments were on their way, or done."""
    with closing(sqlite3.connect(saved / "books.sqlite3")) as books:
        return {row[0] for row in books.execute('SELECT "order" FROM payment')}


async def back_to_back(watcher: Watcher, shop: Shop, before: Before) -> int:
    """Return all units that a viewer sees, which are those that the shop has."""
    deals = await shop.done("GET", f"/shows/{before.show}/deals")
    ((variant, stock),) = deals["stock"][before.deal].items()
    told = (stock["free"], stock["held"], stock["sold"])
    await watcher.until(lambda: stock_of(watcher, before.deal, variant) == told)
    return sum(told)


@pytest.mark.timeout(180)  # Several times what it takes on an idle machine.
async def test_a_shop_comes_back_from_its_backup(
    nodes: Callable[..., Node], tmp_path: Path
) -> None:
    first, saved = nodes("--demo", "--workers=2"), tmp_path / "saved"
    before = await sell(first, first.token("host"), saved)
    assert_agrees(first)
    again = first.dealcast("restore", str(saved))
    assert again.returncode == 2 and again.stderr.count("\n") == 1, again
    first.stop()
    assert first.faults() == []

    second = Node(tmp_path / "second", first.port, first.options)
    second.folder.mkdir()
    restored = second.dealcast("restore", str(saved))
    assert restored.returncode == 0, restored
    assert restored.stdout.rstrip().endswith(f"dealcast serve --data {second.data}")
    assert_agrees(second)
    known = begun_in(saved)
    assert {before.order["id"]} < known < before.orders
    # The provider is another company: its books do not go back in time.
    shutil.copy(first.data / "sandbox-psp.jsonl", second.data)
    try:
        second.start()
        await go_on(second, before, known)
        assert_agrees(second)
        second.stop()
        assert second.faults() == []
        assert_agrees(second)
    except BaseException:
        print(second.logs())
        raise
    finally:
        if second.process is not None:
            second.process.kill()


def assert_agrees(node: Node) -> None:
    """Recount the whole node."""
    verified = node.dealcast("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_every_byte_of_a_backup_counts(nodes: Callable[..., Node]) -> None:
    """What is damaged is refused in one line, and nothing is left behind."""
    node = nodes("--workers=1")
    saved = node.folder / "saved"
    done = node.dealcast("backup", str(saved))
    assert done.returncode == 0, done
    assert {one.name: one.stat().st_mode & 0o777 for one in saved.iterdir()} == {
        "books.sqlite3": 0o600, "manifest.json": 0o600, "secret": 0o600,
    }  # fmt: skip
    assert saved.stat().st_mode & 0o777 == 0o700
    assert [one for one in node.folder.iterdir() if one.name.startswith(".")] == []
    manifest = saved / "manifest.json"
    for number, (word, spoil) in enumerate(SPOILED.items()):
        copy = node.folder / f"copy{number}"
        shutil.copytree(saved, copy)
        spoil(copy)
        other = Node(node.folder / f"other{number}", node.port)
        ended = other.dealcast("restore", str(copy))
        assert ended.returncode == 2, (word, ended)
        assert ended.stdout == "" and ended.stderr.count("\n") == 1, ended
        assert word in ended.stderr, ended
        assert not other.data.exists()
    told = json.loads(manifest.read_bytes())
    assert told["rows"]["partition"] == 64
    assert node.dealcast("backup", str(saved)).returncode == 2


def flipped(name: str, where: float) -> Callable[[Path], None]:
    """Return what flips one bit of a file."""

    def flip(folder: Path) -> None:
        file = folder / name
        content = bytearray(file.read_bytes())
        content[int(where * len(content))] ^= 1
        file.write_bytes(content)

    return flip


def told(**changes: object) -> Callable[[Path], None]:
    """Return what changes the manifest."""

    def tell(folder: Path) -> None:
        file = folder / "manifest.json"
        file.write_text(json.dumps({**json.loads(file.read_bytes()), **changes}))

    return tell


def cut(folder: Path) -> None:
    """Cut the manifest off."""
    file = folder / "manifest.json"
    file.write_bytes(file.read_bytes()[:200])


SPOILED: dict[str, Callable[[Path], None]] = {
    "books.sqlite3 is damaged": flipped("books.sqlite3", 0.7),
    "secret is damaged": flipped("secret", 0.0),
    "manifest.json is damaged": told(rows={}),
    "manifest.json is damaged: it cannot be read": cut,
    "books.sqlite3: No such file": lambda folder: (folder / "books.sqlite3").unlink(),
    "it has no manifest.json": lambda folder: (folder / "manifest.json").unlink(),
    "revision 4711": told(revision="4711"),
    "restore it with the newer version": told(form=2),
}
