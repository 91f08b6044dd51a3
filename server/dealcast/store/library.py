"""
The Redis function library: one text, made of the files of ``functions/``.

Its name, and that of every function, carries a version, so that old and new
processes run side by side while a shop is upgraded: each calls the functions of
its own version. The text of a version that was released never changes; what
must be another is another version.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from typing import Any

from redis.exceptions import ResponseError

VERSION = 1
NAME = "dealcast"
KEPT = 1  # Versions before ours that others may still call.

# The order matters: the first two define what the others call.
FILES = (
    "_prelude.lua",
    "_stock.lua",
    "deals.lua",
    "holds.lua",
    "payments.lua",
    "record.lua",
    "archive.lua",
    "gate.lua",
)


def library_text(extra: Sequence[str] = ()) -> str:
    """
    Return the whole library, with the Lua of features after our own.

    Every file is a block of its own, so that their locals cannot meet; they
    share the table ``dc`` alone.
    """
    folder = files("dealcast.store") / "functions"
    prelude, *parts = [(folder / name).read_text(encoding="utf-8") for name in FILES]
    blocks = [f"do\n{part}\nend\n" for part in [*parts, *extra]]
    return f"#!lua name={NAME}{VERSION}\n" + "\n".join([prelude, *blocks])


Ask = Callable[..., Awaitable[Any]]  # One command to one server.


async def load(ask: Ask, text: str, *, replace: bool) -> None:
    """
    Load a library on one server, beside those of other versions.

    If the server has another text of its version, it is replaced only where
    ``replace`` says so: two builds must not take the functions from each other
    in turn. Then versions that nobody can be running any more are dropped, too.
    """
    ours = _version(_header(text))
    there = await _texts(ask)
    if NAME in there:  # Without a version: its functions have the names of ours.
        await _delete(ask, NAME)
    known = there.get(f"{NAME}{ours}")
    if known != text and (known is None or replace):
        try:
            await ask("FUNCTION", "LOAD", *(["REPLACE"] if replace else []), text)
        except ResponseError as error:
            if "already exists" not in str(error) or replace:
                raise  # Otherwise somebody else has loaded it just now.
    if replace:
        for name in there:
            if name != NAME and _version(name) < ours - KEPT:
                await _delete(ask, name)


def _header(text: str) -> str:
    return text.partition("\n")[0].removeprefix("#!lua name=")


def _version(name: str) -> int:
    return int(name.removeprefix(NAME))


async def _texts(ask: Ask) -> dict[str, str]:
    """Return the text of each of our libraries that the server has."""
    found = await ask("FUNCTION", "LIST", "LIBRARYNAME", f"{NAME}*", "WITHCODE")
    texts: dict[str, str] = {}
    for flat in found:
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        name = fields[b"library_name"].decode()
        if re.fullmatch(rf"{NAME}[0-9]*", name):  # Others may begin like ours.
            texts[name] = fields[b"library_code"].decode()
    return texts


async def _delete(ask: Ask, name: str) -> None:
    try:
        await ask("FUNCTION", "DELETE", name)
    except ResponseError as error:
        if "not found" not in str(error).lower():
            raise  # Otherwise somebody else has deleted it just now.
