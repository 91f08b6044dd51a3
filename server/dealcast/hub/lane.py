"""
The one way to a connection: everything goes through its lane, in order.

A lane knows no library. It never waits: what the network does not take is
buffered up to a limit, and a viewer who is too slow is cut off, comes back and
goes on from its cursor.
"""

from typing import Protocol

STALL_MS = 20_000


class Wire(Protocol):
    """What a lane needs of a transport."""

    def write(self, data: bytes, /) -> None:
        """Send, or buffer what cannot be sent now."""

    def get_write_buffer_size(self) -> int:
        """Return how many bytes are buffered."""

    def is_closing(self) -> bool:
        """Tell whether the transport is closed or about to be."""

    def close(self) -> None:
        """Send what is buffered, then close."""

    def abort(self) -> None:
        """Close at once."""


class Lane:
    """Writes ready frames to one connection."""

    __slots__ = ("_bytes_max", "_moved", "_moved_at", "_wire", "_written", "closed")

    def __init__(self, wire: Wire, *, bytes_max: int, now: int) -> None:
        self._wire = wire
        self._bytes_max = bytes_max
        self._written = 0
        self._moved = 0  # Bytes that had left for the network when we last looked,
        self._moved_at = now  # and since when no more have.
        self.closed = False

    @property
    def buffered(self) -> int:
        """Bytes that the network has not taken yet."""
        return self._wire.get_write_buffer_size()

    @property
    def open(self) -> bool:
        """Tell whether frames still go out."""
        return not self.closed and not self._wire.is_closing()

    def write(self, frames: bytes) -> bool:
        """
        Send whole frames; False if the lane is closed or full, and so cut.

        What is full is judged by what waited before: one large write alone
        does not make a viewer slow.
        """
        if self.closed or self._wire.is_closing():
            return False
        if self._wire.get_write_buffer_size() > self._bytes_max:
            self.abort()
            return False
        self._wire.write(frames)
        self._written += len(frames)
        return True

    def stalled(self, now: int) -> bool:
        """Tell whether bytes wait and none has left for 20 seconds."""
        waiting = self._wire.get_write_buffer_size()
        moved = self._written - waiting
        if waiting == 0 or moved > self._moved:
            self._moved = moved
            self._moved_at = now
            return False
        return now - self._moved_at > STALL_MS

    def abort(self) -> None:
        """Cut the connection; the client comes back and recovers by cursor."""
        self.closed = True
        self._wire.abort()

    def end(self, close_frame: bytes) -> None:
        """Say why and close, after what was written before."""
        if self.open:
            self._wire.write(close_frame)
            self._wire.close()
        self.closed = True
