"""
Health and metrics of one process, and of all processes of a node.

Every process answers on a loopback port of its own, which it notes in the data
folder's ``run``; whoever serves the shared port gathers from there.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

Ready = Callable[[], Awaitable[dict[str, str | None]]]  # Part -> why it is not ready.

GATHER_S = 2.5  # A process may ask its own stores before it answers.
AGAIN_S = 5.0

log = structlog.get_logger()


class Admin:
    """The admin port of one process."""

    def __init__(self, name: str, run: Path, registry: CollectorRegistry, ready: Ready):
        self.name = name
        self.note = run / f"{name}.json"
        self.registry = registry
        self.ready = ready
        self.runner: web.AppRunner | None = None
        self.noting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen on a free loopback port and note it."""
        app = web.Application()
        app.router.add_get("/healthz", self.health)
        app.router.add_get("/readyz", self.readiness)
        app.router.add_get("/metrics", self.metrics)
        self.runner = web.AppRunner(app, access_log=None)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        port = self.runner.addresses[0][1]
        if not self.noted(port):  # A full disk is no reason not to serve.
            self.noting = asyncio.create_task(self.keep_noting(port))

    def noted(self, port: int) -> bool:
        """Note the port; tell whether there was room for it."""
        fresh = self.note.with_suffix(".new")
        try:
            self.note.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps({"pid": os.getpid(), "port": port}))
            fresh.replace(self.note)
        except OSError as error:
            log.warning("not_noted", note=str(self.note), why=str(error))
            return False
        return True

    async def keep_noting(self, port: int) -> None:
        """Note the port as soon as there is room."""
        while True:
            await asyncio.sleep(AGAIN_S)
            if self.noted(port):
                return

    async def stop(self) -> None:
        """Close the port and take the note away."""
        if self.noting is not None:
            self.noting.cancel()
        self.note.unlink(missing_ok=True)
        if self.runner is not None:
            await self.runner.cleanup()

    async def health(self, _: web.Request) -> web.Response:
        """Answer while the loop turns."""
        return web.json_response({"alive": True, "process": self.name})

    async def readiness(self, _: web.Request) -> web.Response:
        """Answer 200 when every part is ready, else 503 with the reasons."""
        parts = await self.ready()
        good = not any(parts.values())
        return web.json_response(parts, status=200 if good else 503)

    async def metrics(self, _: web.Request) -> web.Response:
        """Answer with this process's metrics."""
        return web.Response(text=generate_latest(self.registry).decode())


async def gather_metrics(run: Path) -> str:
    """Return the metrics of all processes of the node, each with its name."""
    notes = notes_in(run)
    texts = await fetch_all(notes, "metrics")
    merged: dict[str, Metric] = {}
    for note, text in zip(notes, texts, strict=True):
        for family in text_string_to_metric_families(text or ""):
            known = merged.setdefault(
                family.name, Metric(family.name, family.documentation, family.type)
            )
            for sample in family.samples:
                labels = {**sample.labels, "process": note.stem}
                known.add_sample(sample.name, labels, sample.value)
    registry = CollectorRegistry()
    registry.register(Gathered(list(merged.values())))
    return generate_latest(registry).decode()


async def gather_ready(run: Path, own: str) -> dict[str, str | None]:
    """Return what other processes of the node say of their readiness."""
    notes = [note for note in notes_in(run) if note.stem != own]
    texts = await fetch_all(notes, "readyz")
    parts: dict[str, str | None] = {}
    for note, text in zip(notes, texts, strict=True):
        if text is None:
            parts[note.stem] = "does not answer"
            continue
        for part, reason in json.loads(text).items():
            parts[f"{note.stem}.{part}"] = reason
    return parts


async def fetch_all(notes: list[Path], what: str) -> list[str | None]:
    """Ask all processes at once."""
    async with aiohttp.ClientSession() as session:
        return await asyncio.gather(*(fetch(session, note, what) for note in notes))


async def fetch(session: aiohttp.ClientSession, note: Path, what: str) -> str | None:
    """Ask one process; None when it does not answer."""
    try:
        port = port_of(note)
        limit = aiohttp.ClientTimeout(total=GATHER_S)
        url = f"http://127.0.0.1:{port}/{what}"
        async with session.get(url, timeout=limit) as answer:
            return await answer.text()
    except (OSError, ValueError, KeyError, aiohttp.ClientError, TimeoutError):
        return None


def notes_in(run: Path) -> list[Path]:
    """Return the notes of the node's processes."""
    return sorted(run.glob("*.json"))


def port_of(note: Path) -> int:
    """Read the admin port from a note."""
    return int(json.loads(note.read_text())["port"])


class Gathered:
    """A collector of metrics that were collected elsewhere."""

    def __init__(self, metrics: list[Metric]) -> None:
        self.metrics = metrics

    def collect(self) -> list[Metric]:
        """Return them."""
        return self.metrics
