"""Real processes of a test: started in a group of their own, ended for sure."""

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

POLL_S = 0.05
TAIL_LINES = 40


@dataclass
class Process:
    """One process, its log, and all that it starts."""

    command: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
    ) -> Self:
        """Start ``command``; ``user`` may be named by root alone."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                env=env,
                cwd=cwd,
                user=user,
                group=None if user is None else group_of(user),
                extra_groups=None if user is None else [],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(command, log, process)

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self.process.pid

    def output(self) -> str:
        """Return the end of what the process has printed."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])

    def wait_until(self, ready: Callable[[], bool], *, limit_s: float) -> None:
        """Wait until ``ready`` says so; fail if the process ends before."""
        until = time.monotonic() + limit_s
        while not ready():
            code = self.process.poll()
            assert code is None, f"ended with {code} before ready:\n{self.output()}"
            assert time.monotonic() < until, f"not ready:\n{self.output()}"
            time.sleep(POLL_S)

    def stop(self, number: int = signal.SIGTERM, *, limit_s: float = 20.0) -> int:
        """
        Ask the process to stop, as ``number`` does, and return its exit code.

        What it has started must be gone with it. It is killed in any case.
        """
        family = descendants(self.pid)
        try:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)
            code = self.process.wait(limit_s)
            left = [pid for pid in family if alive(pid)]
            assert not left, f"left behind: {[words_of(pid) for pid in left]}"
            return code
        finally:
            self.kill(family)

    def kill(self, family: Sequence[int] = ()) -> None:
        """Kill the process and all that it has started."""
        family = [*family, *descendants(self.pid)]
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def group_of(user: str) -> int:
    """Return the number of the group of ``user``."""
    return pwd.getpwnam(user).pw_gid


def descendants(pid: int) -> list[int]:
    """Return the processes that ``pid`` has started, and theirs."""
    found = []
    for child in children(pid):
        found += [child, *descendants(child)]
    return found


def children(pid: int) -> list[int]:
    """Return the processes that ``pid`` has started."""
    numbers = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            numbers += [int(word) for word in tasks.read_text().split()]
    return numbers


def alive(pid: int) -> bool:
    """Say whether ``pid`` runs; one that waits to be reaped does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def words_of(pid: int) -> list[str]:
    """Return the command line of ``pid``."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return [word.decode(errors="replace") for word in line.split(b"\0") if word]
