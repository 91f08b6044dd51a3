"""A worker, then Redis, is killed with -9 while buys are in flight."""

import asyncio
import os
import signal

import aiohttp
import pytest

from dealcast.tools.crowd import Crowd
from dealcast.tools.scene import Plan
from tests.support.server import Node

VIEWERS, UNITS = 150, 60
IN_FLIGHT_MIN = 10


async def kill_in_flight(crowd: Crowd, pid: int) -> int:
    """Kill ``pid`` as soon as enough holds are in flight; return how many were."""
    for _ in range(60_000):
        holds = crowd.in_flight["hold"]
        if holds >= IN_FLIGHT_MIN:
            os.kill(pid, signal.SIGKILL)
            return holds
        await asyncio.sleep(0.001)
    return 0


@pytest.mark.long
@pytest.mark.parametrize("victim", ["worker-0", "redis"])
async def test_a_rush_survives(
    node: Node, victim: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Viewers come back by cursor; nothing is oversold, no paid order is lost."""
    plan = Plan(
        url=node.url,
        show="demo",
        viewers=VIEWERS,
        chat_per_s=5,
        buy=True,
        open_token=node.token("host"),
        open_quantity=UNITS,
    )
    async with aiohttp.ClientSession() as session:
        crowd = Crowd(plan, session)
        killing = asyncio.create_task(kill_in_flight(crowd, node.pid(victim)))
        tally = await crowd.run()
        in_flight = await killing

    with capfd.disabled():
        print(f" killed {victim} with {in_flight} holds in flight", end=" ")
    assert in_flight >= IN_FLIGHT_MIN, "a kill with nothing in flight shows nothing"
    assert tally.units == UNITS
    assert tally.oversold == 0
    assert set(tally.refused) <= {"sold_out"}
    assert tally.orders == tally.paid == UNITS, tally.unpaid
    assert (tally.gaps, tally.duplicates, tally.differing) == (0, 0, 0)
    if victim == "worker-0":
        assert tally.rejoined > 0, "nobody was on the worker that was killed"
    assert tally.recovered == tally.rejoined, "somebody came back to a snapshot"
    verified = node.dealcast("verify")
    assert verified.returncode == 0, verified.stdout
