"""The web server of one process: API, sockets, pages, health."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from dealcast.core.clock import Clock
from dealcast.core.errors import Unavailable
from dealcast.core.wire import Act, Caller, Request
from dealcast.web import asyncapi, openapi
from dealcast.web.api import BODY_MAX, ROOT, Api, Config, body_of
from dealcast.web.origins import Origins
from dealcast.web.pages import Pages
from dealcast.web.problems import Handler, answer_refusals, problem

Ready = Callable[[], Awaitable[Mapping[str, str | None]]]  # Part -> why not ready.
MetricsText = Callable[[], Awaitable[str]]
Webhook = Callable[[str, Mapping[str, str], bytes], Awaitable[bool]]

GUARDED = (f"{ROOT}/", "/socket.io/")
SHUTDOWN_S = 5.0  # How long requests under way may still take.
HTTPS_ONLY = "max-age=31536000"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class Doors:
    """What the server's other addresses lead to."""

    socket: Handler
    webhook: Webhook
    ready: Ready
    metrics: MetricsText


def make_app(
    *,
    acts: Sequence[Act[Any]],
    socket_acts: Sequence[Act[Any]],
    api: Api,
    origins: Origins,
    pages: Pages,
    doors: Doors,
    config: Config,
    clock: Clock,
    https_only: bool = False,
) -> web.Application:
    """
    Return the web application.

    ``socket_acts`` are those of the hub, which has some of its own: they are
    only documented here. ``https_only`` tells browsers to come by TLS alone.
    """
    app = web.Application(
        middlewares=[answer_refusals, guard(origins)], client_max_size=BODY_MAX
    )
    served = [act for act in [config_act(config), *acts] if act.http is not None]
    for act in served:
        api.serve(app, act)
    serve_documents(app, served, socket_acts, config)
    serve_doors(app, doors, clock)
    pages.serve(app)  # Last: it takes what is left at the top.

    async def mark(request: web.Request, answer: web.StreamResponse) -> None:
        answer.headers["Server"] = "dealcast"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Referrer-Policy"] = "same-origin"
        if https_only:
            answer.headers["Strict-Transport-Security"] = HTTPS_ONLY
        if request.path.startswith(GUARDED):
            origins.mark(request, answer)

    app.on_response_prepare.append(mark)
    return app


class Sound(logging.Filter):
    """Lets pass what is ours to mend: not what strangers send that is no HTTP."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to say it."""
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, HttpProcessingError)


SOUND = Sound()


def make_runner(app: web.Application) -> web.AppRunner:
    """Return what runs ``app``: bodies are left as they come, requests not logged."""
    logger = logging.getLogger(__name__)
    logger.addFilter(SOUND)
    return web.AppRunner(
        app,
        access_log=None,
        logger=logger,
        auto_decompress=False,  # A small body could unfold into a very large one.
        handler_cancellation=False,
        shutdown_timeout=SHUTDOWN_S,
    )


def guard(origins: Origins) -> Any:
    """Return what keeps foreign pages from API and sockets."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(GUARDED):
            if request.method == hdrs.METH_OPTIONS:
                return origins.preflight(request)
            origins.check(request)
        return await handler(request)

    return check


def serve_documents(
    app: web.Application,
    acts: Sequence[Act[Any]],
    socket_acts: Sequence[Act[Any]],
    config: Config,
) -> None:
    """Serve what describes the server, made once."""
    made = {
        "openapi": openapi.document(acts, title="Dealcast", version=config.version),
        "asyncapi": asyncapi.document(
            socket_acts, title="Dealcast", version=config.version
        ),
    }
    for name, document in made.items():
        app.router.add_get(f"{ROOT}/{name}.json", ready_json(document))


def ready_json(document: dict[str, Any]) -> Handler:
    """Return what answers with ``document``."""
    body = orjson.dumps(document)

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, content_type="application/json")

    return answer


def serve_doors(app: web.Application, doors: Doors, clock: Clock) -> None:
    """Serve sockets, webhooks, health and metrics."""

    async def webhook(request: web.Request) -> web.StreamResponse:
        body = await body_of(request, BODY_MAX, None)
        await doors.webhook(request.match_info["provider"], request.headers, body)
        return web.Response(status=204)

    async def alive(request: web.Request) -> web.StreamResponse:
        return web.json_response({"alive": True, "now": clock.now()})

    async def readiness(request: web.Request) -> web.StreamResponse:
        parts = dict(await doors.ready())
        reasons = [f"{part}: {why}" for part, why in parts.items() if why]
        if reasons:
            return problem(Unavailable("; ".join(reasons)), {"parts": parts})
        return web.json_response({"ready": True, "parts": parts})

    async def metrics(request: web.Request) -> web.StreamResponse:
        text = await doors.metrics()
        return web.Response(
            body=text.encode(), headers={hdrs.CONTENT_TYPE: METRICS_TYPE}
        )

    app.router.add_get("/socket.io/", doors.socket)
    app.router.add_post(f"{ROOT}/payments/{{provider}}/webhook", webhook)
    app.router.add_get("/healthz", alive)
    app.router.add_get("/readyz", readiness)
    app.router.add_get("/metrics", metrics)


class ConfigAsk(Request, frozen=True, kw_only=True):
    """Ask what this installation is like."""


def config_act(config: Config) -> Act[Any]:
    """Return the act that tells ``config``."""

    async def tell(caller: Caller, ask: ConfigAsk) -> Config:
        return config

    return Act(
        name="config",
        request=ConfigAsk,
        answer=Config,
        handler=tell,
        roles=(),
        http="GET /config",
        per_minute=600,
    )
