"""A shop is saved while it sells, and comes back on another machine."""

import asyncio
import fcntl
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import jwt
import pytest

from tests.support.ports import free_port
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


def assert_refused(ended: subprocess.CompletedProcess[str], word: str) -> None:
    """Check for exit code 2 and one line with this word in it."""
    assert (ended.returncode, ended.stdout) == (2, ""), (word, ended)
    assert ended.stderr.startswith("dealcast: "), ended
    assert ended.stderr.count("\n") == 1 and word in ended.stderr, (word, ended)


def with_books(folder: Path) -> Node:
    """Return a node that never ran, but has books and a secret."""
    node = Node(folder, free_port())
    node.data.mkdir(parents=True)
    made = node.dealcast("token", "--role=host", "--link")
    assert made.returncode == 0, made
    return node


def test_a_restore_is_refused_where_it_would_do_harm(tmp_path: Path) -> None:
    """One line says why; what was there is as it was."""
    node, saved = with_books(tmp_path / "first"), tmp_path / "saved"
    assert node.dealcast("backup", str(saved)).returncode == 0
    modes = {one.name: one.stat().st_mode & 0o777 for one in saved.iterdir()}
    names = ("books.sqlite3", "manifest.json", "secret")
    assert modes == dict.fromkeys(names, 0o600)
    assert saved.stat().st_mode & 0o777 == 0o700
    assert_refused(node.dealcast("backup", str(saved)), "not empty")
    assert {one.name for one in tmp_path.iterdir()} == {"first", "saved"}

    other = Node(tmp_path / "other", node.port)
    damaged = tmp_path / "damaged"
    shutil.copytree(saved, damaged)
    with (damaged / "books.sqlite3").open("r+b") as books:
        books.seek(5000)
        books.write(b"?")
    assert_refused(other.dealcast("restore", str(damaged)), "books.sqlite3 is damaged")
    assert not other.data.exists()
    other.data.mkdir(parents=True)
    with (other.data / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert_refused(other.dealcast("restore", str(saved)), "in use")
    secret = other.data / "secret"
    secret.write_text("another secret, of 32 letters or more")
    assert_refused(other.dealcast("restore", str(saved)), "is another one")
    assert not (other.data / "books.sqlite3").exists()
    secret.unlink()
    restored = other.dealcast("restore", str(saved))
    assert restored.returncode == 0, restored
    assert secret.read_text() == (node.data / "secret").read_text()


def test_settings_come_back_where_they_fit(tmp_path: Path) -> None:
    """Those that name other books than were restored are put beside."""
    first = with_books(tmp_path / "first")
    settings, books = first.data / "dealcast.toml", first.data / "books.sqlite3"
    for text, place in (
        ('shop_name = "Tea"', "dealcast.toml"),
        (f'[sql]\nurl = "sqlite+aiosqlite:///{books}"', "dealcast.toml.restored"),
    ):
        settings.write_text(text)
        saved, second = tmp_path / f"saved-{place}", Node(tmp_path / place, first.port)
        assert first.dealcast("backup", str(saved)).returncode == 0
        restored = second.dealcast("restore", str(saved))
        assert restored.returncode == 0, restored
        [found] = second.data.glob("*.toml*")
        assert (found.name, found.read_text()) == (place, text)
        assert ("Its settings are other ones" in restored.stdout) is (
            place != "dealcast.toml"
        )


def test_an_older_product_says_that_the_books_are_newer(tmp_path: Path) -> None:
    node = with_books(tmp_path / "node")
    with closing(sqlite3.connect(node.data / "books.sqlite3")) as books:
        books.execute("UPDATE alembic_version SET version_num = '4711'")
        books.commit()
    for verb, *words in (
        ("serve", f"--port={node.port}"),
        ("verify",),
        ("backup", str(tmp_path / "saved")),
        ("token", "--show=demo"),
    ):
        assert_refused(node.dealcast(verb, *words), "revision 4711")
