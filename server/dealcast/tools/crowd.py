"""
``dealcast crowd``: many real viewers on real connections, and what they saw.

Each viewer is a Socket.IO client of its own with an account of its own. They
chat, rush a deal at its opening instant, pay what they got at the sandbox
provider, and check that every event of the show came, numbered n, n+1, ...
The latency of a buy counts from the instant at which it was meant to be sent.
"""

import asyncio
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.table import Table

from dealcast.tools.history import History
from dealcast.tools.scene import Plan, Refusal, Scene, Tally, percentile
from dealcast.tools.steady import Steady
from dealcast.tools.viewer import Viewer

JOIN_AT_ONCE = 40
WAIT_OPEN_S = 120.0
HEARD_S = 15.0  # How long the last event may take to be heard by everybody.


class Crowd(Scene):
    """All viewers of one scene."""

    def __init__(
        self,
        plan: Plan,
        session: aiohttp.ClientSession,
        history: History | None = None,
    ) -> None:
        super().__init__(plan, session, history)
        self.viewers: list[Viewer] = []
        self.load = Steady(self, self.viewers) if plan.steady_s > 0 else None

    async def run(self) -> Tally:
        """Do what the plan says and count."""
        await self.set_clock()
        await self.join()
        chat = asyncio.create_task(self.chat())
        try:
            if self.load is not None:
                await self.load.run()
            elif self.plan.buy:
                await self.rush()
            else:
                await asyncio.sleep(self.plan.seconds)
        finally:
            chat.cancel()
            with suppress(asyncio.CancelledError):
                await chat
            await asyncio.sleep(0.5)  # What is under way still counts.
            if self.load is not None:
                self.tally.deaf = await self.count_deaf()
            await asyncio.gather(*(viewer.leave() for viewer in self.viewers))
        return self.tally

    async def count_deaf(self) -> int:
        """Wait until all viewers are here and have heard the same; count others."""
        until = time.monotonic() + HEARD_S
        while True:
            last = max(viewer.cursor or (0, 0) for viewer in self.viewers)
            deaf = sum(not viewer.hears(last) for viewer in self.viewers)
            if not deaf or time.monotonic() > until:
                return deaf
            await asyncio.sleep(0.1)

    async def join(self) -> None:
        """Make the accounts and connect, a bounded number at once."""
        gate = asyncio.Semaphore(JOIN_AT_ONCE)

        async def one(number: int) -> Viewer:
            async with gate:
                name = f"Viewer {number + 1}"
                account = await self.post("/demo/accounts", {"name": name})
                viewer = Viewer(
                    number, account["token"], self, person=account["person"]
                )
                await viewer.join()
                self.tally.joined += 1
                return viewer

        self.viewers += await asyncio.gather(
            *(one(n) for n in range(self.plan.viewers))
        )

    async def chat(self) -> None:
        """Let random viewers chat at the plan's rate, all together."""
        if self.plan.chat_per_s <= 0:
            return
        said: set[asyncio.Task[None]] = set()
        number = 0
        began = time.monotonic()
        while True:
            number += 1
            due = began + number / self.plan.chat_per_s
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            viewer = self.rng.choice(self.viewers)
            task = asyncio.create_task(viewer.say(f"Line {number} from the crowd"))
            said.add(task)
            task.add_done_callback(said.discard)

    def next_deal(self) -> dict[str, Any] | None:
        """Return the planned deal that opens first, if one is to open in time."""
        planned = [
            deal
            for deal in self.deals.values()
            if deal["kind"] == "deal"
            and deal["status"] == "planned"
            and deal["opens_at"]
        ]
        return min(planned, key=lambda deal: int(deal["opens_at"]), default=None)

    async def plan_deal(self, token: str) -> None:
        """Plan a deal of our own that opens in three seconds."""
        products = (await self.get("/products", token))["products"]
        show = await self.get(f"/shows/{self.plan.show}", token)
        variant, product = max(
            ((v, p) for p in products for v in p["variants"]),
            key=lambda pair: int(pair[0]["stock"]),
        )
        price = next(p for p in variant["prices"] if p["currency"] == show["currency"])
        line = {"variant": variant["id"], "quantity": self.plan.open_quantity}
        body = {
            "product": product["id"],
            "lines": [{**line, "price": price}],
            "per_buyer_max": self.plan.quantity,
            "opens_at": int(self.server_now()) + 3000,
            "closes_at": int(self.server_now()) + 123_000,
            "hold_s": 120,
        }
        made = await self.post(
            f"/shows/{show['id']}/deals", body, token=token, key=secrets.token_hex(8)
        )
        self.deals = {d: deal for d, deal in self.deals.items() if d == made["id"]}

    async def rush(self) -> None:
        """Wait for the deal, buy all at once, pay what was got."""
        if self.plan.open_token:
            self.deals.clear()
            await self.plan_deal(self.plan.open_token)
        until = time.monotonic() + WAIT_OPEN_S
        while (deal := self.next_deal()) is None:
            self.changed.clear()
            left = until - time.monotonic()
            if left <= 0:
                raise Refusal("no_deal", f"no deal is planned within {WAIT_OPEN_S:g} s")
            with suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), left)
        wait_s = (deal["opens_at"] - self.server_now()) / 1000
        if wait_s > until - time.monotonic():
            raise Refusal("no_deal", f"the next deal opens only in {wait_s:.0f} s")
        at = time.monotonic() + wait_s
        line = deal["lines"][0]
        self.tally.quantity = sum(line["quantity"] for line in deal["lines"])
        await asyncio.gather(
            *(viewer.buy(deal["id"], line["variant"], at) for viewer in self.viewers)
        )
        self.tally.oversold = max(0, self.tally.units - self.tally.quantity)
        if self.plan.pay:
            winners = [viewer for viewer in self.viewers if viewer.holds]
            await asyncio.gather(*(winner.pay(self.session) for winner in winners))


