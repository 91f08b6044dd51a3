"""The tree keeps the house rules, and the rules notice what breaks them."""

import re
from pathlib import Path

import pytest

from tests.support import tidy
from tests.support.tidy import File, Rule

ROOT = Path(__file__).parents[1]
TREE = list(tidy.files(ROOT))


@pytest.mark.parametrize("rule", tidy.RULES, ids=lambda rule: rule.__name__)
def test_the_tree_keeps(rule: Rule) -> None:
    faults = [
        f"{file.path}:{line}: {what}" for file in TREE for line, what in rule(file)
    ]
    assert not faults, "\n".join([rule.__doc__ or "", *faults])


def test_the_tree_was_read() -> None:
    paths = {file.path for file in TREE}
    assert {"pyproject.toml", "scripts/serve", "server/dealcast/cli.py"} <= paths
    assert not any(path.startswith((".git/", ".venv/")) for path in paths)


def test_codes_of_refusals_are_unique() -> None:
    places = tidy.refusal_codes(TREE)
    assert len(places) > 20
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in places), places
    assert {code: p for code, p in places.items() if len(p) > 1} == {}


def test_features_have_files_of_known_names() -> None:
    paths = [file.path for file in TREE]
    assert tidy.strange_feature_files(paths) == []


def lines(count: int, indent: str = "") -> str:
    """Return so many lines of code."""
    return f"{indent}x = 1\n" * count


BROKEN = [
    (tidy.short_files, "server/a.py", lines(401)),
    (tidy.short_files, "client_demo/src/a.ts", lines(401)),
    (tidy.short_functions, "a.py", "def f():\n" + lines(70, "    ")),
    (tidy.short_functions, "a.py", "class A:\n async def f(s):\n" + lines(70, "  ")),
    (tidy.short_functions, "a.lua", "local function f()\n" + lines(69, "  ") + "end\n"),
    (tidy.finished, "a.py", "x = 1  # TODO: y\n"),
    (tidy.finished, "a.ts", "// FIXME\n"),
    (tidy.no_skips, "tests/test_a.py", "@pytest.mark.skip\ndef test_a(): ...\n"),
    (tidy.no_skips, "tests/test_a.py", "pytest.importorskip('redis')\n"),
    (tidy.no_skips, "tests/test_a.py", "@pytest.mark.xfail(strict=True)\n"),
    (tidy.no_skips, "client_demo/tests/a.test.ts", "it.only('sells', () => {})\n"),
    (tidy.reasoned, "a.py", "x = y  # type: ignore\n"),
    (tidy.reasoned, "a.py", "x = y  # type: ignore[arg-type]\n"),
    (tidy.reasoned, "a.py", "import x  # noqa\n"),
    (tidy.reasoned, "a.py", "import x  # noqa: F401\n"),
    (tidy.asserting, "tests/test_a.py", "def test_a():\n    print(1)\n"),
    (tidy.asserting, "tests/test_a.py", "async def test_a():\n    await sell()\n"),
    (tidy.nowhere, "package-lock.json", '"resolved": "https://example.org/a"\n'),
    (tidy.nowhere, "requirements/dev.txt", "--find-links /wheels\n"),
    (tidy.nowhere, "README.md", "See /root/notes.\n"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "path", "text"), BROKEN, ids=str)
def test_a_rule_notices(rule: Rule, path: str, text: str) -> None:
    assert list(rule(File(path, text)))


KEPT = [
    (tidy.short_files, "server/a.py", lines(400)),
    (tidy.short_files, "client_demo/src/a.ts", "// Generated from b.\n" + lines(500)),
    (tidy.short_functions, "a.py", "def f():\n" + lines(69, "    ")),
    (tidy.short_functions, "a.lua", "local function f()\n" + lines(68, "  ") + "end\n"),
    (tidy.reasoned, "a.py", "x = y  # type: ignore[misc]  # The library is wrong.\n"),
    (tidy.reasoned, "a.py", "import x  # noqa: F401  # It registers itself.\n"),
    (tidy.asserting, "tests/test_a.py", "def test_a():\n    assert_sold(1)\n"),
    (tidy.asserting, "tests/test_a.py", "def test_a():\n  with raises(E):\n    f()\n"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "path", "text"), KEPT, ids=str)
def test_a_rule_lets_pass(rule: Rule, path: str, text: str) -> None:
    assert list(rule(File(path, text))) == []


def test_a_code_used_twice_is_noticed() -> None:
    first = 'class A(Refused):\n    code, status = "gone", 410\n'
    second = 'class B(errors.Refused):\n    code = "gone"\n'
    tree = [
        File("server/dealcast/core/errors.py", first),
        File("server/dealcast/features/chat/rules.py", second),
    ]
    assert len(tidy.refusal_codes(tree)["gone"]) == 2


def test_a_strange_file_in_a_feature_is_noticed() -> None:
    folder = "server/dealcast/features/chat"
    paths = [f"{folder}/rules.py", f"{folder}/utils.py", f"{folder}/more/rules.py"]
    assert tidy.strange_feature_files(paths) == paths[1:]
