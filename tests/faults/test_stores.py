"""SQL and the disks fail for a while: nothing false is promised meanwhile."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults.harness import Make, Story
from tests.faults.strokes import fill, lock_books
from tests.support.disk import Disk, small_disk
from tests.support.ports import free_port
from tests.support.server import Node
from tests.support.shopper import SETTINGS

DISK = "96m"


@pytest.mark.timeout(300)
async def test_the_books_are_away(nodes: Callable[..., Node], stage_of: Make) -> None:
    """Holds go on, payments wait; after a minute everything is caught up with."""
    node = nodes("--demo", "--workers=2", **SETTINGS)
    story = Story(
        name="SQL gone for 60 s", fault=lock_books(60.0),
        buys_per_s=8.0, patience_s=120.0, expiring=True,
    )  # fmt: skip
    outcome = await stage_of(node).play(story)
    assert not outcome.world.told


@contextmanager
def cramped(part: str) -> Iterator[tuple[Node, Disk]]:
    """Run a node with a small disk under a part of its data folder."""
    with ExitStack() as stack:
        made = stack.enter_context(TemporaryDirectory(prefix="dealcast-"))
        node = Node(Path(made), free_port(), ("--demo", "--workers=2"), dict(SETTINGS))
        disk = stack.enter_context(small_disk(node.data / part, DISK))
        try:
            node.start()
            yield node, disk
            node.stop()
        except BaseException:
            print(node.logs())
            raise
        finally:
            if node.process is not None:
                node.process.kill()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("part", ["", "redis"])
async def test_a_disk_is_full(stage_of: Make, part: str) -> None:
    """What cannot be written down is not promised; space is enough to go on."""
    with cramped(part) as (node, disk):
        name = f"disk full: {part or 'the data folder'}"
        story = Story(name=name, fault=fill(disk, 6.0), cut_lines=not part)
        outcome = await stage_of(node).play(story)
        assert not outcome.world.told
