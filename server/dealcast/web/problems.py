"""Refusals as HTTP answers: application/problem+json (RFC 9457)."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import structlog
from aiohttp import web

from dealcast.core.errors import (
    Internal,
    Invalid,
    MethodNotAllowed,
    NotFound,
    Refused,
    TooLarge,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HTTP_ERRORS: dict[int, type[Refused]] = {
    404: NotFound,
    405: MethodNotAllowed,
    413: TooLarge,
}
RETRY_AFTER_S = "1"

log = structlog.get_logger(__name__)


def problem(refused: Refused, more: dict[str, Any] | None = None) -> web.Response:
    """Return the answer that says why a request was refused."""
    body = {
        "type": f"urn:dealcast:problem:{refused.code}",
        "title": refused.title,
        "status": refused.status,
        "code": refused.code,
        "retryable": refused.retryable,
        "detail": refused.detail or refused.title,
        **(more or {}),
    }
    headers = {"Cache-Control": "no-store"}
    if refused.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if refused.status in (429, 503):
        headers["Retry-After"] = RETRY_AFTER_S
    return web.Response(
        body=orjson.dumps(body),
        status=refused.status,
        content_type="application/problem+json",
        headers=headers,
    )


@web.middleware
async def answer_refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what was refused; say once in the log what broke."""
    try:
        return await handler(request)
    except Refused as refused:
        return problem(refused)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        kind = HTTP_ERRORS.get(error.status, Invalid)
        answer = problem(kind())
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer
    except (ConnectionResetError, TimeoutError):
        raise  # The client is gone; there is nobody to answer.
    except Exception:
        route = request.match_info.route.resource
        where = route.canonical if route is not None else "?"
        log.exception("request_failed", method=request.method, route=where)
        return problem(Internal())
