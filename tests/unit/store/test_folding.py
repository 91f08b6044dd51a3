"""Facts fold into stock that is conserved, or they are broken and say how."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcast.core.ids import HoldId, PaymentId
from dealcast.store.folding import Books, Broken, Confirmed, Line, Touched

DEAL = "d07_abcdefghj1"
PAYMENT = PaymentId("p07_abcdefghj1")
H1 = HoldId("h1")
KEY: Any = (DEAL, "red")


def loaded(units: int = 5) -> Books:
    books = Books()
    books.fold(
        "load",
        1,
        {"op": "load", "deal": DEAL, "status": "open", "variants": {"red": units}},
    )
    return books


def hold(books: Books, name: str, quantity: int = 1) -> None:
    claim = [name, "u_ann", "red", quantity, 9_000]
    books.fold("hold", 2, {"deal": DEAL, "holds": [claim]})


def confirm(name: str, quantity: int = 1, late: int = 0) -> dict[str, Any]:
    sold = [name, DEAL, "u_ann", "red", quantity, late]
    return {"payment": PAYMENT, "holds": [sold]}


def free(name: str, quantity: int = 1, **more: Any) -> dict[str, Any]:
    return {"reason": "x", "holds": [[name, DEAL, "red", quantity]], **more}


def test_a_load_brings_units() -> None:
    books = loaded()
    assert books.lines == {KEY: Line(5, 5)}
    assert [(one.op, one.units) for one in books.allotted] == [("load", 5)]


def test_a_life_from_hold_to_order() -> None:
    books = loaded()
    hold(books, "h1", 2)
    assert books.lines[KEY] == Line(5, 3, 2, 0)
    books.fold("pay", 3, {"payment": PAYMENT, "deadline_at": 7, "holds": ["h1"]})
    assert books.holds[H1].state == "paying"
    books.fold("confirm", 4, confirm("h1", 2))
    assert books.lines[KEY] == Line(5, 3, 0, 2)
    assert books.confirmed == [Confirmed(PAYMENT, (H1,), 4)]


@pytest.mark.parametrize("kind", ["release", "expire"])
def test_units_go_back_and_a_late_payment_takes_them_again(kind: str) -> None:
    books = loaded()
    hold(books, "h1")
    books.fold(kind, 3, free("h1"))
    assert books.lines[KEY] == Line(5, 5, 0, 0)
    books.fold("confirm", 4, confirm("h1", late=1))
    assert books.lines[KEY] == Line(5, 4, 0, 1)


def test_a_late_payment_may_be_for_a_hold_that_nobody_knows() -> None:
    books = loaded()
    books.fold("confirm", 4, confirm("h1", late=1))
    assert books.lines[KEY] == Line(5, 4, 0, 1)


def test_a_close_gives_free_units_back_and_later_those_that_were_held() -> None:
    books = loaded()
    hold(books, "h1", 2)
    closing = {"deal": DEAL, "change": "closed", "status": "closed"}
    books.fold("status", 3, {**closing, "returned": {"red": 3}})
    assert books.lines[KEY] == Line(2, 0, 2, 0)
    books.fold("expire", 4, free("h1", 2, returned={DEAL: {"red": 2}}))
    assert books.lines[KEY] == Line(0, 0, 0, 0)
    assert books.returned == {"red": 5}
    deal = books.deals[KEY[0]]
    assert (deal.status, deal.closed_at) == ("closed", 3)


def test_units_taken_back_return_to_free_stock() -> None:
    books = loaded()
    change = {"op": "less", "deal": DEAL, "variant": "red"}
    books.fold("adjust", 2, {**change, "units": -2})
    assert (books.lines[KEY], books.returned) == (Line(3, 3), {"red": 2})


BREAKS: dict[str, tuple[str, dict[str, Any], str]] = {
    "twice held": (
        "hold",
        {"deal": DEAL, "holds": [["h1", "u_ann", "red", 1, 9]]},
        "hold h1 was held before",
    ),
    "no such hold": ("expire", free("h2"), "hold h2 was never held"),
    "other quantity": (
        "release",
        free("h1", 2),
        "hold h1 is 1 of red in d07_abcdefghj1, the fact says 2 of red in "
        "d07_abcdefghj1",
    ),
    "no such line": (
        "adjust",
        {"op": "x", "deal": DEAL, "variant": "blue", "units": 1},
        "deal d07_abcdefghj1 has no line of variant blue",
    ),
    "no such deal": (
        "status",
        {"deal": "d07_x", "change": "paused", "status": "paused"},
        "deal d07_x was never loaded",
    ),
    "not late": ("confirm", confirm("h1", late=1), "hold h1 is held"),
    "no such step": (
        "pay",
        {"payment": PAYMENT, "deadline_at": 1, "holds": ["h1", "h1"]},
        "pay: pay does not follow paying",
    ),
    "malformed": ("hold", {"deal": DEAL, "holds": [["h2"]]}, "hold: malformed"),
    "unknown kind": ("gift", {}, "gift: malformed"),
    "other count": (
        "adjust",
        {
            "op": "x",
            "deal": DEAL,
            "variant": "red",
            "units": 1,
            "after": {DEAL: {"red": [6, 4, 2, 0]}},
        },
        "adjust: deal d07_abcdefghj1 variant red: Redis counts 6 allotted = 4 free"
        " + 2 held + 0 sold, the ledger 6 allotted = 5 free + 1 held + 0 sold",
    ),
    "oversold": (
        "hold",
        {
            "deal": DEAL,
            "holds": [["h2", "u_bob", "red", 9, 9]],
            "after": {DEAL: {"red": [5, -5, 10, 0]}},
        },
        "hold: deal d07_abcdefghj1 variant red: Redis counts 5 allotted = -5 free",
    ),
}


@pytest.mark.parametrize("case", BREAKS)
def test_what_does_not_follow_is_broken(case: str) -> None:
    kind, body, message = BREAKS[case]
    books = loaded()
    hold(books, "h1")
    with pytest.raises(Broken) as broken:
        books.fold(kind, 3, body)
    assert str(broken.value).startswith(message)


def test_touched_names_all_that_facts_name() -> None:
    named = Touched()
    named.add("hold", {"deal": DEAL, "holds": [["h1", "u_ann", "red", 1, 9]]})
    named.add("pay", {"payment": PAYMENT, "holds": ["h2"]})
    named.add("release", free("h3", after={"d07_b": {"red": [0, 0, 0, 0]}}))
    assert named.confirmed == set()
    named.add("confirm", confirm("h4"))
    assert named.deals == {DEAL, "d07_b"}
    assert named.holds == {"h1", "h2", "h3", "h4"}
    assert named.confirmed == {PAYMENT}


def story(rng: Random) -> Iterator[tuple[str, dict[str, Any]]]:
    """Tell facts of holds that live and die at random."""
    states: dict[str, str] = {}
    for number in range(rng.randrange(1, 40)):
        name = f"h{number}"
        claim = [name, "u_ann", "red", 1, 9]
        yield "hold", {"deal": DEAL, "holds": [claim]}
        states[name] = "held"
        chosen = rng.choice(list(states))
        state = states[chosen]
        step = rng.choice(["pay", "confirm", "release", "expire", "late"])
        if step == "pay" and state == "held":
            yield "pay", {"payment": PAYMENT, "deadline_at": 1, "holds": [chosen]}
            states[chosen] = "paying"
        elif step == "confirm" and state in ("held", "paying"):
            yield "confirm", confirm(chosen)
            states[chosen] = "confirmed"
        elif step == "release" and state in ("held", "paying"):
            yield "release", free(chosen)
            states[chosen] = "released"
        elif step == "expire" and state == "held":
            yield "expire", free(chosen)
            states[chosen] = "expired"
        elif step == "late" and state in ("released", "expired"):
            yield "confirm", confirm(chosen, late=1)
            states[chosen] = "confirmed"


@given(st.randoms(use_true_random=False))
def test_stock_is_conserved_after_every_fact(rng: Random) -> None:
    books = loaded(100)
    for kind, body in story(rng):
        books.fold(kind, 2, body)
        line = books.lines[KEY]
        assert line.sound()
        states = [one.state for one in books.holds.values()]
        assert line.held == states.count("held") + states.count("paying")
        assert line.sold == states.count("confirmed")
