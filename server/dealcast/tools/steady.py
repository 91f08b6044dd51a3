"""
Buying without a pause: a load that is planned to the millisecond beforehand.

Buys come in clumps, at instants drawn from the seed, whether or not earlier
ones were answered: what a fault delays is counted as late, never left out. Most
buyers pay. Others release, decline, ask twice, or let the hold expire. Whoever
gets no answer asks again under the same key, in the end until there is one.
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, takewhile
from random import Random
from typing import Any, Literal

import aiohttp

from dealcast.tools.scene import Answer, Plan, Refusal, Scene
from dealcast.tools.viewer import Question, Viewer

CLUMP = 8  # Buys that come in one instant.
PER_BUYER_MAX = 2
SHARES = (0.2, 0.6, 3.0)  # Of the units that are asked for in time.
HOLD_S = 30
LOOK_S = 1.0
THINK_S = 1.5  # At most, before paying.
EARLY_S = 3.0  # Who lets a hold expire comes so soon.
OVER = ("paid", "cancelled", "failed", "voided")

Turn = Literal["pays", "releases", "declines", "leaves"]
WEIGHTS: dict[Turn, int] = {"pays": 70, "releases": 15, "declines": 15}


@dataclass(frozen=True, kw_only=True)
class Errand:
    """One buy that is planned."""

    at_s: float
    viewer: int
    deal: int
    quantity: int
    turn: Turn
    twice: bool  # Asks twice at once, under one key.
    think_s: float


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One deal of the load."""

    deal: str
    variant: str
    units: int


def schedule(plan: Plan) -> Iterator[Errand]:
    """Plan buys without an end; the same seed plans the same ones."""
    rng = Random(plan.seed)
    pause = CLUMP / plan.buys_per_s
    viewers: list[int] = []
    for clump in count():
        at_s = (clump + rng.random()) * pause
        for _ in range(CLUMP):
            if not viewers:  # Everybody has had a turn.
                viewers = rng.sample(range(plan.viewers), plan.viewers)
            leaves = rng.random() < 0.3 and plan.expiring and at_s < EARLY_S
            turn: Turn = rng.choices([*WEIGHTS], [*WEIGHTS.values()])[0]
            yield Errand(
                at_s=at_s,
                viewer=viewers.pop(),
                deal=rng.randrange(len(SHARES)),
                quantity=1 + (rng.random() < 0.1),
                turn="leaves" if leaves else turn,
                twice=rng.random() < 0.1,
                think_s=rng.random() * THINK_S,
            )


