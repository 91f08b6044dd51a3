"""
The house rules that a machine can check, each a function of a file's text.

A rule yields one complaint per fault: the line, and what is wrong with it.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
FEATURE_FILES = {
    "__init__.py", "rules.py", "service.py", "wire.py", "consumer.py", "rebuild.py",
    "tables.py", "functions.lua",
}  # fmt: skip
MADE = {
    ".cache", ".dealcast", ".git", ".hypothesis", ".mypy_cache", ".pytest_cache",
    ".ruff_cache", ".import_linter_cache", ".venv", "__pycache__", "dist",
    "node_modules", "pictures",
}  # fmt: skip
TEXT = {
    "", ".cfg", ".css", ".csv", ".html", ".js", ".json", ".lua", ".mako", ".md", ".mjs",
    ".py", ".sh", ".sql", ".svg", ".toml", ".ts", ".txt", ".yaml", ".yml",
}  # fmt: skip
CODE = {"", ".css", ".html", ".js", ".lua", ".mjs", ".py", ".sh", ".sql", ".ts"}
# They must name what they forbid.
OWN = ("tests/support/tidy.py", "tests/test_tidy.py")

Complaint = tuple[int, str]


@dataclass(frozen=True)
class File:
    """A text file of the tree, by its path from the root."""

    path: str
    text: str

    @property
    def suffix(self) -> str:
        """The end of its name."""
        return Path(self.path).suffix

    @property
    def is_code(self) -> bool:
        """Whether a person writes and reads it as a program."""
        generated = re.match(r"\W*[Gg]enerated ", self.text) is not None
        inside = self.path.startswith(("server/", "client_demo/", "scripts/", "tests/"))
        return self.suffix in CODE and inside and not generated


Rule = Callable[[File], Iterable[Complaint]]


def files(root: Path) -> Iterator[File]:
    """Yield the text files below ``root`` that a person writes."""
    for path in sorted(root.iterdir()):
        if path.is_symlink() or path.name in MADE:
            continue
        if path.is_dir():
            for file in files(path):
                yield File(f"{path.name}/{file.path}", file.text)
        elif path.suffix in TEXT:
            yield File(path.name, path.read_text(encoding="utf-8"))


def numbered(file: File, pattern: re.Pattern[str]) -> Iterator[tuple[int, str]]:
    """Yield the line number and the words of each match of a forbidden pattern."""
    lines = [] if file.path in OWN else file.text.splitlines()
    for number, line in enumerate(lines, 1):
        for match in pattern.finditer(line):
            yield number, match[0]


def short_files(file: File) -> Iterator[Complaint]:
    """No file of code is longer than a person likes to read."""
    lines = file.text.count("\n")
    if file.is_code and lines > FILE_LINES_MAX:
        yield 1, f"{lines} lines; at most {FILE_LINES_MAX}"


def short_functions(file: File) -> Iterator[Complaint]:
    """No function is longer than a screen."""
    found = {".py": python_functions, ".lua": lua_functions}.get(file.suffix)
    for number, name, lines in found(file) if found else ():
        if lines > FUNCTION_LINES_MAX:
            yield number, f"{name} has {lines} lines; at most {FUNCTION_LINES_MAX}"


def python_functions(file: File) -> Iterator[tuple[int, str, int]]:
    """Yield the place, name and length of each Python function."""
    for node in ast.walk(ast.parse(file.text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.lineno, node.name, node.end_lineno - node.lineno + 1


def lua_functions(file: File) -> Iterator[tuple[int, str, int]]:
    """Yield the place, name and length of each outer Lua function."""
    began: tuple[int, str] | None = None
    for number, line in enumerate(file.text.splitlines(), 1):
        if found := re.match(r"(?:local )?function ([\w.:]+)", line):
            began = number, found[1]
        elif began and line == "end":
            yield *began, number - began[0] + 1
            began = None


LEFT_OVER = re.compile(r"\b(TODO|FIXME|HACK)\b")


def finished(file: File) -> Iterator[Complaint]:
    """Nothing is left for later."""
    if file.suffix != ".txt" and not file.path.endswith(".json"):
        for number, word in numbered(file, LEFT_OVER):
            yield number, f"{word} is left over"


SKIP = re.compile(
    r"mark\.skip|mark\.xfail|pytest\.(skip|xfail|importorskip)\b|unittest\.skip"
    r"|\b(it|test|describe)\.(skip|todo|only)\b"
)


def no_skips(file: File) -> Iterator[Complaint]:
    """Every test runs, and is meant to pass."""
    if file.suffix in {".py", ".ts", ".js"}:
        for number, words in numbered(file, SKIP):
            yield number, f"{words}: a test that does not run"


SILENCED = re.compile(r"#\s*(type:\s*ignore|noqa)(?P<code>\[[\w, -]+\]|:\s*[A-Z]+\d+)?"
                      r"(?P<reason>.*)")  # fmt: skip


def reasoned(file: File) -> Iterator[Complaint]:
    """A checker that is silenced is silenced for one thing, with a reason."""
    if file.suffix != ".py" or file.path in OWN:
        return
    for number, line in enumerate(file.text.splitlines(), 1):
        found = SILENCED.search(line)
        if found and not (found["code"] and re.search(r"\w{3}", found["reason"])):
            yield number, f"{found[1]} without a code or a reason"


def asserting(file: File) -> Iterator[Complaint]:
    """A test checks something, or calls a helper whose name says that it does."""
    if file.suffix != ".py" or not Path(file.path).name.startswith("test_"):
        return
    for node in ast.walk(ast.parse(file.text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node.name.startswith("test_") and not any(map(checks, ast.walk(node))):
            yield node.lineno, f"{node.name} asserts nothing"


CHECKING = ("raises", "warns", "expect", "assert", "check", "verify", "until")


def checks(node: ast.AST) -> bool:
    """Say whether ``node`` is an assertion, or a call that stands for one."""
    if isinstance(node, ast.Assert):
        return True
    if not isinstance(node, ast.Call):
        return False
    called = ast.unparse(node.func).rpartition(".")[2]
    return called.startswith(CHECKING)


ADDRESSES = re.compile(
    r"\"resolved\": \"|--(extra-)?index-url|--find-links|simple/[a-z0-9-]+/?$", re.I
)
MACHINE = re.compile(r"/root/|/home/[a-z]+/|/tmp/[a-z]+/|\.pyenv")


def nowhere(file: File) -> Iterator[Complaint]:
    """No file names where packages come from, or a folder of one machine."""
    for number, words in numbered(file, ADDRESSES):
        yield number, f"{words}: a registry's address"
    for number, words in numbered(file, MACHINE):
        yield number, f"{words}: a path of one machine"


RULES: tuple[Rule, ...] = (
    short_files,
    short_functions,
    finished,
    no_skips,
    reasoned,
    asserting,
    nowhere,
)


def refusal_codes(tree: Iterable[File]) -> dict[str, list[str]]:
    """Return where each code of a refusal is declared."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for file in tree:
        if not file.path.startswith("server/dealcast/") or file.suffix != ".py":
            continue
        for node in ast.walk(ast.parse(file.text)):
            if isinstance(node, ast.ClassDef) and is_refusal(node):
                places[code_of(node)].append(f"{file.path}:{node.lineno}")
    return places


def is_refusal(node: ast.ClassDef) -> bool:
    """Say whether a class is one of the refusals."""
    return any(ast.unparse(base).endswith("Refused") for base in node.bases)


def code_of(node: ast.ClassDef) -> str:
    """Return the code that a refusal declares; nothing if it declares none."""
    for statement in node.body:
        if not isinstance(statement, ast.Assign):
            continue
        target, value = statement.targets[0], statement.value
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            target, value = target.elts[0], value.elts[0]
        if ast.unparse(target) == "code" and isinstance(value, ast.Constant):
            return str(value.value)
    return ""


def strange_feature_files(paths: Iterable[str]) -> list[str]:
    """Return the files of features that have none of the allowed names."""
    inside = re.compile(r"server/dealcast/features/\w+/(.+)")
    return [
        path
        for path in paths
        if (found := inside.fullmatch(path)) and found[1] not in FEATURE_FILES
    ]
