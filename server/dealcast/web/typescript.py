"""
Renders the wire as TypeScript: events, what clients may ask, and codes.

``python -m dealcast.web.typescript > client_demo/src/wire.ts``; a test checks
that the committed file is what this module renders.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct, UnsetType
from msgspec.structs import FieldInfo, fields

from dealcast.core import events, ids
from dealcast.core.errors import Refused
from dealcast.core.wire import Act, Request

HEAD = "// Made by `python -m dealcast.web.typescript`; do not edit.\n"
PLAIN: dict[Any, str] = {
    int: "number", float: "number", str: "string", bool: "boolean",
    NoneType: "null", Any: "unknown",
}  # fmt: skip
NAMED: dict[str, Any] = {
    "ShowId": ids.ShowId, "DealId": ids.DealId, "HoldId": ids.HoldId,
    "OrderId": ids.OrderId, "PaymentId": ids.PaymentId, "LineId": ids.LineId,
    "PersonId": ids.PersonId, "VariantId": ids.VariantId,
    "ProductId": ids.ProductId, "Text": events.Text, "Role": events.Role,
    "DealStatus": events.DealStatus, "HoldState": events.HoldState,
}  # fmt: skip

EventTable = Mapping[str, type[events.Event]]


class Module:
    """One TypeScript module in the making: each type is declared once."""

    def __init__(self) -> None:
        self._aliases: dict[Any, str] = {}
        self._structs: dict[type[Struct], str] = {}
        self._texts: list[str] = []

    def text(self) -> str:
        """Return what was declared so far."""
        return "\n".join(self._texts)

    def say(self, text: str) -> None:
        """Add ``text`` as it is."""
        self._texts.append(text)

    def alias(self, name: str, hint: Any) -> None:
        """Declare ``name`` for ``hint``, which is called so from here on."""
        meant = getattr(hint, "__supertype__", hint)  # A NewType is its supertype.
        text = f"export type {name} = {self.type(meant)};\n"
        self._aliases[hint] = name
        self.say(text)

    def struct(self, kind: type[Struct], spare: str = "") -> str:
        """Declare ``kind`` unless it is declared; return its name."""
        if kind in self._structs:
            return self._structs[kind]
        taken = {*self._structs.values(), *self._aliases.values()}
        name = kind.__name__ if kind.__name__ not in taken else spare
        assert name and name not in taken, f"name used twice: {kind}"
        self._structs[kind] = name
        hints = get_type_hints(kind, include_extras=True)
        asked = issubclass(kind, Request)
        rows = [self._field(f, hints[f.name], asked=asked) for f in fields(kind)]
        self.say(f"{comment(kind)}export interface {name} {{\n{''.join(rows)}}}\n")
        return name

    def _field(self, field: FieldInfo, hint: Any, *, asked: bool) -> str:
        # The server sends every field that is set; a client leaves out defaults.
        optional = UnsetType in get_args(hint) or (asked and not field.required)
        mark = "?" if optional else ""
        return f"  {field.encode_name}{mark}: {self.type(hint)};\n"

    def type(self, hint: Any, spare: str = "") -> str:
        """Return the TypeScript for ``hint``, declaring what it is made of."""
        if hint in self._aliases or hint in PLAIN:
            return self._aliases.get(hint) or PLAIN[hint]
        origin, args = get_origin(hint), get_args(hint)
        if origin is Annotated:
            return self.type(args[0], spare)
        if origin is Literal:
            return " | ".join(quoted(value) for value in args)
        if origin in (Union, UnionType):
            parts = (part for part in args if part is not UnsetType)
            return " | ".join(self.type(part, spare) for part in parts)
        if origin in (list, tuple):
            part = self.type(args[0], spare)
            return f"({part})[]" if "|" in part else f"{part}[]"
        if origin is dict:
            return f"Record<{self.type(args[0])}, {self.type(args[1], spare)}>"
        if isinstance(hint, type) and issubclass(hint, Struct):
            return self.struct(hint, spare)
        raise TypeError(f"no TypeScript for {hint}")


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
        answer = module.type(act.answer, f"{title}Answer")
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
    for name, hint in NAMED.items():
        module.alias(name, hint)
    module.struct(events.State)  # The event `state`: the table is of logged ones.
    module.struct(events.ProductView)
    say_events(
        module, "LiveEvents", events.LIVE_EVENTS, "Events of /live, with a cursor."
    )
    say_events(module, "MeEvents", events.ME_EVENTS, "Events of /me, with a cursor.")
    say_events(
        module, "StaffEvents", events.STAFF_EVENTS, "Events of /staff, with a cursor."
    )
    if acts:
        say_acts(module, acts)
    return module.text()


if __name__ == "__main__":
    sys.stdout.write(render([]))
