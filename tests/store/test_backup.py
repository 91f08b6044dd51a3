"""A copy of the books is whole, is what it was, and is refused if it is not."""

import asyncio
import shutil
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.errors import Unavailable
from dealcast.core.ids import partition_of
from dealcast.store import backup, schema, tables
from dealcast.store.backup import CopyFailed, Saved, load, save
from dealcast.store.schema import NewerSchema
from dealcast.store.sql import Database
from dealcast.tools.verify import verify
from tests.support.books import Books, sqlite_url
from tests.support.dumps import Rows, database_at, dump
from tests.support.postgres import Postgres

ODD = 'tea 茶 "quoted" \\ \' % : {} \u2028 \U0001f375'
# One that is no JSON for us, one that is null, one that is nothing at all.
TITLES = ('{"und":  "two  spaces", "n": 1.0}', "null", '{"und": "\\u0001"}')


@pytest.fixture(params=["sqlite", "postgresql"])
def target_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of empty books of each kind, beside those of a pair."""
    if request.param == "sqlite":
        (tmp_path / "target").mkdir()
        yield sqlite_url(tmp_path / "target")
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = postgres.create()
    yield postgres.url(name)
    postgres.drop(name)


async def rows_of(database: Database) -> dict[str, Rows]:
    """Return everything that a copy has."""
    rows = await dump(database)
    return {name: rows[name] for name in rows if name not in backup.LEFT_OUT}


async def fill(books: Books) -> None:
    """Let everything happen once, and put in what is easily spoiled on the way."""
    deal = await books.opened({"red": 9, "blue": 3})
    await books.sold(deal, "u_ann")
    await books.hold(deal, "u_bob", "blue")
    held = await books.hold(deal, "u_cat", quantity=2)
    await books.checkout("u_cat", held, state="pending")
    await books.restock(deal, "red", 2)
    await books.follow()
    async with books.database.begin() as connection:
        await odd(connection, books.database.is_sqlite)
        await connection.execute(
            insert(tables.clerk).values(id=1, holder="me", lease=1, until_at=1)
        )
        await connection.execute(
            insert(tables.code).values(
                digest="d", role="host", show="*", expires_at=2**52
            )
        )


async def odd(connection: AsyncConnection, sqlite: bool) -> None:
    """Write what another database may well take for something else."""
    written = ":title" if sqlite else "CAST(:title AS JSON)"
    for number, title in enumerate(TITLES):
        await connection.execute(
            text(f"INSERT INTO seller (id, name) VALUES (:id, {written})"),
            {"id": f"odd{number}", "title": title},
        )
    await connection.execute(
        insert(tables.person).values(
            id="u_odd", subject=ODD, name=ODD[:20], seen_at=2**53
        )
    )
    await connection.execute(
        insert(tables.fact).values(
            partition=99, seq=2**40, epoch=1, kind="x", at=0, chain="",
            body=bytes(range(256)),
        )
    )  # fmt: skip
    row = tables.fact
    await connection.execute(update(row).where(row.c.partition == 99).values(kind="y"))


def after_the_jump(rows: dict[str, Rows], jump: int) -> dict[str, Rows]:
    """Return what is to be there in the time-line that begins with the restore."""
    moved = [
        {**row, "epoch": row["epoch"] + jump, "lease": row["lease"] + jump}
        for row in rows["partition"]
    ]
    asked = [
        {**row, "check_at": 0} if row["state"] == "pending" else row
        for row in rows["payment"]
    ]
    assert asked != rows["payment"]
    return {
        **rows,
        "partition": sorted(moved, key=repr),
        "payment": sorted(asked, key=repr),
    }


async def test_a_copy_is_what_was_copied(
    pair: Books, target_url: str, tmp_path: Path
) -> None:
    await fill(pair)
    before = await rows_of(pair.database)
    file = tmp_path / "copy.sqlite3"
    saved = await save(pair.database, file)
    assert saved.revision == schema.revisions()[-1]
    assert saved.rows == {name: len(rows) for name, rows in before.items()}
    jump = Random(5).randint(backup.JUMP_MIN, backup.JUMP_MAX)
    async with database_at(target_url) as target:
        await load(target, file, saved, rng=Random(5))
        assert await rows_of(target) == after_the_jump(before, jump)
        await check_target(target)
    assert await rows_of(pair.database) == before


async def check_target(target: Database) -> None:
    """Check what a shop needs to go on from restored books."""
    async with target.begin() as connection:
        for gone in (tables.clerk, tables.code):
            assert await connection.scalar(select(func.count()).select_from(gone)) == 0
        last = await connection.scalar(select(func.max(tables.entry.c.id)))
        order = await connection.scalar(select(tables.orders.c.id))
        numbered = await connection.execute(
            insert(tables.entry).values(
                source="x", account="x", amount=0, currency="CNY", order=order, at=1
            )
        )
        assert numbered.inserted_primary_key == (last + 1,)
    async with target.begin() as connection:
        fact = tables.fact
        await connection.execute(fact.delete().where(fact.c.partition == 99))
    assert await verify(target) == []


async def test_a_redis_of_the_lost_time_line_is_not_believed(
    small: Books, tmp_path: Path
) -> None:
    """It is further than the books, has seen later clerks, and sells in vain."""
    deal = await small.opened({"red": 9})
    await small.sold(deal, "u_ann")
    held = await small.hold(deal, "u_bob")
    await small.follow()
    saved = await save(small.database, tmp_path / "copy.sqlite3")
    for number in range(5):
        await small.ledger.start()  # A clerk after the other.
        await small.gate.look()
        await small.hold(deal, f"u_late{number}")
    await small.follow()
    lost = small.ledger.position(partition_of(deal))
    (tmp_path / "restored").mkdir()
    async with database_at(sqlite_url(tmp_path / "restored")) as target:
        await load(target, tmp_path / "copy.sqlite3", saved, rng=Random(1))
        after = Books(small.servers, small.redis, target, numbers=count(1000))
        await after.ledger.start()
        await after.gate.look()  # Builds it anew,
        await after.gate.look()  # and lets it in.
        assert after.gate.closed == {}
        found = after.ledger.position(partition_of(deal))
        assert found.epoch > lost.epoch + 999 and found.seq < lost.seq
        assert await verify(target, small.redis, wait_s=5.0) == []
        await after.checkout("u_bob", held)
        await after.sold(deal, "u_dan")
        assert await verify(target, small.redis, wait_s=5.0) == []
        await small.ledger.follow(block_ms=50)  # The old clerk, if it still runs:
        assert small.ledger.position(partition_of(deal)) == lost


async def test_a_copy_shows_one_instant(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each act writes into the first table that is copied, and into the last."""
    monkeypatch.setattr(backup, "CHUNK", 2)
    names = [table.name for table in tables.metadata.sorted_tables]
    assert names.index("audit") < names.index("seller")

    async with database_at(database_url, migrate=True) as database:

        async def act(number: int) -> None:
            async with database.begin() as connection:
                await connection.execute(
                    insert(tables.audit).values(
                        act="x", by="x", name="x", role="host", subject="x", at=number
                    )
                )
                await connection.execute(
                    insert(tables.seller).values(id=str(number), name={})
                )

        for number in range(50):
            await act(number)
        saving = asyncio.create_task(save(database, tmp_path / "copy.sqlite3"))
        number = 50
        while not saving.done():
            await act(number)
            number += 1
        saved = await saving
        assert 50 <= saved.rows["audit"] == saved.rows["seller"] < number


