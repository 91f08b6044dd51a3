"""The set-up decides well: which Node, which environment, which words."""

import json
import sys
from pathlib import Path

import pytest

from setting import client, commands, environment, fresh, node
from setting.place import Place, digest, taken
from setting.say import Failure, Step
from setting.tools import Tools, answer


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a clone of nothing but lock files."""
    made = Place(tmp_path)
    made.cache.mkdir()
    (tmp_path / "requirements").mkdir()
    for layer in environment.TITLES:
        made.lock_file(layer).write_text(f"{layer}==1\n")
    return made


@pytest.fixture
def complete(place: Place) -> Place:
    """Return a clone whose environment is whole and has the runtime packages."""
    place.python.parent.mkdir(parents=True)
    place.python.symlink_to(sys.executable)
    runtime = digest([place.lock_file("runtime")])
    environment.write(place, {**environment.fresh_marker(place), "runtime": runtime})
    return place


@pytest.mark.parametrize(
    ("version", "good"),
    [
        ("v20.19.0", True),
        ("v20.20.2", True),
        ("v22.12.0", True),
        ("v24.1.0", True),
        ("v18.20.4", False),
        ("v20.18.1", False),
        ("v21.7.0", False),
        ("v22.11.0", False),
        ("", False),
        ("20.19.0", False),
        ("v20.19.0-nightly", False),
    ],
)
def test_a_node_is_chosen_by_its_version(version: str, good: bool) -> None:
    assert node.suitable(version) is good


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ([], ["--demo"]),
        (["--no-demo"], []),
        (["--demo", "--port", "1"], ["--demo", "--port", "1"]),
        (["--data", "x", "--no-demo"], ["--data", "x"]),
    ],
)
def test_the_demo_is_on_unless_it_is_refused(said: list[str], told: list[str]) -> None:
    assert commands.with_demo(said) == told


@pytest.mark.parametrize("said", [[], ["sell"], ["--help"]])
def test_an_unknown_command_fails(said: list[str]) -> None:
    with pytest.raises(Failure, match="serve, test, check, bench"):
        commands.run(said)


def test_a_whole_environment_is_kept(complete: Place) -> None:
    assert environment.usable(complete, environment.read(complete))


@pytest.mark.parametrize(
    "change",
    [
        {"format": 0},
        {"folder": "/elsewhere/.venv"},
        {"python": "2.7"},
        {"runtime": "another digest"},
        {"unfinished": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_environment_is_made_anew(
    complete: Place, change: dict[str, str | int]
) -> None:
    environment.write(complete, {**environment.read(complete), **change})
    assert not environment.usable(complete, environment.read(complete))


def test_an_environment_whose_python_is_gone_is_made_anew(complete: Place) -> None:
    complete.python.unlink()
    complete.python.symlink_to("/nowhere/python3")
    assert not environment.usable(complete, environment.read(complete))


@pytest.mark.parametrize("text", ["", "[]", '"text"', "{", "\x00"])
def test_a_broken_marker_says_nothing(complete: Place, text: str) -> None:
    (complete.venv / environment.MARKER).write_text(text)
    assert environment.read(complete) == {}


def test_a_missing_marker_says_nothing(place: Place) -> None:
    assert environment.read(place) == {}
    assert not environment.usable(place, {})


def test_a_failed_tool_is_one_line(place: Place) -> None:
    tools = Tools(place, lock=2)
    lost = tools.explain(["python3", "-m", "pip"], 1, "x\nNewConnectionError: y\n")
    assert lost == f"No network: pip reached nobody; see {place.log}."
    broken = tools.explain(["/n/node", "/n/npm-cli.js", "ci"], 7, "npm error")
    assert broken == f"npm failed with exit code 7; see {place.log}."


def test_the_output_of_a_tool_is_kept(place: Place) -> None:
    seen: list[str] = []
    code = "import sys; print('first'); print('last', file=sys.stderr); sys.exit(3)"
    with pytest.raises(Failure, match="exit code 3"):
        Tools(place, lock=2).run([sys.executable, "-c", code], on_line=seen.append)
    assert sorted(seen) == ["first", "last"]
    assert "first\n" in place.log.read_text()


def test_misleading_variables_do_not_reach_pip(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PIP_CERT", "ours")
    monkeypatch.delenv("PIP_CACHE_DIR", raising=False)
    found = Tools(place, lock=2).environment({"PATH": "/bin"})
    assert "PIP_USER" not in found
    assert found["PIP_CERT"] == "ours"
    assert found["PIP_CACHE_DIR"] == str(place.cache / "pip")
    assert found["PATH"] == "/bin"


def test_a_program_that_is_missing_has_no_answer() -> None:
    assert answer(["/nowhere/program"]) is None
    assert answer([sys.executable, "-c", "raise SystemExit(1)"]) is None
    assert answer([sys.executable, "-c", "print(5)"]) == "5"


def test_two_set_ups_do_not_work_at_once(place: Place) -> None:
    with place.alone():
        with (place.cache / "setup.lock").open() as other:
            assert not taken(other.fileno())
    with place.alone() as lock:
        assert taken(lock)


def test_the_pages_are_built_when_a_source_moves_or_changes(place: Place) -> None:
    source = place.client / "src" / "viewer.ts"
    source.parent.mkdir(parents=True)
    source.write_text("a")
    first = client.state_of(place)
    (place.client / "node_modules").mkdir()
    (place.client / "node_modules" / "made.js").write_text("a")
    assert client.state_of(place) == first
    moved = source.rename(source.with_name("host.ts"))
    second = client.state_of(place)
    moved.write_text("b")
    assert len({first, second, client.state_of(place)}) == 3


def test_a_build_of_other_sources_is_not_current(place: Place) -> None:
    (place.client / "src").mkdir(parents=True)
    assert not client.current(place)
    (place.client / "dist").mkdir()
    (place.cache / "client-build").write_text(client.state_of(place))
    assert client.current(place)
    (place.client / "src" / "new.ts").write_text("x")
    assert not client.current(place)


def test_the_environment_points_at_this_clone(complete: Place) -> None:
    folder = complete.venv / "lib" / "python3.11" / "site-packages"
    folder.mkdir(parents=True)
    environment.point(complete)
    assert (folder / "dealcast.pth").read_text() == f"{complete.root}/server\n"
    script = complete.venv / "bin" / "dealcast"
    assert script.stat().st_mode & 0o111
    compile(script.read_text(), "dealcast", "exec")


def test_a_bare_machine_has_neither_node_nor_redis() -> None:
    names = set(fresh.programs())
    assert "bash" in names
    assert not {"node", "npm", "redis-server", "python3", "uv"} & names
    assert not any(fresh.HIDDEN.match(name) for name in names)


def test_a_step_tells_its_name_detail_and_age() -> None:
    assert Step("Pages", detail="3 of 4").line() == "Pages  3 of 4  0 s"


def test_a_marker_is_plain_text(complete: Place) -> None:
    text = (complete.venv / environment.MARKER).read_text()
    assert json.loads(text)["folder"] == str(complete.venv)
