"""What moderators may do, and how much of it at once."""

from collections.abc import Iterable
from typing import Any

import msgspec

from dealcast.core.ids import LineId, PersonId

LINES_MAX = 100  # Deleted by one act.
RECENT_MAX = 500  # Entries of the log in which a muted person's lines are sought.
MUTE_S_MAX = 30 * 86_400
SLOW_S_MAX = 120
REASON_MAX = 200


class Author(msgspec.Struct):
    """Who said a line."""

    id: str


class Line(msgspec.Struct):
    """A line of chat, as much of it as moderation needs."""

    id: str
    user: Author


def lines_of(person: PersonId, said: Iterable[bytes]) -> list[LineId]:
    """Return the newest of the lines that ``person`` said, oldest first."""
    lines = [msgspec.json.decode(data, type=Line) for data in said]
    mine = [LineId(line.id) for line in lines if line.user.id == person]
    return mine[-LINES_MAX:]


def gone(lines: list[LineId], now: int) -> dict[str, Any]:
    """Return what a deletion puts into a record: the event, and the erasure."""
    if not lines:
        return {}
    event = msgspec.json.encode({"lines": lines, "at": now}).decode()
    return {"log": [["deleted", "P0", event]], "gone": lines}
