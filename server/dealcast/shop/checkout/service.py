"""Checking out: a payment row, the holds marked as paying, then the provider."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from dealcast.core.clock import Clock
from dealcast.core.errors import (
    Conflict,
    Forbidden,
    HoldReleased,
    InProgress,
    Invalid,
    Refused,
    refusal,
)
from dealcast.core.ids import (
    HoldId,
    OrderId,
    PaymentId,
    PersonId,
    deal_of,
    new_id,
    partition_of,
)
from dealcast.core.money import Money
from dealcast.core.states import PAYMENT, advance
from dealcast.core.wire import Caller
from dealcast.shop.checkout.rules import Claim, Priced, fingerprint, price
from dealcast.shop.courier import Courier
from dealcast.shop.deals.book import DealBook
from dealcast.shop.payments import moves
from dealcast.shop.payments.provider import Intent, PaymentProvider
from dealcast.shop.payments.rules import LOOK_FIRST_MS, NEVER
from dealcast.shop.people.service import remember
from dealcast.store import tables
from dealcast.store.sql import Database
from dealcast.store.stock import Stock

PAY_S = 900
FREE = "none"  # The provider of what costs nothing.


class ToPay(Struct, frozen=True, kw_only=True):
    """Where and until when to pay; no address where nothing is to be paid."""

    id: PaymentId
    url: str | None
    amount: Money
    expires_at: int


class CheckedOut(Struct, frozen=True, kw_only=True):
    """The order to be, and its payment."""

    order: OrderId
    payment: ToPay


class Places(Struct, frozen=True, kw_only=True):
    """Where a provider sends buyers back to, and its webhooks."""

    public_url: str  # For buyers who came by none of our addresses.
    webhook_url: str  # As the provider reaches us; without a slash at its end.
    shop_name: str


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """Turns holds into a payment."""

    database: Database
    stock: Stock
    book: DealBook
    providers: Mapping[str, PaymentProvider]
    provider: str
    places: Places
    courier: Courier
    clock: Clock
    rng: Random
    pay_s: int = PAY_S

    async def check_out(
        self,
        caller: Caller,
        holds: Sequence[HoldId],
        *,
        address: Struct | None,
        provider: str | None,
        key: str,
    ) -> CheckedOut:
        """
        Begin to pay for the caller's ``holds``; the same ``key`` goes on with it.

        Raises:
            TokenMissing, Forbidden: If the caller may not buy in this show.
            Conflict: If the key was used for something else.
            NotFound, Invalid: If the holds are not the caller's, or not of one show.
            HoldExpired, HoldReleased, HoldPaying, HoldConfirmed: If one is no more.
            ProviderUnavailable: If the provider did not answer; the holds wait.
        """
        buyer = caller.buyer()
        if len(set(holds)) != len(holds):
            raise Invalid("one hold stands twice")
        mark = fingerprint(holds, address, provider)
        row = await self._find(buyer, key)
        if row is None:
            try:
                await self._create(caller, holds, address, provider, key, mark)
            except IntegrityError:
                pass  # The same request came twice at once: both go on with one row.
            except Refused:  # Or the other one has even marked the holds since.
                if await self._find(buyer, key) is None:
                    raise
            row = await self._find(buyer, key)
        if row is None:
            raise InProgress
        if row.fingerprint != mark:
            raise Conflict
        if row.state == "created":
            row = await self._submit(caller, row)
        if row.state in ("failed", "voiding", "voided"):
            raise _over(row)
        return CheckedOut(
            order=row.order,
            payment=ToPay(
                id=row.id,
                url=row.url,
                amount=Money(row.amount, row.currency),
                expires_at=row.expires_at,
            ),
        )

    async def _price(
        self, caller: Caller, buyer: PersonId, holds: Sequence[HoldId]
    ) -> Priced:
        deals = sorted({deal_of(hold) for hold in holds})
        agreed = {deal: await self.book.find(deal) for deal in deals}
        claims = {
            row.hold: Claim(
                hold=row.hold,
                deal=row.deal,
                buyer=row.buyer,
                variant=row.variant,
                quantity=row.quantity,
                state=row.state,
            )
            for row in await self.stock.get_all(holds)
        }
        priced = price(holds, claims, agreed, buyer)
        if not caller.may_in(priced.show):
            raise Forbidden("this token is for another show")
        return priced

    async def _create(
        self,
        caller: Caller,
        holds: Sequence[HoldId],
        address: Struct | None,
        provider: str | None,
        key: str,
        mark: str,
    ) -> None:
        buyer = caller.buyer()
        priced = await self._price(caller, buyer, holds)
        name = FREE if priced.total.amount == 0 else provider or self.provider
        if name not in self.providers or (name == FREE) != (priced.total.amount == 0):
            raise Invalid(f"provider: {name[:40]} is not one of ours for this")
        partition = partition_of(priced.show)
        now = self.clock.now()
        payment = new_id("p", partition, self.rng)
        expires_at = now + self.pay_s * 1000
        async with self.database.begin() as connection:
            await remember(connection, buyer, caller.subject, caller.name, now)
            await connection.execute(
                insert(tables.payment).values(
                    id=payment,
                    show=priced.show,
                    order=new_id("o", partition, self.rng),
                    buyer=buyer,
                    name=caller.name,
                    provider=name,
                    state="created",
                    amount=priced.total.amount,
                    currency=priced.total.currency,
                    address=msgspec.to_builtins(address),
                    key=key,
                    fingerprint=mark,
                    expires_at=expires_at,
                    check_at=expires_at,
                    created_at=now,
                    changed_at=now,
                )
            )
            await connection.execute(
                insert(tables.payment_line),
                [
                    {
                        "payment": payment,
                        "hold": line.hold,
                        "deal": line.deal,
                        "variant": line.variant,
                        "sku": line.sku,
                        "title": line.title,
                        "quantity": line.quantity,
                        "price": line.price.amount,
                    }
                    for line in priced.lines
                ],
            )

    async def _submit(self, caller: Caller, row: Row[Any]) -> Row[Any]:
        """Mark the holds, then ask the provider; both may have happened before."""
        home = caller.home or self.places.public_url
        async with self.database.read() as connection:
            lines = await moves.lines(connection, row.id)
        holds = [HoldId(line.hold) for line in lines]
        if self.clock.now() >= row.expires_at:
            raise _over(row)
        try:
            await self.stock.pay(row.id, caller.buyer(), row.expires_at, holds)
        except Refused as refused:
            if not refused.retryable:
                await self._fail(row, refused.code)
            raise
        made = await self.providers[row.provider].create(
            Intent(
                reference=row.id,
                amount=Money(row.amount, row.currency),
                title=self.places.shop_name,
                return_url=f"{home}/s/{row.show}?order={row.order}",
                webhook_url=f"{self.places.webhook_url}/api/v1/payments/{row.provider}/webhook",
                expires_at=row.expires_at,
            )
        )
        now, table = self.clock.now(), tables.payment
        free = row.provider == FREE
        async with self.database.begin() as connection:
            await connection.execute(
                update(table)
                .where(table.c.id == row.id, table.c.state == "created")
                .values(
                    state=advance(PAYMENT, "created", "submit"),
                    provider_ref=made.provider_ref,
                    url=made.url,
                    changed_at=now,
                    check_at=now if free else now + LOOK_FIRST_MS,
                )
            )
        if free:
            await self.courier.nudge("inbox")
        return await self._get(row.id)

    async def _fail(self, row: Row[Any], code: str) -> None:
        now = self.clock.now()
        async with self.database.begin() as connection:
            await moves.move(
                connection, row, "fail", now=now, check_at=NEVER, reason=code
            )

    async def _find(self, buyer: PersonId, key: str) -> Row[Any] | None:
        table = tables.payment
        query = select(table).where(table.c.buyer == buyer, table.c.key == key)
        async with self.database.read() as connection:
            return (await connection.execute(query)).one_or_none()

    async def _get(self, payment: PaymentId) -> Row[Any]:
        query = select(tables.payment).where(tables.payment.c.id == payment)
        async with self.database.read() as connection:
            return (await connection.execute(query)).one()


def _over(row: Row[Any]) -> Refused:
    if row.reason in Refused.table:
        return refusal(row.reason)
    return HoldReleased("this payment is over; hold again")
