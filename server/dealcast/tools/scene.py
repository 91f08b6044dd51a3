"""What the viewers of a crowd share: the plan, the server, and what was seen."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp

ACK_S = 20.0
CLOCK_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """What the crowd is to do."""

    url: str
    show: str
    viewers: int
    chat_per_s: float = 0.0
    buy: bool = False
    quantity: int = 1
    pay: bool = True
    open_token: str | None = None  # A host's token: plan a deal of our own.
    open_quantity: int = 20
    seconds: float = 10.0  # How long to watch when there is nothing to buy.
    seed: int = 0


@dataclass
class Tally:
    """What the crowd saw."""

    joined: int = 0
    granted: int = 0
    units: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    paid: int = 0
    orders: int = 0
    unpaid: Counter[str] = field(default_factory=Counter)
    quantity: int = 0
    oversold: int = 0
    gaps: int = 0
    duplicates: int = 0
    differing: int = 0  # Events that two viewers saw differently under one cursor.
    rejoined: int = 0
    recovered: int = 0  # Of these, by cursor: with all that was missed.
    events: int = 0
    chat_sent: int = 0
    chat_refused: Counter[str] = field(default_factory=Counter)
    buy_ms: list[float] = field(default_factory=list)
    event_ms: list[float] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing was oversold and nobody missed an event."""
        faults = self.oversold, self.gaps, self.duplicates, self.differing
        return not any(faults)


def percentile(values: Iterable[float], share: float) -> float:
    """Return the nearest-rank percentile; 0 when there are no values."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Refusal(Exception):
    """The server said no over HTTP."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


class Scene:
    """One server and one show, as all viewers of the crowd see them."""

    def __init__(self, plan: Plan, session: aiohttp.ClientSession) -> None:
        self.plan = plan
        self.session = session
        self.loop = asyncio.get_running_loop()
        self.rng = Random(plan.seed)
        self.tally = Tally()
        self.offset_ms = 0.0
        self.deals: dict[str, dict[str, Any]] = {}
        self.changed = asyncio.Event()
        self.told: dict[tuple[int, int], tuple[str, dict[str, Any]]] = {}
        self.in_flight: Counter[str] = Counter()

    async def post(
        self,
        path: str,
        body: dict[str, Any],
        *,
        token: str | None = None,
        key: str = "",
    ) -> dict[str, Any]:
        """Ask over HTTP, again while the refusal is retryable."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if key:
            headers["Idempotency-Key"] = key
        until = time.monotonic() + ACK_S
        while True:
            url = f"{self.plan.url}/api/v1{path}"
            code, detail, retryable = "no_answer", "", True
            with suppress(aiohttp.ClientError, TimeoutError):
                async with self.session.post(url, json=body, headers=headers) as answer:
                    said: dict[str, Any] = await answer.json(content_type=None)
                    if answer.status < 400:
                        return said
                    code, detail = said.get("code", "?"), said.get("detail", "")
                    retryable = said.get("retryable", False)
            if not retryable or time.monotonic() > until:
                raise Refusal(code, detail)
            await asyncio.sleep(0.3)

    async def get(self, path: str, token: str) -> dict[str, Any]:
        """Read over HTTP."""
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{self.plan.url}/api/v1{path}"
        async with self.session.get(url, headers=headers) as answer:
            said: dict[str, Any] = await answer.json(content_type=None)
            if answer.status >= 400:
                raise Refusal(said.get("code", "?"), said.get("detail", ""))
            return said

    async def set_clock(self) -> None:
        """Learn the server's clock from the midpoint of the quickest round trip."""
        best = float("inf")
        for _ in range(CLOCK_ROUNDS):
            sent = time.time() * 1000
            async with self.session.get(f"{self.plan.url}/healthz") as answer:
                now = (await answer.json())["now"]
            took = time.time() * 1000 - sent
            if took < best:
                best, self.offset_ms = took, now - (sent + took / 2)

    def server_now(self) -> float:
        """Return the server's present in ms."""
        return time.time() * 1000 + self.offset_ms

    def on_sync(self, body: dict[str, Any]) -> None:
        """Learn the deals of the snapshot."""
        for deal in body.get("deals") or []:
            self.deals.setdefault(deal["id"], deal)
        self.changed.set()

    def on_deal(self, body: dict[str, Any]) -> None:
        """Learn of a new deal, or of a change in a known one."""
        if body.get("view"):
            self.deals[body["deal"]] = body["view"]
        if body["deal"] in self.deals:
            self.deals[body["deal"]]["status"] = body["status"]
        self.changed.set()
