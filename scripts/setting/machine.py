"""What the machine itself must have: Debian's packages."""

import ctypes
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from setting import say
from setting.say import Failure
from setting.tools import Tools, answer

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FONTS = "/usr/share/fonts"


@dataclass(frozen=True)
class Need:
    """A thing that the tests use and that a package brings."""

    package: str
    present: Callable[[], bool]


def browser() -> bool:
    """Say whether a Chromium is at hand."""
    return any(shutil.which(name) for name in BROWSERS)


def chinese_font() -> bool:
    """Say whether Chinese text can be drawn."""
    if shutil.which("fc-list"):
        return bool(answer(["fc-list", ":lang=zh-tw", "family"]))
    return any(Path(FONTS).rglob("*CJK*"))


def database() -> bool:
    """Say whether the programs of a PostgreSQL server are at hand."""
    installed = any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return installed or shutil.which("initdb") is not None


def atomics() -> bool:
    """Say whether the library is there that Playwright's own Node is linked with."""
    try:
        ctypes.CDLL("libatomic.so.1")
    except OSError:
        return sys.platform != "linux"
    return True


TEST_NEEDS = (
    Need("chromium", browser),
    Need("fonts-noto-cjk", chinese_font),
    Need("libatomic1", atomics),
    Need("postgresql", database),
)


def provide(tools: Tools, needs: Sequence[Need]) -> None:
    """Install what is missing of ``needs``."""
    missing = [need.package for need in needs if not need.present()]
    if missing:
        install(tools, missing, f"The tests need {', '.join(missing)}")


def install(tools: Tools, packages: Sequence[str], reason: str) -> None:
    """
    Install Debian's ``packages``.

    Raises:
        Failure: If this is not root on Debian; the message says what to install.
    """
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        wanted = " ".join(packages)
        raise Failure(
            f"{reason}; on Debian, root installs that with: apt-get install {wanted}"
        )
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    with say.step(f"Debian packages: {', '.join(packages)}") as step:

        def progress(line: str) -> None:
            if line.startswith(("Get:", "Unpacking ", "Setting up ")):
                step.detail = " ".join(line.split()[:3])

        apt = ["apt-get", "-o", "DPkg::Lock::Timeout=300"]
        tools.run([*apt, "update"], env=env, on_line=progress)
        choice = ["install", "--yes", "--no-install-recommends"]
        tools.run([*apt, *choice, *packages], env=env, on_line=progress)
