"""The HTTP API: every act with an address, and one way through for all."""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

import msgspec
import orjson
import structlog
from aiohttp import hdrs, web
from msgspec import Struct
from msgspec.structs import fields
from prometheus_client import CollectorRegistry, Histogram

from dealcast.core.clock import Clock
from dealcast.core.errors import Invalid, RateLimited, Refused, TokenInvalid, TooLarge
from dealcast.core.ids import ShowId
from dealcast.core.rates import Rates
from dealcast.core.wire import ANYBODY, Act, Caller
from dealcast.web.origins import Origins
from dealcast.web.problems import Handler

ROOT = "/api/v1"
BODY_MAX = 65_536
CSV_MAX = 5_000_000
BODY_S = 15.0
TOKEN_MAX = 4096
WITH_QUERY = ("GET", "DELETE")
SAFE = ("GET", "HEAD")

log = structlog.get_logger(__name__)


class Api:
    """Serves acts over HTTP."""

    def __init__(
        self,
        *,
        caller: Callable[[str], Awaitable[Caller]],
        find_show: Callable[[str], Awaitable[ShowId]],
        origins: Origins,
        clock: Clock,
        rates: Rates,
        registry: CollectorRegistry,
    ) -> None:
        self._origins = origins
        self._caller = caller
        self._find_show = find_show
        self._clock = clock
        self._rates = rates
        self._seconds = Histogram(
            "dealcast_http_act_seconds",
            "What clients asked over HTTP, by answer.",
            ["act", "code"],
            buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5),
            registry=registry,
        )

    def serve(self, app: web.Application, act: Act[Any]) -> None:
        """Give ``act`` its address."""
        assert act.http is not None
        method, path = act.http.split(" ")
        app.router.add_route(method, ROOT + path, self._handler(act))

    def _handler(self, act: Act[Any]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            started = perf_counter()
            code = "internal"  # What it is if something else comes up.
            try:
                answer = await self._answer(act, request)
                code = "ok"
            except Refused as refused:
                code = refused.code
                raise
            finally:
                elapsed = perf_counter() - started
                self._seconds.labels(act=act.name, code=code).observe(elapsed)
            return web.Response(
                body=msgspec.json.encode(answer),
                status=act.status,
                content_type="application/json",
                headers={"Cache-Control": "no-store"},
            )

        return handle

    async def _answer(self, act: Act[Any], request: web.Request) -> Any:
        caller = await self._who(request)
        act.check(caller)
        address = self._origins.proxies.seen(request).who
        if caller.person is not None or request.method not in SAFE:
            self._spend(act, caller.person or address)
        ask = parse(act, await fields_of(act, request))
        if act.guessable and caller.person is not None:
            self._spend(act, address)
        if "show" in act.request.__struct_fields__ and ask.show is not None:
            show = await self._find_show(ask.show)
            caller = caller.within(show)
            act.check(caller)  # A role of another show counts for nothing here.
            ask = msgspec.structs.replace(ask, show=show)
        return await act.handler(caller, ask)

    def _spend(self, act: Act[Any], who: str) -> None:
        """
        Spend one of what ``who`` may do.

        Reading without a token is not counted: many strangers share an address,
        and whoever reads too much of it is the proxy's matter.

        Raises:
            RateLimited: If nothing is left.
        """
        now = self._clock.now()
        if not self._rates.allow(who, act.name, per_minute=act.per_minute, now=now):
            raise RateLimited

    async def _who(self, request: web.Request) -> Caller:
        given = request.headers.get(hdrs.AUTHORIZATION)
        if given is None:
            return ANYBODY
        scheme, _, token = given.partition(" ")
        if scheme.lower() != "bearer" or not 0 < len(token) <= TOKEN_MAX:
            raise TokenInvalid("Authorization: Bearer <token>")
        caller = await self._caller(token.strip())
        return msgspec.structs.replace(caller, home=self._origins.home(request))


def parse(act: Act[Any], told: dict[str, Any]) -> Any:
    """
    Make the typed request of what came; text of a query may be a number.

    Raises:
        Invalid: If a field is missing, unknown, or of another type or range.
    """
    if not in_query(act):
        return act.parse(told)
    try:
        return msgspec.convert(told, act.request, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(str(error)) from None


def in_query(act: Act[Any]) -> bool:
    """Tell whether the fields of ``act`` come in the query, not in a JSON body."""
    method = (act.http or "").split(" ")[0]
    return method in WITH_QUERY or takes_csv(act)


def needs_key(act: Act[Any]) -> bool:
    """Tell whether ``act`` is refused without an Idempotency-Key."""
    return any(f.name == "key" and f.required for f in fields(act.request))


def takes_csv(act: Act[Any]) -> bool:
    """Tell whether the body of ``act`` is a CSV file."""
    return "csv" in act.request.__struct_fields__


async def fields_of(act: Act[Any], request: web.Request) -> dict[str, Any]:
    """
    Return what came in body or query, in the path, and as Idempotency-Key.

    Raises:
        Invalid: If something is given twice, malformed, or the key is missing.
        TooLarge: If the body is.
    """
    told: dict[str, Any]
    if takes_csv(act):
        body = await body_of(request, CSV_MAX, "text/csv")
        told = {**query_of(request), "csv": body}
    elif in_query(act):
        told = query_of(request)
    else:
        told = json_of(await body_of(request, BODY_MAX, "application/json"))
    given = dict(request.match_info)
    key = request.headers.get("Idempotency-Key")
    if "key" in act.request.__struct_fields__:
        if key is None and needs_key(act):
            raise Invalid("the header Idempotency-Key is missing")
        if key is not None:
            given["key"] = key
    for name in given.keys() & told.keys():
        raise Invalid(f"{name}: given twice")
    return {**told, **given}


def query_of(request: web.Request) -> dict[str, Any]:
    """
    Return the query.

    Raises:
        Invalid: If a name comes twice.
    """
    told = dict(request.query)
    if len(told) != len(request.query):
        raise Invalid("the query names something twice")
    return told


def json_of(body: bytes) -> dict[str, Any]:
    """
    Read a JSON object; no body is an empty one.

    Raises:
        Invalid: If it is anything else.
    """
    try:
        told = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError as error:
        raise Invalid(f"not JSON: {error.msg}") from None
    if not isinstance(told, dict):
        raise Invalid("the body is a JSON object")
    return told


async def body_of(request: web.Request, bytes_max: int, kind: str | None) -> bytes:
    """
    Read the body of a request, of at most ``bytes_max`` bytes.

    Raises:
        Invalid: If it is of another kind, compressed, or comes too slowly.
        TooLarge: If there is more.
    """
    if hdrs.CONTENT_ENCODING in request.headers:
        raise Invalid("send the body as it is, without Content-Encoding")
    if (request.content_length or 0) > bytes_max:
        raise TooLarge(f"at most {bytes_max} bytes")
    if not request.body_exists:
        return b""
    if kind is not None and request.content_type != kind:
        raise Invalid(f"the body is {kind}")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > bytes_max:
                    raise TooLarge(f"at most {bytes_max} bytes")
    except TimeoutError:
        raise Invalid("the body came too slowly") from None
    return bytes(body)


class Config(Struct, frozen=True, kw_only=True):
    """What a page has to know of this installation before anybody signs in."""

    demo: bool
    login_url: str | None
    currencies: list[str]
    version: str
