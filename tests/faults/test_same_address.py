"""The address of Redis is given to its replica, under a node on PostgreSQL."""

import asyncio
from collections.abc import Callable

import pytest

from tests.faults.harness import Make, Story
from tests.support.rented import Rented, Way
from tests.support.server import Node
from tests.support.shards import calls
from tests.support.shopper import SETTINGS

SETTLED_S = 2.0


@pytest.mark.long
@pytest.mark.timeout(240)
@pytest.mark.parametrize("way", ["follows", "lives on"])
async def test_an_address_leads_to_another_server(
    nodes: Callable[..., Node],
    stage_of: Make,
    rented: Rented,
    postgres_url: str,
    way: Way,
) -> None:
    """Connections to the old one stay open; soon nobody uses them."""
    node = nodes(
        "--demo",
        "--workers=2",
        **SETTINGS,
        DEALCAST__REDIS__URL=rented.url,
        DEALCAST__SQL__URL=postgres_url,
    )
    counted: list[int] = []

    async def strike(_: Node) -> None:
        await asyncio.to_thread(rented.give_away, way)
        counted.append(calls(rented.old))
        await asyncio.sleep(SETTLED_S)
        counted.append(calls(rented.old))

    stage = stage_of(node)
    name = f"same address, another server; the old one {way}"
    outcome = await stage.play(Story(name=name, fault=strike, buys_per_s=20.0))
    before, after = counted
    stage.say(f"# calls on the old one: {after - before} in {SETTLED_S:g} s, then none")
    assert calls(rented.old) == after
    seen = outcome.world.seen
    assert len(seen.renewed) == len(seen.people)
