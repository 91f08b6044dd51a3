"""A loop that failed goes on, and is well again once it runs."""

import asyncio

import pytest

from dealcast.app import loops as module
from dealcast.app.loops import Loops
from dealcast.core.errors import Unavailable


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_FIRST_S", 0.01)
    monkeypatch.setattr(module, "PAUSE_MAX_S", 0.1)


@pytest.mark.parametrize("failure", [Unavailable("redis"), ValueError("ours")])
async def test_a_loop_is_failing_only_until_it_runs_again(failure: Exception) -> None:
    loops, begun = Loops(), 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            raise failure
        await asyncio.Event().wait()

    loops.start("outbox", work)
    await asyncio.sleep(0.02)
    assert set(loops.failing) == {"outbox"}
    async with asyncio.timeout(5):
        for pause in [0.01] * 1000:
            if not loops.failing:
                break
            await asyncio.sleep(pause)
    assert begun == 3
    await loops.stop()


async def test_a_loop_that_fails_at_once_each_time_stays_failing() -> None:
    loops = Loops()

    async def work() -> None:
        raise Unavailable

    loops.start("timers", work)
    for _ in range(30):
        await asyncio.sleep(0.01)
        assert loops.failing == {"timers": "unavailable"}
    await loops.stop()


async def test_a_fatal_fault_ends_it_all() -> None:
    loops = Loops(fatal=(ValueError,))

    async def work() -> None:
        raise ValueError

    loops.start("ledger", work)
    async with asyncio.timeout(5):
        assert await loops.over.wait()
    await loops.stop()
