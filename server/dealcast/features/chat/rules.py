"""What a line of chat may be."""

import unicodedata

from dealcast.core.errors import Invalid

SIGNS_MAX = 300  # As a reader counts them, nearly.
BYTES_MAX = 1200
MARKS_MAX = 3  # Combining marks in a row; more is a pile that covers other lines.
PER_MINUTE = 40

JOINER = "\u200d"  # Joins emoji into one: a family, a profession.
SELECTORS = ("\ufe0e", "\ufe0f")  # Text or picture form of the sign before.
SKIN_TONES = range(0x1F3FB, 0x1F400)
MARKS = frozenset({"Mn", "Mc", "Me"})
# Controls, bidi controls and other formats, halves of characters, unassigned
# and private ones, and separators of lines.
REFUSED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # Letters that show nothing.


def line(text: str) -> str:
    """
    Return ``text`` as it will be shown: NFC, without blanks at its ends.

    Raises:
        Invalid: If it is empty or too long, or has characters that hide, turn
            or cover text.
    """
    if len(text) > BYTES_MAX:  # Before NFC, which may make it longer still.
        raise Invalid(f"a line is at most {BYTES_MAX} bytes")
    told = unicodedata.normalize("NFC", text).strip()
    if not told:
        raise Invalid("a line says something")
    if not is_text(told) or len(told.encode()) > BYTES_MAX:
        raise Invalid(f"a line is at most {BYTES_MAX} bytes of text")
    check_characters(told)
    if signs(told) > SIGNS_MAX:
        raise Invalid(f"a line is at most {SIGNS_MAX} characters")
    return told


def is_text(text: str) -> bool:
    """Tell whether ``text`` can be written at all: JSON may name half a character."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def check_characters(text: str) -> None:
    """
    Refuse what hides, turns or covers text.

    Raises:
        Invalid: If there is such a character.
    """
    marks = 0
    for at, char in enumerate(text):
        kind = unicodedata.category(char)
        marks = marks + 1 if kind in MARKS and char not in SELECTORS else 0
        if marks > MARKS_MAX:
            raise Invalid("too many marks on one letter")
        if char == JOINER and joins(text, at):
            continue
        if kind in REFUSED or char in BLANK:
            raise Invalid(f"U+{ord(char):04X} may not be in a line")


def joins(text: str, at: int) -> bool:
    """Tell whether the joiner at ``at`` stands between two emoji."""
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    is_tone = before != "" and ord(before) in SKIN_TONES
    drawn = before in SELECTORS or is_tone or is_symbol(before)
    return before != "" and drawn and is_symbol(after)


def is_symbol(char: str) -> bool:
    """Tell whether ``char`` is a picture rather than a letter."""
    return char != "" and unicodedata.category(char) == "So"


def signs(text: str) -> int:
    """Count what a reader sees: marks, tones and joined emoji do not count."""
    count, joined = 0, False
    for char in text:
        part = unicodedata.category(char) in MARKS or ord(char) in SKIN_TONES
        count += not (part or joined or char == JOINER)
        joined = char == JOINER
    return count
