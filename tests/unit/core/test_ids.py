"""Ids carry their partition, and the same key names the same thing."""

import re
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from dealcast.core import ids
from dealcast.core.ids import DealId, Partition, PersonId, ShowId

DEAL = DealId("d07_4zq81h2m9x")


@given(st.integers(0, 63), st.integers())
def test_a_new_id_tells_its_partition(partition: int, seed: int) -> None:
    made = ids.new_id("d", Partition(partition), Random(seed))
    assert re.match(ids.DEAL_PATTERN, made)
    assert ids.partition_of(made) == partition


@given(st.text(max_size=128), st.text(max_size=128))
def test_a_hold_is_named_by_deal_buyer_and_key(buyer: str, key: str) -> None:
    hold = ids.hold_id(DEAL, PersonId(buyer), key)
    assert re.match(ids.HOLD_PATTERN, hold)
    assert ids.deal_of(hold) == DEAL
    assert hold == ids.hold_id(DEAL, PersonId(buyer), key)
    assert hold != ids.hold_id(DEAL, PersonId(buyer), key + "x")


def test_parts_do_not_run_into_each_other() -> None:
    assert ids.digest(16, "ab", "c") != ids.digest(16, "a", "bc")


def test_a_line_is_named_by_show_author_and_key() -> None:
    line = ids.line_id(ShowId("s07_4zq81h2m9x"), PersonId("u_1"), "k")
    assert re.match(ids.LINE_PATTERN, line)


def test_a_person_is_named_by_a_keyed_hash() -> None:
    one = ids.person_id("ada@example.org", b"a" * 32)
    assert re.match(ids.PERSON_PATTERN, one)
    assert one == ids.person_id("ada@example.org", b"a" * 32)
    assert one != ids.person_id("ada@example.org", b"b" * 32)
    assert "ada" not in one
