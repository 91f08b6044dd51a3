"""
Signed webhooks, as Standard Webhooks has them: ``id.timestamp.body``, HMAC-SHA256.

Several signatures may stand in the header, so that a key can be changed.
"""

import hmac
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256

from dealcast.core.errors import TokenInvalid

TOLERANCE_S = 300
ID_MAX = 255
SIGNATURES_MAX = 5


def derive(secret: bytes, purpose: str) -> bytes:
    """Make a key of its own for ``purpose`` out of a shared secret."""
    return hmac.digest(secret, purpose.encode(), sha256)


def sign(key: bytes, event: str, at_s: int, body: bytes) -> dict[str, str]:
    """Return the headers that go with ``body``."""
    return {
        "webhook-id": event,
        "webhook-timestamp": str(at_s),
        "webhook-signature": "v1," + _mac(key, event, str(at_s), body),
    }


def verify(key: bytes, headers: Mapping[str, str], body: bytes, now: int) -> str:
    """
    Return the event's id if its signature is good.

    Raises:
        TokenInvalid: If it is not, or if it is too old or from the future.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    event = lower.get("webhook-id", "")
    stamp = lower.get("webhook-timestamp", "")
    given = lower.get("webhook-signature", "").split(" ")[:SIGNATURES_MAX]
    if not 0 < len(event) <= ID_MAX or not event.isascii() or not event.isprintable():
        raise TokenInvalid("webhook-id")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise TokenInvalid("webhook-timestamp")
    expected = "v1," + _mac(key, event, stamp, body)
    matches = [hmac.compare_digest(expected.encode(), one.encode()) for one in given]
    if not any(matches):
        raise TokenInvalid("webhook-signature")
    if abs(now // 1000 - int(stamp)) > TOLERANCE_S:
        raise TokenInvalid("webhook-timestamp")
    return event


def _mac(key: bytes, event: str, stamp: str, body: bytes) -> str:
    signed = f"{event}.{stamp}.".encode() + body
    return b64encode(hmac.digest(key, signed, sha256)).decode()
