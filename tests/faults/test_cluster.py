"""Servers of a Redis Cluster die, are replaced, and give their slots away."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
import pytest

from dealcast.core.ids import ShowId, partition_of
from dealcast.store import keys
from tests.faults.harness import Make, Outcome, Stage, Story
from tests.support.redis import RedisServer
from tests.support.server import Node
from tests.support.shards import Cluster, ask, calls, cut, linked, slot_of, wait_until
from tests.support.shopper import SETTINGS, sign

BUYS_PER_S = 20.0
BEHIND_S = 1.0  # How long a replica hears nothing before its primary dies.
DOWN_S = 1.0
AROUND = 50  # Slots on both sides of the show's.


@dataclass
class Grown:
    """A node on a cluster and PostgreSQL, and where the demo show is there."""

    node: Node
    stage: Stage
    shards: Cluster
    meta: str

    @property
    def primary(self) -> RedisServer:
        """The server that has the show now."""
        return self.shards.owner_of(self.meta)

    def rebuilt(self) -> int:
        """Count how often a partition was built anew."""
        log = (self.node.data / "log" / "clerk.log").read_text()
        return log.count('"partition_rebuilt"')

    async def play(self, name: str, fault: Callable[[], None]) -> Outcome:
        """Let the fault strike; it may block."""

        async def strike(_: Node) -> None:
            await asyncio.to_thread(fault)

        story = Story(name=name, fault=strike, buys_per_s=BUYS_PER_S)
        outcome = await self.stage.play(story)
        self.stage.say(f"# {self.rebuilt()} partitions were built anew")
        return outcome


@pytest.fixture
async def grown(
    nodes: Callable[..., Node], stage_of: Make, shards: Cluster, postgres_url: str
) -> Grown:
    """Run a node on a cluster of its own."""
    node = nodes(
        "--demo",
        "--workers=2",
        **SETTINGS,
        DEALCAST__REDIS__URL=shards.url,
        DEALCAST__SQL__URL=postgres_url,
    )
    headers = {"Authorization": f"Bearer {sign('shop')}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(f"{node.url}/api/v1/shows/demo") as answer,
    ):
        show = ShowId((await answer.json())["id"])
    return Grown(node, stage_of(node), shards, keys.meta(partition_of(show)))


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "lacks",
    [
        "nothing",
        "a second",
        pytest.param("a second that nobody knows of", marks=pytest.mark.long),
    ],
)
async def test_a_primary_is_killed_and_its_replica_promoted(
    grown: Grown, lacks: str
) -> None:
    """With the clerk halted, what the replica lacks is nowhere but in the acks."""
    shards, old, clerk = grown.shards, grown.primary, grown.node.pid("clerk")
    replica = shards.add_replica(old)

    def die() -> None:
        if lacks == "a second that nobody knows of":
            os.kill(clerk, signal.SIGSTOP)
        if lacks != "nothing":
            cut(replica)
            time.sleep(BEHIND_S)
        old.kill()
        os.kill(clerk, signal.SIGCONT)
        shards.promoted(replica)

    outcome = await grown.play(f"replica promoted that lacks {lacks}", die)
    assert grown.rebuilt()
    seen = outcome.world.seen
    assert len(seen.renewed) == len(seen.people)


@pytest.mark.long
@pytest.mark.timeout(240)
async def test_a_primary_is_killed_and_comes_back(grown: Grown) -> None:
    """It wrote everything to its disk before it answered: nothing is lost."""
    server = grown.primary

    def die() -> None:
        server.kill()
        time.sleep(DOWN_S)
        server.start()

    outcome = await grown.play(f"primary killed, back after {DOWN_S:g} s", die)
    assert not outcome.world.told
    assert grown.rebuilt() == 0


@pytest.mark.timeout(240)
async def test_slots_move_to_another_primary(grown: Grown) -> None:
    """Everybody stays connected; nothing was lost, and nobody is told so."""
    slot, source = slot_of(grown.meta), grown.primary
    to = next(one for one in grown.shards.servers if one is not source)

    def move() -> None:
        moved = grown.shards.move(slot - AROUND, slot + AROUND, to)
        grown.stage.say(f"\n# {moved} keys moved")

    outcome = await grown.play("slots moved", move)
    assert grown.primary is to
    assert not outcome.world.told
    assert grown.rebuilt() == 0
    assert outcome.tally.rejoined == 0


@pytest.mark.long
@pytest.mark.timeout(240)
@pytest.mark.parametrize("quick", [False, True], ids=["late", "quick"])
async def test_a_primary_that_stood_still_is_replaced_and_goes_on(
    grown: Grown, quick: bool
) -> None:
    """It believes to be the primary until it hears of its successor."""
    shards, old = grown.shards, grown.primary
    replica = shards.add_replica(old)
    counted = []

    def stand_still() -> None:
        old.freeze()
        if quick:
            ask(replica, "CLUSTER", "FAILOVER", "TAKEOVER")
        else:
            shards.promoted(replica)
        old.thaw()
        wait_until(lambda: linked(old), "the old one follows the new one")
        counted.append(calls(old))

    how = "at once" if quick else "by the others"
    outcome = await grown.play(f"split brain, replaced {how}", stand_still)
    grown.stage.say(f"# calls on the old one after that: {calls(old) - counted[0]}")
    assert calls(old) == counted[0]
    assert grown.rebuilt()
    seen = outcome.world.seen
    assert len(seen.renewed) == len(seen.people)
