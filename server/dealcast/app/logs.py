"""
Logs: one JSON object a line, with the event's name and its keys.

A line that cannot be written is lost and counted: the product goes on. Files
are kept to a size by whoever opened them.
"""

import logging
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import orjson
import structlog

FILE_MAX = 16 * 1024 * 1024  # Of one log; the one before it is kept too.
LINE_MAX = 64 * 1024


def set_up_logs(process: str) -> None:
    """Send all logs of this process to its standard error as JSON lines."""
    lines = Lines(sys.stderr.fileno())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=to_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: lines,
    )
    structlog.contextvars.bind_contextvars(process=process)
    # Libraries log through the standard module: only what somebody should see.
    logging.basicConfig(level=logging.WARNING, handlers=[Libraries()])


def to_json(fields: dict[str, object], **_: object) -> str:
    """Write one line."""
    return orjson.dumps(fields, default=str).decode()


class Lines:
    """Writes lines to an open file, and never fails."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self.lost = 0
        self._cut = False  # Whether the last line was written in part.
        self._one = threading.Lock()

    def msg(self, line: str) -> None:
        """Write a line, and before it how many were lost, if so."""
        with self._one:
            text = line.encode(errors="replace")[:LINE_MAX] + b"\n"
            if self.lost:
                told = {"event": "log_lines_lost", "level": "warning", "n": self.lost}
                text = orjson.dumps(told) + b"\n" + text
            if self._cut:
                text = b"\n" + text
            try:
                written = os.write(self.handle, text)
            except OSError:
                self.lost += 1
                return
            self._cut = written < len(text)
            self.lost = self.lost + 1 if self._cut else 0

    debug = info = warning = warn = error = critical = fatal = exception = msg


class Libraries(logging.Handler):
    """Says what libraries say in our form."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say it."""
        with suppress(Exception):
            structlog.get_logger().log(
                min(record.levelno, logging.CRITICAL),
                "library",
                name=record.name,
                message=record.getMessage(),
                exc_info=record.exc_info,
            )


@contextmanager
def opened(log: Path) -> Iterator[IO[bytes]]:
    """Open a log to be appended to; a full disk may have no room for a new one."""
    try:
        output = log.open("ab")
    except OSError:
        output = open(os.devnull, "ab")
    with output:
        yield output


def trim(log: Path, size_max: int = FILE_MAX) -> bool:
    """
    Begin a log anew if it is too large; tell whether it was.

    Its processes keep it open and append: it is copied, then emptied. Lines of
    the moment in between are lost.
    """
    with suppress(OSError):
        if log.stat().st_size <= size_max:
            return False
        before = log.with_name(f"{log.name}.1")
        try:
            shutil.copyfile(log, before)
        except OSError:  # No room for both: the newer lines are still to come.
            before.unlink(missing_ok=True)
        os.truncate(log, 0)
        return True
    return False
