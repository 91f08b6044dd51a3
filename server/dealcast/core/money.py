"""Money: integer minor units of one currency, never a float."""

from typing import Annotated

from msgspec import Meta, Struct

AMOUNT_MAX = 10**12  # Minor units; far inside 2**53, which JavaScript can count.

# ISO 4217 codes that a show may sell in, with the smallest step of a price.
STEPS: dict[str, int] = {
    "CNY": 1, "EUR": 1, "GBP": 1, "HKD": 10, "JPY": 1, "KRW": 1,
    "MYR": 5, "SGD": 1, "THB": 1, "TWD": 100, "USD": 1, "VND": 1,
}  # fmt: skip
# Digits after the decimal point, where they are not two (ISO 4217).
DIGITS: dict[str, int] = {"JPY": 0, "KRW": 0, "VND": 0}

Amount = Annotated[int, Meta(ge=0, le=AMOUNT_MAX)]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$")]


class Money(Struct, frozen=True, forbid_unknown_fields=True):
    """A sum in minor units, such as ``{"amount": 12900, "currency": "CNY"}``."""

    amount: Amount
    currency: Currency

    def times(self, quantity: int) -> "Money":
        """Return this price for ``quantity`` units."""
        return Money(self.amount * quantity, self.currency)


def digits(currency: str) -> int:
    """Return how many digits stand after the decimal point."""
    return DIGITS.get(currency, 2)


def on_step(money: Money) -> bool:
    """Tell whether ``money`` is of a known currency and falls on its step."""
    step = STEPS.get(money.currency)
    return step is not None and money.amount % step == 0


def total(currency: str, parts: list[Money]) -> Money:
    """Add ``parts``, which are all of ``currency``."""
    assert all(part.currency == currency for part in parts)
    return Money(sum(part.amount for part in parts), currency)
