"""What a name becomes before anybody sees it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcast.shop.people.rules import NAME_MAX, UNSEEN, clean_name, masked


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("Mei", "Mei"),
        ("  two   words ", "two words"),
        ("a\u202eb\u200bc\u2066d\ufeff", "abcd"),
        ("line\nbreak\u2028here", "line break here"),
        ("nul\x00\x1b[31m", "nul[31m"),
        ("e\u0301", "é"),
        ("Z" + "\u0335" * 30, "Z\u0335\u0335"),
        ("好" * 60, "好" * NAME_MAX),
        ("\u200b\u200d", ""),
        ("\U000e0041tag", "tag"),
    ],
)
def test_what_is_kept_of_a_name(given_name: str, kept: str) -> None:
    assert clean_name(given_name) == kept


@given(st.text(max_size=200))
def test_a_clean_name_stays_clean(name: str) -> None:
    once = clean_name(name)
    assert len(once) <= NAME_MAX
    assert not any(unicodedata.category(char) in UNSEEN for char in once)
    assert clean_name(once) == once


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Mei", "M**"),
        ("王小明", "王**"),
        ("e\u0301clair", "e\u0301**"),
        ("👍🏽 ok", "👍🏽**"),
        ("🇹🇼 Lin", "🇹🇼**"),
        ("ก็", "ก็**"),
        ("x", "x**"),
        ("", "**"),
    ],
)
def test_strangers_see_the_first_letter(name: str, shown: str) -> None:
    assert masked(name) == shown
