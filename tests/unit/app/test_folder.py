"""The data folder: one node at a time, and nothing left of the run before."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dealcast.app import folder as module
from dealcast.app.folder import claim_folder, forget_notes, holders, name_of
from dealcast.config import Unusable

WAIT = "import sys, time; print('ready', flush=True); time.sleep(60)"


@pytest.fixture
def left(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Leave one process of a run whose supervisor is gone."""
    claim = claim_folder(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-c", WAIT], stdout=subprocess.PIPE, pass_fds=(claim.shared,)
    )
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    claim.release()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_one_node_at_a_time(tmp_path: Path) -> None:
    claim = claim_folder(tmp_path / "data")
    with pytest.raises(Unusable, match="in use"):
        claim_folder(tmp_path / "data")
    claim.release()
    claim_folder(tmp_path / "data").release()


def test_what_is_left_of_the_last_run_is_waited_for(
    tmp_path: Path, left: subprocess.Popen[bytes]
) -> None:
    assert left.pid in holders(tmp_path / "lock.parts")
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        threading.Timer(0.2, left.kill).start()

    claim_folder(tmp_path, say).release()
    assert said == ["Waiting for the processes of the last run to end ..."]
    assert left.wait() == -signal.SIGKILL


def test_what_does_not_end_is_killed(
    tmp_path: Path, left: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LAST_RUN_S", 0.1)
    left.send_signal(signal.SIGSTOP)
    said: list[str] = []
    claim_folder(tmp_path, said.append).release()
    assert len(said) == 2
    assert f"killing it ({left.pid})" in said[1]
    assert left.wait() == -signal.SIGKILL


def test_a_redis_that_nobody_would_end_is_told_to(
    tmp_path: Path, left: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "name_of", lambda _: "redis-server")
    said: list[str] = []
    claim_folder(tmp_path, said.append).release()
    assert len(said) == 1
    assert left.wait() == -signal.SIGTERM


def test_what_ends_by_nothing_is_named(
    tmp_path: Path, left: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LAST_RUN_S", 0.1)
    monkeypatch.setattr(module, "KILLED_S", 0.1)
    monkeypatch.setattr(module, "end", lambda _pid, _number: None)
    with pytest.raises(Unusable, match=rf"do not end: .*\({left.pid}\)"):
        claim_folder(tmp_path, lambda _: None)


def test_notes_of_the_last_run_are_forgotten(tmp_path: Path) -> None:
    claim_folder(tmp_path).release()
    for name in ("worker-7.json", "redis.url"):
        (tmp_path / "run" / name).write_text("{}")
    forget_notes(tmp_path)
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["/usr/bin/python3", "-m", "dealcast", "worker", "--index", "1"], "worker"),
        (["/opt/bin/redis-server unixsocket:/tmp/redis.sock"], "redis-server"),
        (["/usr/bin/python3", "-I", "-S", "guard.py", "1"], "python3"),
        ([""], ""),
    ],
)
def test_processes_have_names(words: list[str], name: str) -> None:
    assert name_of(words) == name


def test_a_process_holds_nothing_that_it_was_not_given(tmp_path: Path) -> None:
    claim = claim_folder(tmp_path)
    told = subprocess.run(
        [sys.executable, "-c", "import os; print(os.listdir('/proc/self/fd'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(claim.own) not in told.stdout.replace("[", " ").split("'")
    assert os.get_inheritable(claim.own) is False
    claim.release()
