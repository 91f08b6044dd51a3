"""The schema goes up, once, whole or not at all, with all that is in it."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    insert,
    text,
)

from dealcast.store import schema, tables
from dealcast.store.backup import LEFT_OUT, load, save
from dealcast.store.schema import NewerSchema
from tests.support.books import sqlite_url
from tests.support.dumps import Rows, database_at, dump

FIRST = "0001"
PROCESSES = 3
PROCESS = """
import asyncio, logging, sys
from dealcast.store.sql import Database

async def main():
    database = Database.connect(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    await database.migrate()
    await database.aclose()

logging.basicConfig(stream=sys.stdout, level=logging.INFO)
asyncio.run(main())
"""
BROKEN = """
from alembic import op
from sqlalchemy import Column, Integer

revision = "9999"
down_revision = "{head}"

def upgrade():
    op.create_table("begun", Column("id", Integer, primary_key=True))
    op.execute("UPDATE audit SET name = 'spoiled'")
    op.execute("SELECT * FROM nowhere")
"""


def test_processes_that_start_at_once_migrate_once(database_url: str) -> None:
    asyncio.run(build(database_url, FIRST))
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, database_url],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    for one in processes:
        assert one.stdout is not None and one.stdout.readline() == "ready\n"
    for one in processes:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    told = [one.communicate(timeout=50)[0] for one in processes]
    assert [one.returncode for one in processes] == [0] * PROCESSES, told
    steps = "".join(told).count("Running upgrade")
    assert steps == len(schema.revisions()) - 1, told


async def build(url: str, revision: str) -> None:
    """Build books as a product of that revision does."""
    async with database_at(url) as database, database.reshape() as connection:
        await connection.run_sync(schema.upgrade, revision)


def fill(connection: Connection) -> None:
    """Write two rows into every table that there is, with something in each column."""
    there = MetaData()
    there.reflect(connection)
    for table in there.sorted_tables:
        if table.name != "alembic_version":
            for number in (1, 2):
                connection.execute(insert(table).values(row(table, number)))


def row(table: Table, number: int) -> dict[str, Any]:
    """Make a row; what it refers to has its number, too."""
    values: dict[str, Any] = {}
    for column in table.columns:
        if isinstance(column.type, JSON):
            values[column.name] = {"und": f"茶 {number}"}
        elif isinstance(column.type, Integer):
            values[column.name] = number
        elif isinstance(column.type, LargeBinary):
            values[column.name] = bytes([number, 0, 255])
        else:
            values[column.name] = f"{number}"
    if table.name == "deal_line":
        values |= {"allotted": 3 * number}  # = free + held + sold
    return values


def as_before(after: dict[str, Rows], before: dict[str, Rows]) -> dict[str, Rows]:
    """Leave out the tables and columns that came later."""
    return {
        name: [{key: one[key] for key in rows[0]} for one in after[name]]
        for name, rows in before.items()
    }


async def test_the_first_books_go_up_with_all_that_is_in_them(
    database_url: str,
) -> None:
    await build(database_url, FIRST)
    async with database_at(database_url) as database:
        async with database.begin() as connection:
            await connection.run_sync(fill)
        before = await dump(database)
        assert len(before) > 20 and {len(rows) for rows in before.values()} == {2}
        await database.migrate()
        after = await dump(database)
        assert as_before(after, before) == before
        assert after.keys() == tables.metadata.tables.keys()
        assert all(after[name] == [] for name in after.keys() - before.keys())


async def test_an_old_backup_is_restored_and_goes_up(
    database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "old").mkdir()
    old_url, file = sqlite_url(tmp_path / "old"), tmp_path / "copy.sqlite3"
    await build(old_url, FIRST)
    async with database_at(old_url) as old:
        async with old.begin() as connection:
            await connection.run_sync(fill)
        before = await dump(old)
        saved = await save(old, file)
        assert saved.revision == FIRST
        assert await dump(old) == before  # It was not migrated for it.
    async with database_at(database_url) as database:
        await load(database, file, saved, rng=Random(1))
        after = await dump(database)
        async with database.read() as connection:
            now = await connection.run_sync(schema.revision_of)
    assert now == schema.revisions()[-1]
    for name in (*LEFT_OUT, "partition"):
        assert name == "partition" or after.pop(name) == []
        before.pop(name, None)
    assert as_before(after, before) == before


async def test_newer_books_are_refused_and_left_alone(database_url: str) -> None:
    async with database_at(database_url, migrate=True) as database:
        async with database.begin() as connection:
            await connection.run_sync(fill)
            await connection.execute(
                text("UPDATE alembic_version SET version_num = '0815'")
            )
        before = await dump(database)
        with pytest.raises(NewerSchema) as refused:
            await database.migrate()
        assert await dump(database) == before
    said = str(refused.value)
    assert "0815" in said and schema.revisions()[-1] in said and "\n" not in said


async def test_a_migration_that_fails_leaves_the_books_as_they_were(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrations = tmp_path / "migrations"
    shutil.copytree(
        schema.MIGRATIONS, migrations, ignore=shutil.ignore_patterns("__pycache__")
    )
    broken = migrations / "versions" / "r9999_broken.py"
    async with database_at(database_url, migrate=True) as database:
        async with database.begin() as connection:
            await connection.run_sync(fill)
        before = await dump(database)
        broken.write_text(BROKEN.format(head=schema.revisions()[-1]))
        monkeypatch.setattr(schema, "MIGRATIONS", migrations)
        with pytest.raises(Exception, match="nowhere"):
            await database.migrate()
        assert await dump(database) == before
        monkeypatch.undo()
        await database.migrate()  # As an older product would: all is well.
        assert await dump(database) == before
