"""All that books have, as their database tells it, whatever their schema is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import JSON, Connection, MetaData, Text, cast, select

from dealcast.store.sql import Database

Rows = list[dict[str, Any]]


@asynccontextmanager
async def database_at(url: str, *, migrate: bool = False) -> AsyncIterator[Database]:
    """Open books for as long as the block lasts."""
    database = Database.connect(url)
    try:
        if migrate:
            await database.migrate()
        yield database
    finally:
        await database.aclose()


async def dump(database: Database) -> dict[str, Rows]:
    """Return all rows of every table; JSON is the text that it is written as."""
    async with database.read() as connection:
        return await connection.run_sync(read_all)


def read_all(connection: Connection) -> dict[str, Rows]:
    """Read every table but that of the schema's revision."""
    there = MetaData()
    there.reflect(connection)
    found = {}
    for table in there.sorted_tables:
        asked = [
            cast(one, Text).label(one.name) if isinstance(one.type, JSON) else one
            for one in table.columns
        ]
        rows = [dict(row._mapping) for row in connection.execute(select(*asked))]
        found[table.name] = sorted(rows, key=repr)
    found.pop("alembic_version", None)
    return found
