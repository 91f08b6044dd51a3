"""Facts are read as Redis packed them, and their chain is checked."""

from hashlib import sha1

import msgspec

from dealcast.store.facts import FactEntry, decode, link


def fact(seq: int, chain: str, body: object) -> FactEntry:
    packed = msgspec.msgpack.encode(body)
    told = f"{chain}{seq}hold".encode() + packed
    return FactEntry(
        seq=seq,
        epoch=1,
        kind="hold",
        at=5,
        chain=sha1(told, usedforsecurity=False).hexdigest(),
        packed=packed,
    )


def test_a_fact_follows_the_one_before_it() -> None:
    first = fact(1, "", {"holds": []})
    second = fact(2, first.chain, {})
    assert first.follows(0, "")
    assert second.follows(1, first.chain)
    assert link(first.chain, second) == second.chain


def test_a_gap_and_a_fork_do_not_follow() -> None:
    first = fact(1, "", {})
    assert not first.follows(1, "")
    assert not first.follows(0, "another past")
    changed = msgspec.msgpack.encode({"holds": ["h"]})
    altered = FactEntry(**(first.__dict__ | {"packed": changed}))
    assert not altered.follows(0, "")


def test_an_entry_of_the_stream_is_a_fact() -> None:
    packed = msgspec.msgpack.encode({"after": {"d07_a": {"red": [4, 1, 2, 1]}}})
    fields = {b"ep": b"2", b"k": b"pay", b"at": b"1700", b"c": b"ab", b"b": packed}
    found = decode(("12-0", fields))
    assert (found.seq, found.epoch, found.kind, found.at) == (12, 2, "pay", 1700)
    assert found.after == {"d07_a": {"red": (4, 1, 2, 1)}}
    assert fact(1, "", {}).after == {}
