"""
Refusals: the one table of codes that HTTP, Socket.IO and the docs share.

A ``Refused`` is an answer, not a fault: it is told to the client and never
logged as an error. ``Unavailable`` says that a store or a provider did not
answer; asking again with the same key is safe. A broken ``assert`` is our bug.

The docstring of a refusal is its message. Order below is order of precedence:
who asks, what is asked, whether it can be had now, whether it is left.
"""

from typing import ClassVar


class Refused(Exception):
    """The request was refused."""

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 400
    retryable: ClassVar[bool] = False
    table: ClassVar[dict[str, type["Refused"]]] = {}

    def __init_subclass__(cls) -> None:
        assert cls.code not in Refused.table, f"code used twice: {cls.code}"
        Refused.table[cls.code] = cls

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail

    @property
    def title(self) -> str:
        """The message that stands for the code."""
        return (type(self).__doc__ or "").strip().splitlines()[0]

    def __str__(self) -> str:
        return f"{self.code}: {self.detail or self.title}"


def refusal(code: str, detail: str = "") -> Refused:
    """Return the refusal that ``code`` names; the store answers with codes."""
    return Refused.table[code](detail)


# Who asks.


class OriginRefused(Refused):
    """Pages of this origin may not talk to this server."""

    code, status = "origin_refused", 403


class TokenMissing(Refused):
    """Sign in first."""

    code, status = "token_missing", 401


class TokenInvalid(Refused):
    """The token is not one of ours."""

    code, status = "token_invalid", 401


class TokenExpired(Refused):
    """The token has expired; renew it and ask again."""

    code, status, retryable = "token_expired", 401, True


class Forbidden(Refused):
    """Not with this role."""

    code, status = "forbidden", 403


class RateLimited(Refused):
    """Too many requests; wait a moment."""

    code, status, retryable = "rate_limited", 429, True


# What is asked.


class Invalid(Refused):
    """The request is malformed."""

    code, status = "invalid", 400


class TooLarge(Refused):
    """The request is too large."""

    code, status = "too_large", 413


class NotFound(Refused):
    """There is no such thing."""

    code, status = "not_found", 404


class MethodNotAllowed(Refused):
    """No such method at this address."""

    code, status = "method_not_allowed", 405


class Conflict(Refused):
    """The same key was used with another body."""

    code, status = "conflict", 422


class InProgress(Refused):
    """The same request is still being worked on."""

    code, status, retryable = "in_progress", 409, True


class VersionMismatch(Refused):
    """The thing has changed since it was read."""

    code, status = "version_mismatch", 409


class WrongState(Refused):
    """That does not follow the state in which the thing is."""

    code, status = "wrong_state", 409


class CurrencyMismatch(Refused):
    """A show sells in one currency."""

    code, status = "currency_mismatch", 422


class OffStep(Refused):
    """The amount does not fall on the currency's step."""

    code, status = "off_step", 422


class StockShort(Refused):
    """There is not so much free stock to allot."""

    code, status = "stock_short", 409


# Whether it can be had now.


class Recovering(Refused):
    """The shop is recovering; ask again with the same key."""

    code, status, retryable = "recovering", 503, True


class Unavailable(Refused):
    """A part did not answer in time; ask again with the same key."""

    code, status, retryable = "unavailable", 503, True


class ProviderUnavailable(Refused):
    """The payment provider did not answer; ask again."""

    code, status, retryable = "provider_unavailable", 503, True


class NotOpen(Refused):
    """The deal has not opened yet."""

    code, status, retryable = "not_open", 409, True


class Paused(Refused):
    """The deal is paused."""

    code, status, retryable = "paused", 409, True


class Closed(Refused):
    """The deal is closed."""

    code, status = "closed", 410


class BuyerLimit(Refused):
    """That is more than one buyer may have of this deal."""

    code, status = "buyer_limit", 409


class SoldOut(Refused):
    """Nothing is left of it."""

    code, status = "sold_out", 409


class HoldExpired(Refused):
    """The hold has expired and its units went back."""

    code, status = "hold_expired", 410


class HoldReleased(Refused):
    """The hold was released."""

    code, status = "hold_released", 410


class HoldPaying(Refused):
    """The hold is being paid."""

    code, status = "hold_paying", 409


class HoldConfirmed(Refused):
    """The hold has become an order."""

    code, status = "hold_confirmed", 409


class RefundDue(Refused):
    """The payment came too late and goes back."""

    code, status = "refund_due", 409


# Chat.


class Muted(Refused):
    """You are muted in this show."""

    code, status = "muted", 403


class SlowMode(Refused):
    """Slow mode: wait before the next line."""

    code, status, retryable = "slow_mode", 429, True


class ChatFull(Refused):
    """The chat is moving too fast; try again."""

    code, status, retryable = "chat_full", 429, True


# Our fault.


class Internal(Refused):
    """Something broke on our side; ask again with the same key."""

    code, status, retryable = "internal", 500, True
