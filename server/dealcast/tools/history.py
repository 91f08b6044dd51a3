"""
The history of a crowd: a file of JSON lines with all that its clients saw.

Whoever holds it against the books needs no other witness. Each line has the
instant ``t`` (ms since the file was begun, monotonic), its kind ``k``, and the
client ``c``:

``invoke``, then ``ok``, ``refused`` or ``unknown``: what a client asked, under
the key ``op``. A call that was answered by nobody is ``unknown`` and stays open
until the same key is asked again. ``event``: what came, with its cursor and a
digest of its body. ``sync``: where a client was told to go on, and whether
it has all. ``joined``, ``lost``: its connection. ``mark``: what somebody else
did meanwhile. The last line is ``end``.
"""

import json
import time
from hashlib import blake2s
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

LINES_MAX = 3_000_000  # About 400 MB.
BUFFER_BYTES = 1 << 18
DIGEST_BYTES = 8


class History:
    """Writes the lines; without a file it forgets them."""

    def __init__(self, file: Path | None = None, *, lines_max: int = LINES_MAX) -> None:
        self._out: IO[str] | None = None
        if file is not None:
            self._out = file.open("w", BUFFER_BYTES, encoding="utf-8")
        self._left = lines_max
        self._began = time.monotonic()
        self.kept = self._out is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.write("end")
        self.close()

    def now(self) -> float:
        """Return the ms since the history began."""
        return round((time.monotonic() - self._began) * 1000, 1)

    def at(self, instant: float) -> float:
        """Return the ms from the beginning to ``instant`` of the monotonic clock."""
        return round((instant - self._began) * 1000, 1)

    def write(self, kind: str, client: int | None = None, **more: Any) -> None:
        """Write one line; one too many is not written, and the last one says so."""
        if self._out is None or self._left <= 0:
            return
        self._left -= 1
        line: dict[str, Any] = {
            "t": self.now(),
            "k": "full" if not self._left else kind,
        }
        if client is not None:
            line["c"] = client
        if self._left:
            line |= more
        self._out.write(json.dumps(line, separators=(",", ":")) + "\n")

    def close(self) -> None:
        """Write down what is still in memory."""
        if self._out is not None:
            self._out.close()
            self._out = None


def digest(body: Any) -> str:
    """Return a short digest by which two clients' bodies can be compared."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return blake2s(text.encode(), digest_size=DIGEST_BYTES).hexdigest()
