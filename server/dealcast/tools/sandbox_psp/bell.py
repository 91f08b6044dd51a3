"""Sends webhooks: signed, and again until they are answered or minutes have gone."""

import asyncio
from collections.abc import Callable

import aiohttp
import structlog

from dealcast.core.clock import Clock
from dealcast.shop.payments import signature
from dealcast.shop.payments.sandbox import Trust
from dealcast.tools.sandbox_psp.books import Books, Event, body_of

PAUSE_FIRST_S = 0.5
PAUSE_MAX_S = 30.0
ATTEMPTS_MAX = 20  # With the pauses between them: about seven minutes.
ANSWER_S = 5.0
AT_ONCE_MAX = 64

log = structlog.get_logger()


class Bell:
    """Tells the shop of events; one task each, not more than some at a time."""

    def __init__(
        self,
        books: Books,
        key: bytes,
        http: aiohttp.ClientSession,
        clock: Clock,
        trust: Trust,
    ) -> None:
        self._trust = trust
        self._books = books
        self._key = key
        self._http = http
        self._clock = clock
        self._few = asyncio.Semaphore(AT_ONCE_MAX)
        self._telling: dict[str, asyncio.Task[None]] = {}

    def ring(self) -> None:
        """Begin to tell what nobody is telling yet."""
        for event in list(self._books.unsent.values()):
            if event.id not in self._telling:
                task = asyncio.create_task(self._tell(event))
                self._telling[event.id] = task
                task.add_done_callback(self._forget(event.id))

    async def aclose(self) -> None:
        """Stop telling; what is unsent is told after the next start."""
        tasks = list(self._telling.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, event: str) -> Callable[[asyncio.Task[None]], None]:
        def forget(_: asyncio.Task[None]) -> None:
            self._telling.pop(event, None)

        return forget

    async def _tell(self, event: Event) -> None:
        pause_s = PAUSE_FIRST_S
        for _ in range(ATTEMPTS_MAX):
            if await self._attempt(event):
                self._books.told(event)
                return
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_MAX_S)
        log.warning("webhook_given_up", event_id=event.id, reference=event.reference)
        self._books.told(event)

    async def _attempt(self, event: Event) -> bool:
        body = body_of(event)
        signed = signature.sign(self._key, event.id, self._clock.now() // 1000, body)
        try:
            async with (
                self._few,
                self._http.post(
                    event.url,
                    data=body,
                    headers={**signed, "Content-Type": "application/json"},
                    timeout=aiohttp.ClientTimeout(total=ANSWER_S),
                    allow_redirects=False,
                    ssl=self._trust(),
                ) as answer,
            ):
                return 200 <= answer.status < 300
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return False
