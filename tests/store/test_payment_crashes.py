"""A clerk or a worker dies between any two steps: the payment ends as if not."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from dealcast.core.ids import PaymentId
from dealcast.shop.checkout.service import CheckedOut
from dealcast.shop.courier import Courier
from dealcast.shop.payments import moves
from dealcast.shop.payments.inbox import Inbox
from dealcast.shop.payments.provider import Object
from dealcast.shop.payments.sandbox import Sandbox
from dealcast.store import posting, rows, tables
from dealcast.store.ledger import Ledger
from dealcast.store.outbox import Outbox
from dealcast.store.stock import Stock
from dealcast.tools.verify import verify
from tests.store.selling import Trade, caller

ANN = caller("ann")
STEP_MS = 500  # By which the clock goes on with each pass of the clerk.


class Killed(BaseException):
    """The process ends here; nothing of it may catch this."""


class Fault:
    """Ends the process once, just before or just after ``owner.name`` is done."""

    def __init__(self, owner: Any, name: str, when: str) -> None:
        self.owner, self.name, self.when = owner, name, when
        self.real = getattr(owner, name)
        self.struck = False

    async def __call__(self, *args: Any, **named: Any) -> Any:
        if not self.struck and self.when == "before":
            self._strike()
        result = await self.real(*args, **named)
        if not self.struck:
            self._strike()
        return result

    def _strike(self) -> None:
        self.struck = True
        raise Killed(f"{self.when} {self.name}")

    def lie_in_wait(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def faulty(*args: Any, **named: Any) -> Any:  # So that it is bound.
            return await self(*args, **named)

        monkeypatch.setattr(self.owner, self.name, faulty)


async def restart(trade: Trade) -> None:
    """Start a new clerk: nothing is left of what the old one had in mind."""
    trade.books.heard.clear()
    trade.books.__post_init__()
    await trade.books.ledger.start()
    trade.__post_init__()


async def drive_through(trade: Trade, payment: PaymentId, state: str) -> int:
    """Run clerks, each until it dies, to the payment's end; return how many died."""
    deaths = 0
    async with asyncio.timeout(20):
        while (await trade.payment(payment)).state != state or await unsent(trade):
            trade.clock.ahead_ms += STEP_MS
            try:
                await trade.driver.follow()
                await trade.books.follow()
                await trade.books.outbox.send_due()
                trade.driver.confirmed(trade.books.heard)
            except Killed:
                deaths += 1
                await restart(trade)
    return deaths


async def unsent(trade: Trade) -> bool:
    query = select(tables.outbox.c.op).where(tables.outbox.c.sent_at.is_(None))
    async with trade.books.database.read() as connection:
        return (await connection.execute(query)).first() is not None


async def paying(trade: Trade) -> CheckedOut:
    """Bring a buyer to the provider's page, and let her pay."""
    deal = await trade.listing()
    out = await trade.check_out(ANN, await trade.hold(ANN, deal.id, 2))
    await trade.choose(out.payment.url)
    await trade.heard(1)
    return out


async def check_sold_once(trade: Trade, out: CheckedOut) -> None:
    """Check that it was sold, captured, booked and told, each exactly once."""
    (order,) = await trade.rows(tables.orders)
    (line,) = await trade.rows(tables.order_line)
    assert (order.id, order.state, line.quantity) == (out.order, "paid", 2)
    assert await trade.units(line.deal) == (10, 8, 0, 2)
    entries = await trade.rows(tables.entry)
    assert sorted(one.amount for one in entries) == [-25_800, 25_800]
    assert [one["units"] for one in await trade.told(order.show, "log", "order")] == [2]
    for kind in ("own", "staff"):
        told = await trade.told(order.show, kind, "order")
        assert [one["state"] for one in told] == ["paid"]
    heard = await trade.told(order.show, "own", "payment")
    assert [one["state"] for one in heard] == ["authorised", "captured"]
    found = await trade.providers["sandbox"].fetch(out.payment.id)
    assert found is not None and found.status == "captured"
    assert await trade.driver.follow() == 0
    assert await verify(trade.books.database) == []


CHECKOUT = {
    "after the row, before pay": (Stock, "pay", "before"),
    "after pay, before create": (Sandbox, "create", "before"),
    "after create, before pending": (Sandbox, "create", "after"),
}


