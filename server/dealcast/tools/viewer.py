"""One viewer of the crowd: a Socket.IO client with an account of its own."""

import asyncio
import secrets
import time
from typing import Any

import aiohttp
import socketio

from dealcast.tools.scene import ACK_S, Refusal, Scene

SETTLE_S = 45.0


class Viewer:
    """One viewer on one connection."""

    def __init__(self, number: int, token: str, scene: Scene) -> None:
        self.number = number
        self.token = token
        self.scene = scene
        self.cursor: tuple[int, int] | None = None
        self.holds: list[str] = []
        self.order: asyncio.Future[dict[str, Any]] = scene.loop.create_future()
        self.numbers: list[int] = []
        self.synced = asyncio.Event()
        self.client = socketio.AsyncClient(
            reconnection_delay=1, reconnection_delay_max=4, randomization_factor=0.8
        )
        self.client.on("*", self.on_live, namespace="/live")
        self.client.on("*", self.on_me, namespace="/me")

    async def join(self) -> None:
        """Connect and wait for the snapshot."""
        await self.client.connect(
            self.scene.plan.url,
            transports=["websocket"],
            namespaces=["/live", "/me"],
            auth=self.auth,
            wait_timeout=30,
        )
        await asyncio.wait_for(self.synced.wait(), 30)

    def auth(self) -> dict[str, Any]:
        """Say who joins what, and how far the last connection saw."""
        said: dict[str, Any] = {"token": self.token, "show": self.scene.plan.show}
        if self.cursor is not None:
            said["cursor"] = "{}.{}".format(*self.cursor)
        return said

    async def on_live(self, event: str, *args: Any) -> None:
        """Check the numbering of what came, and note when it came."""
        body = args[0] if args else {}
        cursor = args[1] if len(args) > 1 else None
        if isinstance(cursor, str):
            epoch, n = (int(part) for part in cursor.split("."))
            self.number_seen(event, body, epoch, n)
        if event == "sync":
            self.scene.on_sync(body)
            self.synced.set()
        elif event == "deal":
            self.scene.on_deal(body)
        if "at" in body and event in ("chat", "deal"):
            self.scene.tally.event_ms.append(self.scene.server_now() - body["at"])

    def number_seen(self, event: str, body: dict[str, Any], epoch: int, n: int) -> None:
        """Hold the cursor of one event against the one before it."""
        tally, last = self.scene.tally, self.cursor
        if event == "sync":
            if last is not None:
                tally.rejoined += 1
                tally.recovered += bool(body.get("recovered"))
            if last is None or not body.get("recovered"):
                self.numbers.clear()
                self.cursor = (epoch, n)
            return
        tally.events += 1
        self.numbers.append(n)
        if event != "erased":
            told = self.scene.told.setdefault((epoch, n), (event, body))
            tally.differing += told != (event, body)
        if last is not None and epoch == last[0]:
            tally.gaps += max(0, n - last[1] - 1)
            tally.duplicates += n <= last[1]
        self.cursor = (epoch, n)

    async def on_me(self, event: str, *args: Any) -> None:
        """Hear what became of one's order."""
        if event == "order" and args[0]["state"] in ("paid", "cancelled"):
            if not self.order.done():
                self.order.set_result(args[0])

    async def say(self, text: str) -> None:
        """Send a line of chat."""
        ask = {"text": text, "key": secrets.token_hex(8)}
        self.scene.tally.chat_sent += 1
        answer = await self.ask("chat", ask)
        if not answer["ok"]:
            self.scene.tally.chat_refused[answer["code"]] += 1

    async def ask(self, event: str, body: dict[str, Any]) -> dict[str, Any]:
        """Ask until there is an answer; the same key makes that safe."""
        until = time.monotonic() + ACK_S
        while True:
            self.scene.in_flight[event] += 1
            try:
                answer: dict[str, Any] = await self.client.call(
                    event, body, namespace="/live", timeout=5
                )
            except (socketio.exceptions.SocketIOError, ConnectionError):
                answer = {"ok": False, "code": "no_answer", "retryable": True}
            finally:
                self.scene.in_flight[event] -= 1
            late = time.monotonic() > until
            again = answer.get("code") in ("no_answer", "recovering", "unavailable")
            if answer["ok"] or late or not again:
                return answer
            await asyncio.sleep(0.3)

    async def buy(self, deal: str, variant: str, at: float) -> None:
        """Ask for a hold at the instant ``at`` of the monotonic clock."""
        tally, plan = self.scene.tally, self.scene.plan
        await asyncio.sleep(max(0.0, at - time.monotonic()))
        body = {"deal": deal, "variant": variant, "quantity": plan.quantity}
        answer = await self.ask("hold", {**body, "key": secrets.token_hex(8)})
        tally.buy_ms.append((time.monotonic() - at) * 1000)
        if answer["ok"]:
            tally.granted += 1
            tally.units += plan.quantity
            self.holds.append(answer["hold"])
        else:
            tally.refused[answer["code"]] += 1

    async def pay(self, session: aiohttp.ClientSession) -> None:
        """Check out all holds and pay at the sandbox provider's page."""
        tally, key = self.scene.tally, secrets.token_hex(8)
        try:
            checkout = await self.scene.post(
                "/checkout", {"holds": self.holds}, token=self.token, key=key
            )
            url = checkout["payment"]["url"]
            async with session.post(
                url, data={"choice": "pay"}, allow_redirects=False
            ) as answer:
                if answer.status >= 400:
                    raise Refusal("provider", f"HTTP {answer.status}")
            tally.paid += 1
            order = await asyncio.wait_for(self.order, SETTLE_S)
            tally.orders += order["state"] == "paid"
        except Refusal as refusal:
            tally.unpaid[refusal.code] += 1
        except TimeoutError:
            tally.unpaid["no_order_in_time"] += 1
