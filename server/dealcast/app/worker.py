"""A worker: web pages, API and sockets on the shared port."""

import asyncio
import contextlib
import gc
import os
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import structlog
import uvloop
from aiohttp import web

from dealcast import __version__
from dealcast.app.admin import Admin, gather_metrics, gather_ready
from dealcast.app.logs import set_up_logs
from dealcast.app.parts import Parts, library, parts, shop_acts
from dealcast.app.supervisor import until_told
from dealcast.config import Settings, hosts_of
from dealcast.core.errors import Refused
from dealcast.core.ids import PARTITIONS, Partition, ShowId
from dealcast.core.money import STEPS
from dealcast.core.rates import Rates
from dealcast.core.wire import Act
from dealcast.hub.hub import Hub, HubLimits
from dealcast.hub.socket import Server
from dealcast.store import keys
from dealcast.store.archive import Archive
from dealcast.web.api import Api, Config
from dealcast.web.origins import Origins
from dealcast.web.pages import Pages
from dealcast.web.proxies import Proxies
from dealcast.web.server import Doors, make_app, make_runner

BACKLOG = 4096
DRAIN_S = 3.0
LOOK_S = 1.5  # How long a store may take to say that it is there.
GC_FIRST = 50_000  # Objects are few and live long here: collect less often.

log = structlog.get_logger()


def run(settings: Settings, index: int) -> int:
    """Run one worker until it is told to stop."""
    set_up_logs(f"worker-{index}")
    return uvloop.run(work(settings, index))


async def work(settings: Settings, index: int) -> int:
    """Serve the shared port."""
    told = until_told(asyncio.get_running_loop())
    async with parts(settings) as shared:
        # The clerk at work may be an older one, which has brought its own.
        await shared.redis.load_library(library(), replace=False)
        async with Worker(shared, index).serving():
            gc.collect()
            gc.freeze()
            gc.set_threshold(GC_FIRST)
            await told.wait()
    return 0


class Worker:
    """One worker and what it serves."""

    def __init__(self, shared: Parts, index: int) -> None:
        settings = shared.settings
        self.shared = shared
        self.name = f"worker-{index}"
        self.run_folder = settings.folder / "run"
        self.acts: list[Act[Any]] = shop_acts(shared)
        rates = Rates()
        self.proxies = Proxies(settings.trusted_proxies)
        self.origins = Origins(settings.public_url, settings.http.origins, self.proxies)
        self.hub = Hub(
            process=f"{self.name}:{os.getpid()}",
            redis=shared.redis,
            log=shared.log,
            archive=Archive(shared.redis, shared.database, shared.clock),
            caller=shared.people.caller,
            find_show=self.find_show,
            acts=self.acts,
            clock=shared.clock,
            rng=shared.rng,
            rates=rates,
            registry=shared.registry,
            limits=HubLimits(
                window_ms=settings.hub.window_ms,
                lane_bytes_max=settings.hub.lane_bytes_max,
            ),
        )
        self.api = Api(
            caller=shared.people.caller,
            find_show=self.find_show,
            origins=self.origins,
            clock=shared.clock,
            rates=rates,
            registry=shared.registry,
        )
        self.admin = Admin(self.name, self.run_folder, shared.registry, self.own_parts)

    async def find_show(self, name: str) -> ShowId:
        """Return the id of the show that an id or a slug names."""
        return (await self.shared.shows.find(name)).id

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve while the block lasts; then send everybody away and close."""
        http = self.shared.settings.http
        await self.hub.start()
        await self.admin.start()
        runner = make_runner(self.application())
        await runner.setup()
        site = web.TCPSite(
            runner,
            hosts_of(http.host),
            http.port,
            reuse_port=True,
            backlog=BACKLOG,
            ssl_context=self.shared.door.context if self.shared.door else None,
        )
        await site.start()
        try:
            yield
        finally:
            await site.stop()
            await self.hub.drain(DRAIN_S if self.hub.connections else 0)
            await self.hub.stop()
            await runner.cleanup()
            await self.admin.stop()

    def application(self) -> web.Application:
        """Put the web application together."""
        settings = self.shared.settings
        return make_app(
            acts=self.acts,
            socket_acts=self.hub.acts,
            api=self.api,
            origins=self.origins,
            pages=Pages(
                dist=client_folder(),
                pictures=Path(str(files("dealcast.sample") / "pictures")),
                frame_ancestors=settings.frame_ancestors,
                proxies=self.proxies,
            ),
            doors=Doors(
                socket=Server(self.hub, self.shared.clock).handle,
                webhook=self.shared.inbox.receive,
                ready=self.node_parts,
                metrics=lambda: gather_metrics(self.run_folder),
            ),
            config=Config(
                demo=settings.demo,
                login_url=settings.auth.login_url,
                currencies=sorted(STEPS),
                version=__version__,
            ),
            clock=self.shared.clock,
            https_only=self.https_only(),
        )

    def https_only(self) -> bool:
        """Tell whether browsers are to come by TLS alone, from now on."""
        door = self.shared.door
        vouched_for = door is None or not door.files.self_signed
        return self.shared.settings.public_url.startswith("https:") and vouched_for

    async def own_parts(self) -> dict[str, str | None]:
        """Tell which part of this process is not ready, and why."""
        redis, sql = await asyncio.gather(
            in_time(self.redis_trouble()), in_time(self.sql_trouble())
        )
        return {"redis": redis, "sql": sql, "hub": self.hub.trouble()}

    async def node_parts(self) -> dict[str, str | None]:
        """Tell the same of all processes of the node; a clerk is needed."""
        others, own = await asyncio.gather(
            gather_ready(self.run_folder, self.name), self.own_parts()
        )
        if not any(part.startswith("clerk") for part in others):
            others["clerk"] = "is not there"
        return {**own, **others}

    async def redis_trouble(self) -> str | None:
        """Say why Redis takes no changes, if so."""
        try:
            await self.shared.redis.ping()
            partition = Partition(self.shared.rng.randrange(PARTITIONS))
            admitted = await self.shared.redis.hget(keys.meta(partition), "run")
            server = await self.shared.redis.run_of(partition)
        except Refused as refused:
            return refused.code
        if admitted is None or admitted.decode() != server:
            return "the gate is closed"
        return None

    async def sql_trouble(self) -> str | None:
        """Say why the books cannot be read, if so."""
        try:
            await self.shared.shows.recent()
        except Refused as refused:
            return refused.code
        return None


async def in_time(trouble: Awaitable[str | None]) -> str | None:
    """Wait for what a store says, but no longer than its user would."""
    try:
        async with asyncio.timeout(LOOK_S):
            return await trouble
    except TimeoutError:
        return f"does not answer within {LOOK_S:g} s"


def client_folder() -> Path:
    """Return where the built client is: beside the clone, or in the wheel."""
    for above in Path(__file__).resolve().parents:
        candidate = above / "client_demo" / "dist"
        with contextlib.suppress(OSError):
            if candidate.parent.is_dir():
                return candidate
    return Path(__file__).resolve().parent.parent / "client"
