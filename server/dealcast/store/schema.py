"""
The schema of the books: which revision they are of, and the way to another.

Each revision is a file of ``migrations/versions``, run by Alembic on the
connection of its caller, inside the caller's transaction.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from dealcast import __version__

MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = "head"


class NewerSchema(Exception):
    """The books are of a revision that is not ours; the message is one clear line."""


def upgrade(connection: Connection, to: str = HEAD) -> None:
    """
    Bring the schema to a revision, from whichever it has.

    Raises:
        NewerSchema: If it has one that this product does not know.
    """
    check_known(revision_of(connection))
    command.upgrade(_config(connection), to)


def take_down(connection: Connection) -> None:
    """
    Remove the tables, and whatever is in them.

    Raises:
        NewerSchema: If this product does not know their revision.
    """
    check_known(revision_of(connection))
    command.downgrade(_config(connection), "base")


def revision_of(connection: Connection) -> str | None:
    """Return the revision that the schema has; None: there are no tables."""
    return MigrationContext.configure(connection).get_current_revision()


def check_known(revision: str | None) -> None:
    """
    Check that this product can read books of a revision.

    Raises:
        NewerSchema: If it does not know it.
    """
    known = revisions()
    if revision is not None and revision not in known:
        raise NewerSchema(
            f"the books are of revision {revision}, and Dealcast {__version__} knows "
            f"them up to {known[-1]}: run the newer version that has written them"
        )


def revisions() -> list[str]:
    """Return the revisions that this product knows, oldest first."""
    script = ScriptDirectory.from_config(_config())
    return [one.revision for one in script.walk_revisions()][::-1]


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
