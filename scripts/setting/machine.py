"""What the machine itself must have: Debian's packages."""

import ctypes
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from setting import say
from setting.say import Failure
from setting.tools import Tools, answer

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FONTS = "/usr/share/fonts"
# Debian's packages ask this program whether they may start what they bring.
POLICY = Path("/usr/sbin/policy-rc.d")
NO_SERVICES = "#!/bin/sh\nexit 101\n"


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


def program(name: str) -> Callable[[], bool]:
    """Return what says whether a program is at hand, also one for root alone."""
    return lambda: shutil.which(name, path=f"{os.defpath}:/usr/sbin:/sbin") is not None


def atomics() -> bool:
    """Say whether the library is there that Playwright's own Node is linked with."""
    try:
        ctypes.CDLL("libatomic.so.1")
    except OSError:
        return sys.platform != "linux"
    return True


TEST_NEEDS = (
    Need("caddy", program("caddy")),
    Need("chromium", browser),
    Need("fonts-noto-cjk", chinese_font),
    Need("libatomic1", atomics),
    Need("nginx", program("nginx")),
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
        with no_services():
            tools.run([*apt, *choice, *packages], env=env, on_line=progress)


@contextmanager
def no_services() -> Iterator[None]:
    """
    Let packages be installed without starting what they bring.

    The tests run their own servers, on ports of their own; one that a package
    starts might take port 80, or fail to, and the installation with it.
    """
    if POLICY.exists():  # The machine has its own policy.
        yield
        return
    try:
        POLICY.write_text(NO_SERVICES)
        POLICY.chmod(0o755)
        yield
    finally:
        POLICY.unlink(missing_ok=True)
