"""
What the books and the sandbox provider say, read past all of the product's code.

Books are read table by table in one transaction, with the database's own
driver; the provider's payments come from its journal. Both become JSON, which
``tests/faults/checker.py`` holds against a history.
"""

import asyncio
import json
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # It ships no types.

TABLES = (
    "partition", "variant", "show", "deal", "deal_line", "allotment", "hold",
    "payment", "payment_line", "orders", "order_line", "entry",
)  # fmt: skip
LOCK_WAIT_S = 20.0

Rows = list[dict[str, Any]]


def export(folder: Path, into: Path, *, books: Path | str) -> tuple[Path, Path]:
    """
    Write books and payments as JSON into the folder ``into``.

    ``folder`` is the data folder; ``books`` an SQLite file or the URL of a
    PostgreSQL database.
    """
    tables = sqlite(books) if isinstance(books, Path) else postgres(books)
    made = into / "books.json", into / "payments.json"
    at = int(time.time() * 1000)
    made[0].write_text(json.dumps({"at": at, **tables}), encoding="utf-8")
    journal = (folder / "sandbox-psp.jsonl").read_text(encoding="utf-8").splitlines()
    made[1].write_text(json.dumps({"payments": payments(journal)}), encoding="utf-8")
    return made


def sqlite(file: Path) -> dict[str, Rows]:
    """Read all tables of an SQLite file, as of one instant."""
    with closing(sqlite3.connect(file, timeout=LOCK_WAIT_S)) as connection:
        connection.row_factory = sqlite3.Row
        connection.isolation_level = None
        connection.execute("BEGIN")
        return {
            name: [dict(row) for row in connection.execute(f'SELECT * FROM "{name}"')]
            for name in TABLES
        }


def postgres(url: str) -> dict[str, Rows]:
    """Read all tables of a PostgreSQL database, as of one instant."""

    async def read() -> dict[str, Rows]:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            async with connection.transaction(isolation="repeatable_read"):
                return {
                    name: [
                        dict(row)
                        for row in await connection.fetch(f'SELECT * FROM "{name}"')
                    ]
                    for name in TABLES
                }
        finally:
            await connection.close()

    return asyncio.run(read())


def payments(journal: Iterable[str]) -> Rows:
    """Return the payments of a provider's journal, each as it was last."""
    found: dict[str, dict[str, Any]] = {}
    for line in journal:
        try:
            told = json.loads(line).get("payment")
        except ValueError:
            continue  # Cut off by a crash, and never answered.
        if told is not None:
            found[told["id"]] = {
                "id": told["id"],
                "reference": told["intent"]["reference"],
                "status": told["status"],
                **told["intent"]["amount"],
            }
    return list(found.values())