class Steady:
    """The load: errands of the viewers of one scene."""

    def __init__(self, scene: Scene, viewers: list[Viewer]) -> None:
        self.scene = scene
        self.viewers = viewers
        self.offers: list[Offer] = []
        self.sold: Counter[str] = Counter()  # Units that were told as paid, by deal.
        self.begun = asyncio.Event()
        self.enough = asyncio.Event()  # Unset, it goes on after its time as well.
        self.enough.set()

    @property
    def holds_in_flight(self) -> int:
        """How many holds are asked for and not answered."""
        return self.scene.in_flight["hold"]

    @property
    def payments_in_flight(self) -> int:
        """How many checkouts are not answered, or paid and not told as orders."""
        return self.scene.in_flight["checkout"] + self.scene.in_flight["money"]

    async def run(self) -> None:
        """Run all errands, then resolve what nobody has answered."""
        plan, tally = self.scene.plan, self.scene.tally
        if plan.open_token is None:
            raise Refusal("no_deal", "a steady load needs deals of its own")
        meant = list(takewhile(lambda one: one.at_s < plan.steady_s, schedule(plan)))
        await self.open(plan.open_token, meant)
        began = time.monotonic() + 0.2
        self.begun.set()
        self.scene.history.write(
            "plan", seed=plan.seed, show=plan.show, viewers=plan.viewers,
            buys_per_s=plan.buys_per_s, seconds=plan.steady_s,
        )  # fmt: skip
        errands: list[asyncio.Task[None]] = []
        for errand in schedule(plan):
            if errand.at_s > plan.steady_s and self.enough.is_set():
                break
            await asyncio.sleep(max(0.0, began + errand.at_s - time.monotonic()))
            errands.append(asyncio.create_task(self.errand(errand, began)))
        tally.asked = len(errands)
        await asyncio.gather(*errands)
        await asyncio.gather(*(self.resolve(viewer) for viewer in self.viewers))
        tally.unresolved = sum(len(viewer.open) for viewer in self.viewers)
        units = {offer.deal: offer.units for offer in self.offers}
        tally.quantity = sum(units.values())
        tally.oversold = sum(max(0, n - units[deal]) for deal, n in self.sold.items())

    async def open(self, token: str, errands: list[Errand]) -> None:
        """Open a deal for each share, on the variants with the most free stock."""
        scene = self.scene
        show = await scene.get(f"/shows/{scene.plan.show}", token)
        products = (await scene.get("/products", token))["products"]
        stocked = sorted(
            ((v, p) for p in products for v in p["variants"]),
            key=lambda pair: -int(pair[0]["stock"]),
        )
        for number, share in enumerate(SHARES):
            variant, product = stocked[number]
            wanted = sum(one.quantity for one in errands if one.deal == number)
            units = min(int(variant["stock"]), max(PER_BUYER_MAX, int(share * wanted)))
            price = [p for p in variant["prices"] if p["currency"] == show["currency"]]
            line = {"variant": variant["id"], "quantity": units, "price": price[0]}
            asked = {"product": product["id"], "lines": [line], "hold_s": HOLD_S,
                     "per_buyer_max": PER_BUYER_MAX}  # fmt: skip
            path, key = f"/shows/{show['id']}/deals", secrets.token_hex(8)
            made = await scene.post(path, asked, token=token, key=key)
            await scene.post(f"/deals/{made['id']}/open", {}, token=token, key=key)
            self.offers.append(
                Offer(deal=made["id"], variant=variant["id"], units=units)
            )

    # One errand.

    async def errand(self, errand: Errand, began: float) -> None:
        """Hold, then do what was planned with the hold."""
        viewer, offer = self.viewers[errand.viewer], self.offers[errand.deal]
        tally, at = self.scene.tally, began + errand.at_s
        body = {"deal": offer.deal, "variant": offer.variant,
                "quantity": errand.quantity, "key": secrets.token_hex(8)}  # fmt: skip
        meant = self.scene.history.at(at)
        answers = await asyncio.gather(
            *(viewer.ask("hold", body, meant=meant) for _ in range(1 + errand.twice))
        )
        tally.buy_ms.append((time.monotonic() - at) * 1000)
        answer = answers[0]
        if not answer["ok"]:
            tally.refused[answer["code"]] += 1
            return
        tally.granted += 1
        tally.units += errand.quantity
        if errand.turn == "leaves":
            await self.leave(viewer, answer["hold"], answer["expires_at"])
        elif errand.turn == "releases":
            await asyncio.sleep(errand.think_s)
            await viewer.ask("release", {"hold": answer["hold"]})
        else:
            await self.buy(viewer, errand, answer["hold"], offer.deal)

    async def leave(self, viewer: Viewer, hold: str, expires_at: int) -> None:
        """Let a hold expire, and look whether it did."""
        wait_s = (expires_at - self.scene.server_now()) / 1000
        await asyncio.sleep(max(0.0, wait_s))

        async def look() -> Answer:
            path = f"/holds/{hold}"
            said = await self.scene.attempt("GET", path, token=viewer.token)
            if said["ok"] and said["state"] == "held":
                return {"ok": False, "code": "in_progress"}
            return said

        await viewer.settle(question("look", look, hold=hold))

    async def buy(self, viewer: Viewer, errand: Errand, hold: str, deal: str) -> None:
        """Check out, pay or decline at the provider's page, wait for the end."""
        tally = self.scene.tally
        ask = self.checkout(viewer, hold)
        made = await viewer.settle(ask)
        if not made["ok"]:
            tally.unpaid[made["code"]] += 1
            return
        await asyncio.sleep(errand.think_s)
        self.scene.in_flight["money"] += 1
        try:
            url, choice = made["payment"]["url"], errand.turn.removesuffix("s")
            paid = await viewer.settle(self.choice(url, choice, made["order"]))
            tally.paid += paid["ok"] and errand.turn == "pays"
            end = await viewer.settle(self.end(viewer, ask, made["order"]))
        finally:
            self.scene.in_flight["money"] -= 1
        if end.get("state") == "paid":
            tally.orders += 1
            self.sold[deal] += errand.quantity
        elif errand.turn == "pays":
            tally.unpaid[str(end.get("state") or end.get("code"))] += 1

    def checkout(self, viewer: Viewer, hold: str) -> Question:
        """Return the question that begins a payment."""
        key = secrets.token_hex(8)

        async def send() -> Answer:
            return await self.scene.attempt(
                "POST", "/checkout", {"holds": [hold]}, token=viewer.token, key=key
            )

        return Question(what="checkout", key=key, send=send, about={"hold": hold})

    def choice(self, url: str, choice: str, order: str) -> Question:
        """Return what the buyer does on the provider's page."""

        async def send() -> Answer:
            limit = aiohttp.ClientTimeout(total=5)
            try:
                async with self.scene.session.post(
                    url, data={"choice": choice}, allow_redirects=False, timeout=limit
                ) as answer:
                    status = answer.status
            except (aiohttp.ClientError, TimeoutError):
                return {"ok": False, "code": "no_answer"}
            if status == 303:
                return {"ok": True}
            # 409: it is over, or was done by the request that was not answered.
            code = "no_answer" if status >= 500 else f"http_{status}"
            return {"ok": False, "code": code}

        return question(choice, send, order=order)

    def end(self, viewer: Viewer, checkout: Question, order: str) -> Question:
        """Return the question what became of an order; hearing of it is an answer."""

        async def send() -> Answer:
            viewer.heard.clear()
            told = viewer.orders.get(order), viewer.payments.get(order)
            known = [state for state in told if state in OVER]
            if known:
                return {"ok": True, "order": order, "state": known[0]}
            try:
                async with asyncio.timeout(LOOK_S):
                    await viewer.heard.wait()
            except TimeoutError:
                return await self.look(viewer, checkout, order)
            return {"ok": False, "code": "in_progress"}

        return question("order", send, order=order)

    async def look(self, viewer: Viewer, checkout: Question, order: str) -> Answer:
        """Ask what became of an order of which nothing was heard."""
        said = await self.scene.attempt("GET", f"/orders/{order}", token=viewer.token)
        if said["ok"]:
            if said["state"] in OVER:
                return {"ok": True, "order": order, "state": said["state"]}
        elif said["code"] == "not_found":
            again = await checkout.send()
            if not again["ok"] and not again.get("retryable"):
                return {"ok": True, "order": order, "state": "failed"}
        return {"ok": False, "code": "in_progress"}

    async def resolve(self, viewer: Viewer) -> None:
        """Ask again what was never answered; give back what turns out to be held."""
        unknown, viewer.open = viewer.open, []
        for one in unknown:
            answer = await viewer.settle(replace(one, about={**one.about, "again": 1}))
            if one.what == "hold" and answer["ok"]:
                await viewer.ask("release", {"hold": answer["hold"]})


def question(what: str, send: Any, **about: Any) -> Question:
    """Return a question under a key of its own."""
    return Question(what=what, key=secrets.token_hex(8), send=send, about=about)
