"""A lane writes in order, never waits, and cuts whoever is too slow."""

from dealcast.hub import frames
from dealcast.hub.lane import STALL_MS, Lane


class Wire:
    """A transport whose network takes what the test says."""

    def __init__(self) -> None:
        self.sent = b""
        self.waiting = 0
        self.ended = ""

    def write(self, data: bytes, /) -> None:
        """Buffer everything."""
        self.sent += data
        self.waiting += len(data)

    def get_write_buffer_size(self) -> int:
        """Return what is buffered."""
        return self.waiting

    def is_closing(self) -> bool:
        """Tell whether it was closed."""
        return bool(self.ended)

    def close(self) -> None:
        """Close."""
        self.ended = "closed"

    def abort(self) -> None:
        """Abort."""
        self.ended = "aborted"


def test_frames_are_written_until_too_much_waits() -> None:
    wire = Wire()
    lane = Lane(wire, bytes_max=10, now=0)
    assert lane.write(b"x" * 50)  # Large, but nothing waited.
    assert lane.buffered == 50
    assert not lane.write(b"y")
    assert (wire.ended, lane.open, wire.sent) == ("aborted", False, b"x" * 50)
    wire.waiting = 0
    assert not lane.write(b"z")


def test_a_lane_that_moves_is_not_stalled() -> None:
    wire = Wire()
    lane = Lane(wire, bytes_max=1000, now=0)
    lane.write(b"x" * 100)
    for now in range(0, 5 * STALL_MS, STALL_MS):
        wire.waiting -= 1
        assert not lane.stalled(now)


def test_a_lane_from_which_nothing_leaves_is_stalled() -> None:
    wire = Wire()
    lane = Lane(wire, bytes_max=1000, now=0)
    assert not lane.stalled(100 * STALL_MS)  # Nothing to send.
    at = 100 * STALL_MS
    lane.write(b"x" * 100)
    assert not lane.stalled(at + STALL_MS)
    lane.write(b"y" * 100)
    assert lane.stalled(at + STALL_MS + 1)


def test_an_ended_lane_says_why_last() -> None:
    wire = Wire()
    lane = Lane(wire, bytes_max=1000, now=0)
    lane.write(b"x")
    lane.end(frames.GOING_AWAY)
    lane.end(frames.GOING_AWAY)
    assert not lane.write(b"y")
    assert (wire.sent, wire.ended) == (b"x" + frames.GOING_AWAY, "closed")
