"""Clerks take turns: one works, the others stand by, and nobody is fenced twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from dealcast.app import turns as module
from dealcast.app.turns import Turns
from dealcast.core.errors import Unavailable
from dealcast.store.lease import Lease
from dealcast.store.posting import Fenced


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.01)


@dataclass
class Given:
    """A lease that is had when a test says so."""

    free: bool = False
    failure: Exception | None = None

    async def take(self) -> bool:
        if self.failure is not None:
            raise self.failure
        return self.free


@dataclass
class Work:
    """What is done while the lease is had."""

    failure: Exception | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        self.began.set()
        if self.failure is not None:
            raise self.failure

    async def stop(self) -> None:
        self.stopped.set()

    async def ready(self) -> dict[str, str | None]:
        return {"gate": None}


@asynccontextmanager
async def taking(lease: Given, *works: Work) -> AsyncIterator[Turns]:
    queue = list(works)
    turns = Turns(cast(Lease, lease), lambda: queue.pop(0))
    told = asyncio.Event()
    running = asyncio.create_task(turns.run(told))
    try:
        async with asyncio.timeout(10):
            yield turns
    finally:
        told.set()
        await running


async def until(true: Any) -> None:
    for pause in [0.01] * 1000:
        if true():
            return
        await asyncio.sleep(pause)
    raise AssertionError


async def test_nothing_is_wrong_with_standing_by() -> None:
    lease, work = Given(), Work()
    async with taking(lease, work) as turns:
        await until(lambda: turns.waits is None)
        assert await turns.ready() == {"lease": None}
        assert not work.began.is_set()
        lease.free = True
        await work.began.wait()
        assert await turns.ready() == {"gate": None}
    assert work.stopped.is_set()


async def test_who_was_succeeded_leaves_off_and_stands_by() -> None:
    lease, first, second = Given(free=True), Work(), Work()
    async with taking(lease, first, second) as turns:
        await first.began.wait()
        lease.free = False
        first.over.set()
        await first.stopped.wait()
        assert await turns.ready() == {"lease": None}
        lease.free = True
        await second.began.wait()


@pytest.mark.parametrize("failure", [Fenced("by another"), Unavailable("books")])
async def test_a_start_that_fails_is_tried_again(failure: Exception) -> None:
    first, second = Work(failure), Work()
    async with taking(Given(free=True), first, second):
        await first.stopped.wait()
        await second.began.wait()
        assert not second.stopped.is_set()


async def test_books_that_are_away_are_said() -> None:
    lease = Given(failure=Unavailable("books"))
    async with taking(lease, Work()) as turns:
        await until(lambda: turns.waits == "unavailable")
        assert await turns.ready() == {"lease": "unavailable"}
        lease.failure = None
        await until(lambda: turns.waits is None)
