"""The database: its schema, its transactions, and what it says when it cannot."""

import asyncio
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, func, insert, inspect, select, text
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
)

from dealcast.core.errors import Unavailable
from dealcast.store import tables
from dealcast.store.sql import Database
from tests.support.books import sqlite_url
from tests.support.ports import free_port


def seller(name: str) -> Any:
    return insert(tables.seller).values(id=name, name={"und": name, "extra": [1, None]})


def described(connection: Connection) -> dict[str, Any]:
    """Return all that the database says of its tables."""
    seen = inspect(connection)
    found = {}
    for table in seen.get_table_names():
        columns = [
            (one["name"], str(one["type"]), one["nullable"], one.get("default"))
            for one in seen.get_columns(table)
        ]
        found[table] = {
            "columns": columns,
            "key": seen.get_pk_constraint(table),
            "references": by_name(seen.get_foreign_keys(table)),
            "unique": by_name(seen.get_unique_constraints(table)),
            "checks": by_name(seen.get_check_constraints(table)),
            "indexes": by_name(seen.get_indexes(table)),
        }
    found.pop("alembic_version", None)
    return found


def by_name(parts: list[Any]) -> list[Any]:
    return sorted(parts, key=lambda part: str(part["name"]))


def dropped(connection: Connection) -> None:
    everything = MetaData()
    everything.reflect(connection)
    everything.drop_all(connection)


async def test_the_migrations_lead_to_the_tables(database_url: str) -> None:
    database = Database.connect(database_url)
    await database.migrate()

    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        return list(compare_metadata(context, tables.metadata))

    async with database.begin() as connection:
        assert await connection.run_sync(differences) == []
        migrated = await connection.run_sync(described)
        await connection.run_sync(dropped)
        await connection.run_sync(tables.metadata.create_all)
        created = await connection.run_sync(described)
    await database.aclose()
    assert migrated.keys() == tables.metadata.tables.keys()
    assert migrated == created


async def test_several_migrate_at_once(database_url: str) -> None:
    several = [Database.connect(database_url) for _ in range(4)]
    await asyncio.gather(*(database.migrate() for database in several))
    await several[0].migrate()
    async with several[0].read() as connection:
        versions = await connection.execute(text("SELECT * FROM alembic_version"))
        assert versions.all() == [("0002",)]
    for database in several:
        await database.aclose()


async def migrated(url: str) -> Database:
    database = Database.connect(url)
    await database.migrate()
    return database


async def test_an_exception_undoes_the_transaction(database_url: str) -> None:
    database = await migrated(database_url)
    with pytest.raises(ZeroDivisionError):
        async with database.begin() as connection:
            await connection.execute(seller("ann"))
            raise ZeroDivisionError
    with pytest.raises(IntegrityError):
        async with database.begin() as connection:
            await connection.execute(seller("bob"))
            await connection.execute(seller("bob"))
    async with database.begin() as connection:
        await connection.execute(seller("cat"))
    async with database.read() as connection:
        found = (await connection.execute(select(tables.seller))).all()
    assert found == [("cat", {"und": "cat", "extra": [1, None]})]
    await database.aclose()


async def test_a_reader_sees_one_instant_and_writes_nothing(
    database_url: str,
) -> None:
    database = await migrated(database_url)
    count = select(func.count()).select_from(tables.seller)
    async with database.read() as reader:
        assert await reader.scalar(count) == 0
        async with database.begin() as connection:
            await connection.execute(seller("ann"))
        assert await reader.scalar(count) == 0
    async with database.read() as reader:
        assert await reader.scalar(count) == 1
    # asyncpg and sqlite3 have different words for it.
    with pytest.raises((OperationalError, ProgrammingError, Exception), match="read"):
        async with database.read() as reader:
            await reader.execute(seller("bob"))
    async with database.read() as reader:
        assert await reader.scalar(count) == 1
    await database.aclose()


async def test_many_writers_wait_for_each_other(database_url: str) -> None:
    several = [await migrated(database_url) for _ in range(3)]

    async def add(number: int) -> None:
        async with several[number % 3].begin() as connection:
            row = tables.partition
            await connection.execute(select(row).with_for_update())
            await connection.execute(seller(str(number)))

    await asyncio.gather(*map(add, range(60)))
    async with several[0].read() as connection:
        count = select(func.count()).select_from(tables.seller)
        assert await connection.scalar(count) == 60
    for database in several:
        await database.aclose()


async def test_sqlite_is_set_to_keep_what_it_has_said(tmp_path: Any) -> None:
    database = await migrated(sqlite_url(tmp_path))
    async with database.begin() as connection:
        for pragma, value in {
            "journal_mode": "wal",
            "synchronous": 2,
            "foreign_keys": 1,
            "busy_timeout": 5000,
            "journal_size_limit": 64 * 1024 * 1024,
        }.items():
            found = await connection.exec_driver_sql(f"PRAGMA {pragma}")
            assert found.scalar() == value
    await database.aclose()


