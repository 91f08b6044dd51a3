"""A node that is killed outright, or hangs: nothing is left, and it starts again."""

import os
import signal
import time
from collections.abc import Callable

import pytest

from tests.support.processes import Process, alive, descendants, words_of
from tests.support.server import Node
from tests.support.shopper import SETTINGS, Shop, visiting

STOP_S = 30.0  # What is promised of a stop, whatever hangs.


def family(node: Node) -> list[int]:
    """Return the processes of a node, its own first."""
    assert node.process is not None
    return [node.process.pid, *descendants(node.process.pid)]


def kill(pids: list[int]) -> None:
    """Kill these processes, and them alone."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


async def hold(shop: Shop, deal: str) -> str:
    """Hold one unit, as the same person with the same key."""
    made = await shop.done(
        "POST", f"/deals/{deal}/holds", {"quantity": 1}, token=shop.host, key="hold"
    )
    held: str = made["hold"]
    return held


@pytest.mark.timeout(150)  # Several times what it takes on an idle machine.
@pytest.mark.parametrize("who", ["the supervisor", "all but Redis"])
async def test_a_killed_node_starts_again_at_once(
    nodes: Callable[..., Node], who: str
) -> None:
    node = nodes("--workers=2", **SETTINGS)
    async with visiting(node.url) as shop:
        _, deal = await shop.on_sale(3)
        before, host = await hold(shop, deal), shop.host
    (node.data / "run" / "worker-7.json").write_text('{"pid": 1, "port": 1}')
    lost, redis = family(node), node.pid("redis")
    first = node.process
    assert first is not None
    kill(lost[:1] if who == "the supervisor" else [p for p in lost if p != redis])
    first.process.wait()
    node.start()  # Which waits until it is ready.
    assert [pid for pid in lost if alive(pid)] == []
    async with visiting(node.url) as shop:
        shop.host = host
        assert await hold(shop, deal) == before
    verified = node.dealcast("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert node.faults() == []


def hang(node: Node) -> None:
    """Halt every process of a node but the supervisor and Redis's guard."""
    for pid in family(node)[1:]:
        if not any("guard" in word for word in words_of(pid)):
            os.kill(pid, signal.SIGSTOP)


@pytest.mark.timeout(120)  # Several times what it takes on an idle machine.
def test_a_stop_takes_thirty_seconds_at_most(nodes: Callable[..., Node]) -> None:
    node = nodes("--workers=2", **SETTINGS)
    lost, process = family(node), node.process
    assert isinstance(process, Process)
    hang(node)
    began = time.monotonic()
    code = process.stop(signal.SIGTERM, limit_s=STOP_S)
    assert time.monotonic() - began < STOP_S
    assert [pid for pid in lost if alive(pid)] == []
    told = process.output()
    assert code == 1, told
    assert "Stopped, but killed: worker-0, worker-1, clerk, sandbox-psp, redis." in told
    (node.folder / "serve.log").unlink()
    node.start()
    verified = node.dealcast("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
