"""The supervisor: what it says of deaths, and how long it waits."""

import asyncio
from pathlib import Path

import pytest

from dealcast.app import supervisor as module
from dealcast.app.folder import claim_folder
from dealcast.app.supervisor import CALM_S, Child, Supervisor
from dealcast.config import Settings

LOG = Path("clerk.log")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_FIRST_S", 0.001)


async def test_what_dies_again_and_again_is_said_seldom(tmp_path: Path) -> None:
    said: list[str] = []
    claim = claim_folder(tmp_path)
    supervisor = Supervisor(Settings(data=str(tmp_path)), said.append, claim)
    child = Child("clerk", [], pause_max_s=0.008)
    for _ in range(50):
        await supervisor.mourn(child, "ended (code 1)", 0.0, LOG)
    pauses = ["0.001", "0.002", "0.004", "0.008"]
    assert [line.split("again in ")[1].split(" s")[0] for line in said] == pauses
    assert "4 times in a row" in said[-1]
    child.said_at = -1e9
    await supervisor.mourn(child, "ended (code 1)", 0.0, LOG)
    assert "51 times in a row" in said[-1]
    await supervisor.mourn(child, "ended (code 1)", CALM_S + 1, LOG)
    assert said[-1] == "clerk ended (code 1); again in 0.001 s (clerk.log)"
    await supervisor.stop()
    claim.release()


async def test_what_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    said: list[str] = []
    claim = claim_folder(tmp_path)
    supervisor = Supervisor(Settings(data=str(tmp_path)), said.append, claim)
    child = Child("clerk", [str(tmp_path / "nowhere")], pause_max_s=0.01)
    child.keeper = asyncio.create_task(supervisor.keep(child, {}))
    supervisor.children.append(child)
    async with asyncio.timeout(10):
        for pause in [0.01] * 1000:
            if child.deaths > 2:
                break
            await asyncio.sleep(pause)
    assert "cannot be started (No such file or directory)" in said[0]
    await supervisor.stop()
    assert supervisor.killed == []
    claim.release()


async def test_a_stop_takes_no_longer_than_its_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What hangs is killed, and said."""
    monkeypatch.setattr(module, "STEPS_S", {"worker": 0.2, "clerk": 0.2, "redis": 0.2})
    said: list[str] = []
    claim = claim_folder(tmp_path)
    supervisor = Supervisor(Settings(data=str(tmp_path)), said.append, claim)
    monkeypatch.setitem(module.STEPS_S, "sandbox-psp", 0.2)
    deaf = "trap '' TERM; echo ready; while :; do sleep 0.1; done"
    child = Child("worker-0", ["/bin/sh", "-c", deaf])
    child.keeper = asyncio.create_task(supervisor.keep(child, {}))
    supervisor.children.append(child)
    log = tmp_path / "log" / "worker-0.log"
    async with asyncio.timeout(10):
        for pause in [0.01] * 1000:
            if log.exists() and "ready" in log.read_text():
                break
            await asyncio.sleep(pause)
        await supervisor.stop()
    assert supervisor.killed == ["worker-0"]
    assert said == ["worker-0 did not stop within 0 s; killing it"]
    claim.release()
