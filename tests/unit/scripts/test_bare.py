"""The proof on a bare machine chooses well, and notices what it looks for."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from setting import bare, debian, fresh, trial
from setting.debian import Root, User
from setting.place import Place
from setting.say import Failure


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """Return a root with a home and one clone, and no Debian in it."""
    for folder in ("srv/home", "srv/guest/clone", "etc"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc" / "hostname").write_text("bare\n")
    return Root(tmp_path)


@pytest.mark.parametrize(
    ("targets", "chosen"),
    [
        ("", None),
        ("http://a.test/debian/ bookworm main", "http://a.test/debian/"),
        ("https://a.test/debian/ trixie main", "https://a.test/debian/"),
        ("http://a.test/debian/ bookworm contrib", None),
        ("http://a.test/debian/ bookworm-updates main", None),
        ("http://a.test/debian-security/ bookworm-security main", None),
        ("http://a.test/tools/ stable main", None),
        ("cdrom://disc/debian/ bookworm main", None),
    ],
)
def test_the_mirror_is_that_of_debian_itself(targets: str, chosen: str | None) -> None:
    assert debian.mirror(targets) == chosen


def test_the_first_mirror_is_taken() -> None:
    targets = """\
http://a.test/tools/ stable main
http://b.test/debian/ bookworm-updates main
http://b.test/debian/ bookworm main
http://c.test/debian/ bookworm main"""
    assert debian.mirror(targets) == "http://b.test/debian/"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"platform": "darwin"}, "this is not Debian"),
        ({"system": "fedora"}, "this is not Debian"),
        ({"user": 1000}, "only root can make one"),
        ({"targets": None}, "apt-get knows no Debian mirror"),
        ({"mounts": None}, "this root may not mount"),
        ({"devices": False}, "may not make devices"),
        ({}, None),
    ],
    ids=str,
)
def test_what_hinders_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, object], reason: str | None
) -> None:
    machine: dict[str, object] = {
        "platform": "linux",
        "system": "debian",
        "user": 0,
        "targets": "http://a.test/debian/ bookworm main",
        "mounts": "",
        "devices": True,
        **change,
    }

    def answer(command: list[str]) -> object:
        return machine["targets" if command[0] == "apt-get" else "mounts"]

    monkeypatch.setattr("sys.platform", machine["platform"])
    monkeypatch.setattr("os.geteuid", lambda: machine["user"])
    monkeypatch.setattr(debian, "answer", answer)
    monkeypatch.setattr(debian, "_may_make_devices", lambda: machine["devices"])
    monkeypatch.setattr(
        "platform.freedesktop_os_release", lambda: {"ID": machine["system"]}
    )
    said = debian.hindrance()
    assert said is None if reason is None else reason in (said or "")
    assert "\n" not in (said or "")


def test_who_insists_on_a_bare_machine_is_refused_without_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bare, "hindrance", lambda: "it rains")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with pytest.raises(Failure, match="no bare machine here: it rains"):
        fresh.run(["--bare"])


@pytest.mark.parametrize("said", ["--with-test", "--bare=yes", "tests/unit"])
def test_an_unknown_option_of_the_proof_fails(said: str) -> None:
    with pytest.raises(Failure, match=f"does not know {said}"):
        fresh.run(["--bare", said])


@pytest.mark.parametrize(("options", "code"), [([], 0), (["--with-tests"], 3)])
def test_a_hindered_proof_says_so_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: list[str], code: int
) -> None:
    served: list[str] = []
    notes: list[str] = []
    here = trial.Trial(tmp_path, tmp_path, 1, {})
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(bare, "hindrance", lambda: "it rains")
    monkeypatch.setattr(fresh, "surround", lambda *_: here)
    monkeypatch.setattr(trial, "serve_once", lambda _, name: served.append(name))
    monkeypatch.setattr(fresh, "tested", lambda _: 3)
    monkeypatch.setattr("setting.say.note", notes.append)
    assert fresh.run(options) == code
    assert served == ["first start, with set-up", "second start"]
    assert notes[-1] == "Not tried on a bare machine: it rains."


def test_folders_of_this_machine_stay_behind(tmp_path: Path) -> None:
    trust = tmp_path / "trust.pem"
    trust.write_text("x")
    env = {
        "PIP_CERT": str(trust),
        "PIP_FIND_LINKS": str(tmp_path),
        "PIP_EXTRA_INDEX_URL": f"file://{tmp_path}",
        "PIP_INDEX_URL": "https://a.test/simple",
        "SSL_CERT_DIR": "/nowhere",
    }
    left = debian.without_folders(env)
    assert set(left) == {"PIP_CERT", "PIP_INDEX_URL"}
    assert debian.named_files(left) == {str(trust)}


