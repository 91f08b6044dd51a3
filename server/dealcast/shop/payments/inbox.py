"""The inbox: what providers tell us, kept before it is answered."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from dealcast.core.clock import Clock
from dealcast.core.errors import NotFound, TooLarge
from dealcast.shop.courier import Courier
from dealcast.shop.payments.provider import PaymentProvider
from dealcast.shop.payments.rules import OPEN
from dealcast.store import tables
from dealcast.store.sql import Database

BODY_MAX = 65_536
BATCH_MAX = 200
KEPT_MS = 30 * 86_400_000  # A webhook so old is refused for its age, if it comes again.
CLEANED_MAX = 1000  # Old ones of one pass.


@dataclass(frozen=True, kw_only=True)
class Inbox:
    """Keeps webhooks, each once; the payment driver does what follows."""

    providers: Mapping[str, PaymentProvider]
    database: Database
    courier: Courier
    clock: Clock

    async def receive(
        self, provider: str, headers: Mapping[str, str], body: bytes
    ) -> bool:
        """
        Keep a webhook; tell whether it is new. Either way it may be answered.

        Raises:
            NotFound: If there is no such provider.
            TooLarge: If the body is.
            TokenInvalid: If the provider did not sign it, or long ago.
            Invalid: If it is not what the provider sends.
        """
        if provider not in self.providers:
            raise NotFound(f"provider {provider[:40]}")
        if len(body) > BODY_MAX:
            raise TooLarge(f"a webhook is at most {BODY_MAX} bytes")
        now = self.clock.now()
        told = self.providers[provider].parse_webhook(headers, body, now)
        try:
            async with self.database.begin() as connection:
                await connection.execute(
                    insert(tables.inbox).values(
                        provider=provider,
                        event=told.event,
                        body={"kind": told.kind, "reference": told.reference},
                        received_at=now,
                    )
                )
        except IntegrityError:
            return False
        await self.courier.nudge("inbox")
        return True

    async def apply(self) -> int:
        """
        Make the payments that were spoken of due; return how many webhooks it were.

        A webhook only says where to look: late, doubled or out of order, what
        counts is what the provider says when it is asked.
        """
        table, payment = tables.inbox, tables.payment
        now = self.clock.now()
        async with self.database.read() as connection:
            rows = (
                await connection.execute(
                    select(table)
                    .where(table.c.applied_at.is_(None))
                    .order_by(table.c.received_at)
                    .limit(BATCH_MAX)
                )
            ).all()
        if not rows:
            return 0
        async with self.database.begin() as connection:
            for row in rows:
                due = await connection.execute(
                    update(payment)
                    .where(payment.c.id == row.body["reference"])
                    .where(payment.c.provider == row.provider)
                    .where(payment.c.state.in_(OPEN))
                    .values(check_at=now)
                )
                await connection.execute(
                    update(table)
                    .where(table.c.provider == row.provider, table.c.event == row.event)
                    .values(
                        applied_at=now,
                        outcome="look" if due.rowcount else "no open payment",
                    )
                )
            old = (
                select(table.c.provider, table.c.event)
                .where(table.c.applied_at < now - KEPT_MS)
                .limit(CLEANED_MAX)
            )
            await connection.execute(
                delete(table).where(tuple_(table.c.provider, table.c.event).in_(old))
            )
        return len(rows)
