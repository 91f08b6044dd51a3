"""What the viewers of a crowd share: the plan, the server, and what was seen."""

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp

from dealcast.tools.history import History, digest

ACK_S = 20.0
CALL_S = 12.0
CLOCK_ROUNDS = 5
# What was so refused may be had by asking again under the same key.
AGAIN = ("no_answer", "recovering", "unavailable", "provider_unavailable",
         "in_progress", "internal")  # fmt: skip

Answer = dict[str, Any]  # Of a socket: ``ok``, and what was asked for or ``code``.


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
    steady_s: float = 0.0  # How long to buy without a pause, in deals of our own.
    buys_per_s: float = 20.0
    expiring: bool = True  # Some let their holds expire, which takes half a minute.
    patience_s: float = ACK_S  # How long one asks for an answer.
    trust: ssl.SSLContext | bool = True  # Whose certificates are taken for good.


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
    asked: int = 0
    unresolved: int = 0  # Of these, nobody ever knew the end.
    deaf: int = 0  # Viewers who had not heard the last event when all had ended.
    buy_ms: list[float] = field(default_factory=list)
    event_ms: list[float] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing was oversold and nobody missed an event."""
        faults = (
            self.oversold, self.gaps, self.duplicates, self.differing, self.unresolved,
            self.deaf,
        )  # fmt: skip
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

    def __init__(
        self,
        plan: Plan,
        session: aiohttp.ClientSession,
        history: History | None = None,
    ) -> None:
        self.plan = plan
        self.session = session
        self.history = history or History()
        self.loop = asyncio.get_running_loop()
        self.rng = Random(plan.seed)
        self.tally = Tally()
        self.offset_ms = 0.0
        self.deals: dict[str, dict[str, Any]] = {}
        self.changed = asyncio.Event()
        self.told: dict[tuple[int, int], tuple[str, dict[str, Any]]] = {}
        self.in_flight: Counter[str] = Counter()
        self.digests: dict[tuple[str, str], tuple[dict[str, Any], str]] = {}

    async def attempt(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        token: str | None = None,
        key: str = "",
    ) -> Answer:
        """Ask once over HTTP; the answer is as it would be over a socket."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if key:
            headers["Idempotency-Key"] = key
        try:
            async with self.session.request(
                method,
                f"{self.plan.url}/api/v1{path}",
                json=body,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=CALL_S),
            ) as answer:
                said: Answer = await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return {"ok": False, "code": "no_answer", "detail": "", "retryable": True}
        if answer.status < 400:
            return {**said, "ok": True}
        return {"code": "?", "detail": "", **said, "ok": False}

    async def post(
        self,
        path: str,
        body: dict[str, Any],
        *,
        token: str | None = None,
        key: str = "",
    ) -> Answer:
        """Ask over HTTP, again while the refusal is retryable."""
        until = time.monotonic() + self.plan.patience_s
        while True:
            said = await self.attempt("POST", path, body, token=token, key=key)
            if said["ok"]:
                return said
            if not said.get("retryable") or time.monotonic() > until:
                raise Refusal(said["code"], said["detail"])
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

    def digest(self, namespace: str, cursor: str, body: dict[str, Any]) -> str:
        """Return the digest of an event's body, which mostly is known already."""
        known = self.digests.get((namespace, cursor))
        if known is None or known[0] != body:
            known = self.digests[namespace, cursor] = (body, digest(body))
        return known[1]

    def on_sync(self, body: dict[str, Any]) -> None:
        """Learn the deals of the snapshot."""
        for deal in body.get("deals") or []:
            self.deals.setdefault(deal["id"], deal)
        self.changed.set()

    def on_deal(self, body: dict[str, Any]) -> None:
        """Learn of a new deal, or of a change in a known one."""
        if body.get("view"):
            self.deals[body["deal"]] = dict(body["view"])  # Others compare the body.
        if body["deal"] in self.deals:
            self.deals[body["deal"]]["status"] = body["status"]
        self.changed.set()
