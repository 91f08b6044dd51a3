"""What Redis answers about holds is read into the words of the house."""

import pytest

from dealcast.core.errors import BuyerLimit, Invalid, SoldOut, WrongState
from dealcast.core.ids import DealId, HoldId, PersonId, ShowId, hold_id
from dealcast.store import keys
from dealcast.store.stock import HoldAnswer, HoldRow, check, deal_keys, plain

DEAL = DealId("d07_4zq81h2m9x")
HOLD = hold_id(DEAL, PersonId("u_0"), "k")


def test_a_hold_is_unpacked() -> None:
    row = HoldRow.read(HOLD, b"paying|u_0|red|2|1700|fp|p07_1")
    assert (row.deal, row.state, row.quantity, row.payment) == (
        DEAL,
        "paying",
        2,
        "p07_1",
    )
    assert HoldRow.read(HOLD, b"held|u_0|red|2|1700|fp|").payment is None


@pytest.mark.parametrize("packed", [b"", b"odd|u|r|1|2|f|", b"held|u|r|x|2|f|"])
def test_a_broken_hold_is_not_read(packed: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        HoldRow.read(HoldId(HOLD), packed)


def test_an_answer_is_a_hold_or_a_refusal() -> None:
    assert HoldAnswer("ok", "held", 1700).granted() == ("held", 1700)
    with pytest.raises(SoldOut):
        HoldAnswer("sold_out", None, None).granted()
    with pytest.raises(BuyerLimit):
        HoldAnswer("buyer_limit", None, None).granted()


def test_a_code_becomes_its_refusal_with_its_detail() -> None:
    assert check([b"ok", 1]) == [1]
    with pytest.raises(WrongState) as caught:
        check([b"wrong_state", b"closed"])
    assert caught.value.detail == "closed"


def test_words_that_would_break_a_hold_are_refused() -> None:
    plain("u_0", "red")
    with pytest.raises(Invalid):
        plain("u_0", "r|d")


def test_all_keys_of_a_call_are_of_one_partition() -> None:
    names = deal_keys(ShowId("s07_a"), [DEAL, DealId("d07_4zq81h2m9y")])
    assert len(names) == len(set(names)) == 16
    assert {name[:5] for name in names} == {"{p07}"}
    assert names[8:12] == keys.deal_keys(DEAL)
