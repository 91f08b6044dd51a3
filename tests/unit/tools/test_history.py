"""The history of a crowd: bounded, and whole or seen not to be."""

import json
from pathlib import Path
from typing import Any

import pytest

from dealcast.tools.history import History, digest


def read(file: Path) -> list[dict[str, Any]]:
    """Return the lines of a history."""
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_lines_have_their_instant_and_the_last_one_is_the_end(tmp_path: Path) -> None:
    with History(tmp_path / "h.jsonl") as history:
        history.write("invoke", 3, op="k1", what="hold")
        history.write("mark", what="fault")
    lines = read(tmp_path / "h.jsonl")
    assert [line.pop("t") >= 0 for line in lines] == [True] * 3
    assert lines == [
        {"k": "invoke", "c": 3, "op": "k1", "what": "hold"},
        {"k": "mark", "what": "fault"},
        {"k": "end"},
    ]


def test_what_broke_off_has_no_end(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), History(tmp_path / "h.jsonl") as history:
        history.write("mark", what=1 // 0)
    assert read(tmp_path / "h.jsonl") == []


def test_a_history_that_is_full_says_so(tmp_path: Path) -> None:
    with History(tmp_path / "h.jsonl", lines_max=3) as history:
        for number in range(9):
            history.write("event", number)
    assert [line["k"] for line in read(tmp_path / "h.jsonl")] == [
        "event", "event", "full",
    ]  # fmt: skip


def test_without_a_file_nothing_is_kept() -> None:
    with History() as history:
        history.write("mark")
        assert not history.kept


def test_bodies_that_are_the_same_have_the_same_digest() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
