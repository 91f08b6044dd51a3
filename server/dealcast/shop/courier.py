"""Sends what an act has put into the outbox, without waiting for the clerk."""

from dataclasses import dataclass
from random import Random
from typing import Protocol

from dealcast.core.errors import Recovering, Unavailable
from dealcast.core.ids import base32


class Sender(Protocol):
    """Sends what is in the outbox, in its order (``store.outbox.Outbox``)."""

    async def send_due(self) -> int:
        """Send what was not sent; return how many."""


class Bell(Protocol):
    """Wakes processes that wait (``store.control.Control``)."""

    async def nudge(self, kind: str) -> None:
        """Say that there is something new of ``kind``."""


@dataclass(frozen=True)
class Courier:
    """
    Brings what SQL says to Redis at once, after an act's transaction.

    It is a short cut, not a promise: the clerk sends whatever is left. Both
    send in the order of the outbox and repeat nothing, so they may race.
    """

    sender: Sender
    bell: Bell

    async def send(self) -> None:
        """Send what is due; leave it to the clerk if Redis does not answer."""
        try:
            await self.sender.send_due()
        except (Unavailable, Recovering):
            await self.nudge("outbox")

    async def nudge(self, kind: str) -> None:
        """Wake the clerk for ``kind``; it also looks by itself, but later."""
        try:
            await self.bell.nudge(kind)
        except (Unavailable, Recovering):
            return  # Then the clerk's own slow look finds it.


def new_op(act: str, subject: str, rng: Random) -> str:
    """Make the id of an outbox operation: what is done, to what, and which time."""
    return f"{act}:{subject}:{base32(rng.getrandbits(60), 12)}"
