"""The client's types say what the server says."""

from pathlib import Path
from typing import Any, Literal

import pytest
from msgspec import UNSET, UnsetType

from dealcast.core.events import Text, View
from dealcast.core.ids import ShowId
from dealcast.core.wire import Request
from dealcast.tools.wire import described
from dealcast.web.typescript import Module, render

WIRE = Path(__file__).parents[3] / "client_demo" / "src" / "wire.ts"


class Inner(View, frozen=True, kw_only=True):
    """A part."""

    on: bool
    maybe: int | UnsetType = UNSET
    none: str | None = None


class Outer(View, frozen=True, kw_only=True):
    """
    A whole,
    in two lines.

    And more.
    """

    show: ShowId
    parts: list[Inner | None]
    names: dict[str, list[Text]]
    kind: Literal["a", "b"]


class Ask(Request, frozen=True, kw_only=True):
    """Ask."""

    must: int
    may: int = 1


def test_the_committed_file_is_up_to_date() -> None:
    made = render(described())
    assert made == WIRE.read_text(encoding="utf-8"), (
        "run: python -m dealcast.tools.wire > client_demo/src/wire.ts"
    )


def test_types_are_rendered() -> None:
    module = Module()
    module.alias("ShowId", ShowId)
    module.alias("Text", Text)
    module.struct(Outer)
    module.struct(Ask)
    assert module.text() == (
        "export type ShowId = string;\n\n"
        "export type Text = Record<string, string>;\n\n"
        "/** A part. */\n"
        "export interface Inner {\n"
        "  on: boolean;\n"
        "  maybe?: number;\n"
        "  none: string | null;\n"
        "}\n\n"
        "/** A whole, in two lines. */\n"
        "export interface Outer {\n"
        "  show: ShowId;\n"
        "  parts: (Inner | null)[];\n"
        "  names: Record<string, Text[]>;\n"
        '  kind: "a" | "b";\n'
        "}\n\n"
        "/** Ask. */\n"
        "export interface Ask {\n"
        "  must: number;\n"
        "  may?: number;\n"
        "}\n"
    )


def test_two_types_of_one_name_are_told_apart_or_refused() -> None:
    first = type("Same", (View,), {"__annotations__": {"a": int}})
    second = type("Same", (View,), {"__annotations__": {"b": int}})
    module = Module()
    names: list[Any] = [module.struct(first), module.struct(second, "Spare")]
    assert names == ["Same", "Spare"]
    with pytest.raises(AssertionError):
        module.struct(type("Same", (View,), {}))


def test_what_has_no_type_is_refused() -> None:
    with pytest.raises(TypeError):
        Module().type(complex)
