"""One table of codes serves HTTP, Socket.IO and the docs."""

import pytest

from dealcast.core.errors import Refused, SoldOut, refusal


def test_a_code_names_its_refusal() -> None:
    made = refusal("sold_out", "tea")
    assert isinstance(made, SoldOut)
    assert str(made) == "sold_out: tea"
    assert str(SoldOut()) == "sold_out: Nothing is left of it."


def test_a_code_cannot_be_used_twice() -> None:
    with pytest.raises(AssertionError, match="sold_out"):
        type("Twice", (Refused,), {"code": "sold_out"})


@pytest.mark.parametrize("kind", Refused.table.values())
def test_each_refusal_says_what_it_means(kind: type[Refused]) -> None:
    made = kind()
    assert made.title.endswith(".")
    assert 400 <= made.status < 600
