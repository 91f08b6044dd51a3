"""Lives of things as tables: which event leads from which state to which."""

from collections.abc import Mapping

from dealcast.core.errors import WrongState

Table = Mapping[tuple[str, str], str]

DEAL: Table = {
    ("planned", "open"): "open",
    ("planned", "close"): "closed",
    ("open", "pause"): "paused",
    ("open", "close"): "closed",
    ("paused", "resume"): "open",
    ("paused", "close"): "closed",
}

HOLD: Table = {
    ("held", "pay"): "paying",
    ("held", "release"): "released",
    ("held", "expire"): "expired",
    ("held", "confirm"): "confirmed",
    ("paying", "confirm"): "confirmed",
    ("paying", "release"): "released",
    ("confirmed", "release"): "released",  # The provider refused the capture.
    ("released", "confirm"): "confirmed",  # A late payment takes free stock again.
    ("expired", "confirm"): "confirmed",
}

SHOW: Table = {
    ("scheduled", "start"): "live",
    ("scheduled", "end"): "ended",
    ("live", "end"): "ended",
}

# `created` has a row but perhaps no provider object; `pending` waits for the buyer.
PAYMENT: Table = {
    ("created", "submit"): "pending",
    ("created", "authorise"): "authorised",
    ("created", "fail"): "failed",
    ("pending", "authorise"): "authorised",
    ("pending", "fail"): "failed",
    ("authorised", "confirm"): "confirmed",
    ("authorised", "refuse"): "voiding",
    ("confirmed", "capture"): "captured",
    ("confirmed", "refuse"): "voiding",
    ("voiding", "void"): "voided",
    ("failed", "authorise"): "voiding",  # Paid after all, when nobody waited any more.
    # Confirmed by a clerk that was halted and woke too late: the units go back.
    ("voiding", "confirm"): "voiding",
    ("voided", "confirm"): "voiding",
    ("failed", "confirm"): "voiding",
}

ORDER: Table = {
    ("confirmed", "capture"): "paid",
    ("confirmed", "cancel"): "cancelled",
}


def advance(table: Table, state: str, event: str) -> str:
    """
    Return the state after ``event``.

    Raises:
        WrongState: If the table has no such step.
    """
    try:
        return table[state, event]
    except KeyError:
        raise WrongState(f"{event} does not follow {state}") from None
