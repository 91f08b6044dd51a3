"""The checks that need no server: style, types, layers, sizes, the pages."""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from setting import say
from setting.node import Node
from setting.place import Place

Command = tuple[str, list[str | Path], Path]


def for_python(place: Place) -> list[Command]:
    """Return the checks of the Python sources."""
    python = place.python
    return [
        ("ruff", [python, "-m", "ruff", "check"], place.root),
        ("ruff format", [python, "-m", "ruff", "format", "--check"], place.root),
        ("mypy", [python, "-m", "mypy"], place.root),
        ("import-linter", [place.venv / "bin" / "lint-imports"], place.root),
    ]


def for_pages(place: Place, node: Node, *, tests: bool) -> list[Command]:
    """Return the checks of the pages' sources."""
    npm = [*node.npm, "run", "--silent"]
    checks: list[Command] = [("pages: types", [*npm, "typecheck"], place.client)]
    if tests:
        checks.append(("pages: tests", [*npm, "test"], place.client))
    return checks


def tidy(place: Place) -> Command:
    """Return the check of sizes, names and words."""
    return ("tidy", [*pytest(place), "tests/test_tidy.py"], place.root)


def pytest(place: Place) -> list[str | Path]:
    """Return the command that runs tests."""
    return [place.python, "-m", "pytest"]


def run(commands: Sequence[Command], node: Node) -> list[str]:
    """Run ``commands`` one after another; return the names of those that fail."""
    failed = []
    for name, words, folder in commands:
        began = time.monotonic()
        say.note(f"-- {name}")
        if execute(words, folder, node) != 0:
            failed.append(name)
        say.note(f"-- {name}: {time.monotonic() - began:.0f} s")
    return failed


def execute(words: Sequence[str | Path], folder: Path, node: Node) -> int:
    """Run one command before a person's eyes and return its exit code."""
    env = {**os.environ, "PATH": node.path}
    command = [str(word) for word in words]
    return subprocess.run(
        command, cwd=folder, env=env, stdin=subprocess.DEVNULL, check=False
    ).returncode
