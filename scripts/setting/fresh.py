"""Proves that a fresh clone serves on a bare machine: no Redis, no Node, no home."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from setting import bare, say, trial
from setting.place import Place
from setting.say import Failure
from setting.trial import Trial

OPTIONS = {"--bare", "--with-tests"}
BIN_FOLDERS = (
    "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
)  # fmt: skip
HIDDEN = re.compile(
    r"(node|nodejs|npm|npx|corepack|pnpm|yarn|uv|python|python3(\.\d+)?"
    r"|(redis|valkey)-.*)$"
)


def run(options: Sequence[str]) -> int:
    """
    Serve from a fresh clone twice here, and on a Debian of python3 and pip alone.

    The second part is left out, in one line, where such a Debian cannot be made;
    --bare insists on it. With --with-tests, the tests run in the clone at last.
    """
    if unknown := set(options) - OPTIONS:
        raise Failure(f"check --fresh does not know {', '.join(sorted(unknown))}.")
    # A polite end cleans up, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    hindrance = bare.hindrance()
    if hindrance and "--bare" in options:
        raise Failure(f"There can be no bare machine here: {hindrance}.")
    place = Place.here()
    folder = Path(tempfile.mkdtemp(prefix="dealcast-fresh-"))
    folder.chmod(0o755)  # The test database runs as another user.
    try:
        here = surround(place, folder)
        trial.serve_once(here, "first start, with set-up")
        trial.serve_once(here, "second start")
        say.note("A fresh clone serves, stops and starts again.")
        if hindrance:
            say.note(f"Not tried on a bare machine: {hindrance}.")
        else:
            bare.run(place)
        return tested(here) if "--with-tests" in options else 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def surround(place: Place, folder: Path) -> Trial:
    """Clone what is committed into ``folder``; give it a bare PATH and home."""
    clone, home, path = folder / "clone", folder / "home", folder / "bin"
    trial.clone_into(clone, place.root)
    home.mkdir()
    path.mkdir()
    for name, program in programs().items():
        (path / name).symlink_to(program)
    (path / "python3").symlink_to(Path(sys.executable).resolve())
    env = trial.kept(os.environ)
    env |= {"PATH": str(path), "HOME": str(home), "LANG": "C.UTF-8"}
    return Trial(clone, folder / "data", trial.free_port(), env)


def programs() -> dict[str, Path]:
    """Return the machine's programs but those that a bare machine lacks."""
    found: dict[str, Path] = {}
    for folder in map(Path, BIN_FOLDERS):
        for program in sorted(folder.iterdir()) if folder.is_dir() else ():
            if not HIDDEN.match(program.name):
                found.setdefault(program.name, program)
    return found


def tested(here: Trial) -> int:
    """Run all tests in the clone and return their exit code."""
    say.note("-- tests")
    command = [str(here.clone / "scripts" / "test")]
    return subprocess.run(
        command, cwd="/", env=here.env, stdin=subprocess.DEVNULL, check=False
    ).returncode
