"""Where a clone keeps what the set-up makes."""

import fcntl
import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from setting import say

WAIT_S = 1800.0
POLL_S = 0.2


@dataclass(frozen=True)
class Place:
    """The folders and files of one clone."""

    root: Path

    @classmethod
    def here(cls) -> Self:
        """Return the clone that this file lies in, made ready for writing."""
        place = cls(Path(__file__).resolve().parents[2])
        try:
            place.cache.mkdir(exist_ok=True)
            place.log.touch()
        except OSError as error:
            raise say.Failure(
                f"Cannot write to {place.root}: {error.strerror}."
            ) from error
        return place

    @property
    def cache(self) -> Path:
        """What can be fetched or made again."""
        return self.root / ".cache"

    @property
    def log(self) -> Path:
        """All that the tools of the set-up printed."""
        return self.cache / "setup.log"

    @property
    def venv(self) -> Path:
        """The virtual environment."""
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """The interpreter of the virtual environment."""
        return self.venv / "bin" / "python"

    @property
    def client(self) -> Path:
        """The pages' sources."""
        return self.root / "client_demo"

    def lock_file(self, layer: str) -> Path:
        """Return the file that pins the packages of ``layer``."""
        return self.root / "requirements" / f"{layer}.txt"

    @contextmanager
    def alone(self) -> Iterator[int]:
        """
        Let one set-up at a time work in this clone; yield the lock's descriptor.

        The tools that a set-up starts inherit it, so that the lock outlives a
        set-up that was killed while pip still writes.
        """
        lock = os.open(self.cache / "setup.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if not taken(lock):
                with say.step("Waiting for another set-up of this folder"):
                    _wait(lock)
            yield lock
        finally:
            os.close(lock)


def taken(lock: int) -> bool:
    """Take the lock if it is free, and say whether it is ours now."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(lock: int) -> None:
    """Wait until the lock is ours."""
    end = time.monotonic() + WAIT_S
    while not taken(lock):
        if time.monotonic() > end:
            raise say.Failure("Another set-up of this folder does not finish.")
        time.sleep(POLL_S)


def digest(files: Iterable[Path], *words: str) -> str:
    """Return a digest of some words and of the names and bytes of ``files``."""
    total = hashlib.sha256("\0".join(words).encode())
    for file in files:
        body = hashlib.sha256(file.read_bytes()).hexdigest()
        total.update(f"\0{file.name}\0{body}".encode())
    return total.hexdigest()
