"""Answers what clients ask over sockets: one table of acts, one way through."""

from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Annotated, Any

import msgspec
import structlog
from msgspec import Meta

from dealcast.core.clock import Clock
from dealcast.core.errors import (
    Forbidden,
    Internal,
    Invalid,
    NotFound,
    RateLimited,
    Refused,
    TokenExpired,
)
from dealcast.core.ids import PersonId
from dealcast.core.rates import Rates
from dealcast.core.wire import Act, Answer, Caller, Request
from dealcast.hub.metrics import Metrics
from dealcast.hub.session import Session

TASKS_MAX = 16  # Of one connection.
TOKEN_MAX = 4096

log = structlog.get_logger(__name__)


class ClockAsk(Request, frozen=True, kw_only=True):
    """Ask what time the server has."""


class Now(Answer, frozen=True, kw_only=True):
    """The server's time."""

    now: int


class AuthAsk(Request, frozen=True, kw_only=True):
    """Go on with a new token, without connecting anew."""

    token: Annotated[str, Meta(min_length=1, max_length=TOKEN_MAX)]


class Signed(Answer, frozen=True, kw_only=True):
    """Who the token makes one, and until when."""

    person: PersonId | None
    expires_at: int


Renew = Callable[[Session, str], Awaitable[Caller]]


class Desk:
    """The acts of the socket namespaces."""

    def __init__(
        self,
        acts: Sequence[Act[Any]],
        clock: Clock,
        rates: Rates,
        metrics: Metrics,
        renew: Renew,
    ) -> None:
        self._clock = clock
        self._rates = rates
        self._metrics = metrics
        self._renew = renew
        self._acts: dict[tuple[str, str], Act[Any]] = {
            (act.socket, act.name): act for act in acts if act.socket
        }
        self._own = {act.name: act for act in own_acts(clock)}

    async def answer(
        self, namespace: str, session: Session, name: str, args: list[Any]
    ) -> dict[str, Any]:
        """Return the ack for an event; every refusal is an answer too."""
        started = perf_counter()
        code = "ok"
        act = self._acts.get((namespace, name)) or self._own.get(name)
        try:
            if act is None:
                raise NotFound(f"{namespace} has no event of this name")
            return {"ok": True, **await self._done(act, session, args)}
        except Refused as refused:
            code = refused.code
            return refusal(refused)
        except Exception:
            log.exception("act_failed", act=name, show=session.show)
            code = Internal.code
            return refusal(Internal())
        finally:
            elapsed = perf_counter() - started
            label = act.name if act else "unknown"
            self._metrics.acts.labels(act=label, code=code).observe(elapsed)

    async def _done(
        self, act: Act[Any], session: Session, args: list[Any]
    ) -> dict[str, Any]:
        caller = session.caller.within(session.show)
        now = self._clock.now()
        if act.roles and caller.person is not None and caller.expires_at <= now:
            raise TokenExpired
        act.check(caller)
        allowed = self._rates.allow(
            session.who, act.name, per_minute=act.per_minute, now=now
        )
        if not allowed:
            raise RateLimited
        request = act.parse(in_show(act, fields_of(args), session))
        if isinstance(request, AuthAsk):
            caller = await self._renew(session, request.token)
            answer: Any = Signed(person=caller.person, expires_at=caller.expires_at)
        else:
            answer = await act.handler(caller, request)
        told = msgspec.to_builtins(answer)
        return told if isinstance(told, dict) else {"answer": told}


def fields_of(args: list[Any]) -> dict[str, Any]:
    """
    Return what an event carries: one object, or nothing.

    Raises:
        Invalid: If it carries anything else.
    """
    if not args:
        return {}
    if len(args) > 1 or not isinstance(args[0], dict):
        raise Invalid("an event carries one object")
    return args[0]


def in_show(act: Act[Any], fields: dict[str, Any], session: Session) -> dict[str, Any]:
    """
    Fill in the show, which is the session's and never the payload's.

    Raises:
        Forbidden: If the payload names another show.
    """
    if "show" not in act.request.__struct_fields__:
        return fields
    if fields.get("show", session.show) not in session.names:
        raise Forbidden("this connection is for another show")
    return {**fields, "show": session.show}


def refusal(refused: Refused) -> dict[str, Any]:
    """Return a refusal as clients get it."""
    return {
        "ok": False,
        "code": refused.code,
        "retryable": refused.retryable,
        "detail": refused.detail or refused.title,
    }


def own_acts(clock: Clock) -> list[Act[Any]]:
    """Return what every namespace answers by itself."""

    async def now(caller: Caller, ask: ClockAsk) -> Now:
        return Now(now=clock.now())

    async def auth(caller: Caller, ask: AuthAsk) -> Signed:
        raise NotFound("only a connection can go on with a new token")

    return [
        Act(
            name="clock",
            request=ClockAsk,
            answer=Now,
            handler=now,
            roles=(),
            socket="/live",
        ),
        Act(
            name="auth",
            request=AuthAsk,
            answer=Signed,
            handler=auth,
            roles=(),
            socket="/live",
            per_minute=30,
        ),
    ]
