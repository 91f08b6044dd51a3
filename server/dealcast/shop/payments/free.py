"""The provider of what costs nothing: everything is authorised and paid at once."""

from collections.abc import Mapping
from dataclasses import dataclass

from dealcast.core.clock import Clock
from dealcast.core.errors import TokenInvalid
from dealcast.core.ids import PaymentId
from dealcast.core.money import Money
from dealcast.shop.payments.provider import Intent, Notification, Object, Status
from dealcast.store import tables
from dealcast.store.sql import Database

STATUS: dict[str, Status] = {"captured": "captured", "failed": "cancelled"}


@dataclass(frozen=True)
class Free:
    """Collects nothing. The payment's own row is all that it knows."""

    database: Database
    clock: Clock
    name: str = "none"

    async def create(self, intent: Intent) -> Object:
        """Return the payment: it is authorised by being made."""
        assert intent.amount.amount == 0, "only what costs nothing is free"
        return _object(intent.reference, intent.amount.currency, "authorised")

    async def fetch(self, reference: PaymentId) -> Object | None:
        """Return the payment, if it has a row."""
        return await self._row(reference, "authorised")

    async def capture(self, reference: PaymentId) -> Object:
        """Return the payment as captured."""
        taken = await self._row(reference, "captured")
        assert taken is not None, f"payment {reference} has no row"
        return taken

    async def cancel(self, reference: PaymentId) -> Object | None:
        """Return the payment as let go."""
        return await self._row(reference, "cancelled")

    def parse_webhook(
        self, headers: Mapping[str, str], body: bytes, now: int
    ) -> Notification:
        """
        Refuse: nobody tells us of what costs nothing.

        Raises:
            TokenInvalid: Always.
        """
        raise TokenInvalid("this provider sends nothing")

    async def _row(self, reference: PaymentId, status: Status) -> Object | None:
        table = tables.payment
        async with self.database.read() as connection:
            query = table.select().where(
                table.c.id == reference, table.c.provider == self.name
            )
            row = (await connection.execute(query)).one_or_none()
        if row is None or row.amount != 0:
            return None
        return _object(reference, row.currency, STATUS.get(row.state, status))


def _object(reference: PaymentId, currency: str, status: Status) -> Object:
    return Object(
        reference=reference,
        provider_ref=f"none:{reference}",
        status=status,
        amount=Money(0, currency),
    )
