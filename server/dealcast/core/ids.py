"""Ids, and the partition that each scoped id begins with."""

from hashlib import blake2s
from random import Random
from typing import NewType

Partition = NewType("Partition", int)
ShowId = NewType("ShowId", str)
DealId = NewType("DealId", str)
HoldId = NewType("HoldId", str)
OrderId = NewType("OrderId", str)
PaymentId = NewType("PaymentId", str)
LineId = NewType("LineId", str)  # A chat line.
PersonId = NewType("PersonId", str)
VariantId = NewType("VariantId", str)
ProductId = NewType("ProductId", str)

PARTITIONS = 64
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u.
TAIL_LENGTH = 10

# The shape of ids that clients send; anything else is refused before a lookup.
PART = "([0-5][0-9]|6[0-3])"  # A partition; there are no others to look in.
SHOW_PATTERN = r"^[a-z0-9][a-z0-9_-]{1,63}$"  # An id or a slug.
DEAL_PATTERN = rf"^d{PART}_[0-9a-z]{{10}}$"
HOLD_PATTERN = rf"^h{PART}_[0-9a-z]{{10}}_[0-9a-z]{{16}}$"
ORDER_PATTERN = rf"^o{PART}_[0-9a-z]{{10}}$"
PAYMENT_PATTERN = rf"^p{PART}_[0-9a-z]{{10}}$"
LINE_PATTERN = rf"^c{PART}_[0-9a-z]{{16}}$"
PERSON_PATTERN = r"^u_[0-9a-z]{16}$"
KEY_PATTERN = r"^[\x21-\x7e]{1,128}$"  # An Idempotency-Key.


def base32(number: int, length: int) -> str:
    """Write ``number`` in ``length`` digits of Crockford's base 32."""
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 32)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def digest(length: int, *parts: str) -> str:
    """Return a stable ``length``-digit name for ``parts``, in their order."""
    packed = b"".join(len(p.encode()).to_bytes(4, "big") + p.encode() for p in parts)
    return base32(int.from_bytes(blake2s(packed).digest(), "big"), length)


def new_id(kind: str, partition: Partition, rng: Random) -> str:
    """Make an id such as ``d07_4zq81h2m9x`` for a thing of ``kind``."""
    return f"{kind}{partition:02d}_{base32(rng.getrandbits(50), TAIL_LENGTH)}"


def partition_of(scoped: str) -> Partition:
    """Return the partition that a scoped id begins with."""
    return Partition(int(scoped[1:3]))


def hold_id(deal: DealId, buyer: PersonId, key: str) -> HoldId:
    """
    Name the hold that ``buyer`` asks for under the idempotency ``key``.

    The name is the operation id: asking again names the same hold. It carries
    the deal, so that every later call finds its keys without a lookup.
    """
    return HoldId(f"h{deal[1:3]}_{deal[4:]}_{digest(16, deal, buyer, key)}")


def deal_of(hold: HoldId) -> DealId:
    """Return the deal that ``hold`` belongs to."""
    return DealId(f"d{hold[1:3]}_{hold[4:14]}")


def line_id(show: ShowId, author: PersonId, key: str) -> LineId:
    """Name the chat line that ``author`` sends under ``key``."""
    return LineId(f"c{show[1:3]}_{digest(16, show, author, key)}")


def person_id(subject: str, secret: bytes) -> PersonId:
    """
    Name a person in public by a keyed hash of the shop's ``subject``.

    A shop's subject may be an email address; the log is public.
    """
    keyed = blake2s(subject.encode(), key=secret[:32]).digest()
    return PersonId("u_" + base32(int.from_bytes(keyed, "big"), 16))