def test_only_the_way_to_the_registries_is_kept() -> None:
    env = {"PIP_CERT": "a", "https_proxy": "b", "HOME": "c", "AWS_KEY": "d"}
    assert trial.kept(env) == {"PIP_CERT": "a", "https_proxy": "b"}


def test_files_are_carried_to_the_same_path(root: Root, tmp_path: Path) -> None:
    trust = tmp_path / "machine" / "trust.pem"
    trust.parent.mkdir()
    trust.write_text("ours")
    root.carry({str(trust), str(tmp_path / "absent")})
    assert root.outside(trust).read_text() == "ours"
    assert not root.outside(tmp_path / "absent").exists()


def test_a_path_of_the_root_is_seen_from_outside(root: Root) -> None:
    assert root.outside("/etc/hosts") == root.folder / "etc" / "hosts"
    assert root.outside("etc/hosts") == root.outside(Path("/etc/hosts"))


def test_a_user_enters_as_himself(root: Root) -> None:
    words = root.enter(User("guest", 7, "/home/guest"))
    assert words[-3:] == ("chroot", "--userspec=7:7", str(root.folder))


def change_home(root: Root) -> None:
    root.outside("/srv/home/.npmrc").touch()


def change_text(root: Root) -> None:
    root.outside("/etc/hostname").write_text("other\n")


def change_rights(root: Root) -> None:
    root.outside("/etc/hostname").chmod(0o600)


def remove(root: Root) -> None:
    root.outside("/etc/hostname").unlink()


def make_folder(root: Root) -> None:
    root.outside("/tmp/left").mkdir(parents=True)


@pytest.mark.parametrize(
    ("act", "path"),
    [
        (change_home, "/srv/home/.npmrc"),
        (change_text, "/etc/hostname"),
        (change_rights, "/etc/hostname"),
        (remove, "/etc/hostname"),
        (make_folder, "/tmp"),
    ],
)
def test_what_is_touched_elsewhere_is_noticed(
    root: Root, act: Callable[[Root], None], path: str
) -> None:
    own = root.outside("/srv/guest")
    before = root.states(besides=own)
    act(root)
    after = root.states(besides=own)
    assert path in bare.strays(before, after)
    with pytest.raises(Failure, match=f"touched: {path}"):
        bare.see_unchanged(before, after)


def test_what_is_made_in_the_own_folder_is_no_stray(root: Root) -> None:
    own = root.outside("/srv/guest")
    before = root.states(besides=own)
    (own / "clone" / ".venv").mkdir()
    (own / "data").mkdir()
    assert bare.strays(before, root.states(besides=own)) == []


def test_who_lives_in_a_root_is_known_by_it(root: Root) -> None:
    assert root.inhabitants() == []
    assert os.getpid() in Root(Path("/")).inhabitants()
    assert Root(root.folder / "gone").inhabitants() == []


def test_a_process_that_stayed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    name = Path("/proc/self/comm").read_text().strip()
    monkeypatch.setattr(Root, "inhabitants", lambda _: [os.getpid()])
    with pytest.raises(Failure, match=f"left processes behind: {name}"):
        bare.see_alone(Root(Path("/nowhere")))


def test_a_root_is_removed_with_the_folder_around_it(tmp_path: Path) -> None:
    around = tmp_path / "dealcast-root-1"
    (around / "root" / "etc").mkdir(parents=True)
    debian.remove(Root(around / "root"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tries", [1, 3])
def test_a_root_in_which_something_still_ends_is_removed_in_the_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tries: int
) -> None:
    made = Root(tmp_path / "around" / "root")
    made.folder.mkdir(parents=True)
    left = [made.folder, made.folder.parent]
    monkeypatch.setattr(debian, "POLL_S", 0.0)
    monkeypatch.setattr(debian, "TRIES", tries)
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: left.pop(0).rmdir())
    if tries == 1:
        with pytest.raises(Failure, match="cannot be removed"):
            debian.remove(made)
    else:
        debian.remove(made)
    assert made.folder.parent.exists() is (tries == 1)


def test_a_root_that_failed_is_removed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(debian, "fill", fail)
    place = Place(tmp_path / "clone")
    place.cache.mkdir(parents=True)
    with pytest.raises(KeyboardInterrupt), debian.root(place):
        raise AssertionError("There is no root.")
    assert [path.name for path in tmp_path.iterdir()] == ["clone"]
