"""Proves that a clone serves where there is python3 and pip, and nothing else."""

import os
import subprocess
from pathlib import Path

from setting import debian, say, trial
from setting.debian import Root, User
from setting.place import Place
from setting.say import Failure
from setting.tools import answer
from setting.trial import Trial

GUEST = User("guest", 29_811, "/home/guest")
USERS = (GUEST, User("root", 0, "/root"))
ABSENT = ("cc", "curl", "git", "node", "npm", "redis-server", "uv", "valkey-server")
BIN_FOLDERS = ("usr/local/bin", "usr/bin", "usr/sbin")
NPM_SETTINGS = "/etc/npmrc"

hindrance = debian.hindrance


def run(place: Place) -> None:
    """Serve a clone in a bare Debian, as a guest and as root, each twice."""
    with debian.root(place) as root:
        see_bare(root)
        env = surroundings(root)
        move_in(root, GUEST)
        say.note(f"-- the bare machine is there: {megabytes(root.folder)} MB")
        for user in USERS:
            serve_as(root, user, env, place)
    say.note("A clone serves where there is python3 and pip alone.")


def see_bare(root: Root) -> None:
    """See that nothing is there which would make the proof an easy one."""
    present = [
        f"{folder}/{name}"
        for folder in BIN_FOLDERS
        for name in ABSENT
        if root.outside(f"{folder}/{name}").exists()
    ]
    python = [*root.enter(USERS[1]), "/usr/bin/python3"]
    if answer([*python, "-m", "pip", "--version"]) is None:
        raise Failure("The bare machine has no pip.")
    if answer([*python, "-c", "import ensurepip"]) is not None:
        present.append("ensurepip")
    if present:
        raise Failure(f"The bare machine is not bare: {', '.join(present)}.")


def surroundings(root: Root) -> dict[str, str]:
    """Bring this machine's way to the registries; return the variables of it."""
    env = debian.without_folders(trial.kept(os.environ))
    root.carry({*debian.MANNERS, *debian.named_files(env)})
    if root.outside(NPM_SETTINGS).exists():
        env.setdefault("npm_config_globalconfig", NPM_SETTINGS)
    return env


def move_in(root: Root, user: User) -> None:
    """Give ``user`` a name and an empty home."""
    make = ["useradd", f"--uid={user.number}", "--home-dir", user.home, user.name]
    if answer([*root.enter(USERS[1]), *make]) is None:
        raise Failure(f"The bare machine takes no user {user.name}.")
    home = root.outside(user.home)
    home.mkdir(mode=0o700)
    os.chown(home, user.number, user.number)


def serve_as(root: Root, user: User, env: dict[str, str], place: Place) -> None:
    """Serve a clone twice as ``user``; see that it keeps to its own folder."""
    own = Path("/srv") / user.name
    outside = root.outside(own)
    outside.mkdir()
    trial.clone_into(outside / "clone", place.root)
    give(outside, user)
    here = Trial(
        own / "clone",
        own / "data",
        trial.free_port(),
        {**env, "PATH": debian.PATH, "HOME": user.home},
        root.enter(user),
    )
    before = root.states(besides=outside)
    trial.serve_once(here, f"bare machine, {user.name}: first start, with set-up")
    log = Place(outside / "clone").log
    told = log.stat().st_size
    trial.serve_once(here, f"bare machine, {user.name}: second start")
    if log.stat().st_size != told:
        raise Failure("The second start set something up again.")
    see_alone(root)
    see_unchanged(before, root.states(besides=outside))
    clone, data = megabytes(outside / "clone"), megabytes(outside / "data")
    say.note(f"-- the clone takes {clone} MB now, its data {data} MB")


def give(folder: Path, user: User) -> None:
    """Make ``user`` the owner of all in ``folder``."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user.number, user.number, follow_symlinks=False)


def see_alone(root: Root) -> None:
    """See that no process stayed."""
    if left := root.inhabitants():
        names = [Path(f"/proc/{pid}/comm").read_text().strip() for pid in left]
        raise Failure(f"The server left processes behind: {', '.join(names)}.")


def see_unchanged(
    before: dict[str, debian.State], after: dict[str, debian.State]
) -> None:
    """See that no file came, went or changed."""
    if changed := strays(before, after):
        some = ", ".join(changed[:5])
        raise Failure(f"{len(changed)} files elsewhere were touched: {some}.")


def strays(
    before: dict[str, debian.State], after: dict[str, debian.State]
) -> list[str]:
    """Return the paths that came, went or changed."""
    paths = before.keys() | after.keys()
    return sorted(path for path in paths if before.get(path) != after.get(path))


def megabytes(folder: Path) -> int:
    """Return the size of ``folder`` on the disk."""
    done = subprocess.run(
        ["du", "--summarize", "--block-size=1M", str(folder)],
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout.split()[0])
