"""
Makes a Debian 12 of its own in a folder, of python3 and pip and nothing else.

What is mounted for it is mounted in a namespace of the process that needs it and
goes with that process, however it ends: nothing is ever mounted on this machine.
"""

import os
import platform
import shutil
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from setting import machine, say
from setting.place import Place
from setting.say import Failure
from setting.tools import Tools, answer

SUITE = "bookworm"
PACKAGES = ("ca-certificates", "python3", "python3-pip")
TARGETS = [
    "apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
    "Created-By: Packages",
]  # fmt: skip
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What debootstrap mounts and starts ends with it.
APART = ("unshare", "--mount-proc", "--pid", "--fork", "--kill-child")
# How this machine names hosts, whom it trusts and where it takes packages from.
MANNERS = (
    "/etc/hosts", "/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pip.conf", "/etc/xdg/pip/pip.conf", "/etc/npmrc",
)  # fmt: skip
TRIES = 100
POLL_S = 0.1

State = tuple[int, int, int]


@dataclass(frozen=True)
class User:
    """Somebody who works in a root."""

    name: str
    number: int
    home: str


@dataclass(frozen=True)
class Root:
    """A Debian in a folder."""

    folder: Path

    def enter(self, user: User) -> tuple[str, ...]:
        """Return the words that let a command run in here, as ``user``."""
        return (
            "unshare", f"--mount-proc={self.folder}/proc",
            "chroot", f"--userspec={user.number}:{user.number}", str(self.folder),
        )  # fmt: skip

    def outside(self, path: str | Path) -> Path:
        """Return where this machine sees the ``path`` of the root."""
        return self.folder / str(path).lstrip("/")

    def carry(self, files: set[str]) -> None:
        """Copy this machine's ``files`` to the same paths in here."""
        for file in sorted(files):
            if Path(file).is_file():
                self.outside(file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, self.outside(file))

    def states(self, besides: Path) -> dict[str, State]:
        """Return size, rights and age of all files but those in ``besides``."""
        found: dict[str, State] = {}
        for folder, folders, files in os.walk(self.folder):
            if Path(folder) == besides:
                folders.clear()
                continue
            for name in (*folders, *files):
                path = os.path.join(folder, name)
                about = os.lstat(path)
                # A folder's age tells only that something came or went.
                age = 0 if stat.S_ISDIR(about.st_mode) else about.st_mtime_ns
                size = 0 if stat.S_ISDIR(about.st_mode) else about.st_size
                found[path.removeprefix(str(self.folder))] = (about.st_mode, size, age)
        return found

    def inhabitants(self) -> list[int]:
        """Return the processes that live in here."""
        try:
            here = self.folder.stat()
        except FileNotFoundError:
            return []
        return [pid for pid in map(int, _pids()) if _lives_in(pid, here)]


def hindrance() -> str | None:
    """Return why there can be no such Debian on this machine, or None if it can."""
    if sys.platform != "linux" or not _is_debian():
        return "this is not Debian"
    if os.geteuid() != 0:
        return "only root can make one"
    if mirror(answer(TARGETS) or "") is None:
        return "apt-get knows no Debian mirror"
    if answer([*APART, "true"]) is None:
        return "this root may not mount"
    if not _may_make_devices():
        return "this root may not make devices in the folder for temporary files"
    return None


def mirror(targets: str) -> str | None:
    """Return the mirror of Debian itself among the ``targets`` of apt-get."""
    for target in targets.splitlines():
        address, release, component = target.split(" ")
        debian = address.startswith(("http", "file:")) and "/debian/" in address
        if debian and component == "main" and "-" not in release:
            return address
    return None


@contextmanager
def root(place: Place) -> Iterator[Root]:
    """Make a root; remove it and all that lives in it in the end."""
    folder = Path(tempfile.mkdtemp(prefix="dealcast-root-"))
    made = Root(folder / "root")  # Nobody but root reaches it, from out here.
    made.folder.mkdir(mode=0o755)
    try:
        with place.alone() as lock:
            fill(Tools(place, lock), made.folder)
        yield made
    finally:
        remove(made)


def remove(made: Root) -> None:
    """Remove a root, with the folder around it and all that lives in it."""
    around = made.folder.parent
    for _ in range(TRIES):
        for pid in made.inhabitants():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(around, ignore_errors=True)
        if not around.exists():
            return
        # Who was killed may have made another file before it ended.
        time.sleep(POLL_S)
    raise Failure(f"{around} cannot be removed.")


def fill(tools: Tools, folder: Path) -> None:
    """Put the smallest Debian into ``folder``, with python3 and pip."""
    if shutil.which("debootstrap", path=PATH) is None:
        machine.install(tools, ["debootstrap"], "debootstrap is missing")
    source = mirror(answer(TARGETS) or "")
    if source is None:
        raise Failure("apt-get knows no Debian mirror any more.")
    with say.step("A Debian of python3 and pip alone") as step:

        def progress(line: str) -> None:
            step.detail = " ".join(line.removeprefix("I: ").split()[:2])

        options = ["--variant=minbase", f"--include={','.join(PACKAGES)}"]
        tools.run(
            [*APART, "debootstrap", *options, SUITE, folder, source],
            env={"PATH": PATH},
            on_line=progress,
            mortal=True,
        )


def named_files(env: Mapping[str, str]) -> set[str]:
    """Return the files of this machine that variables name."""
    return {value for value in env.values() if Path(value).is_file()}


def without_folders(env: Mapping[str, str]) -> dict[str, str]:
    """Return ``env`` without what names folders of this machine."""
    return {
        name: value
        for name, value in env.items()
        if not value.startswith(("/", "file:")) or Path(value).is_file()
    }


def _is_debian() -> bool:
    try:
        return platform.freedesktop_os_release().get("ID") == "debian"
    except OSError:
        return False


def _may_make_devices() -> bool:
    with tempfile.TemporaryDirectory(prefix="dealcast-") as folder:
        null = Path(folder) / "null"
        try:
            os.mknod(null, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
            null.write_bytes(b"x")
        except OSError:
            return False
    return True


def _pids() -> list[str]:
    return [name for name in os.listdir("/proc") if name.isdecimal()]


def _lives_in(pid: int, root: os.stat_result) -> bool:
    """Say whether ``root`` is the root of a process; a dead one lives nowhere."""
    try:
        return os.path.samestat(os.stat(f"/proc/{pid}/root"), root)
    except OSError:
        return False
