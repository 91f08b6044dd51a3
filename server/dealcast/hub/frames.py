"""
Ready bytes: WebSocket text frames that hold Socket.IO packets.

A frame is built once and written to everybody it is for. Payloads come as JSON
bytes and are not decoded. Frames are never compressed and never masked.
"""

from typing import Any

import orjson

GOING_AWAY = b"\x88\x02\x03\xf4"  # Close, 1012: the service restarts; come back.
POLICY = b"\x88\x02\x03\xf0"  # Close, 1008.


def text(payload: bytes) -> bytes:
    """Frame ``payload`` as one final text message from a server."""
    length = len(payload)
    if length < 126:
        return bytes((0x81, length)) + payload
    if length < 65_536:
        return b"\x81\x7e" + length.to_bytes(2, "big") + payload
    return b"\x81\x7f" + length.to_bytes(8, "big") + payload


def event(namespace: str, name: bytes, data: bytes, cursor: str | None = None) -> bytes:
    """
    Frame an event; ``name`` is a word of ours, which JSON need not escape.

    The cursor is the last argument, and a string: the stock client remembers
    the last string of every event and gives it back when it returns.
    """
    tail = b"" if cursor is None else b',"' + cursor.encode() + b'"'
    return text(b"42" + namespace.encode() + b',["' + name + b'",' + data + tail + b"]")


def ack(namespace: str, number: int, answer: dict[str, Any]) -> bytes:
    """Frame the answer to a client's event."""
    head = f"43{namespace},{number}".encode()
    return text(head + orjson.dumps([answer]))


def connected(namespace: str, sid: str, pid: str) -> bytes:
    """Frame the reply to CONNECT; ``pid`` makes the client keep cursors."""
    return text(f"40{namespace},".encode() + orjson.dumps({"sid": sid, "pid": pid}))


def refused(namespace: str, message: str, data: dict[str, Any]) -> bytes:
    """Frame the refusal of a CONNECT."""
    body = orjson.dumps({"message": message, "data": data})
    return text(f"44{namespace},".encode() + body)


def disconnected(namespace: str) -> bytes:
    """Frame the end of one namespace; the client does not come back by itself."""
    return text(f"41{namespace},".encode())
