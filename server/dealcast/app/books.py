"""The books of this installation, brought up to date."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dealcast.config import Settings, Unusable
from dealcast.core.errors import Unavailable
from dealcast.store.schema import NewerSchema
from dealcast.store.sql import Database


@asynccontextmanager
async def books(settings: Settings) -> AsyncIterator[Database]:
    """
    Open the books that the settings name, and close them at the end.

    Raises:
        Unusable: If they do not answer, or a newer product has written them.
    """
    database = database_of(settings)
    try:
        try:
            await bring_up_to_date(database)
        except (OSError, Unavailable) as error:
            raise Unusable(f"sql.url: {error}") from None
        yield database
    finally:
        await database.aclose()


def database_of(settings: Settings) -> Database:
    """
    Return the books that the settings name, still closed.

    Raises:
        Unusable: If they are of another kind.
    """
    try:
        return Database.connect(settings.sql_url)
    except ValueError as error:
        raise Unusable(f"sql.url: {error}") from None


async def bring_up_to_date(database: Database) -> None:
    """
    Migrate the books to the schema of this product.

    Raises:
        Unavailable: If they do not answer.
        Unusable: If a newer product has written them.
    """
    try:
        await database.migrate()
    except NewerSchema as error:
        raise Unusable(str(error)) from None
