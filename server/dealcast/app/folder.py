"""
The data folder: one node at a time, and nothing left of the run before.

Two locks. One is the supervisor's alone. The other is shared by every process
that the supervisor starts, Redis too: as long as one of them is left, however
its supervisor went, it is held.
"""

import fcntl
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dealcast.config import Settings, Unusable

LAST_RUN_S = 30.0  # How long the processes of the last run may take to end.
KILLED_S = 5.0
LOOK_S = 0.1
SEEK_S = 1.0

Say = Callable[[str], None]


def aside(line: str) -> None:
    """Say something beside what a command prints."""
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Claim:
    """A data folder that is ours; both locks go with the processes that have them."""

    own: int
    shared: int  # To be handed to every process that works in the folder.

    def release(self) -> None:
        """Give the folder back."""
        os.close(self.own)
        os.close(self.shared)


def claim_folder(folder: Path, say: Say = aside) -> Claim:
    """
    Take the data folder for this process, once nothing of its last run is left.

    Raises:
        Unusable: If it cannot be written, or another process has it.
    """
    own, shared = open_locks(folder)
    try:
        if not try_lock(own):
            raise Unusable(
                f"the data folder {folder} is in use by another dealcast; "
                "stop it or give another one with --data"
            )
        outlast(folder / "lock.parts", shared, say)
    except BaseException:
        Claim(own, shared).release()
        raise
    return Claim(own, shared)


def open_locks(folder: Path) -> tuple[int, int]:
    """
    Make the folder and what is always in it, and open its locks.

    Raises:
        Unusable: If it cannot be written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Root may write where nobody should: the mode says what was meant.
        if not folder.stat().st_mode & 0o222:
            raise PermissionError(13, "it is read-only")
        own = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        shared = os.open(folder / "lock.parts", os.O_RDWR | os.O_CREAT, 0o600)
        probe = folder / ".probe"
        probe.write_bytes(b"x")
        probe.unlink()
        for name in ("run", "log"):
            (folder / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unusable(f"cannot write the data folder {folder}: {reason}") from None
    return own, shared


def try_lock(handle: int) -> bool:
    """Take a lock, unless somebody has it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def outlast(lock: Path, handle: int, say: Say) -> None:
    """
    Wait until the last run's processes have ended; end those that do not.

    Raises:
        Unusable: If they do not end even so.
    """
    if try_lock(handle):
        return
    say("Waiting for the processes of the last run to end ...")
    began, asked = time.monotonic(), set[int]()
    while not try_lock(handle):
        waited = time.monotonic() - began
        left = holders(lock)
        if waited > LAST_RUN_S + KILLED_S:
            names = ", ".join(f"{n} ({pid})" for pid, n in left.items()) or "unknown"
            raise Unusable(f"processes of the last run do not end: {names}")
        for pid, name in left.items():
            if waited > LAST_RUN_S and pid not in asked:
                say(f"{name} of the last run did not end; killing it ({pid})")
                end(pid, signal.SIGKILL)
                asked.add(pid)
        if left and set(left.values()) == {"redis-server"} and not asked:
            # Nobody is left who would end it. It writes down what it has.
            for pid in left:
                end(pid, signal.SIGTERM)
        time.sleep(SEEK_S if left else LOOK_S)


def end(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may just have ended."""
    with suppress(OSError):
        os.kill(pid, number)


def holders(lock: Path) -> dict[int, str]:
    """
    Return the processes that hold an open file, with their names.

    The system tells it on Linux; elsewhere nobody is found.
    """
    found = {}
    wanted = str(lock.resolve())
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        with suppress(OSError):
            if pid != os.getpid() and any(
                os.readlink(handle) == wanted for handle in (folder / "fd").iterdir()
            ):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                found[pid] = name_of([word.decode(errors="replace") for word in words])
    return found


def name_of(words: list[str]) -> str:
    """Return what a process of ours is called, by its command line."""
    # Redis calls itself by one word, in which it says where it answers.
    program = Path(words[0].partition(" ")[0]).name
    if "dealcast" in words:
        return words[words.index("dealcast") + 1] or program
    return "redis-server" if "redis-server" in program else program


def forget_notes(folder: Path) -> None:
    """Remove what the processes of the last run noted: they have ended."""
    for note in (folder / "run").iterdir():
        note.unlink(missing_ok=True)


def check_port(host: str, port: int) -> None:
    """
    Make sure that nobody listens on ``port``.

    Tried without SO_REUSEPORT: with it two servers would share the port in
    silence, each answering for some of the connections.

    Raises:
        Unusable: If the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise Unusable(
                f"cannot listen on {host} port {port}: {reason}; "
                "give another one with --port"
            ) from None


def note(settings: Settings, name: str, url: str) -> None:
    """
    Note where a part of the node answers, for commands beside the node.

    On a full disk they do without it, and say so themselves.
    """
    with suppress(OSError):
        (settings.folder / "run" / name).write_text(url, encoding="utf-8")
