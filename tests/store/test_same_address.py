"""An address of Redis is given to another server, as with one that is rented."""

import asyncio
import time
from pathlib import Path
from typing import get_args

import pytest

from tests.store.failing import OPEN_S, PARTITION, clerking, sell
from tests.support.books import books, sqlite_url
from tests.support.rented import Rented, Way
from tests.support.shards import calls


@pytest.mark.parametrize("way", get_args(Way))
async def test_another_server_at_the_same_address_is_built_anew(
    rented: Rented, tmp_path: Path, way: Way, capfd: pytest.CaptureFixture[str]
) -> None:
    """Connections to the old one stay open, as long as it lives."""
    old = rented.old
    async with books(rented.servers, sqlite_url(tmp_path)) as made, clerking(made):
        deal = await made.opened({"red": 100})
        await asyncio.gather(*(made.hold(deal, f"u_{n}") for n in range(20)))
        rented.give_away(way)
        began = time.monotonic()
        async with asyncio.timeout(OPEN_S):
            while made.ledger.position(PARTITION).epoch == 1:
                await sell(made, deal, f"u_{time.monotonic()}")
                await asyncio.sleep(0.05)
        took = time.monotonic() - began
        await sell(made, deal, "u_eve")
        before = calls(old) if way != "dies" else 0
        await asyncio.gather(*(sell(made, deal, f"u_x{n}") for n in range(20)))
        assert way == "dies" or calls(old) == before
    with capfd.disabled():
        print(f" turned after {took:.1f} s", end=" ")