async def small_copy(folder: Path) -> tuple[Path, Saved]:
    """Save books with one seller in them."""
    (folder / "source").mkdir()
    file = folder / "copy.sqlite3"
    async with database_at(sqlite_url(folder / "source"), migrate=True) as source:
        async with source.begin() as connection:
            await connection.execute(insert(tables.seller).values(id="ann", name={}))
        return file, await save(source, file)


async def test_books_that_are_in_use_are_left_alone(
    target_url: str, tmp_path: Path
) -> None:
    file, saved = await small_copy(tmp_path)
    async with database_at(target_url, migrate=True) as target:
        async with target.begin() as connection:
            await connection.execute(insert(tables.seller).values(id="ann", name={}))
        before = await rows_of(target)
        with pytest.raises(CopyFailed, match="not empty: there are rows in seller"):
            await load(target, file, saved, rng=Random(1))
        assert await rows_of(target) == before


async def test_a_restore_that_fails_leaves_nothing(
    target_url: str, tmp_path: Path
) -> None:
    """A table has a row less than the manifest says: known after it was loaded."""
    file, saved = await small_copy(tmp_path)
    other = Saved(saved.revision, saved.rows | {"variant": 7})
    async with database_at(target_url) as target:
        with pytest.raises(CopyFailed, match="other numbers of rows"):
            await load(target, file, other, rng=Random(1))
        assert await dump(target) == {}
        await load(target, file, saved, rng=Random(1))


