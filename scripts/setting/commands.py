"""The commands of a clone: serve, test, check and bench."""

import os
import time
from collections.abc import Callable, Sequence

from setting import checks, client, environment, fresh, machine, node, say
from setting.node import Node
from setting.place import Place
from setting.say import Failure
from setting.tools import Tools

FOLDERS = ("unit", "store", "stories", "faults", "browser")
SETUP_MINUTES = 4


def run(arguments: list[str]) -> int:
    """Run the command that ``arguments`` begin with; return its exit code."""
    commands: dict[str, Callable[[list[str]], int]] = {
        "serve": serve,
        "test": test,
        "check": check,
        "bench": bench,
    }
    if not arguments or arguments[0] not in commands:
        raise Failure(f"Say one of: {', '.join(commands)}.")
    return commands[arguments[0]](arguments[1:])


def serve(arguments: list[str]) -> int:
    """Set up what serving needs and become the server, with the demo show."""
    place = set_up()
    return become(place, ["serve", *with_demo(arguments)])


def with_demo(arguments: Sequence[str]) -> list[str]:
    """Return the options of ``dealcast serve``: a demo, unless --no-demo is said."""
    wanted = [word for word in arguments if word not in ("--demo", "--no-demo")]
    return wanted if "--no-demo" in arguments else ["--demo", *wanted]


def bench(arguments: list[str]) -> int:
    """Set up what serving needs and become the benchmark."""
    return become(set_up(), ["bench", *arguments])


def set_up() -> Place:
    """Set up what serving needs: the packages, and the pages if they changed."""
    place = Place.here()
    with place.alone() as lock:
        tools = Tools(place, lock)
        environment.prepare(tools, ["runtime"])
        if not client.current(place):
            client.build(tools, node.provide(tools))
    return place


def become(place: Place, words: Sequence[str]) -> int:
    """Go on as ``dealcast``: signals then reach the server itself."""
    script = str(place.venv / "bin" / "dealcast")
    os.environ.setdefault("DEALCAST__DATA", str(place.root / ".dealcast"))
    os.execv(script, [script, *words])


def check(arguments: list[str]) -> int:
    """Check style, types, layers and sizes; with --fresh, a fresh clone."""
    if "--fresh" in arguments:
        return fresh.run([word for word in arguments if word != "--fresh"])
    if arguments:
        raise Failure("check takes --fresh, and then --bare and --with-tests.")
    place = Place.here()
    found = ready(place, needs=())
    commands = [
        *checks.for_python(place),
        checks.tidy(place),
        *checks.for_pages(place, found, tests=False),
    ]
    return verdict(checks.run(commands, found))


def test(arguments: list[str]) -> int:
    """Set up what the tests need and run them; with arguments, pytest alone."""
    began = time.monotonic()
    place = Place.here()
    found = ready(place, needs=machine.TEST_NEEDS, pages=True)
    minutes = (time.monotonic() - began) / 60
    say.note(f"Set-up took {minutes:.1f} of {SETUP_MINUTES} minutes.")
    pytest = checks.pytest(place)
    if arguments:
        return checks.execute([*pytest, *arguments], place.root, found)
    commands = [
        *checks.for_python(place),
        *checks.for_pages(place, found, tests=True),
    ]
    failed = checks.run(commands, found)
    if failed:
        return verdict(failed)
    folders = [f"tests/{folder}" for folder in FOLDERS]
    words = [*pytest, "tests/test_tidy.py", *folders]
    return checks.execute(words, place.root, found)


def ready(place: Place, needs: Sequence[machine.Need], pages: bool = False) -> Node:
    """Set up the development tools, ``needs`` and the pages' packages."""
    with place.alone() as lock:
        tools = Tools(place, lock)
        environment.prepare(tools, ["runtime", "dev"])
        machine.provide(tools, needs)
        found = node.provide(tools)
        client.install(tools, found)
        if pages and not client.current(place):
            client.build(tools, found)
    return found


def verdict(failed: Sequence[str]) -> int:
    """Say which checks failed and return the exit code."""
    if failed:
        say.note(f"Failed: {', '.join(failed)}.")
        return 1
    say.note("All checks passed.")
    return 0
