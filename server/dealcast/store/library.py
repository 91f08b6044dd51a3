"""The Redis function library: one text, made of the files of ``functions/``."""

from collections.abc import Sequence
from importlib.resources import files

NAME = "dealcast"

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
    return f"#!lua name={NAME}\n" + "\n".join([prelude, *blocks])
