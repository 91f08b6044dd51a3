"""
One story of a fault: a node under load, what befalls it, and what came of it.

``survive`` takes any node and any fault; see README.md.
"""

import asyncio
import json
import math
import shutil
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import aiohttp
import pytest

from dealcast.tools.crowd import Crowd
from dealcast.tools.history import History
from dealcast.tools.scene import Plan, Tally
from tests.faults import checker
from tests.support.exports import export
from tests.support.server import Node
from tests.support.shopper import sign, visiting

VIEWERS = 200
STRIKE_S = 3.0  # From the beginning of the load to the fault,
AFTER_S = 6.0  # and from its end to that of the load.
CHAT_PER_S = 2.0
HOLDS_MIN = PAYMENTS_MIN = 3  # In flight when the fault strikes.
LOOK_S = 0.1
ANSWER_S = 5.0  # How long a node may take to say whether it is ready.
SOLD_AFTER_MIN = 10
STOCK = 5_000

Fault = Callable[[Node], Awaitable[None]]


class Print(Protocol):
    """Prints past pytest's capture."""

    def __call__(self, text: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Story:
    """What is to happen, and how long it may take."""

    name: str
    fault: Fault
    seconds: float = 10.0  # How long the load lasts at least,
    buys_per_s: float = 30.0  # and how dense it is.
    seed: int = 7
    expiring: bool = False  # Some holds expire, which takes half a minute.
    patience_s: float = 60.0
    ready_s: float = 20.0  # Ready again so long after the fault is over, at most,
    back_s: float = 30.0  # and all clients are back.
    errors: Collection[str] = ()  # What the logs may call an error.
    cut_lines: bool = False  # A line of a log may be cut, as on a full disk.


Look = tuple[float, str]  # An instant, and what was amiss: "" if nothing was.


@dataclass
class Sight:
    """What was seen of the node from outside, all the time."""

    ready: list[Look] = field(default_factory=list)
    here: list[Look] = field(default_factory=list)

    async def watch(self, url: str, crowd: Crowd) -> None:
        """Look until cancelled."""
        limit = aiohttp.ClientTimeout(total=ANSWER_S)
        async with aiohttp.ClientSession(timeout=limit) as session:
            while True:
                why = "no answer"
                with suppress(aiohttp.ClientError, TimeoutError, ValueError):
                    async with session.get(f"{url}/readyz") as answer:
                        parts = (await answer.json(content_type=None))["parts"]
                        why = ", ".join(part for part in parts if parts[part])
                now = time.monotonic()
                self.ready.append((now, why))
                away = sum(not viewer.is_here() for viewer in crowd.viewers)
                self.here.append((now, "" if not away else "away"))
                await asyncio.sleep(LOOK_S)


def first(seen: list[Look], since: float) -> float:
    """Return how long after an instant nothing was amiss."""
    return next((at - since for at, why in seen if at >= since and not why), math.inf)


def absences(seen: list[Look], since: float) -> str:
    """Name the times, in seconds from an instant, in which something was amiss."""
    found: list[list[tuple[float, str]]] = []
    before = ""
    for at, why in seen:
        if before:
            found[-1].append((at - since, why or before))
        elif why:
            found.append([(at - since, why)])
        before = why
    times = [
        f"{one[0][0]:.1f} to {one[-1][0]:.1f} s ("
        + "; then ".join(dict.fromkeys(why for _, why in one))
        + ")"
        for one in found
        if one[-1][0] > 0
    ]
    return ", ".join(times) or "never"


@dataclass
class Outcome:
    """What came of a story."""

    story: Story
    holds: int
    payments: int
    unready: str
    away: str
    over_s: float
    ready_s: float
    back_s: float
    sale_s: float | None
    sold_after: int
    tally: Tally
    world: checker.World
    violations: list[tuple[str, str]]

    def lines(self) -> list[str]:
        """Return what is to be printed."""
        sale = "no sale" if self.sale_s is None else f"first sale {self.sale_s:.1f} s"
        story, tally = self.story, self.tally
        late = sorted(tally.buy_ms)[int(len(tally.buy_ms) * 0.99)]
        return [
            f"\n{story.name} (seed {story.seed}): in flight at the fault: "
            f"{self.holds} holds, {self.payments} payments; unready {self.unready}; "
            f"somebody away {self.away}; over after {self.over_s:.1f} s, then ready "
            f"{self.ready_s:.1f} s, all back {self.back_s:.1f} s, {sale}, "
            f"{self.sold_after} orders paid; buys {tally.asked}, granted "
            f"{tally.granted}, paid {tally.orders}, not paid {dict(tally.unpaid)}, "
            f"refused {dict(tally.refused)}, p99 {late:.0f} ms",
            *checker.report(self.world, self.violations),
        ]


class Stage:
    """Plays stories on a node."""

    def __init__(self, node: Node, folder: Path, say: Print) -> None:
        self.node = node
        self.folder = folder
        self.say = say

    @property
    def books(self) -> Path | str:
        """Where the node's books are."""
        given = self.node.settings.get("DEALCAST__SQL__URL")
        return given or self.node.data / "books.sqlite3"

    async def play(self, story: Story) -> Outcome:
        """Let the fault strike under load; check everything that can be checked."""
        async with visiting(self.node.url) as shop:
            await shop.new_product({"red": STOCK, "green": STOCK, "blue": STOCK})
        plan = Plan(
            url=self.node.url, show="demo", viewers=VIEWERS, chat_per_s=CHAT_PER_S,
            open_token=sign("shop"), seed=story.seed, steady_s=story.seconds,
            buys_per_s=story.buys_per_s, expiring=story.expiring,
            patience_s=story.patience_s,
        )  # fmt: skip
        file, sight = self.folder / "history.jsonl", Sight()
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            with History(file) as history:
                crowd = Crowd(plan, session, history)
                watching = asyncio.create_task(sight.watch(self.node.url, crowd))
                striking = asyncio.create_task(self.strike(story, crowd))
                tally = await crowd.run()
                watching.cancel()
                holds, payments, struck, over = await striking
        return await asyncio.to_thread(
            self.judge, story, sight, (holds, payments, struck, over), tally
        )

    async def strike(self, story: Story, crowd: Crowd) -> tuple[int, int, float, float]:
        """Wait for holds and payments in flight, strike, and mark it."""
        load, history = crowd.load, crowd.history
        assert load is not None
        await load.begun.wait()
        await asyncio.sleep(STRIKE_S)
        for looks in count():
            holds, payments = load.holds_in_flight, load.payments_in_flight
            if holds >= HOLDS_MIN and payments >= PAYMENTS_MIN:
                break
            assert looks < 20_000, "a fault with nothing in flight shows nothing"
            await asyncio.sleep(0.001)
        struck = time.monotonic()
        history.write(
            "mark", what="fault", fault=story.name, holds=holds, payments=payments
        )
        load.enough.clear()
        await story.fault(self.node)
        history.write("mark", what="over", fault=story.name)
        over = time.monotonic()
        await asyncio.sleep(AFTER_S)
        load.enough.set()
        return holds, payments, struck, over

    def judge(
        self, story: Story, sight: Sight, seen: tuple[int, int, float, float],
        tally: Tally,
    ) -> Outcome:  # fmt: skip
        """Hold everything against everything, print it, and fail if it is wrong."""
        holds, payments, struck, over = seen
        verified = self.node.dealcast("verify")
        shutil.copytree(self.node.data / "log", self.folder / "log")
        files = export(self.node.data, self.folder, books=self.books)
        world = checker.read(self.folder / "history.jsonl", *files)
        marks = [m["t"] for m in world.seen.marks if m.get("what") == "over"]
        later = [op for op in world.seen.good("hold") if op.asked > marks[0]]
        sales = [op.ended - marks[0] for op in world.seen.good("hold")
                 if op.ended > marks[0]]  # fmt: skip
        mine = {(op.client, op.answer["hold"]) for op in later}
        bought = {(op.client, op.about["hold"]): op.answer["order"]
                  for op in world.seen.good("checkout")}  # fmt: skip
        paid = {op.answer["order"] for op in world.seen.good("order")
                if op.answer["state"] == "paid"}  # fmt: skip
        outcome = Outcome(
            story=story, holds=holds, payments=payments,
            unready=absences(sight.ready, struck), away=absences(sight.here, struck),
            over_s=over - struck,
            ready_s=first(sight.ready, over), back_s=first(sight.here, over),
            sale_s=min(sales) / 1000 if sales else None,
            sold_after=len({bought.get(one) for one in mine} & paid),
            tally=tally, world=world, violations=checker.check(world),
        )  # fmt: skip
        for line in outcome.lines():
            self.say(line)
        self.insist(outcome, verified.returncode, verified.stdout + verified.stderr)
        return outcome

    def insist(self, outcome: Outcome, verified: int, told: str) -> None:
        """Fail if anything is not as it must be."""
        story, tally = outcome.story, outcome.tally
        assert outcome.violations == []
        assert verified == 0, told
        assert tally.good, tally
        assert self.node.ready()
        assert outcome.ready_s <= story.ready_s
        assert outcome.back_s <= story.back_s
        assert outcome.sold_after >= SOLD_AFTER_MIN
        strange = [
            line
            for line in self.node.faults()
            if not any(known in line for known in story.errors)
            and not (story.cut_lines and is_cut(line))
        ]
        assert not strange, "\n".join(strange)


def is_cut(fault: str) -> bool:
    """Tell whether a line of a log is not whole."""
    try:
        json.loads(fault.partition(": ")[2])
    except ValueError:
        return True
    return False


@pytest.fixture
def stage_of(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> Callable[[Node], Stage]:
    """Return what makes any node one on which stories are played."""

    def say(text: str) -> None:
        with capfd.disabled():
            print(text)

    def make(node: Node) -> Stage:
        folder = tmp_path / uuid4().hex
        folder.mkdir()
        return Stage(node, folder, say)

    return make


Make = Callable[[Node], Stage]
