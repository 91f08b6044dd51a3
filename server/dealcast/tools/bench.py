"""
``dealcast bench``: measurements, each beside a plain baseline in the same run.

``holds``: what one hold costs as the product does it (one function call for
each buy, fsync before the answer, every check on), beside the least that any
counter could do: one HINCRBY through the same client to the same server, which
checks nothing, keeps no hold and tells nobody.
"""

import asyncio
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from dealcast import __version__
from dealcast.config import Settings, Unusable
from dealcast.core.ids import DealId, Partition, PersonId, ShowId, VariantId, hold_id
from dealcast.store import keys
from dealcast.store.library import library_text
from dealcast.store.redis import Redis
from dealcast.store.server import Server
from dealcast.store.stock import DealTerms, HoldItem, Stock

SHOW = ShowId("s07_bench00000")
VARIANT = VariantId("tea")
AT_ONCE = 64
EPOCH, LEASE = 1, 1


@dataclass(frozen=True, slots=True)
class Cost:
    """What a number of calls cost."""

    per_s: float
    redis_us: float
    client_us: float


def run(settings: Settings, what: str, runs: int, count: int) -> int:
    """
    Measure and print every run.

    Raises:
        Unusable: If a number makes no sense.
    """
    if not 1 <= runs <= 100 or not AT_ONCE <= count <= 1_000_000:
        raise Unusable(f"--runs: 1 to 100, --count: {AT_ONCE} to 1000000")
    assert what == "holds", "the parser allows nothing else"
    with tempfile.TemporaryDirectory(prefix="dealcast-bench-") as folder:
        uvloop.run(holds(Path(folder), settings.redis.binary, runs, count))
    return 0


async def holds(folder: Path, binary: str | None, runs: int, count: int) -> None:
    """Measure holds, refusals for want of stock, and the baseline, run by run."""
    server = Server(folder, binary=binary)
    await server.start()
    redis = await Redis.connect(server.url)
    try:
        await redis.load_library(library_text())
        await open_partition(redis, Partition(7))
        stock = Stock(redis)
        costs: dict[str, list[Cost]] = {"hold": [], "sold out": [], "HINCRBY": []}
        for number in range(runs):
            deal = DealId(f"d07_bench{number:05d}")
            await load(stock, deal, count)
            for name in ("hold", "sold out"):
                step = buyer(stock, deal, f"{name}{number}")
                costs[name].append(await measure(redis, step, count))

            async def baseline(n: int) -> None:
                await redis.command("{p07}:plain", "HINCRBY", "{p07}:plain", "free", -1)

            costs["HINCRBY"].append(await measure(redis, baseline, count))
        told = (await redis.servers())[0]
        report(costs, count, told.get("redis_version", "?"))
    finally:
        await redis.aclose()
        await server.stop()


def buyer(stock: Stock, deal: DealId, name: str) -> Callable[[int], Awaitable[None]]:
    """Return one buy by a person of its own; it is to be answered, as it may be."""

    async def buy(n: int) -> None:
        person = PersonId(f"u_{name}{n}")
        item = HoldItem(
            hold=hold_id(deal, person, str(n)),
            buyer=person,
            variant=VARIANT,
            quantity=1,
            fingerprint="f",
        )
        (answer,) = await stock.hold(deal, [item])
        expected = "sold_out" if name.startswith("sold out") else "ok"
        assert answer.code == expected, answer

    return buy


async def load(stock: Stock, deal: DealId, units: int) -> None:
    """Open a deal of ``units``."""
    terms = DealTerms(
        deal=deal,
        show=SHOW,
        status="open",
        per_buyer_max=1,
        hold_ms=3_600_000,
        opens_at=None,
        closes_at=None,
        view=msgspec.json.encode({"id": deal}).decode(),
        lines=[(VARIANT, units)],
    )
    await stock.load(f"load:{deal}", terms)


async def open_partition(redis: Redis, partition: Partition) -> None:
    """Do for one partition what the gate does for a new data folder."""
    meta, facts = keys.meta(partition), keys.facts(partition)
    seen = await redis.run_of(partition)
    told = (LEASE, str(EPOCH), "0", "", "bench", seen)
    for function, names, args in (
        ("dc1_begin", [meta, facts], (LEASE, EPOCH)),
        ("dc1_admit", [meta], told),
    ):
        answer = await redis.call(function, names, args)
        assert answer[0] == b"ok", (function, answer)


async def measure(
    redis: Redis, step: Callable[[int], Awaitable[None]], count: int
) -> Cost:
    """Do ``count`` steps, a bounded number at once."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await step(number)

    redis_before, client_before = await redis_cpu(redis), own_cpu()
    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    took = time.perf_counter() - began
    return Cost(
        per_s=count / took,
        redis_us=(await redis_cpu(redis) - redis_before) / count * 1e6,
        client_us=(own_cpu() - client_before) / count * 1e6,
    )


async def redis_cpu(redis: Redis) -> float:
    """Return the CPU seconds that the server has used."""
    told: bytes = await redis.command("{p07}:plain", "INFO", "cpu")
    lines = dict(
        line.split(":", 1) for line in told.decode().splitlines() if ":" in line
    )
    return float(lines["used_cpu_user"]) + float(lines["used_cpu_sys"])


def own_cpu() -> float:
    """Return the CPU seconds that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def report(costs: dict[str, list[Cost]], count: int, redis_version: str) -> None:
    """Print all runs, their medians, and the ratio to the baseline."""
    title = (
        f"{count} calls a run, {AT_ONCE} at once, appendfsync always; "
        f"dealcast {__version__}, redis-server {redis_version}, "
        f"redis-py {version('redis')}, Python {platform.python_version()}"
    )
    sheet = Table(title=title)
    for name in ("what", "run", "calls/s", "Redis us/call", "client us/call", "ratio"):
        sheet.add_column(name, justify="left" if name == "what" else "right")
    base = statistics.median(cost.redis_us for cost in costs["HINCRBY"])
    for what, runs in costs.items():
        for number, cost in enumerate(runs, 1):
            row = cost.per_s, cost.redis_us, cost.client_us
            sheet.add_row(what, str(number), *(f"{value:,.0f}" for value in row), "")
        middle = [
            statistics.median(getattr(cost, field) for cost in runs)
            for field in ("per_s", "redis_us", "client_us")
        ]
        sheet.add_row(
            what,
            "median",
            *(f"{value:,.0f}" for value in middle),
            f"{middle[1] / base:.1f} x HINCRBY in Redis",
            style="bold",
            end_section=True,
        )
    Console(width=120).print(sheet)
