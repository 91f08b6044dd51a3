"""Each number that is made wrong is named by the recount; a clean shop has none."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import sha1
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from rich.console import Console
from sqlalchemy import select, update

from dealcast.config import Settings, Sql
from dealcast.core.ids import DealId, HoldId, Partition, PaymentId, PersonId
from dealcast.store import keys, tables
from dealcast.store.recount import Difference
from dealcast.store.sql import Database
from dealcast.tools.recount import recount
from dealcast.tools.verify import table, verify
from tests.store.corruptions import CORRUPTIONS
from tests.support.books import Books, books, sqlite_url
from tests.support.redis import RedisServers

PARTITION = Partition(7)


@dataclass
class Busy:
    """A shop in which everything has happened once."""

    books: Books
    deal: DealId
    closed: DealId
    held: HoldId
    payment: PaymentId  # Captured.
    pending: PaymentId

    async def wrong(self, *, with_redis: bool = False) -> list[Difference]:
        """Recount, with Redis or without."""
        redis = self.books.redis if with_redis else None
        return await verify(self.books.database, redis, wait_s=0.2)


@dataclass
class Copy:
    """A copy of what such a shop has in SQL, to be spoiled."""

    database: Database
    names: dict[str, str]

    async def corrupt(self, statement: str) -> None:
        """Change SQL behind everybody's back, and past its own checks."""
        used = {
            key: value for key, value in self.names.items() if f":{key}" in statement
        }
        with closing(sqlite3.connect(str(self.database.url.database))) as connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            connection.execute(statement, used)
            connection.commit()

    async def command(self) -> int:
        """Return the exit code of ``dealcast verify`` on this copy."""
        url = self.database.url.render_as_string(hide_password=False)
        settings = Settings(data="/nonexistent", sql=Sql(url=url))
        return await recount(settings)


async def fill(books: Books) -> Busy:
    deal = await books.opened({"red": 9, "blue": 3})
    payment = await books.sold(deal, "u_ann")
    held = await books.hold(deal, "u_bob", "blue")
    pending = await books.checkout(
        "u_cat", await books.hold(deal, "u_cat", quantity=2), state="pending"
    )
    gone = await books.hold(deal, "u_dan")
    await books.stock.release([gone], reason="buyer", buyer=PersonId("u_dan"))
    await books.restock(deal, "red", 2)
    closed = await books.opened({"blue": 4})
    await books.sold(closed, "u_eve", "blue")
    await books.stock.close(closed, op="close")
    await books.follow()
    await books.restock(deal, "red", 3)  # Still on its way.
    return Busy(books, deal, closed, held, payment, pending)


@pytest.fixture
async def busy(small: Books) -> Busy:
    return await fill(small)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Keep what the first test of this file has made for the others."""
    return {"folder": str(tmp_path_factory.mktemp("shelf"))}


@pytest.fixture
async def copy(
    shelf: dict[str, str], standalone: RedisServers, tmp_path: Path
) -> AsyncIterator[Copy]:
    """Lend out a copy of a busy shop's database."""
    folder = Path(shelf["folder"])
    if "deal" not in shelf:
        async with books(standalone, sqlite_url(folder)) as made:
            busy = await fill(made)
        shelf |= {
            "deal": busy.deal,
            "closed": busy.closed,
            "held": busy.held,
            "payment": busy.payment,
        }
    shutil.copy(folder / "dealcast.db", tmp_path)
    database = Database.connect(sqlite_url(tmp_path))
    yield Copy(database, shelf)
    await database.aclose()


async def test_a_clean_shop_has_no_difference(pair: Books) -> None:
    busy = await fill(pair)
    assert await busy.wrong(with_redis=True) == []
    assert await busy.wrong() == []


async def test_a_running_shop_has_no_difference(pair: Books) -> None:
    deal = await pair.opened({"red": 90})
    stop = asyncio.Event()
    following = asyncio.create_task(pair.ledger.run(stop))

    async def rush() -> None:
        for number in range(90):
            if not stop.is_set():
                await pair.hold(deal, f"u_{number}")
                await asyncio.sleep(0.02)

    rushing = asyncio.create_task(rush())
    found = [await verify(pair.database, pair.redis) for _ in range(2)]
    assert not rushing.done()
    stop.set()
    await asyncio.gather(rushing, following)
    assert found == [[], []]


def named(differences: list[Difference], what: str, where: str) -> bool:
    return any(
        one.what == what and fnmatchcase(one.where, where) for one in differences
    )


@pytest.mark.parametrize("case", CORRUPTIONS)
async def test_a_wrong_number_in_sql_is_named(copy: Copy, case: str) -> None:
    statement, what, where = CORRUPTIONS[case]
    await copy.corrupt(statement)
    differences = await verify(copy.database)
    assert named(differences, what, where.format(**copy.names)), differences
    assert await copy.command() == 1


async def test_a_fact_that_does_not_follow_is_named(copy: Copy) -> None:
    """One that somebody wrote, chain and all: only the fold can tell."""
    row = tables.fact
    async with copy.database.begin() as connection:
        facts = (await connection.execute(select(row).order_by(row.c.seq))).all()
        chain = facts[1].chain
        for number, fact in enumerate(facts[2:]):
            body = fact.body
            if number == 0:
                told = msgspec.msgpack.decode(body)
                assert fact.kind == "pay"
                told["holds"] = ["h07_nobody"]
                body = msgspec.msgpack.encode(told)
            text = f"{chain}{fact.seq}{fact.kind}".encode() + body
            chain = sha1(text, usedforsecurity=False).hexdigest()
            await connection.execute(
                update(row).where(row.c.seq == fact.seq).values(body=body, chain=chain)
            )
    differences = await verify(copy.database)
    assert named(differences, "fact.body", "partition 07 fact 3")


