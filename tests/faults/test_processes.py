"""Processes die under load: the node stands again by itself, and owes nobody."""

from collections.abc import Callable

import pytest

from tests.faults.harness import Make, Story
from tests.faults.strokes import freeze, kill, kill_supervisor
from tests.support.server import Node
from tests.support.shopper import SETTINGS

STORIES = [
    Story(name="worker kill -9", fault=kill("worker-0")),
    Story(name="clerk kill -9", fault=kill("clerk"), expiring=True),
    Story(name="Redis kill -9", fault=kill("redis")),
    Story(name="Redis SIGSTOP 7 s", fault=freeze("redis", 7.0)),
    Story(name="supervisor kill -9", fault=kill_supervisor),
]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
async def test_a_node_survives(
    nodes: Callable[..., Node], stage_of: Make, story: Story
) -> None:
    node = nodes("--demo", "--workers=2", **SETTINGS)
    outcome = await stage_of(node).play(story)
    assert not outcome.world.told, "nothing is lost when a process dies"
