"""Redis loses what it had: stock and holds come back from SQL, and all are told."""

from collections.abc import Callable

import pytest

from tests.faults.harness import Make, Story
from tests.faults.strokes import cut, tear, while_redis_is_dead, wipe
from tests.support.server import Node
from tests.support.shopper import SETTINGS


@pytest.mark.timeout(240)
async def test_a_torn_write_loses_nothing(
    nodes: Callable[..., Node], stage_of: Make
) -> None:
    """What was being written when the power went was never answered."""
    node = nodes("--demo", "--workers=2", **SETTINGS)
    story = Story(name="AOF torn at its last fsync", fault=while_redis_is_dead(tear))
    outcome = await stage_of(node).play(story)
    assert not outcome.world.told


LOST = [
    Story(name="Redis's folder wiped", fault=while_redis_is_dead(wipe), expiring=True),
    Story(name="AOF cut a tenth back", fault=while_redis_is_dead(cut(0.1))),
]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("story", LOST, ids=lambda story: story.name)
async def test_what_is_lost_is_told(
    nodes: Callable[..., Node], stage_of: Make, story: Story
) -> None:
    """No viewer is left with a number, a hold or a price that is no more."""
    node = nodes("--demo", "--workers=2", **SETTINGS)
    outcome = await stage_of(node).play(story)
    assert len(outcome.world.seen.renewed) == len(outcome.world.seen.people)
