"""Builds the pages when their sources have changed."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from setting import say
from setting.node import Node
from setting.place import Place, digest
from setting.tools import Tools

MADE = {"node_modules", "dist"}


def sources(client: Path) -> Iterator[Path]:
    """Yield the files that the pages are built from, in a steady order."""
    for file in sorted(client.rglob("*")):
        inside = file.relative_to(client).parts
        if file.is_file() and not MADE.intersection(inside):
            yield file


def packages_current(place: Place, state: str) -> bool:
    """Say whether the pages' packages are those of the lock file."""
    installed = (place.client / "node_modules").is_dir()
    return installed and _read(place, "client-packages") == state


def install(tools: Tools, node: Node) -> None:
    """Install the packages of the pages, as their lock file pins them."""
    place = tools.place
    files = [place.client / "package.json", place.client / "package-lock.json"]
    state = digest(files, node.version)
    if packages_current(place, state):
        return
    _write(place, "client-packages", "")
    with say.step("Packages for the pages"):
        npm = [*node.npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        tools.run(npm, cwd=place.client, env={"PATH": node.path})
    _write(place, "client-packages", state)


def build(tools: Tools, node: Node) -> None:
    """Build the pages."""
    place = tools.place
    install(tools, node)
    shutil.rmtree(place.client / "dist", ignore_errors=True)
    with say.step("Building the pages"):
        npm = [*node.npm, "run", "build"]
        tools.run(npm, cwd=place.client, env={"PATH": node.path})
    _write(place, "client-build", state_of(place))


def current(place: Place) -> bool:
    """Say whether the built pages are those of the sources."""
    built = (place.client / "dist").is_dir()
    return built and _read(place, "client-build") == state_of(place)


def state_of(place: Place) -> str:
    """Return a digest of the sources and of where they lie in the folder."""
    files = list(sources(place.client))
    names = (str(file.relative_to(place.client)) for file in files)
    return digest(files, *names)


def _read(place: Place, name: str) -> str:
    file = place.cache / name
    return file.read_text() if file.exists() else ""


def _write(place: Place, name: str, state: str) -> None:
    (place.cache / name).write_text(state)
