"""
What is needed to get up again: the archive of the logs, and who the clerk is.

Revises: 0001
"""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    String,
)

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Id = String(64)

TABLES = ("clerk", "slow_mode", "deleted_line", "archive", "show_count")


def upgrade() -> None:
    """Make the new tables."""
    op.create_table(
        "clerk",
        Column("id", Integer, primary_key=True),
        Column("holder", String(200), nullable=False),
        Column("lease", Integer, nullable=False),
        Column("until_at", BigInteger, nullable=False),
    )
    op.create_table(
        "slow_mode",
        Column("show", Id, primary_key=True),
        Column("slow_ms", Integer, nullable=False),
        ForeignKeyConstraint(["show"], ["show.id"], name="fk_slow_mode_show"),
    )
    op.create_table(
        "deleted_line",
        Column("show", Id, primary_key=True),
        Column("line", Id, primary_key=True),
        ForeignKeyConstraint(["show"], ["show.id"], name="fk_deleted_line_show"),
    )
    op.create_table(
        "archive",
        Column("show", Id, primary_key=True),
        Column("kind", String(8), primary_key=True),
        Column("n", BigInteger, primary_key=True, autoincrement=False),
        Column("epoch", Integer, nullable=False),
        Column("event", String(40), nullable=False),
        Column("class", String(2), nullable=False),
        Column("data", LargeBinary, nullable=False),
        Column("at", BigInteger, nullable=False),
        Column("person", Id),
        Column("line", Id),
        ForeignKeyConstraint(["show"], ["show.id"], name="fk_archive_show"),
    )
    op.create_index("ix_archive_line", "archive", ["show", "line"])
    op.create_table(
        "show_count",
        Column("show", Id, primary_key=True),
        Column("likes", BigInteger, nullable=False),
        ForeignKeyConstraint(["show"], ["show.id"], name="fk_show_count_show"),
    )


def downgrade() -> None:
    """Drop them again."""
    for table in reversed(TABLES):
        op.drop_table(table)