def table(plan: Plan, tally: Tally) -> Table:
    """Lay out what the crowd saw."""
    sheet = Table(title=f"{plan.viewers} viewers in {plan.show}", show_header=False)
    sheet.add_column(style="bold")
    sheet.add_column(justify="right")
    rows: list[tuple[str, object]] = [("joined", tally.joined)]
    if plan.buy or plan.steady_s:
        rows += [
            ("units in the deals", tally.quantity),
            ("holds granted", tally.granted),
        ]
        rows += [(f"refused: {code}", n) for code, n in tally.refused.most_common()]
        rows += [("payments made", tally.paid), ("orders", tally.orders)]
        rows += [(f"not ordered: {code}", n) for code, n in tally.unpaid.most_common()]
        rows += [("never answered", tally.unresolved), ("oversold", tally.oversold)]
        rows += [("did not hear the last event", tally.deaf)]
        rows += [
            (f"buy p{p}", f"{percentile(tally.buy_ms, p / 100):.0f} ms")
            for p in (50, 99)
        ]
    rows += [("chat lines sent", tally.chat_sent)]
    rows += [
        (f"chat refused: {code}", n) for code, n in tally.chat_refused.most_common()
    ]
    rows += [("events received", tally.events), ("gaps", tally.gaps)]
    rows += [("duplicates", tally.duplicates), ("told differently", tally.differing)]
    rows += [("rejoined", tally.rejoined), ("of these by cursor", tally.recovered)]
    rows += [
        (f"event p{p}", f"{percentile(tally.event_ms, p / 100):.0f} ms")
        for p in (50, 99)
    ]
    for name, value in rows:
        sheet.add_row(name, str(value))
    return sheet


async def run(plan: Plan, file: Path | None = None) -> int:
    """
    Send the crowd, print its table, and return the exit code.

    What its clients saw goes to ``file``, as JSON lines.

    0: nothing oversold, nobody missed an event; 1: something was, or somebody
    did; 2: the crowd could not do what was asked.

    Raises:
        OSError: If the file cannot be written.
    """
    history = History(file)
    connector = aiohttp.TCPConnector(limit=plan.viewers, ssl=plan.trust)
    limit = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(connector=connector, timeout=limit) as session:
        try:
            with history:
                crowd = Crowd(plan, session, history)
                await crowd.run()
        except (Refusal, aiohttp.ClientError, OSError) as error:
            Console(stderr=True).print(f"crowd: {error}", style="red")
            return 2
    Console().print(table(plan, crowd.tally))
    return 0 if crowd.tally.good else 1
