"""Two nodes on the same stores: one clerk works, the other takes over."""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from dealcast.store import tables
from dealcast.store.sql import Database
from tests.support.redis import RedisServers
from tests.support.server import Node
from tests.support.shopper import SETTINGS, Shop, eventually, visiting


def events(node: Node) -> list[str]:
    """Return what the node's clerk has logged, by its events."""
    log = node.data / "log" / "clerk.log"
    return [json.loads(line)["event"] for line in log.read_text().splitlines()]


def said(node: Node, event: str, times: int = 1) -> Callable[[], Any]:
    """Return what tells whether the node's clerk has said something so often."""

    async def look() -> bool:
        return events(node).count(event) >= times

    return look


async def sell(shop: Shop, show: str, deal: str) -> str:
    """Sell one unit, all the way to the money."""
    token = shop.token()
    hold = await shop.done(
        "POST", f"/deals/{deal}/holds", {"quantity": 1}, token=token, key="hold"
    )
    out = await shop.check_out(token, hold["hold"])
    await shop.choose(out, "pay")

    async def paid() -> bool:
        page = await shop.done("GET", f"/shows/{show}/orders", token=shop.host)
        return any(
            (one["id"], one["state"]) == (out["order"], "paid")
            for one in page["orders"]
        )

    await eventually(paid)
    order: str = out["order"]
    return order


async def lease(url: str) -> int:
    """Return the number of the clerk's lease."""
    database = Database.connect(url)
    async with database.read() as connection:
        number = await connection.scalar(select(tables.clerk.c.lease))
    await database.aclose()
    return int(number or 0)


@pytest.mark.timeout(240)  # Several times what it takes on an idle machine.
async def test_the_second_clerk_takes_over(
    nodes: Callable[..., Node],
    own_redis: RedisServers,
    postgres_url: str,
) -> None:
    stores = {
        "DEALCAST__REDIS__URL": own_redis.url,
        "DEALCAST__SQL__URL": postgres_url,
        **SETTINGS,
    }
    first = nodes("--workers=1", **stores)
    provider = f"http://127.0.0.1:{first.port + 1}"
    second = nodes("--workers=1", **stores, DEALCAST__PAYMENTS__SANDBOX_URL=provider)
    await eventually(said(second, "standing_by"))
    assert "taking_over" not in events(second)
    async with visiting(first.url) as shop, visiting(second.url) as elsewhere:
        show, deal = await shop.on_sale(6)
        await sell(shop, show, deal)

        # Halted for longer than its lease; then it wakes.
        halted = first.pid("clerk")
        os.kill(halted, signal.SIGSTOP)
        await eventually(said(second, "taking_over"))
        await sell(elsewhere, show, deal)
        assert second.ready() and not first.ready()
        os.kill(halted, signal.SIGCONT)
        await eventually(said(first, "standing_by"))
        assert "fenced" in events(first)
        assert first.pid("clerk") == halted
        await eventually(lambda: asyncio.to_thread(first.ready))
        await sell(shop, show, deal)

        # Killed, it comes back on its own data folder: at once, as the same holder.
        at_work = second.pid("clerk")
        os.kill(at_work, signal.SIGKILL)
        await eventually(said(second, "taking_over", 2))
        await sell(shop, show, deal)
        assert events(first).count("taking_over") == 1

        # Its whole node stops: the lease is given back, and the first one goes on.
        before = await lease(postgres_url)
        second.stop()
        await eventually(said(first, "taking_over", 2))
        await sell(shop, show, deal)
        assert await lease(postgres_url) == before + 1
        stock = (await shop.done("GET", f"/shows/{show}/deals"))["stock"][deal]
        assert list(stock.values()) == [{"free": 1, "held": 0, "sold": 5}]
    verified = first.dealcast("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert first.faults() == []
