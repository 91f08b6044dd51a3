"""The clerk's lease: one holds it, and whoever was succeeded finds out."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from dealcast.core.clock import ManualClock
from dealcast.core.errors import Unavailable
from dealcast.store.lease import KEPT_MS, Lease
from dealcast.store.posting import Fenced
from dealcast.store.sql import Database
from tests.support.ports import free_port


@dataclass
class Time:
    """What clocks show, and what has really passed."""

    clock: ManualClock
    passed: int = 0

    def goes_on(self, ms: int) -> None:
        self.clock.advance(ms)
        self.passed += ms

    def ticks(self) -> int:
        return self.passed


@pytest.fixture
def time() -> Time:
    return Time(ManualClock(1_000_000))


@pytest.fixture
async def clerk(database_url: str, time: Time) -> AsyncIterator[Callable[[str], Lease]]:
    """Return what makes a clerk's lease by the name of its holder."""
    database = Database.connect(database_url)
    await database.migrate()

    def make(holder: str) -> Lease:
        return Lease(database, holder=holder, clock=time.clock, ticks=time.ticks)

    yield make
    await database.aclose()


Make = Callable[[str], Lease]


async def test_one_holds_it_as_long_as_it_renews(clerk: Make, time: Time) -> None:
    first, second = clerk("a"), clerk("b")
    assert await first.take()
    for _ in range(10):
        assert not await second.take()
        time.goes_on(KEPT_MS - 1)
        await first.renew()
    assert not await second.take()


async def test_silence_is_succeeded_and_fenced(clerk: Make, time: Time) -> None:
    first, second = clerk("a"), clerk("b")
    assert await first.take()
    assert not await second.take()
    time.goes_on(KEPT_MS)
    assert not await second.take()
    await first.renew()  # Late, but nobody has taken it.
    assert not await second.take()
    time.goes_on(KEPT_MS + 1)
    assert await second.take()
    with pytest.raises(Fenced):
        await first.renew()
    assert not await first.take()  # Both are alive: it does not go to and fro.
    await first.give_back()  # Which is not its to give any more.
    await second.renew()


async def test_a_transaction_of_the_old_one_is_undone(
    clerk: Make, time: Time, database_url: str
) -> None:
    first, second = clerk("a"), clerk("b")
    assert await first.take()
    database = Database.connect(database_url)
    async with database.begin() as connection:
        await first.check(connection)
    assert not await second.take()
    time.goes_on(KEPT_MS + 1)
    assert await second.take()
    with pytest.raises(Fenced):
        async with database.begin() as connection:
            await first.check(connection)
    async with database.begin() as connection:
        await second.check(connection)
    await database.aclose()


async def test_what_was_given_back_is_free_at_once(clerk: Make) -> None:
    first, second = clerk("a"), clerk("b")
    assert await first.take()
    await first.give_back()
    assert await second.take()
    assert not await first.take()
    await second.give_back()
    assert await first.take()


async def test_the_next_one_on_the_same_folder_takes_over(
    clerk: Make, time: Time
) -> None:
    first, next_one = clerk("a"), clerk("a")
    assert await first.take()
    assert await next_one.take()
    with pytest.raises(Fenced):
        await first.renew()
    for _ in range(5):  # And if the first was alive after all, it lets it be.
        assert not await first.take()
        time.goes_on(KEPT_MS // 2)
        await next_one.renew()


async def test_it_may_be_begun_anew_by_who_has_it(clerk: Make) -> None:
    first = clerk("a")
    assert await first.take()
    assert await first.take()
    await first.renew()


async def test_a_clock_that_stands_or_goes_back_is_no_silence(
    clerk: Make, time: Time
) -> None:
    first, second = clerk("a"), clerk("b")
    assert await first.take()
    for _ in range(5):
        assert not await second.take()
        time.clock.advance(-3_600_000)
        time.passed += KEPT_MS - 1
        await first.renew()
    time.clock.advance(7_200_000)
    assert not await second.take()


async def test_nobody_succeeds_while_the_books_are_away(time: Time) -> None:
    """Whoever could not renew must be given the time to, once they are back."""
    url = f"postgresql+asyncpg://dealcast@127.0.0.1:{free_port()}/dealcast"
    database = Database.connect(url)
    lease = Lease(database, holder="b", clock=time.clock, ticks=time.ticks)
    lease._seen, lease._seen_at = (1, 1), 0
    with pytest.raises(Unavailable):
        await lease.take()
    assert lease._seen is None
    await lease.give_back()  # Which cannot be either, and holds up no stop.
    await database.aclose()


async def test_of_many_that_begin_at_once_one_has_it(
    database_url: str, time: Time
) -> None:
    several = [Database.connect(database_url) for _ in range(4)]
    await several[0].migrate()
    leases = [
        Lease(one, holder=str(n), clock=time.clock, ticks=time.ticks)
        for n, one in enumerate(several)
    ]
    taken = await asyncio.gather(*(lease.take() for lease in leases))
    assert sorted(taken) == [False, False, False, True]
    await leases[taken.index(True)].renew()
    for one in several:
        await one.aclose()
