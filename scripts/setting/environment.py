"""
Makes the virtual environment, in layers: runtime, dev, node.

The package itself is not installed but pointed at: a path file and a script of
its own, so that no build back end has to be fetched and the sources stay live.
"""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from setting import machine, say
from setting.place import Place, digest
from setting.say import Failure, Step
from setting.tools import Tools, answer

MARKER = "dealcast.json"
FORMAT = 1  # Raise it when the way of making the environment changes.
VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"
TITLES = {
    "runtime": "Python packages",
    "dev": "Python packages for the tests",
    "node": "Node",
}
SCRIPT = """#!/bin/sh
'''exec' '{python}' "$0" "$@"
' '''
import sys

from dealcast.cli import main

sys.exit(main())
"""

Marker = dict[str, str | int]


def prepare(tools: Tools, layers: Sequence[str]) -> None:
    """Make the environment with ``layers``; a half-made or old one anew."""
    place = tools.place
    marker = read(place)
    if not usable(place, marker):
        with say.step("Virtual environment"):
            make(tools)
        marker = fresh_marker(place)
    missing = [layer for layer in layers if layer not in marker]
    if not missing:
        return
    write(place, {**marker, "unfinished": 1})
    pip = find_pip(tools)
    for layer in missing:
        with say.step(TITLES[layer]) as step:
            install(tools, pip, layer, step)
        marker[layer] = digest([place.lock_file(layer)])
    point(place)
    write(place, marker)


def read(place: Place) -> Marker:
    """Return what the environment says of itself; nothing if it says nothing."""
    try:
        marker = json.loads((place.venv / MARKER).read_text())
    except (OSError, ValueError):
        return {}
    return marker if isinstance(marker, dict) else {}


def write(place: Place, marker: Marker) -> None:
    """Let the environment say ``marker`` of itself."""
    (place.venv / MARKER).write_text(json.dumps(marker))


def fresh_marker(place: Place) -> Marker:
    """Return the marker of an empty environment."""
    version = ".".join(map(str, sys.version_info[:2]))
    return {"format": FORMAT, "folder": str(place.venv), "python": version}


def usable(place: Place, marker: Marker) -> bool:
    """Say whether the environment is whole, of this folder and of these locks."""
    if marker.get("format") != FORMAT or marker.get("folder") != str(place.venv):
        return False
    locks = (layer for layer in TITLES if layer in marker)
    if any(marker[layer] != digest([place.lock_file(layer)]) for layer in locks):
        return False
    runs = answer([place.python, "-c", VERSION]) == marker.get("python")
    return runs and "unfinished" not in marker


def make(tools: Tools) -> None:
    """Make an empty environment, without pip: ensurepip may be missing."""
    place = tools.place
    shutil.rmtree(place.venv, ignore_errors=True)
    command = [sys.executable, "-m", "venv", "--without-pip", str(place.venv)]
    if answer([sys.executable, "-c", "import venv"]) is None:
        machine.install(tools, ["python3-venv"], "The Python module venv is missing")
    tools.run(command)


def find_pip(tools: Tools) -> list[str | Path]:
    """
    Return the command of a pip that can install into the environment.

    That of the Python that runs this, else a copy that Python carries, else that
    of another Python, else Debian's. An old pip may not work for a newer Python,
    so that the Python's own is asked first.

    Raises:
        Failure: If there is none and it cannot be installed.
    """
    python = tools.place.python
    if found := pip_of([sys.executable], python):
        return found
    if answer([python, "-c", "import ensurepip; ensurepip.version()"]) is not None:
        tools.run([python, "-m", "ensurepip", "--default-pip"])
        return [python, "-m", "pip"]
    others = ["python3", "/usr/bin/python3"]
    if found := pip_of(others, python):
        return found
    machine.install(tools, ["python3-pip"], "pip is missing")
    if found := pip_of([sys.executable, *others], python):
        return found
    raise Failure(f"pip 22.3 or newer is missing for {sys.executable}.")


def pip_of(hosts: Sequence[str], python: Path) -> list[str | Path] | None:
    """Return the pip of the first of ``hosts`` that can work for ``python``."""
    for host in hosts:
        pip: list[str | Path] = [host, "-m", "pip", "--python", python]
        if answer([*pip, "--version"]) is not None:
            return pip
    return None


def install(tools: Tools, pip: list[str | Path], layer: str, step: Step) -> None:
    """Install the pinned packages of ``layer``, each checked against its hash."""
    lock_file = tools.place.lock_file(layer)
    total = sum("==" in line for line in lock_file.read_text().splitlines())
    count = 0

    def progress(line: str) -> None:
        nonlocal count
        if line.startswith(("Collecting ", "Requirement already satisfied: ")):
            count += 1
            step.detail = f"{min(count, total)} of {total}"
        elif line.startswith("Installing collected"):
            step.detail = "unpacking"

    tools.run(
        [
            *pip,
            "install",
            "--require-hashes",
            "--only-binary=:all:",
            "--no-input",
            "--disable-pip-version-check",
            "--no-warn-script-location",
            "--progress-bar=off",
            f"--requirement={lock_file}",
        ],
        on_line=progress,
    )


def site_packages(place: Place) -> Path:
    """Return the folder that the environment's packages lie in."""
    (folder,) = (place.venv / "lib").glob("python3.*/site-packages")
    return folder


def point(place: Place) -> None:
    """Point the environment at the package of this clone."""
    pointer = site_packages(place) / "dealcast.pth"
    pointer.write_text(f"{place.root / 'server'}\n")
    script = place.venv / "bin" / "dealcast"
    quoted = str(place.python).replace("'", "'\\''")
    script.write_text(SCRIPT.format(python=quoted))
    script.chmod(0o755)
