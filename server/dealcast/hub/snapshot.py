"""What a viewer who joins is told, made of what the store knows."""

from collections.abc import Mapping
from typing import Any

import orjson

LINES_MAX = 50

Fields = Mapping[str, str]  # The state of a show, as the store keeps it.

WHOLE = ("pins", "viewers", "likes", "sold", "slow_ms")  # JSON texts, sent as they are.
DEFAULTS = {
    "pins": "[]",
    "viewers": "0",
    "likes": "0",
    "sold": '{"orders":0,"units":0}',
    "slow_ms": "0",
}


def version(fields: Fields) -> int:
    """Return the version of a show's state; it grows with every change."""
    return int(fields.get("v", "0"))


def state(fields: Fields) -> dict[str, Any]:
    """Return the whole state, as ``sync`` carries it."""
    parts: dict[str, Any] = {
        name: orjson.Fragment(fields.get(name) or DEFAULTS[name]) for name in WHOLE
    }
    parts["stock"] = {
        name.removeprefix("stock:"): stock(text)
        for name, text in fields.items()
        if name.startswith("stock:")
    }
    return parts


def changes(before: Fields, after: Fields) -> dict[str, Any]:
    """Return the parts of the state that are not as they were."""
    parts: dict[str, Any] = {
        name: orjson.Fragment(after.get(name) or DEFAULTS[name])
        for name in WHOLE
        if before.get(name) != after.get(name)
    }
    moved = {
        name.removeprefix("stock:"): stock(text)
        for name, text in after.items()
        if name.startswith("stock:") and before.get(name) != text
    }
    if moved:
        parts["stock"] = moved
    return parts


def stock(text: str) -> dict[str, dict[str, int]]:
    """Name the numbers of a deal's stock, by variant."""
    return {
        variant: {"free": free, "held": held, "sold": sold}
        for variant, (free, held, sold) in orjson.loads(text).items()
    }


def deals(fields: Fields) -> list[dict[str, Any]]:
    """Return the deals of a show as they stand, in the order they were made."""
    views = []
    for name, text in fields.items():
        if name.startswith("deal:"):
            view: dict[str, Any] = orjson.loads(text)
            status = fields.get(f"status:{name.removeprefix('deal:')}")
            if status:
                view.update(orjson.loads(status))
            views.append(view)
    return sorted(views, key=lambda view: (view["opens_at"] or 0, view["id"]))


def recovered(fields: Fields, now: int) -> bytes:
    """Return a ``sync`` that precedes what a client has missed."""
    return orjson.dumps(
        {
            "recovered": True,
            "now": now,
            "show": None,
            "deals": None,
            "state": state(fields),
            "chat": None,
        }
    )


def fresh(
    fields: Fields, current: Fields, lines: list[tuple[int, bytes]], now: int
) -> bytes:
    """Return a ``sync`` that tells all; ``current`` is the newest state known."""
    show = fields.get("show")
    return orjson.dumps(
        {
            "recovered": False,
            "now": now,
            "show": None if show is None else orjson.Fragment(show),
            "deals": deals(fields),
            "state": state(current),
            "chat": [orjson.Fragment(data) for _, data in lines],
        }
    )


def told(parts: dict[str, Any]) -> bytes:
    """Return a ``state`` event that carries ``parts``."""
    return orjson.dumps(parts)


def bare(now: int, *, recovered: bool) -> bytes:
    """Return a ``sync`` for logs that have no snapshot: one's own, and staff's."""
    nothing = dict.fromkeys(("show", "deals", "state", "chat"))
    return orjson.dumps({"recovered": recovered, "now": now, **nothing})
