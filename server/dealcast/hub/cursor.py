"""Cursors: ``<epoch>.<n>`` names the last event of a log that a client has seen."""

import re
from typing import NamedTuple

FORM = re.compile(r"([0-9]{1,10})\.([0-9]{1,15})", re.ASCII)


class Cursor(NamedTuple):
    """A place in a log: after entry ``n``, as numbered in ``epoch``."""

    epoch: int
    n: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.n}"


def parse(text: object) -> Cursor | None:
    """Read what a client sent; None if it is not a cursor at all."""
    match = FORM.fullmatch(text) if isinstance(text, str) else None
    return Cursor(int(match[1]), int(match[2])) if match else None
