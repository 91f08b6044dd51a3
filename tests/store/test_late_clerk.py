"""A clerk that was halted, and goes on when another one has done its work."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.errors import ProviderUnavailable, RefundDue
from dealcast.core.ids import PaymentId
from dealcast.core.states import PAYMENT, advance
from dealcast.shop.payments import rules
from dealcast.shop.payments.driver import PaymentDriver
from dealcast.shop.payments.moves import lines
from dealcast.store import tables
from dealcast.store.posting import Fenced
from dealcast.store.recount import Difference
from dealcast.store.stock import PaidLine
from dealcast.tools.verify import verify
from tests.store.selling import Trade, caller
from tests.store.test_shop_payments import make_odd

ANN, BOB = caller("ann"), caller("bob")


def driver(trade: Trade, **given: Any) -> PaymentDriver:
    """Make the payment driver of another clerk."""
    return PaymentDriver(
        database=trade.books.database,
        stock=trade.books.stock,
        providers=trade.providers,
        inbox=trade.inbox,
        courier=trade.courier,
        clock=trade.clock,
        **given,
    )


async def paid_lines(trade: Trade, payment: PaymentId) -> list[PaidLine]:
    """Return what a clerk has read before it confirms a payment."""
    buyer = (await trade.payment(payment)).buyer
    async with trade.books.database.read() as connection:
        return [
            PaidLine(
                hold=one.hold,
                buyer=buyer,
                variant=one.variant,
                quantity=one.quantity,
            )
            for one in await lines(connection, payment)
        ]


async def differences(trade: Trade) -> list[Difference]:
    return await verify(trade.books.database)


async def voided_for_want_of_units(trade: Trade) -> tuple[Any, list[PaidLine]]:
    """Sell the last unit to somebody else than who has paid for it late."""
    deal = await trade.listing(1)
    hold = await trade.hold(ANN, deal.id)
    out = await trade.check_out(ANN, hold)
    late = await paid_lines(trade, out.payment.id)
    await trade.choose(out.payment.url)
    await trade.books.stock.release([hold], reason="gone", payment=out.payment.id)
    other = await trade.hold(BOB, deal.id)
    await trade.drive_to(out.payment.id, "voided")
    with pytest.raises(RefundDue):
        await trade.books.stock.confirm(out.payment.id, late)
    await trade.holds.release(BOB, other)
    return out, late


async def test_a_sale_after_the_refund_is_undone(both: Trade) -> None:
    out, late = await voided_for_want_of_units(both)
    await both.books.stock.confirm(out.payment.id, late)  # Units are free again.
    await both.books.follow()
    assert both.books.ledger.closed == {}
    assert (await both.payment(out.payment.id)).state == "voiding"
    assert await differences(both) == []
    await both.drive_to(out.payment.id, "voided")
    (line,) = await both.rows(tables.deal_line)
    assert (line.allotted, line.free, line.held, line.sold) == (1, 1, 0, 0)
    assert await both.rows(tables.orders) == []
    assert await differences(both) == []


async def test_a_sale_after_the_capture_was_refused_is_undone(trade: Trade) -> None:
    """The order was born and cancelled; no second one comes of it."""
    deal = await trade.listing(1)
    out = await trade.check_out(ANN, await trade.hold(ANN, deal.id))
    late = await paid_lines(trade, out.payment.id)
    odd = make_odd(trade)

    async def refuse(reference: PaymentId) -> Any:
        return await odd.real.cancel(reference)

    odd.changes["capture"] = refuse
    await trade.choose(out.payment.url)
    await trade.drive_to(out.payment.id, "voided")
    assert await trade.order_state(out.order) == "cancelled"
    await trade.books.stock.confirm(out.payment.id, late)
    await trade.books.follow()
    assert await differences(trade) == []
    await trade.drive_to(out.payment.id, "voided")
    assert await trade.units(deal.id) == (1, 1, 0, 0)
    assert await trade.order_state(out.order) == "cancelled"
    assert await differences(trade) == []


async def test_what_was_paid_since_is_not_given_up(trade: Trade) -> None:
    deal = await trade.listing(1)
    out = await trade.check_out(ANN, await trade.hold(ANN, deal.id))
    unpaid = await trade.providers["sandbox"].fetch(out.payment.id)
    await trade.choose(out.payment.url)
    odd = make_odd(trade)
    await trade.heard(1)
    trade.clock.ahead_ms += 3_600_000

    async def fetch_and_halt(_: PaymentId) -> Any:
        """Answer what was true then; a whole hour's work of another passes."""
        odd.changes.clear()
        await trade.drive_to(out.payment.id, "captured")
        return unpaid

    odd.changes["fetch"] = fetch_and_halt
    await driver(trade).follow()
    assert "cancel" not in odd.calls
    assert await trade.order_state(out.order) == "paid"
    assert await differences(trade) == []


async def test_what_was_given_up_is_given_up_by_the_next_one(trade: Trade) -> None:
    """Whatever happens to the first one, it may have told the provider."""
    deal = await trade.listing(1)
    out = await trade.check_out(ANN, await trade.hold(ANN, deal.id))
    trade.clock.ahead_ms += 3_600_000
    odd = make_odd(trade)

    async def halt(_: PaymentId) -> Any:
        raise ProviderUnavailable  # Whether or not it has heard us.

    odd.changes["cancel"] = halt
    await driver(trade).follow()
    row = await trade.payment(out.payment.id)
    assert (row.state, row.reason) == ("pending", rules.GIVEN_UP)
    odd.changes.clear()
    odd.calls.clear()
    trade.clock.ahead_ms += 60_000
    row = await trade.drive_to(out.payment.id, "failed")
    assert row.reason == "expired"
    assert odd.calls[0] == "cancel"
    assert await trade.units(deal.id) == (1, 1, 0, 0)


async def test_a_driver_that_was_succeeded_writes_nothing(trade: Trade) -> None:
    deal = await trade.listing(1)
    out = await trade.check_out(ANN, await trade.hold(ANN, deal.id))
    await trade.choose(out.payment.url)
    await trade.heard(1)

    async def succeeded(_: AsyncConnection) -> None:
        raise Fenced("another clerk has taken over")

    before = await trade.payment(out.payment.id)
    with pytest.raises(Fenced):
        await driver(trade, check=succeeded).follow()
    after = await trade.payment(out.payment.id)
    assert (after.state, after.changed_at) == (before.state, before.changed_at)
    assert (await trade.drive_to(out.payment.id, "captured")).state == "captured"


@pytest.mark.parametrize("state", ["voiding", "voided", "failed"])
def test_a_late_confirmation_never_ends_in_an_order(state: str) -> None:
    assert advance(PAYMENT, state, "confirm") == "voiding"
