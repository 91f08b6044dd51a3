"""Frames are what a stock client reads."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcast.hub import cursor, frames
from dealcast.hub.cursor import Cursor


def payload(frame: bytes) -> bytes:
    """Read one unmasked, final, uncompressed text frame."""
    assert frame[0] == 0x81
    length, start = frame[1], 2
    if length == 126:
        length, start = int.from_bytes(frame[2:4], "big"), 4
    elif length == 127:
        length, start = int.from_bytes(frame[2:10], "big"), 10
    assert len(frame) == start + length
    return frame[start:]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_lengths(size: int) -> None:
    assert payload(frames.text(b"x" * size)) == b"x" * size


def test_packets() -> None:
    event = frames.event("/live", b"chat", b'{"text":"\xe8\x8c\xb6"}', "3.14")
    assert payload(event) == '42/live,["chat",{"text":"茶"},"3.14"]'.encode()
    state = frames.event("/live", b"state", b"{}")
    assert payload(state) == b'42/live,["state",{}]'
    assert payload(frames.ack("/me", 12, {"ok": True})) == b'43/me,12[{"ok":true}]'
    assert payload(frames.connected("/me", "s", "p")) == b'40/me,{"sid":"s","pid":"p"}'
    refused = payload(frames.refused('/x"', "No.", {"code": "invalid"}))
    assert orjson.loads(refused.split(b",", 1)[1])["data"] == {"code": "invalid"}
    assert payload(frames.disconnected("/me")) == b"41/me,"


@given(st.integers(0, 10**10 - 1), st.integers(0, 10**15 - 1))
def test_cursors_survive_the_way_to_the_client_and_back(epoch: int, n: int) -> None:
    assert cursor.parse(str(Cursor(epoch, n))) == Cursor(epoch, n)


@pytest.mark.parametrize(
    "text",
    ["", "1", "1.", ".1", "1.2.3", "-1.2", "1.2 ", " 1.2", "1.2\n", "a.b", "１.２",
     "1" * 11 + ".1", "1." + "1" * 16, 1.2, None, ["1.2"], "1e3.2"],
)  # fmt: skip
def test_what_is_no_cursor(text: object) -> None:
    assert cursor.parse(text) is None


def test_cursors_are_compared_as_numbers() -> None:
    assert Cursor(1, 10) > Cursor(1, 9)
    assert Cursor(2, 0) > Cursor(1, 99)
