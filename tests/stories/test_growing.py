"""The same shop on a Redis Cluster of three primaries and on PostgreSQL."""

from collections.abc import Callable

import aiohttp
import pytest

from dealcast.tools.crowd import Crowd
from dealcast.tools.scene import Plan
from tests.support.purchase import TURNOVER, Purchase
from tests.support.redis import RedisServers
from tests.support.server import Node
from tests.support.shopper import SETTINGS, visiting

VIEWERS, UNITS = 60, 20


@pytest.mark.timeout(150)  # Several times what it takes on an idle machine.
async def test_a_shop_that_has_grown_sells_alike(
    nodes: Callable[..., Node], cluster: RedisServers, postgres_url: str
) -> None:
    cluster.empty()
    node = nodes(
        "--demo",
        "--workers=2",
        **SETTINGS,
        DEALCAST__REDIS__URL=cluster.url,
        DEALCAST__SQL__URL=postgres_url,
    )
    async with visiting(node.url) as shop:
        assert await Purchase(shop).whole() == TURNOVER
        plan = Plan(
            url=node.url,
            show="demo",
            viewers=VIEWERS,
            chat_per_s=5,
            buy=True,
            open_token=shop.host,
            open_quantity=UNITS,
        )
    async with aiohttp.ClientSession() as session:
        tally = await Crowd(plan, session).run()
    assert (tally.joined, tally.units) == (VIEWERS, UNITS)
    assert dict(tally.refused) == {"sold_out": VIEWERS - UNITS}
    assert tally.orders == tally.paid == UNITS
    assert (tally.gaps, tally.duplicates, tally.differing) == (0, 0, 0)
    verified = node.dealcast("verify")
    assert verified.returncode == 0, verified.stdout
    assert not (node.data / "redis").exists()
    assert not (node.data / "books.sqlite3").exists()
    node.stop()
    verified = node.dealcast("verify")
    assert verified.returncode == 0, verified.stdout
    assert node.faults() == []
