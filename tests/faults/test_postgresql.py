"""PostgreSQL is away for a while, under a node on a Redis Cluster."""

import asyncio
from collections.abc import Callable

import pytest

from tests.faults.harness import Fault, Make, Story
from tests.support.postgres import Postgres
from tests.support.redis import RedisServers
from tests.support.server import Node
from tests.support.shopper import SETTINGS


def without(postgres: Postgres, seconds: float) -> Fault:
    """Stop PostgreSQL as a lost machine does, and start it later."""

    async def strike(_: Node) -> None:
        await asyncio.to_thread(postgres.crash)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(postgres.serve)

    return strike


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seconds", [5.0, pytest.param(60.0, marks=pytest.mark.long)])
async def test_postgresql_is_away(
    nodes: Callable[..., Node],
    stage_of: Make,
    cluster: RedisServers,
    own_postgres: Postgres,
    seconds: float,
) -> None:
    """Holds go on, payments wait; nothing is lost, and nothing told twice."""
    cluster.empty()
    node = nodes(
        "--demo",
        "--workers=2",
        **SETTINGS,
        DEALCAST__REDIS__URL=cluster.url,
        DEALCAST__SQL__URL=own_postgres.url(own_postgres.create()),
    )
    story = Story(
        name=f"PostgreSQL gone for {seconds:g} s",
        fault=without(own_postgres, seconds),
        seconds=seconds + 12.0,
        buys_per_s=min(30.0, 600 / (seconds + 12.0)),
        patience_s=seconds + 60.0,
    )
    outcome = await stage_of(node).play(story)
    assert not outcome.world.told
