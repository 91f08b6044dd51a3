"""
Renders the wire as TypeScript: events, what clients may ask, and codes.

``python -m dealcast.web.typescript > client_demo/src/wire.ts``; a test checks
that the committed file is what this module renders.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import NODEFAULT, Struct, inspect

from dealcast.core.errors import Refused
from dealcast.core.events import (
    LIVE_EVENTS,
    ME_EVENTS,
    STAFF_EVENTS,
    Event,
    State,
)
from dealcast.core.wire import Act, Request

HEAD = "// Made by `python -m dealcast.web.typescript`; do not edit.\n"
LITERALS = {
    inspect.IntType: "number",
    inspect.FloatType: "number",
    inspect.StrType: "string",
    inspect.BoolType: "boolean",
    inspect.NoneType: "null",
    inspect.AnyType: "unknown",
}

EventTable = Mapping[str, type[Event]]


class Module:
    """One TypeScript module in the making: each type is declared once."""

    def __init__(self) -> None:
        self._names: dict[type[Struct], str] = {}
        self._taken: set[str] = set()
        self._texts: list[str] = []

    def text(self) -> str:
        """Return what was declared so far."""
        return "\n".join(self._texts)

    def say(self, text: str) -> None:
        """Add ``text`` as it is."""
        self._texts.append(text)

    def struct(self, kind: type[Struct], spare: str = "") -> str:
        """Declare ``kind`` unless it is declared; return its name."""
        if kind in self._names:
            return self._names[kind]
        name = kind.__name__ if kind.__name__ not in self._taken else spare
        assert name and name not in self._taken, f"name used twice: {kind}"
        self._taken.add(name)
        self._names[kind] = name
        info = inspect.type_info(kind)
        assert isinstance(info, inspect.StructType)
        asked = issubclass(kind, Request)
        fields = [self._field(field, asked=asked) for field in info.fields]
        body = f"export interface {name} {{\n{''.join(fields)}}}\n"
        self.say(comment(kind) + body)
        return name

    def _field(self, field: inspect.Field, *, asked: bool) -> str:
        # UNSET shows as no default here; a function may leave out what is None.
        optional = not field.required and (asked or field.default in (None, NODEFAULT))
        mark = "?" if optional else ""
        return f"  {field.encode_name}{mark}: {self.type(field.type)};\n"

    def type(self, kind: inspect.Type, spare: str = "") -> str:
        """Return the TypeScript for ``kind``, declaring what it is made of."""
        while isinstance(kind, inspect.Metadata):
            kind = kind.type
        if type(kind) in LITERALS:
            return LITERALS[type(kind)]
        if isinstance(kind, inspect.LiteralType):
            return " | ".join(quoted(value) for value in kind.values)
        if isinstance(kind, inspect.UnionType):
            return " | ".join(self.type(part, spare) for part in kind.types)
        if isinstance(kind, inspect.CollectionType):
            part = self.type(kind.item_type, spare)
            return f"({part})[]" if "|" in part else f"{part}[]"
        if isinstance(kind, inspect.DictType):
            return f"Record<string, {self.type(kind.value_type, spare)}>"
        if isinstance(kind, inspect.StructType):
            return self.struct(kind.cls, spare)
        raise TypeError(f"no TypeScript for {kind}")


def quoted(value: object) -> str:
    """Write a literal as JSON."""
    return msgspec.json.encode(value).decode()


def comment(kind: type) -> str:
    """Return the first paragraph of a docstring as a comment."""
    lines = (kind.__doc__ or "").strip().split("\n\n")[0].split("\n")
    text = " ".join(line.strip() for line in lines)
    return f"/** {text} */\n" if text else ""


def pascal(name: str) -> str:
    """Return ``deal_pause`` as ``DealPause``."""
    return "".join(part.capitalize() for part in name.split("_"))


def say_events(module: Module, name: str, table: EventTable, about: str) -> None:
    """Declare the events of one namespace."""
    rows = [f"  {event}: {module.struct(kind)};\n" for event, kind in table.items()]
    module.say(f"/** {about} */\nexport interface {name} {{\n{''.join(rows)}}}\n")


def say_acts(module: Module, acts: Sequence[Act[Any]]) -> None:
    """Declare what clients may ask, by name, and where."""
    rows, places = [], []
    for act in acts:
        title = pascal(act.name)
        request = module.struct(act.request, f"{title}Request")
        answer = module.type(inspect.type_info(act.answer), f"{title}Answer")
        rows.append(f"  {act.name}: {{ request: {request}; answer: {answer} }};\n")
        place = {"http": act.http, "socket": act.socket}
        places.append(f"  {act.name}: {msgspec.json.encode(place).decode()},\n")
    module.say(
        "/** What clients may ask, and what they get. */\n"
        f"export interface Acts {{\n{''.join(rows)}}}\n"
    )
    module.say(
        "/** Where an act is asked: a call under /api/v1, an event of a namespace. */\n"
        f"export const PLACES = {{\n{''.join(places)}}} as const;\n"
    )


def say_codes(module: Module, table: Iterable[type[Refused]]) -> None:
    """Declare the codes with their messages."""
    rows = [
        f"  {kind.code}: {{ status: {kind.status}, "
        f"retryable: {'true' if kind.retryable else 'false'}, "
        f"title: {quoted(kind().title)} }},\n"
        for kind in table
    ]
    module.say(
        "/** Why a request was refused. */\n"
        f"export const CODES = {{\n{''.join(rows)}}} as const;\n"
        "export type Code = keyof typeof CODES;\n"
    )


def render(acts: Sequence[Act[Any]]) -> str:
    """Render the whole wire; the same wire gives the same text."""
    module = Module()
    module.say(HEAD)
    say_codes(module, Refused.table.values())
    module.struct(State)  # The event `state`: its table is of logged events alone.
    say_events(module, "LiveEvents", LIVE_EVENTS, "Events of /live, with a cursor.")
    say_events(module, "MeEvents", ME_EVENTS, "Events of /me, with a cursor.")
    say_events(module, "StaffEvents", STAFF_EVENTS, "Events of /staff, with a cursor.")
    if acts:
        say_acts(module, acts)
    return module.text()


if __name__ == "__main__":
    sys.stdout.write(render([]))
