"""Five hundred viewers rush fifty units."""

import aiohttp

from dealcast.tools.crowd import Crowd
from dealcast.tools.scene import Plan
from tests.support.server import Node

VIEWERS, UNITS, EACH = 500, 50, 2


async def test_a_rush_sells_exactly_what_there_is(node: Node) -> None:
    """500 real connections, 2 workers: 50 held, everybody sees it alike."""
    plan = Plan(
        url=node.url,
        show="demo",
        viewers=VIEWERS,
        chat_per_s=5,
        buy=True,
        quantity=EACH,
        open_token=node.token("host"),
        open_quantity=UNITS,
    )
    async with aiohttp.ClientSession() as session:
        crowd = Crowd(plan, session)
        tally = await crowd.run()

    assert tally.joined == VIEWERS
    assert (tally.granted, tally.units) == (UNITS // EACH, UNITS)
    assert dict(tally.refused) == {"sold_out": VIEWERS - UNITS // EACH}
    assert tally.orders == tally.paid == tally.granted
    assert (tally.gaps, tally.duplicates, tally.differing) == (0, 0, 0)
    last = {viewer.numbers[-1] for viewer in crowd.viewers}
    assert len(last) == 1, "somebody has not seen the last event"
    for viewer in crowd.viewers:
        first = viewer.numbers[0]
        assert viewer.numbers == list(range(first, first + len(viewer.numbers)))
    verified = node.dealcast("verify")
    assert verified.returncode == 0, verified.stdout
