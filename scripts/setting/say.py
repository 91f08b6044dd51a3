"""What a person sees while the set-up works."""

import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

TICK_S = 0.12
HEARTBEAT_S = 15.0  # Where no line can be redrawn, one is added this often.
SPINNER = "|/-\\"


class Failure(Exception):
    """The set-up cannot go on; the message is the one line a person reads."""


@dataclass
class Step:
    """A piece of work in progress."""

    name: str
    began: float = field(default_factory=time.monotonic)
    detail: str = ""

    def line(self) -> str:
        """Return the step, its detail and its age on one line."""
        age = f"{time.monotonic() - self.began:.0f} s"
        return "  ".join(part for part in (self.name, self.detail, age) if part)


def note(text: str) -> None:
    """Print one line."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def step(name: str) -> Iterator[Step]:
    """Show that ``name`` is being done; its ``detail`` may change meanwhile."""
    doing = Step(name)
    stop = threading.Event()
    redraw = sys.stderr.isatty()
    if not redraw:
        note(f"{name} ...")
    follower = threading.Thread(target=_follow, args=(doing, stop, redraw), daemon=True)
    follower.start()
    outcome = "failed"
    try:
        yield doing
        outcome = "done"
    finally:
        stop.set()
        follower.join()
        took = f"{name}: {outcome} in {time.monotonic() - doing.began:.0f} s"
        note(f"\r\x1b[K{took}" if redraw else took)


def _follow(doing: Step, stop: threading.Event, redraw: bool) -> None:
    """Draw the step again and again, or add a line now and then."""
    turn = 0
    while not stop.wait(TICK_S if redraw else HEARTBEAT_S):
        if not redraw:
            note(f"  {doing.line()}")
            continue
        turn += 1
        width = shutil.get_terminal_size().columns - 1
        line = f"{SPINNER[turn % len(SPINNER)]} {doing.line()}"[:width]
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
