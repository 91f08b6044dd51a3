"""A line of chat is text that a reader can see and that covers nothing else."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcast.core.errors import Invalid
from dealcast.features.chat import rules

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
WAVE = "\U0001f44b\U0001f3fd"
HEART = "\u2764\ufe0f\u200d\U0001f525"


@pytest.mark.parametrize(
    "text",
    ["hello", "你好，多少錢？", "  ", "e\u0301te\u0301", FAMILY, WAVE, HEART, "a" * 300,
     FAMILY * 40, "สวัสดีครับ", "שלום", "مرحبا", "नमस्ते", "<b>&amp;</b>"],
)  # fmt: skip
def test_what_may_be_said(text: str) -> None:
    if text.strip():
        told = rules.line(f"  {text} ")
        assert told == unicodedata.normalize("NFC", text)
    else:
        with pytest.raises(Invalid):
            rules.line(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\u3164",
        "two\nlines",
        "tab\tin it",
        "nul\x00",
        "\u202egnp.exe",
        "a\u200bb",
        "a\u200db",  # A joiner that joins no emoji.
        "\u200d",
        "x\u2066y",
        "\ufeffx",
        "flag\U000e0067",
        "\ue000",
        "half \ud83d",
        "e" + "\u0301" * 5,
        "Z" + "\u0300\u0316\u0301\u0317",
        "a" * 301,
        "字" * 401,
        FAMILY * 301,
        "a" * 100_000,
        "\ufdfa" * 1201,  # NFKC would make 18 of each.
    ],
)
def test_what_may_not(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules.line(text)
    assert refused.value.detail


@given(st.text(max_size=400))
def test_a_line_is_itself_when_it_is_said_again(text: str) -> None:
    try:
        told = rules.line(text)
    except Invalid:
        return
    assert rules.line(told) == told
    assert len(told.encode()) <= rules.BYTES_MAX
    assert not any(unicodedata.category(char) in ("Cc", "Cs", "Cn") for char in told)


def test_signs_are_counted_as_they_are_seen() -> None:
    assert [rules.signs(text) for text in ("abc", FAMILY, WAVE, "e\u0301")] == [
        3,
        1,
        1,
        1,
    ]
