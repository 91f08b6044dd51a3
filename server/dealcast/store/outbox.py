"""
The outbox: what SQL tells Redis, written in the transaction that made it true.

An act calls ``put`` inside its transaction; the clerk alone sends.
"""

from typing import Any, Literal

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.ids import Partition
from dealcast.store import tables

Kind = Literal["load", "adjust", "record"]


async def put(
    connection: AsyncConnection,
    op: str,
    partition: Partition,
    kind: Kind,
    payload: dict[str, Any],
    now: int,
) -> None:
    """
    Write down what Redis is to be told once this transaction is committed.

    ``op`` names the operation for good: Redis carries it out once, however
    often it is sent. Payloads: ``load`` is ``{"show", "deal"}`` with the deal
    as ``Stock.load`` takes it; ``adjust`` is ``{"show", "deal", "variant",
    "units"}``; ``record`` is a ``log.Record`` as JSON.

    Raises:
        IntegrityError: If ``op`` was put before.
    """
    await connection.execute(
        insert(tables.outbox).values(
            op=op,
            partition=partition,
            kind=kind,
            payload=payload,
            created_at=now,
        )
    )
