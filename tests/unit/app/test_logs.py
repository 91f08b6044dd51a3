"""Logs: a line that cannot be written is no fault, and files are kept to a size."""

import json
import logging
import os
from collections.abc import MutableMapping
from pathlib import Path

import pytest
import structlog

from dealcast.app import logs
from dealcast.app.logs import Libraries, Lines


def written(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_full_disk_loses_lines_and_counts_them(tmp_path: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    good = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    lines = Lines(full)
    for _ in range(3):
        lines.info('{"event":"lost"}')
    lines.handle = good
    lines.error('{"event":"said"}')
    lines.error('{"event":"more"}')
    told = written(tmp_path / "log")
    assert [line["event"] for line in told] == ["log_lines_lost", "said", "more"]
    assert told[0]["n"] == 3
    os.close(full)
    lines.msg('{"event":"closed"}')  # Nor does it matter to what it was written.
    os.close(good)
    lines.msg('{"event":"closed"}')
    assert lines.lost == 1


def test_a_line_that_was_cut_off_spoils_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    lines, real = Lines(good), os.write
    monkeypatch.setattr(os, "write", lambda handle, text: real(handle, text[:5]))
    lines.info('{"event":"cut off"}')
    monkeypatch.undo()
    lines.info('{"event":"whole"}')
    os.close(good)
    first, *others = (tmp_path / "log").read_text().splitlines()
    assert first == '{"eve'
    assert [json.loads(line)["event"] for line in others] == ["log_lines_lost", "whole"]


def test_a_log_begins_anew_when_it_is_large(tmp_path: Path) -> None:
    log = tmp_path / "clerk.log"
    with logs.opened(log) as output:
        output.write(b"a" * 100)
        output.flush()
        assert not logs.trim(log, 100)
        assert logs.trim(log, 99)
        output.write(b"b" * 10)  # Its process goes on at the end of the file.
    assert log.read_bytes() == b"b" * 10
    assert log.with_name("clerk.log.1").read_bytes() == b"a" * 100
    assert not logs.trim(tmp_path / "none.log")


def test_a_log_that_cannot_be_opened_is_done_without(tmp_path: Path) -> None:
    with logs.opened(tmp_path / "nowhere" / "clerk.log") as output:
        assert output.write(b"lost") == 4


def test_libraries_speak_in_our_form() -> None:
    said: list[dict[str, object]] = []

    def keep(_: object, name: str, fields: MutableMapping[str, object]) -> str:
        said.append({**fields, "level": name})
        raise structlog.DropEvent

    logger = logging.Logger("library of somebody")
    logger.addHandler(Libraries())
    structlog.configure(processors=[keep])
    try:
        logger.error("cannot %s", "do it")
    finally:
        structlog.reset_defaults()
    (line,) = said
    assert line["message"] == "cannot do it"
    assert (line["name"], line["level"]) == ("library of somebody", "error")
