"""Crowds: five hundred viewers rush fifty units; forty buy without a pause."""

from pathlib import Path

import aiohttp

from dealcast.tools.crowd import Crowd
from dealcast.tools.scene import Plan
from tests.faults import checker
from tests.support.exports import export
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


def test_the_command_writes_a_history_that_the_books_bear_out(
    node: Node, tmp_path: Path
) -> None:
    """What an operator can do to any shop: load it, and hold the witnesses together."""
    history = tmp_path / "history.jsonl"
    done = node.dealcast(
        "crowd", "--viewers=40", "--steady=3", "--rate=30", f"--history={history}"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    files = export(node.data, tmp_path, books=node.data / "books.sqlite3")
    world = checker.read(history, *files)
    assert checker.check(world) == []
    assert {"hold", "checkout", "order"} <= {op.what for op in world.seen.ops.values()}
    nowhere = node.dealcast("crowd", "--steady=1", "--history=/nowhere/at/all")
    assert (nowhere.returncode, nowhere.stdout) == (2, "")
    assert "--history: No such file or directory" in nowhere.stderr