async def test_empty_books_of_a_node_that_never_ran_make_room(
    target_url: str, tmp_path: Path
) -> None:
    """
    Books without a time-line get none: no clerk has followed them, and another
    shop's Redis must not be taken for theirs.
    """
    file, saved = await small_copy(tmp_path)
    async with database_at(target_url, migrate=True) as target:
        await load(target, file, saved, rng=Random(1))
        rows = await rows_of(target)
    assert rows["seller"] == [{"id": "ann", "name": "{}"}]
    assert rows["partition"] == []


async def test_every_partition_of_a_shop_in_use_is_moved(
    target_url: str, tmp_path: Path
) -> None:
    """Redis may have begun the others since: they are to be built anew as well."""
    (tmp_path / "source").mkdir()
    async with database_at(sqlite_url(tmp_path / "source"), migrate=True) as source:
        async with source.begin() as connection:
            await connection.execute(
                insert(tables.partition).values(
                    id=7, epoch=3, seq=9, chain="c", lease=12
                )
            )
        saved = await save(source, tmp_path / "copy.sqlite3")
    async with database_at(target_url) as target:
        await load(target, tmp_path / "copy.sqlite3", saved, rng=Random(1))
        found = (await rows_of(target))["partition"]
    jump = Random(1).randint(backup.JUMP_MIN, backup.JUMP_MAX)
    rows = {row["id"]: (row["epoch"], row["lease"]) for row in found}
    assert len(rows) == 64
    assert rows[7] == (3 + jump, 12 + jump)
    assert {rows[number] for number in rows if number != 7} == {(jump, jump)}


async def test_epochs_end_before_their_column_does(
    target_url: str, tmp_path: Path
) -> None:
    (tmp_path / "source").mkdir()
    async with database_at(sqlite_url(tmp_path / "source"), migrate=True) as source:
        async with source.begin() as connection:
            await connection.execute(
                insert(tables.partition).values(
                    id=7, epoch=backup.INTEGER_MAX - 999, seq=9, chain="c"
                )
            )
        saved = await save(source, tmp_path / "copy.sqlite3")
    async with database_at(target_url) as target:
        with pytest.raises(CopyFailed, match="no epoch left"):
            await load(target, tmp_path / "copy.sqlite3", saved, rng=Random(1))


async def test_a_file_that_is_none_is_said_to_be(tmp_path: Path) -> None:
    file, saved = await small_copy(tmp_path)
    whole = file.read_bytes()

    def short() -> None:
        file.write_bytes(whole[: len(whole) // 2])

    def other() -> None:
        file.write_bytes(b"nothing like it" * 400)

    def gone() -> None:
        file.unlink()

    spoil: Callable[[], None]
    for spoil in (short, other, gone):
        spoil()
        (tmp_path / "other").mkdir()
        async with database_at(sqlite_url(tmp_path / "other")) as target:
            with pytest.raises(CopyFailed, match=r"copy\.sqlite3|table") as told:
                await load(target, file, saved, rng=Random(1))
            assert "\n" not in str(told.value)
        shutil.rmtree(tmp_path / "other")
    await drivers_have_ended()


async def test_what_is_not_there_cannot_be_saved(tmp_path: Path) -> None:
    async with database_at(sqlite_url(tmp_path)) as empty:
        with pytest.raises(CopyFailed, match="nothing in the books"):
            await save(empty, tmp_path / "copy.sqlite3")
    async with database_at(sqlite_url(tmp_path / "nowhere")) as lost:
        with pytest.raises(Unavailable):
            await save(lost, tmp_path / "other.sqlite3")
    await drivers_have_ended()


async def drivers_have_ended() -> None:
    """Wait for the driver's threads: they end a little later than a file fails."""
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join, 5)


async def test_newer_books_are_not_saved_by_an_older_product(
    database_url: str, tmp_path: Path
) -> None:
    async with database_at(database_url, migrate=True) as newer:
        async with newer.begin() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num='9'"))
        with pytest.raises(NewerSchema, match="revision 9"):
            await save(newer, tmp_path / "copy.sqlite3")
