"""One viewer of the crowd: a Socket.IO client with an account of its own."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
import socketio
from socketio.packet import CONNECT, Packet

from dealcast.tools.scene import AGAIN, Answer, Refusal, Scene

SETTLE_S = 45.0
CALL_S = 5.0
JOIN_S = 20.0
BACK_S, BACK_MAX_S = 1.0, 5.0
PAUSE_S = 0.2
NAMESPACES = ["/live", "/me"]
KEPT = ("hold", "state", "expires_at", "order", "payment", "amount")

Send = Callable[[], Awaitable[Answer]]


class Hello(Packet):  # type: ignore[misc]  # socketio is not typed.
    """A packet; one that connects carries its own namespace's cursor alone."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        said: dict[str, Any] = getattr(self, "data", None) or {}
        if self.packet_type == CONNECT and "cursors" in said:
            cursor = said["cursors"].get(self.namespace)
            self.data = {n: said[n] for n in said if n != "cursors"}
            if cursor is not None:
                self.data["cursor"] = cursor


@dataclass(frozen=True, kw_only=True)
class Question:
    """Something that is asked under one key until it is answered."""

    what: str
    key: str
    send: Send
    about: dict[str, Any]  # What the history says of it.


class Viewer:
    """One viewer on one connection."""

    coming_back: asyncio.Task[None] | None = None

    def __init__(
        self, number: int, token: str, scene: Scene, *, person: str = ""
    ) -> None:
        self.number = number
        self.token = token
        self.scene = scene
        self.cursor: tuple[int, int] | None = None
        self.cursors: dict[str, str] = {}
        self.holds: list[str] = []
        self.order: asyncio.Future[dict[str, Any]] = scene.loop.create_future()
        self.numbers: list[int] = []
        self.synced = asyncio.Event()
        self.here: set[str] = set()  # Namespaces that have told where one is.
        self.open: list[Question] = []
        self.orders: dict[str, str] = {}  # The last that was told of each,
        self.payments: dict[str, str] = {}  # by the order of the payment as well.
        self.heard = asyncio.Event()
        self.leaving = False
        # Its own way back gives a server under load one second to let it in.
        self.client = socketio.AsyncClient(
            reconnection=False,
            serializer=Hello,
            websocket_extra_options={"ssl": scene.plan.trust},
        )
        scene.history.write("client", number, person=person)
        for namespace, hear in (("/live", self.on_live), ("/me", self.on_me)):
            self.client.on("*", hear, namespace=namespace)
            self.client.on("connect", self.coming(namespace), namespace=namespace)
            self.client.on("disconnect", self.going(namespace), namespace=namespace)

    def coming(self, namespace: str) -> Callable[[], None]:
        """Return what notes that ``namespace`` was joined."""
        return lambda: self.scene.history.write("joined", self.number, ns=namespace)

    def going(self, namespace: str) -> Callable[[str], None]:
        """Return what notes that ``namespace`` was lost, and comes back."""

        def gone(reason: str) -> None:
            if self.leaving:
                return
            self.here.discard(namespace)
            self.scene.history.write("lost", self.number, ns=namespace, why=reason)
            if self.coming_back is None or self.coming_back.done():
                self.coming_back = asyncio.create_task(self.come_back())

        return gone

    async def come_back(self) -> None:
        """Connect anew, as browsers do: each pause is longer, and drawn by lot."""
        pause = BACK_S
        while not self.is_here():
            await asyncio.sleep(pause * (0.5 + self.scene.rng.random()))
            pause = min(BACK_MAX_S, 2 * pause)
            if self.is_here():
                return
            with suppress(socketio.exceptions.SocketIOError, ValueError):
                if self.client.connected:
                    await self.client.disconnect()
                await self.connect()

    async def join(self) -> None:
        """Connect and wait for the snapshot."""
        await self.connect()
        async with asyncio.timeout(JOIN_S):
            await self.synced.wait()

    async def connect(self) -> None:
        """Connect once."""
        await self.client.connect(
            self.scene.plan.url,
            transports=["websocket"],
            namespaces=NAMESPACES,
            auth=self.auth,
            wait_timeout=JOIN_S,
        )

    def is_here(self) -> bool:
        """Tell whether every namespace has told one where it is."""
        return len(self.here) == len(NAMESPACES)

    def hears(self, last: tuple[int, int]) -> bool:
        """Tell whether one is here, and has heard the event at ``last``."""
        return self.is_here() and self.cursor == last

    def auth(self) -> dict[str, Any]:
        """Say who joins what, and how far the last connection saw."""
        said: dict[str, Any] = {"token": self.token, "show": self.scene.plan.show}
        return {**said, "cursors": dict(self.cursors)}

    # Hearing.

    async def on_live(self, event: str, *args: Any) -> None:
        """Check the numbering of what came, and note when it came."""
        body = args[0] if args else {}
        cursor = args[1] if len(args) > 1 else None
        if isinstance(cursor, str):
            self.note("/live", event, body, cursor)
            epoch, n = (int(part) for part in cursor.split("."))
            self.number_seen(event, body, epoch, n)
        if event == "sync":
            self.scene.on_sync(body)
            self.synced.set()
        elif event == "deal":
            self.scene.on_deal(body)
        if "at" in body and event in ("chat", "deal"):
            self.scene.tally.event_ms.append(self.scene.server_now() - body["at"])

    def note(self, namespace: str, event: str, body: dict[str, Any], at: str) -> None:
        """Remember how far one has seen, and write it down."""
        history, whole = self.scene.history, bool(body.get("recovered"))
        if event == "sync":
            self.here.add(namespace)
            history.write("sync", self.number, ns=namespace, cursor=at, recovered=whole)
        elif history.kept:
            told = {"ns": namespace, "cursor": at, "event": event}
            if namespace == "/me":
                told |= {name: body[name] for name in (*KEPT, "id") if name in body}
            sum_ = self.scene.digest(namespace, at, body)
            history.write("event", self.number, **told, digest=sum_)
        if event != "sync" or not whole:
            self.cursors[namespace] = at

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
        body = args[0] if args else {}
        if len(args) > 1 and isinstance(args[1], str):
            self.note("/me", event, body, args[1])
        if event == "payment":
            self.payments[body["order"]] = body["state"]
        if event == "order":
            self.orders[body["id"]] = body["state"]
            ended = body["state"] in ("paid", "cancelled")
            if ended and not self.order.done():
                self.order.set_result(body)
        self.heard.set()

    # Asking.

    async def say(self, text: str) -> None:
        """Send a line of chat."""
        ask = {"text": text, "key": secrets.token_hex(8)}
        self.scene.tally.chat_sent += 1
        answer = await self.ask("chat", ask)
        if not answer["ok"]:
            self.scene.tally.chat_refused[answer["code"]] += 1

    async def ask(self, event: str, body: dict[str, Any], **about: Any) -> Answer:
        """Ask over the socket until there is an answer."""

        async def send() -> Answer:
            try:
                answer: Answer = await self.client.call(
                    event, body, namespace="/live", timeout=CALL_S
                )
            except (socketio.exceptions.SocketIOError, ConnectionError):
                return {"ok": False, "code": "no_answer", "retryable": True}
            return answer

        key = body.get("key") or secrets.token_hex(8)
        said = {name: body[name] for name in body if name not in ("key", "text")}
        return await self.settle(
            Question(what=event, key=key, send=send, about={**said, **about})
        )

    async def settle(self, question: Question) -> Answer:
        """Ask until there is an answer; the same key makes that safe."""
        scene, what, key = self.scene, question.what, question.key
        history, before = scene.history, ""
        until = time.monotonic() + scene.plan.patience_s
        history.write("invoke", self.number, op=key, what=what, **question.about)
        while True:
            scene.in_flight[what] += 1
            try:
                answer = await question.send()
            finally:
                scene.in_flight[what] -= 1
            code = answer.get("code", "")
            if answer["ok"]:
                history.write("ok", self.number, op=key, what=what, **gist(answer))
                return answer
            if code not in AGAIN:
                history.write("refused", self.number, op=key, what=what, code=code)
                return answer
            if code != before:
                history.write("unknown", self.number, op=key, what=what, code=code)
            if time.monotonic() > until:
                self.open.append(question)
                return answer
            before = code
            await asyncio.sleep(PAUSE_S * (1 + self.scene.rng.random()))

    async def buy(self, deal: str, variant: str, at: float) -> None:
        """Ask for a hold at the instant ``at`` of the monotonic clock."""
        tally, plan = self.scene.tally, self.scene.plan
        await asyncio.sleep(max(0.0, at - time.monotonic()))
        body = {"deal": deal, "variant": variant, "quantity": plan.quantity}
        meant = self.scene.history.at(at)
        answer = await self.ask(
            "hold", {**body, "key": secrets.token_hex(8)}, meant=meant
        )
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
            async with asyncio.timeout(SETTLE_S):
                order = await self.order
            tally.orders += order["state"] == "paid"
        except Refusal as refusal:
            tally.unpaid[refusal.code] += 1
        except TimeoutError:
            tally.unpaid["no_order_in_time"] += 1

    async def leave(self) -> None:
        """Go away for good."""
        self.leaving = True
        if self.coming_back is not None:
            self.coming_back.cancel()
        with suppress(socketio.exceptions.SocketIOError):
            await self.client.disconnect()


def gist(answer: Answer) -> dict[str, Any]:
    """Return what the history keeps of an answer."""
    told = {name: answer[name] for name in KEPT if name in answer}
    if isinstance(answer.get("payment"), dict):
        payment = answer["payment"]
        told |= {"payment": payment["id"], "amount": payment["amount"]}
    return told
