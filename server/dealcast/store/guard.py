"""
The guard of the embedded Redis: ends it when those whom it serves have gone.

It is run as a file of its own (``python guard.py PID LIFELINE COMPANY SOCKET``)
and imports nothing of ours, so that it is small and outlives whatever happens to
us. LIFELINE and COMPANY are read ends of pipes. The write end of the first is
held by the supervisor alone, that of the second by every process of the node.
"""

import os
import select
import signal
import sys
import time
from contextlib import suppress

COMPANY_S = 20.0  # How long the others may take to end once the supervisor has.
STOP_S = 8.0
POLL_S = 0.1


class Watched:
    """A process that may end by itself; its number must not be another's then."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.handle: int | None = None
        with suppress(AttributeError, OSError):  # Not every system has it.
            self.handle = os.pidfd_open(pid)

    def send(self, number: int) -> None:
        """Send it a signal."""
        with suppress(OSError):
            if self.handle is not None:
                signal.pidfd_send_signal(self.handle, number)
            else:
                os.kill(self.pid, number)

    def ended(self, within_s: float) -> bool:
        """Wait for its end; tell whether it came."""
        if self.handle is not None:
            return bool(select.select([self.handle], [], [], within_s)[0])
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            try:
                os.kill(self.pid, 0)
            except OSError:
                return True
            time.sleep(POLL_S)
        return False


def guard(pid: int, lifeline: int, company: int, place: str) -> None:
    """Wait for the supervisor's end, then for the others', then end the server."""
    server = Watched(pid)
    watched = [lifeline] if server.handle is None else [lifeline, server.handle]
    if lifeline not in select.select(watched, [], [])[0]:
        return  # The server has ended; the next one has a guard of its own.
    select.select([company], [], [], COMPANY_S)
    server.send(signal.SIGTERM)
    if not server.ended(STOP_S):
        server.send(signal.SIGKILL)
        server.ended(STOP_S)
    with suppress(OSError):
        os.unlink(place)  # A server that was killed leaves it.
    with suppress(OSError):
        os.rmdir(os.path.dirname(place))


if __name__ == "__main__":
    guard(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
