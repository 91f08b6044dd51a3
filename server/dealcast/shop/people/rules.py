"""What a name may be, and what the claims of a token say."""

import unicodedata
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from dealcast.core.errors import TokenInvalid
from dealcast.core.events import Role
from dealcast.core.ids import PersonId
from dealcast.core.wire import Caller

NAME_MAX = 40
MARKS_MAX = 2  # Combining marks on one letter; more is "Zalgo".
SUBJECT_MAX = 255
SKIN_TONES = range(0x1F3FB, 0x1F400)
FLAG_LETTERS = range(0x1F1E6, 0x1F200)

# Invisible, directing or unassigned characters, and separators of lines.
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
MARKS = frozenset({"Mn", "Mc", "Me"})


def clean(text: str, *, length_max: int) -> str:
    """
    Return ``text`` as it is kept: NFC, visible, single spaces, not too long.

    Controls, bidi controls, zero-width characters and piled-up combining
    marks are dropped: a name must not pass for another or break a line.
    """
    kept: list[str] = []
    marks = 0
    # Cut first: NFC of hostile text may be far longer than what is kept.
    for char in unicodedata.normalize("NFC", text[: 8 * length_max]):
        kind = unicodedata.category(char)
        marks = marks + 1 if kind in MARKS else 0
        if kind in UNSEEN:
            kept.append(" " if char in "\t\n\r" or kind in ("Zl", "Zp") else "")
        elif marks <= MARKS_MAX:
            kept.append(char)
    return " ".join("".join(kept).split())[:length_max].strip()


def clean_name(name: str) -> str:
    """Return ``name`` as others may see it; empty if nothing is left of it."""
    return clean(name, length_max=NAME_MAX)


def masked(name: str) -> str:
    """Return ``name`` as strangers see it: its first letter and two stars."""
    end = 1
    if name[:1] and ord(name[0]) in FLAG_LETTERS and len(name) > 1:
        end = 2  # A flag is two letters that are one sign.
    while end < len(name) and _belongs(name[end]):
        end += 1
    return name[:end] + "**"


def _belongs(char: str) -> bool:
    return unicodedata.category(char) in MARKS or ord(char) in SKIN_TONES


class Claims(Struct, frozen=True, kw_only=True):
    """What a token says; fields that it has beyond these are not ours."""

    sub: Annotated[str, Meta(min_length=1, max_length=SUBJECT_MAX)]
    exp: Annotated[int, Meta(gt=0, lt=2**40)]
    name: Annotated[str, Meta(max_length=400)] = ""
    role: Role = "viewer"
    show: Annotated[str, Meta(pattern=r"^(\*|[a-z0-9][a-z0-9_-]{1,63})$")] | None = None
    iss: str | None = None


def claims_of(payload: dict[str, Any]) -> Claims:
    """
    Read the claims of a token whose signature was found good.

    Raises:
        TokenInvalid: If a claim is missing or of another type.
    """
    exp = payload.get("exp")
    if isinstance(exp, float):  # RFC 7519 allows fractions of a second.
        payload = {**payload, "exp": int(exp)}
    try:
        claims = msgspec.convert(payload, Claims)
    except msgspec.ValidationError as error:
        raise TokenInvalid(str(error)) from None
    if claims.role not in ("viewer", "shop") and claims.show is None:
        raise TokenInvalid("a token of staff names its show")
    return claims


def caller_of(claims: Claims, person: PersonId, *, renewable: bool) -> Caller:
    """Return the caller that ``claims`` describe."""
    name = clean_name(claims.name) or f"{claims.role} {person[2:6]}"
    return Caller(
        person=person,
        subject=claims.sub,
        name=name,
        role=claims.role,
        show=claims.show or "*",
        expires_at=claims.exp * 1000,
        renewable=renewable,
    )
