"""A small disk that a test may fill: a tmpfs, which root alone can mount."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FILLER = "filler"
CHUNK = 4096


@dataclass
class Disk:
    """A disk of few megabytes."""

    folder: Path

    def fill(self) -> int:
        """Leave no room; return how much was left."""
        written = 0
        with (self.folder / FILLER).open("ab", buffering=0) as filler:
            try:
                while True:
                    written += filler.write(b"x" * CHUNK)
            except OSError:
                return written

    def empty(self) -> None:
        """Give the room back."""
        (self.folder / FILLER).unlink()


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Disk]:
    """Mount a disk of ``size`` in ``folder`` while the block lasts."""
    assert os.geteuid() == 0, "a small disk can be mounted by root alone: run as root"
    folder.mkdir(parents=True, exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    subprocess.run(words, check=True)
    try:
        yield Disk(folder)
    finally:
        # Lazily: what still has a file open there must not keep it mounted.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