async def test_a_busy_database_is_unavailable(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dealcast.store.sql.BUSY_MS", 50)
    monkeypatch.setattr("dealcast.store.sql.POOL_WAIT_S", 0.05)
    first, second = [await migrated(sqlite_url(tmp_path)) for _ in range(2)]
    async with first.begin():
        with pytest.raises(Unavailable, match="locked"):
            async with second.begin():
                raise AssertionError
        with pytest.raises(Unavailable, match="QueuePool limit"):
            async with first.begin():
                raise AssertionError
    await first.aclose()
    await second.aclose()


async def test_a_wrong_statement_is_a_fault_of_ours(database_url: str) -> None:
    database = await migrated(database_url)
    with pytest.raises((OperationalError, ProgrammingError)):
        async with database.begin() as connection:
            await connection.execute(text("SELECT * FROM nowhere"))
    await database.aclose()


async def test_a_database_that_is_not_there_is_unavailable(tmp_path: Any) -> None:
    for url in (
        f"postgresql+asyncpg://dealcast@127.0.0.1:{free_port()}/dealcast",
        sqlite_url(tmp_path / "nowhere"),
    ):
        database = Database.connect(url)
        with pytest.raises(Unavailable, match="database"):
            async with database.read():
                raise AssertionError
        await database.aclose()
    await asyncio.sleep(0.1)  # The driver's thread ends a little later than it fails.


@pytest.mark.parametrize(
    "url", ["sqlite+aiosqlite://", "sqlite:///x.db", "mysql+aiomysql://localhost/x"]
)
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite\\+aiosqlite"):
        Database.connect(url)


RAISE = "DO $$ BEGIN RAISE EXCEPTION 'told so' USING ERRCODE = '{state}'; END $$"
PASSING = ["08006", "25006", "40001", "40P01", "53100", "53200", "53300", "55P03",
           "57014", "57P03", "58030"]  # fmt: skip
OURS = ["22003", "23514", "42601", "0A000", "XX000"]


@pytest.mark.parametrize("state", [*PASSING, *OURS])
async def test_what_postgresql_says_is_passing_or_ours(
    postgres_url: str, state: str
) -> None:
    database = Database.connect(postgres_url)
    expected = Unavailable if state in PASSING else DBAPIError
    with pytest.raises(expected, match="told so"):
        async with database.begin() as connection:
            await connection.execute(text(RAISE.format(state=state)))
    async with database.read() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
    await database.aclose()


async def test_postgresql_gives_up_on_who_falls_silent(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is halted in a transaction keeps no lock for long."""
    database = await migrated(postgres_url)
    async with database.begin() as connection:
        await connection.execute(seller("ann"))
    monkeypatch.setattr("dealcast.store.sql.IDLE_MS", 200)
    silent = Database.connect(postgres_url)
    row = tables.seller
    with pytest.raises(Unavailable):
        async with silent.begin() as connection:
            await connection.execute(select(row).with_for_update())
            async with database.begin() as other:
                await other.execute(select(row).with_for_update())
            await connection.execute(seller("bob"))
    async with silent.begin() as connection:
        await connection.execute(seller("cat"))
    await silent.aclose()
    await database.aclose()


async def test_all_is_well_again_once_the_connections_were_lost(
    postgres_url: str,
) -> None:
    """Those of the pool are dead: one act is refused, and finds it out for all."""
    database = await migrated(postgres_url)
    readers = [database.read() for _ in range(4)]
    opened = [await reader.__aenter__() for reader in readers]
    for connection in opened:
        await connection.execute(text("SELECT 1"))
    for reader in readers:
        await reader.__aexit__(None, None, None)
    killer = Database.connect(postgres_url)
    async with killer.begin() as connection:
        others = "pid <> pg_backend_pid() AND datname = current_database()"
        found = await connection.execute(
            text(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"
            )
        )
        assert len(found.all()) == 4
    await killer.aclose()
    refused = 0
    for _ in range(4):
        try:
            async with database.begin() as connection:
                await connection.execute(text("SELECT 1"))
        except Unavailable:
            refused += 1
    assert refused <= 1
    await database.aclose()


async def test_who_leaves_in_the_middle_leaves_nothing_behind(
    database_url: str,
) -> None:
    database = await migrated(database_url)
    slow = (
        "SELECT pg_sleep(10)"
        if not database.is_sqlite
        else (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
            " WHERE i < 3000000) SELECT count(*) FROM n"
        )
    )
    for number in range(5):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), database.begin() as connection:
                await connection.execute(seller(f"gone-{number}"))
                await connection.execute(text(slow))
        async with database.begin() as connection:
            await connection.execute(seller(f"here-{number}"))
    async with database.read() as connection:
        found = await connection.scalars(select(tables.seller.c.id))
        assert sorted(found) == [f"here-{number}" for number in range(5)]
    await database.aclose()