async def test_a_copy_that_is_not_spoiled_has_no_difference(copy: Copy) -> None:
    assert await verify(copy.database) == []
    assert await copy.command() == 0


async def test_a_wrong_number_of_the_stock_in_redis_is_named(busy: Busy) -> None:
    for letter, name in zip("afhs", ("allotted", "free", "held", "sold"), strict=True):
        key, field = keys.deal(busy.deal), f"{letter}:red"
        right = await busy.books.redis.hget(key, field)
        assert right is not None
        await busy.books.redis.hset(key, {field: int(right) + 1})
        wrong = await busy.wrong(with_redis=True)
        assert [one.what for one in wrong] == [f"redis.{name}"]
        assert wrong[0].where == f"deal {busy.deal} variant red"
        await busy.books.redis.hset(key, {field: right})
    assert await busy.wrong(with_redis=True) == []


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("seq", "2", "redis.seq"),
        ("seq", "99", "ledger.seq"),
        ("chain", "x", "redis.chain"),
        ("epoch", "2", "redis.epoch"),
    ],
)
async def test_a_wrong_position_in_redis_is_named(
    busy: Busy, field: str, value: str, what: str
) -> None:
    await busy.books.redis.hset(keys.meta(PARTITION), {field: value})
    (wrong,) = await busy.wrong(with_redis=True)
    assert (wrong.what, wrong.where) == (what, "partition 07")


async def test_facts_of_a_stopped_shop_may_wait_for_the_ledger(pair: Books) -> None:
    deal = await pair.opened({"red": 5})
    await pair.hold(deal, "u_ann")
    await pair.hold(deal, "u_bob")
    assert await verify(pair.database, pair.redis, stopped=True) == []
    late = await verify(pair.database, pair.redis, wait_s=0.2)
    assert late == [Difference("ledger.seq", "partition 07", 3, 1)]
    await pair.redis.hset(keys.buyers(deal), {"u_ann": 2})
    (wrong,) = await verify(pair.database, pair.redis, stopped=True)
    assert wrong.what == "redis.buyer"
    stream = keys.facts(PARTITION)
    await pair.redis.command(stream, "XDEL", stream, "2-0")
    (broken,) = await verify(pair.database, pair.redis, stopped=True)
    assert broken == Difference("fact.seq", "partition 07 fact 3", 2, 3)


async def test_a_wrong_status_in_redis_is_named(busy: Busy) -> None:
    await busy.books.redis.hset(keys.deal(busy.deal), {"status": "paused"})
    wrong = await busy.wrong(with_redis=True)
    assert wrong == [Difference("redis.status", f"deal {busy.deal}", "open", "paused")]


@pytest.mark.parametrize(
    ("packed", "what"),
    [
        ("expired|u_bob|blue|1|1|f|", "redis.hold.state"),
        ("held|u_bob|blue|2|1|f|", "redis.hold.quantity"),
        ("held|u_ann|blue|1|1|f|", "redis.hold.buyer"),
        ("held|u_bob|red|1|1|f|", "redis.hold.variant"),
        ("nonsense", "redis.hold"),
    ],
)
async def test_a_wrong_hold_in_redis_is_named(
    busy: Busy, packed: str, what: str
) -> None:
    await busy.books.redis.hset(keys.holds(busy.deal), {busy.held: packed})
    (wrong, *_) = await busy.wrong(with_redis=True)
    assert (wrong.what, wrong.where) == (what, f"hold {busy.held}")


async def test_a_hold_too_many_or_too_few_in_redis_is_named(busy: Busy) -> None:
    key = keys.holds(busy.deal)
    packed = await busy.books.redis.hget(key, busy.held)
    assert packed is not None
    await busy.books.redis.command(key, "HDEL", key, busy.held)
    more = HoldId(busy.held[:-1] + "!")
    await busy.books.redis.hset(key, {more: packed})
    wrong = await busy.wrong(with_redis=True)
    assert wrong == [
        Difference("redis.hold", f"hold {more}", "none", "held"),
        Difference("redis.hold", f"hold {busy.held}", "held", "none"),
    ]


async def test_a_wrong_count_of_a_buyer_in_redis_is_named(busy: Busy) -> None:
    await busy.books.redis.hset(keys.buyers(busy.deal), {"u_cat": 1})
    wrong = await busy.wrong(with_redis=True)
    where = f"buyer u_cat in deal {busy.deal}"
    assert wrong == [Difference("redis.buyer", where, 2, 1)]


async def test_the_table_says_all_of_a_difference(copy: Copy) -> None:
    await copy.corrupt("UPDATE variant SET received = 101 WHERE id = 'red'")
    wrong = await verify(copy.database)
    console = Console(width=200, record=True, file=StringIO())
    console.print(table(wrong))
    printed = console.export_text()
    for word in ("variant.received", "variant red", "100", "101"):
        assert word in printed
    assert str(wrong[0]).endswith("is 101, recounted: 100")