@pytest.mark.parametrize("point", CHECKOUT)
async def test_a_checkout_that_died_goes_on_with_its_key(
    trade: Trade, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    deal = await trade.listing()
    hold = await trade.hold(ANN, deal.id, 2)
    Fault(*CHECKOUT[point]).lie_in_wait(monkeypatch)
    with pytest.raises(Killed):
        await trade.check_out(ANN, hold, key="k")
    out = await trade.check_out(ANN, hold, key="k")
    await trade.choose(out.payment.url)
    assert await drive_through(trade, out.payment.id, "captured") == 0
    await check_sold_once(trade, out)


@pytest.mark.parametrize("point", CHECKOUT)
async def test_a_checkout_that_died_for_good_gives_its_units_back(
    trade: Trade, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    deal = await trade.listing()
    hold = await trade.hold(ANN, deal.id, 2)
    Fault(*CHECKOUT[point]).lie_in_wait(monkeypatch)
    with pytest.raises(Killed):
        await trade.check_out(ANN, hold)
    (row,) = await trade.rows(tables.payment)
    trade.clock.ahead_ms = 931_000
    await drive_through(trade, row.id, "failed")
    claim = await trade.books.stock.get(hold)
    assert claim is not None
    # One that was never marked is its buyer's still, until it expires.
    state, free = ("held", 8) if "before pay" in point else ("released", 10)
    assert claim.state == state
    assert await trade.units(deal.id) == (10, free, 10 - free, 0)
    assert await verify(trade.books.database, trade.books.redis) == []


SALE = {
    "before the webhook is applied": (Inbox, "apply", "before"),
    "after it, before the provider is asked": (Sandbox, "fetch", "before"),
    "while it becomes authorised": (moves, "tell_buyer", "after"),
    "before confirm": (Stock, "confirm", "before"),
    "after confirm, before the ledger's commit": (Stock, "confirm", "after"),
    "while the ledger writes": (rows, "write", "after"),
    "before the ledger moves on": (posting, "_move", "before"),
    "after the ledger's commit": (Ledger, "_post", "after"),
    "before capture": (Sandbox, "capture", "before"),
    "after capture, before it is posted": (Sandbox, "capture", "after"),
    "while it is posted": (moves, "_enter", "after"),
    "after post, before it is sent": (Courier, "send", "before"),
    "after it is sent, before that is noted": (Outbox, "_mark", "before"),
}


@pytest.mark.parametrize("point", SALE)
async def test_a_sale_is_finished_exactly_once(
    trade: Trade, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    out = await paying(trade)
    Fault(*SALE[point]).lie_in_wait(monkeypatch)
    assert await drive_through(trade, out.payment.id, "captured") == 1
    await check_sold_once(trade, out)


# And whether the deal is closed by then: its units go to free stock instead.
REFUSAL: dict[str, tuple[Any, str, str, bool]] = {
    "while the order is cancelled": (moves, "refuse_capture", "after", True),
    "before release": (Stock, "release", "before", False),
    "after release, before the ledger's commit": (Stock, "release", "after", True),
    "before cancel": (Sandbox, "cancel", "before", False),
    "after cancel": (Sandbox, "cancel", "after", True),
    "while the ledger writes": (posting, "_move", "before", False),
}


@pytest.mark.parametrize("point", REFUSAL)
async def test_a_refused_capture_is_undone_exactly_once(
    trade: Trade, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    owner, name, when, closed = REFUSAL[point]
    out = await paying(trade)
    (deal,) = await trade.rows(tables.deal)
    if closed:
        await trade.books.stock.close(deal.id, op="close")

    cancel = Sandbox.cancel

    async def refuse(provider: Sandbox, reference: PaymentId) -> Object | None:
        return await cancel(provider, reference)

    monkeypatch.setattr(Sandbox, "capture", refuse)
    await trade.drive(lambda: is_confirmed(trade, out))
    Fault(owner, name, when).lie_in_wait(monkeypatch)
    assert await drive_through(trade, out.payment.id, "voided") == 1
    assert await trade.order_state(out.order) == "cancelled"
    assert await trade.units(deal.id) == ((0, 0, 0, 0) if closed else (10, 10, 0, 0))
    assert await trade.free() == (20 if closed else 10)
    assert await trade.rows(tables.entry) == []
    orders = await trade.told(deal.show, "own", "order")
    assert [one["state"] for one in orders] == ["cancelled"]
    heard = await trade.told(deal.show, "own", "payment")
    assert [(one["state"], one["reason"]) for one in heard] == [
        ("authorised", None), ("voided", "capture_refused")
    ]  # fmt: skip
    assert await verify(trade.books.database) == []


async def is_confirmed(trade: Trade, out: CheckedOut) -> bool:
    return bool((await trade.payment(out.payment.id)).state == "confirmed")


async def test_verify_agrees_at_every_step_of_a_refusal(
    trade: Trade, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = await paying(trade)
    monkeypatch.setattr(Sandbox, "capture", Sandbox.cancel)
    await trade.books.follow()
    seen: list[tuple[str, str | None, str]] = []
    while not seen or seen[-1][0] != "voided":
        trade.clock.ahead_ms += STEP_MS
        for step in (trade.driver.follow, trade.books.follow):
            await step()
            payment = await trade.payment(out.payment.id)
            (hold,) = await trade.rows(tables.hold)
            now = (payment.state, await trade.order_state(out.order), hold.state)
            if now not in seen:
                assert await verify(trade.books.database) == []
                seen.append(now)
    assert ("voiding", "cancelled", "confirmed") in seen
    assert ("voiding", "cancelled", "released") in seen
    assert list(dict.fromkeys(state for state, *_ in seen)) == [
        "authorised",
        "confirmed",
        "voiding",
        "voided",
    ]
