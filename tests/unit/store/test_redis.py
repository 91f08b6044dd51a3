"""Answers of Redis are read whole."""

import pytest

from dealcast.store.log import decode
from dealcast.store.nodes import read_info
from dealcast.store.redis import entries, pairs


def test_info_is_read_line_by_line() -> None:
    told = b"# Server\r\nrun_id:ab12\r\nexecutable:/a:b\r\n\r\n"
    assert read_info(told) == {"run_id": "ab12", "executable": "/a:b"}


def test_flat_lists_become_mappings() -> None:
    assert pairs([b"a", b"1", b"b", b"2"]) == {b"a": b"1", b"b": b"2"}
    with pytest.raises(ValueError, match="shorter"):
        pairs([b"a"])


def test_deleted_entries_are_left_out() -> None:
    assert entries([(b"1-0", [b"k", b"v"]), (b"2-0", None)]) == [("1-0", {b"k": b"v"})]


def test_an_entry_of_a_log_is_decoded() -> None:
    fields = {b"e": b"chat", b"d": b"{}", b"c": b"P2", b"at": b"5", b"ep": b"3"}
    entry = decode(("7-0", fields | {b"l": b"c07_1"}))
    assert (entry.n, entry.event, entry.klass, entry.at, entry.epoch) == (
        7,
        "chat",
        "P2",
        5,
        3,
    )
    assert (entry.line, entry.person) == ("c07_1", None)
