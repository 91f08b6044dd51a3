"""Lives are tables: what is not in them is refused."""

import pytest

from dealcast.core import states
from dealcast.core.errors import WrongState


def test_a_deal_opens_pauses_goes_on_and_closes() -> None:
    state = "planned"
    for event in ("open", "pause", "resume", "close"):
        state = states.advance(states.DEAL, state, event)
    assert state == "closed"


@pytest.mark.parametrize("event", ["open", "pause", "resume", "close"])
def test_a_closed_deal_stays_closed(event: str) -> None:
    with pytest.raises(WrongState, match="closed"):
        states.advance(states.DEAL, "closed", event)


def test_a_late_payment_can_still_confirm_a_hold() -> None:
    assert states.advance(states.HOLD, "expired", "confirm") == "confirmed"


def test_a_payment_that_was_given_up_is_voided_when_it_comes() -> None:
    assert states.advance(states.PAYMENT, "failed", "authorise") == "voiding"
