"""
What clients may ask: typed requests, and the table of acts.

An ``Act`` says once who may ask what and who answers; ``web`` serves it over
HTTP, ``hub`` over Socket.IO, and both documents are made from it.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Struct

from dealcast.core.errors import Forbidden, Invalid, TokenMissing
from dealcast.core.events import Person, Role
from dealcast.core.ids import PersonId, ShowId

STAFF: tuple[Role, ...] = ("host", "moderator", "assistant")
SELLING: tuple[Role, ...] = ("host", "shop")
ANY: tuple[Role, ...] = ("viewer", "host", "moderator", "assistant", "shop")


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client sends. Unknown fields are refused."""


class Answer(Struct, frozen=True, kw_only=True):
    """What a client gets back."""


class Done(Answer, frozen=True, kw_only=True):
    """Done; there is nothing to tell."""


class Caller(Struct, frozen=True, kw_only=True):
    """Who asks, as the token says: ``None`` as person means not signed in."""

    person: PersonId | None
    subject: str
    name: str
    role: Role
    show: str  # The show that the role is for: an id, or "*".
    expires_at: int
    renewable: bool = False  # This installation issued the token.
    home: str | None = None  # The address of the pages, as the caller uses it.

    def buyer(self) -> PersonId:
        """
        Return who asks.

        Raises:
            TokenMissing: If nobody signed in.
        """
        if self.person is None:
            raise TokenMissing
        return self.person

    def public(self) -> Person:
        """Return the caller as others see them."""
        return Person(id=self.buyer(), name=self.name, role=self.role)

    def may_in(self, show: ShowId) -> bool:
        """Tell whether the caller's role holds in ``show``."""
        return self.show in ("*", show)

    def within(self, show: ShowId) -> "Caller":
        """Return the caller as they are in ``show``: staff elsewhere only watch."""
        if self.may_in(show):
            return self
        return msgspec.structs.replace(self, role="viewer", show="*")


ANYBODY = Caller(
    person=None, subject="", name="", role="viewer", show="*", expires_at=0
)

R = TypeVar("R", bound=Request)


class Act(Struct, Generic[R], frozen=True, kw_only=True):
    """
    One thing that clients may ask.

    ``http`` is "METHOD /path/{field}": fields in braces and ``key`` (from the
    Idempotency-Key header) are filled into the request, the rest is its body,
    or its query for GET and DELETE. ``socket`` is the namespace on which the
    act's name is an event; None where it has no place there.
    ``roles`` empty: nobody needs to sign in. ``guessable``: a secret is all that
    it takes, so that a crowd of accounts must not get more tries than one.
    """

    name: str
    request: type[R]
    answer: Any  # A msgspec type.
    handler: Callable[[Caller, R], Awaitable[Any]]
    roles: tuple[Role, ...]
    http: str | None = None
    socket: Literal["/live", "/staff"] | None = None
    status: int = 200
    per_minute: int = 120
    guessable: bool = False

    def check(self, caller: Caller) -> None:
        """
        Let the caller in, or not.

        Raises:
            TokenMissing: If a role is needed and nobody signed in.
            Forbidden: If the role is another one.
        """
        if not self.roles:
            return
        if caller.person is None:
            raise TokenMissing
        if caller.role not in self.roles:
            raise Forbidden

    def parse(self, fields: dict[str, Any]) -> R:
        """
        Make the typed request of untyped ``fields``.

        Raises:
            Invalid: If a field is missing, unknown, or of another type or range.
        """
        try:
            return msgspec.convert(fields, self.request)
        except msgspec.ValidationError as error:
            raise Invalid(str(error)) from None
