"""What follows from what a provider says; and that it was the provider."""

from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcast.core.errors import TokenInvalid
from dealcast.core.ids import PaymentId
from dealcast.core.money import Money
from dealcast.shop.payments import rules, signature
from dealcast.shop.payments.provider import Object, Status

PRICE = Money(12_900, "CNY")
NOW, LATER = 1_000_000, 2_000_000


def found(status: Status, amount: Money = PRICE) -> Object:
    return Object(
        reference=PaymentId("p07_0000000001"),
        provider_ref="x",
        status=status,
        amount=amount,
    )


@pytest.mark.parametrize(
    ("answer", "before", "after"),
    [
        (None, "wait", "give_up"),
        (found("unpaid"), "wait", "give_up"),
        (found("authorised"), "paid", "paid"),
        (found("captured"), "paid", "paid"),
        (found("authorised", Money(12_899, "CNY")), "wrong_amount", "wrong_amount"),
        (found("captured", Money(12_900, "USD")), "wrong_amount", "wrong_amount"),
        (found("declined"), "failed", "failed"),
        (found("cancelled"), "failed", "failed"),
        (found("refunded"), "failed", "failed"),
    ],
)
def test_what_to_do_with_a_payment(
    answer: Object | None, before: str, after: str
) -> None:
    assert rules.verdict(answer, PRICE, now=NOW, expires_at=LATER) == before
    assert rules.verdict(answer, PRICE, now=LATER, expires_at=LATER) == after


def test_a_payment_is_looked_at_less_and_less_often() -> None:
    pauses = [
        rules.look_again(NOW + age, since=NOW) - NOW - age
        for age in (0, 8_000, 40_000, 10**7)
    ]
    assert pauses == [2_000, 2_000, 10_000, 60_000]
    assert rules.look_again(NOW, since=NOW, until=NOW + 500) == NOW + 500
    assert rules.look_again(NOW, since=NOW, until=NOW - 500) == NOW + 1


@given(st.dictionaries(st.text(min_size=1), st.integers(0, 10**9), max_size=5))
def test_the_entries_of_a_capture_add_up_to_zero(sellers: dict[str, int]) -> None:
    made = rules.entries("sandbox", sum(sellers.values()), sellers)
    assert sum(amount for _, amount in made) == 0
    assert all(amount != 0 for _, amount in made)


def test_the_show_hears_five_masked_names() -> None:
    told = rules.order_event([f"{n}buyer" for n in range(7)], 9, NOW)
    assert (told.count, told.units) == (7, 9)
    assert told.names == ["0**", "1**", "2**", "3**", "4**"]


# Signatures.

KEY, BODY = b"k" * 32, b'{"type":"payment.authorised"}'


def signed(at_s: int = NOW // 1000) -> dict[str, str]:
    return signature.sign(KEY, "evt_1", at_s, BODY)


def test_a_good_signature_names_the_event() -> None:
    assert signature.verify(KEY, signed(), BODY, NOW) == "evt_1"
    cased = {name.title(): value for name, value in signed().items()}
    assert signature.verify(KEY, cased, BODY, NOW) == "evt_1"
    rotating = signed()
    rotating["webhook-signature"] = "v1,bm9wZQ== " + rotating["webhook-signature"]
    assert signature.verify(KEY, rotating, BODY, NOW) == "evt_1"


def test_the_signature_is_that_of_standard_webhooks() -> None:
    # From the specification's own example, with its secret in base64.
    key = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signature.sign(
        key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}'
    )
    assert (
        headers["webhook-signature"]
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "evt_2"},
        {"webhook-id": ""},
        {"webhook-id": "e" * 256},
        {"webhook-timestamp": str(NOW // 1000 + 1)},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "9" * 30},
        {"webhook-timestamp": "١"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,é"},
        {"webhook-signature": "v1a,AAAA"},
    ],
)
def test_changed_headers_are_refused(change: dict[str, str]) -> None:
    with pytest.raises(TokenInvalid):
        signature.verify(KEY, {**signed(), **change}, BODY, NOW)


def test_other_bodies_keys_and_times_are_refused() -> None:
    for key, body, now in [
        (KEY, BODY + b" ", NOW),
        (KEY, b"", NOW),
        (b"x" * 32, BODY, NOW),
        (KEY, BODY, NOW + 301_000),
        (KEY, BODY, NOW - 301_000),
    ]:
        with pytest.raises(TokenInvalid):
            signature.verify(key, signed(), body, now)
    signature.verify(KEY, signed(), BODY, NOW + 299_000)
    many = " ".join(["v1,AAAA"] * 5 + [signed()["webhook-signature"]])
    with pytest.raises(TokenInvalid):
        signature.verify(KEY, {**signed(), "webhook-signature": many}, BODY, NOW)
