"""Money is integer minor units on the currency's step."""

import msgspec
import pytest

from dealcast.core.money import AMOUNT_MAX, Money, digits, on_step, total


@pytest.mark.parametrize(
    ("amount", "currency", "good"),
    [
        (12901, "CNY", True),
        (30000, "TWD", True),
        (30050, "TWD", False),  # The dollar is the step, the cent is not used.
        (1, "JPY", True),
        (100, "XXX", False),
    ],
)
def test_a_price_falls_on_its_step(amount: int, currency: str, good: bool) -> None:
    assert on_step(Money(amount, currency)) is good


@pytest.mark.parametrize("amount", ["-1", "1.0", '"1"', "1e3", str(AMOUNT_MAX + 1)])
def test_an_amount_is_a_counting_number(amount: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(f'{{"amount": {amount}, "currency": "CNY"}}', type=Money)


def test_sums_and_multiples_are_exact() -> None:
    price = Money(333, "CNY")
    assert price.times(3) == Money(999, "CNY")
    assert total("CNY", [price, price]) == Money(666, "CNY")
    assert total("CNY", []) == Money(0, "CNY")


def test_the_yen_has_no_digits_after_the_point() -> None:
    assert (digits("JPY"), digits("CNY")) == (0, 2)
