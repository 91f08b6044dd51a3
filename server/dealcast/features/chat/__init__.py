"""Chat: lines that viewers and staff say to a show."""

from importlib.resources import files


def functions() -> str:
    """Return the Lua that chat adds to the library."""
    return (files(__package__) / "functions.lua").read_text(encoding="utf-8")
