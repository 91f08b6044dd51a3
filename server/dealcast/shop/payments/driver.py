"""
The payment driver: brings every payment to its end, whatever was lost on the way.

It runs in the clerk. Webhooks, the ledger and the clock only say when to look;
what happens next follows from the payment's row and what the provider answers,
so every step may be repeated, and none is skipped.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.clock import Clock
from dealcast.core.errors import RefundDue, Refused
from dealcast.core.events import Sold
from dealcast.core.ids import HoldId, PaymentId, ShowId
from dealcast.core.money import Money
from dealcast.shop.courier import Courier
from dealcast.shop.payments import moves, rules
from dealcast.shop.payments.inbox import Inbox
from dealcast.shop.payments.provider import Object, PaymentProvider
from dealcast.store.posting import Fenced
from dealcast.store.sql import Database
from dealcast.store.stock import PaidLine, Stock

BATCH_MAX = 100  # Payments of one pass.
AT_ONCE_MAX = 32  # Of these, so many speak with a provider at a time.
POLL_S = 0.5  # How long a missed nudge may delay.

log = structlog.get_logger()

Check = Callable[[AsyncConnection], Awaitable[None]]


async def _anybody(_connection: AsyncConnection) -> None:
    pass


class PaymentDriver:
    """
    Drives payments: authorised, confirmed, captured; or released and voided.

    ``check`` raises what ends the driver if, by the time of a transaction, another
    one is at work. What a provider or Redis is told is not undone by that: it is
    either the same whoever tells it, or was written down before.
    """

    def __init__(
        self,
        *,
        database: Database,
        stock: Stock,
        providers: Mapping[str, PaymentProvider],
        inbox: Inbox,
        courier: Courier,
        clock: Clock,
        check: Check = _anybody,
    ) -> None:
        self._check = check
        self._database = database
        self._stock = stock
        self._providers = providers
        self._inbox = inbox
        self._courier = courier
        self._clock = clock
        self._hinted: set[PaymentId] = set()
        self._sold: dict[ShowId, Sold] = {}
        self._few = asyncio.Semaphore(AT_ONCE_MAX)
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look now: something came into the inbox."""
        self._woken.set()

    def confirmed(self, payments: Sequence[PaymentId]) -> None:
        """Go on with ``payments``: the ledger has just committed their orders."""
        self._hinted.update(payments)
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """
        Drive until ``stop`` is set.

        Raises:
            Fenced: If another driver is at work.
            Refused: If a store does not answer; run again, nothing is lost.
        """
        while not stop.is_set():
            self._woken.clear()
            if await self.follow():
                continue
            try:
                async with asyncio.timeout(POLL_S):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def follow(self) -> int:
        """Do one pass; return how many payments went on."""
        await self._inbox.apply()
        hinted, self._hinted = self._hinted, set()
        async with self._database.read() as connection:
            due = await moves.due(connection, self._clock.now(), hinted, BATCH_MAX)
        # All have ended before any failure is told: two passes never overlap.
        went_on = await asyncio.gather(
            *(self._step(row) for row in due), return_exceptions=True
        )
        captured: dict[ShowId, list[Row[Any]]] = {}
        for row, result in zip(due, went_on, strict=True):
            if result == "captured":
                captured.setdefault(row.show, []).append(row)
        for show, rows in captured.items():
            await self._post_all(show, rows)
        for result in went_on:
            if isinstance(result, BaseException):
                raise result
        moved = sum(result != "waits" for result in went_on)
        if moved:
            await self._courier.send()
        return moved

    @asynccontextmanager
    async def _begin(self) -> AsyncIterator[AsyncConnection]:
        async with self._database.begin() as connection:
            await self._check(connection)
            yield connection

    async def _post_all(self, show: ShowId, rows: Sequence[Row[Any]]) -> None:
        try:
            await self._post(show, rows)
        except (Refused, Fenced):
            raise
        except Exception:
            if len(rows) == 1:
                log.exception("payment_post_failed", payment=rows[0].id)
                await self._wait(rows[0])
                return
            for row in rows:  # One broken payment must not hold up all others.
                await self._post_all(show, [row])

    async def _post(self, show: ShowId, rows: Sequence[Row[Any]]) -> None:
        # Forgotten until it is committed: then it is counted from the books.
        known = self._sold.pop(show, None)
        async with self._begin() as connection:
            _, sold = await moves.post_captured(
                connection, show, rows, known, self._clock.now()
            )
        self._sold[show] = sold

    async def _step(self, row: Row[Any]) -> str:
        """Take one step with a payment: "moved", "captured" or "waits"."""
        steps = {
            "created": self._look,
            "pending": self._look,
            "authorised": self._confirm,
            "confirmed": self._capture,
            "voiding": self._void,
            "failed": self._look_back,
        }
        async with self._few:
            try:
                return await steps[row.state](row)
            except Fenced:
                raise
            except Refused as refused:
                if not refused.retryable:
                    log.error("payment_stuck", payment=row.id, why=str(refused))
                return await self._wait(row)
            except Exception:
                # One broken payment must not hold up all others.
                log.exception("payment_step_failed", payment=row.id)
                return await self._wait(row)

    async def _look(self, row: Row[Any]) -> str:
        provider, now = self._provider(row), self._clock.now()
        verdict: rules.Verdict = "give_up"
        if row.reason != rules.GIVEN_UP:
            found = await provider.fetch(row.id)
            verdict = self._verdict(row, found, now)
        if verdict == "wait":
            return await self._wait(row, until=_deadline(row))
        if verdict == "give_up":
            # Written down first: a driver that was halted right here and wakes
            # when another one has gone on must not give up what was paid since.
            if not await self._note_giving_up(row):
                return "moved"
            # Only the provider can say that the buyer did not pay just now.
            found = await provider.cancel(row.id)
            verdict = self._verdict(row, found, now)
            if found is not None and found.status == "unpaid":
                return await self._wait(row)
        if verdict == "paid":
            return await self._authorise(row, now)
        if verdict == "wrong_amount":
            return await self._refuse_amount(row, now)
        declined = found is not None and found.status == "declined"
        reason = "declined" if declined else rules.GIVEN_UP
        return await self._fail(row, reason)

    async def _note_giving_up(self, row: Row[Any]) -> bool:
        async with self._begin() as connection:
            return await moves.note(connection, row, rules.GIVEN_UP)

    async def _authorise(self, row: Row[Any], now: int) -> str:
        async with self._begin() as connection:
            moved = await moves.move(
                connection, row, "authorise", now=now, check_at=now
            )
            if moved:
                await moves.tell_buyer(connection, row, "authorised", now)
        return "moved"

    async def _refuse_amount(self, row: Row[Any], now: int) -> str:
        log.error("payment_amount_differs", payment=row.id)
        async with self._begin() as connection:
            await moves.move(
                connection,
                row,
                "authorise",
                "refuse",
                now=now,
                check_at=now,
                reason="amount_mismatch",
            )
        return "moved"

    async def _confirm(self, row: Row[Any]) -> str:
        async with self._database.read() as connection:
            lines = await moves.lines(connection, row.id)
        paid = [
            PaidLine(
                hold=line.hold,
                buyer=row.buyer,
                variant=line.variant,
                quantity=line.quantity,
            )
            for line in lines
        ]
        now = self._clock.now()
        try:
            await self._stock.confirm(row.id, paid)
        except Refused as refused:
            if refused.retryable:
                raise
            # For the buyer it is all one: the units have gone, the money goes back.
            if not isinstance(refused, RefundDue):
                log.error("confirm_refused", payment=row.id, why=str(refused))
            async with self._begin() as connection:
                await moves.move(
                    connection,
                    row,
                    "refuse",
                    now=now,
                    check_at=now,
                    reason=RefundDue.code,
                )
            return "moved"
        # From here on the ledger moves it, and tells us.
        async with self._begin() as connection:
            await moves.look_at(connection, row, now + rules.CONFIRM_MS)
        return "waits"

    async def _capture(self, row: Row[Any]) -> str:
        taken = await self._provider(row).capture(row.id)
        amount_differs = taken.amount != Money(row.amount, row.currency)
        if taken.status == "captured" and not amount_differs:
            return "captured"
        if taken.status in ("authorised", "unpaid"):
            return await self._wait(row)
        log.warning("capture_refused", payment=row.id, status=taken.status)
        async with self._begin() as connection:
            await moves.refuse_capture(connection, row, self._clock.now())
        return "moved"

    async def _void(self, row: Row[Any]) -> str:
        await self._free_units(row, row.reason or "voided", "paying")
        # What was sold goes back for this reason alone: its money was not had.
        await self._free_units(row, rules.REFUSED, "confirmed")
        gone = await self._provider(row).cancel(row.id)
        if gone is not None and gone.status in ("authorised", "captured"):
            return await self._wait(row)
        now = self._clock.now()
        async with self._begin() as connection:
            if await moves.still_sold(connection, row.id):
                # The ledger has yet to follow: voided says that all came back.
                await moves.look_at(connection, row, now + rules.CONFIRM_MS)
                return "waits"
            moved = await moves.move(
                connection, row, "void", now=now, check_at=rules.NEVER
            )
            if moved:
                await moves.tell_buyer(connection, row, "voided", now, row.reason)
        return "moved"

    async def _fail(self, row: Row[Any], reason: str) -> str:
        await self._free_units(row, reason, "paying")
        now = self._clock.now()
        async with self._begin() as connection:
            moved = await moves.move(
                connection, row, "fail", now=now, check_at=rules.NEVER, reason=reason
            )
            if moved:
                await moves.tell_buyer(connection, row, "failed", now, reason)
        return "moved"

    async def _look_back(self, row: Row[Any]) -> str:
        """Look at a payment that failed, of which the provider spoke again."""
        found = await self._provider(row).fetch(row.id)
        now = self._clock.now()
        async with self._begin() as connection:
            if found is not None and found.status in ("authorised", "captured"):
                await moves.move(
                    connection,
                    row,
                    "authorise",
                    now=now,
                    check_at=now,
                    reason="too_late",
                )
                return "moved"
            await moves.look_at(connection, row, rules.NEVER)
        return "waits"

    async def _free_units(self, row: Row[Any], reason: str, state: str) -> None:
        """Give back what the payment's holds hold, and no other payment's."""
        async with self._database.read() as connection:
            lines = await moves.lines(connection, row.id)
        names = [HoldId(line.hold) for line in lines]
        holds = await self._stock.get_all(names)
        mine = [h.hold for h in holds if h.payment == row.id and h.state == state]
        if mine:
            await self._stock.release(mine, reason=reason, payment=row.id)

    async def _wait(self, row: Row[Any], until: int | None = None) -> str:
        now = self._clock.now()
        at = rules.look_again(now, since=row.changed_at, until=until)
        async with self._begin() as connection:
            await moves.look_at(connection, row, at)
        return "waits"

    def _verdict(self, row: Row[Any], found: Object | None, now: int) -> rules.Verdict:
        amount = Money(row.amount, row.currency)
        return rules.verdict(found, amount, now=now, expires_at=_deadline(row))

    def _provider(self, row: Row[Any]) -> PaymentProvider:
        return self._providers[row.provider]


def _deadline(row: Row[Any]) -> int:
    # A checkout that is still at work may mark its holds until its deadline.
    late = rules.LATE_MS if row.state == "created" else 0
    return int(row.expires_at) + late
