"""
What a payment provider must do; every adapter passes the same tests.

We name a payment by our own reference. Whatever is asked twice under the same
reference has the same answer: that is what makes every step safe to repeat.
"""

from collections.abc import Mapping
from typing import Literal, Protocol

from msgspec import Struct

from dealcast.core.ids import PaymentId
from dealcast.core.money import Money

Status = Literal[
    "unpaid",  # The buyer has not paid yet, and still may.
    "authorised",  # The money is set aside and can be captured or let go.
    "captured",  # The money is ours.
    "declined",  # The buyer, or the bank, said no for good.
    "cancelled",  # We let it go; the buyer cannot pay any more.
    "refunded",  # It was captured and went back.
]


class Intent(Struct, frozen=True, kw_only=True):
    """What a provider is to collect."""

    reference: PaymentId
    amount: Money
    title: str
    return_url: str
    webhook_url: str
    expires_at: int


class Object(Struct, frozen=True, kw_only=True):
    """A payment as the provider has it."""

    reference: PaymentId
    provider_ref: str
    status: Status
    amount: Money
    url: str | None = None


class Notification(Struct, frozen=True, kw_only=True):
    """What a webhook says: look at ``reference``. The rest is asked for."""

    event: str
    reference: str
    kind: str


class PaymentProvider(Protocol):
    """
    Takes money.

    Every method raises ``ProviderUnavailable`` if there was no clear answer;
    the step may then have happened, and is repeated.
    """

    @property
    def name(self) -> str:
        """The provider's name in tables and addresses."""

    async def create(self, intent: Intent) -> Object:
        """Make the payment, or return the one that has this reference."""

    async def fetch(self, reference: PaymentId) -> Object | None:
        """Return the payment, or None if the provider never heard of it."""

    async def capture(self, reference: PaymentId) -> Object:
        """Take what was authorised; any other status says that it cannot be."""

    async def cancel(self, reference: PaymentId) -> Object | None:
        """
        Let it go: an authorisation is voided, what was captured goes back.

        The buyer cannot pay afterwards. None if the provider never heard of it.
        """

    def parse_webhook(
        self, headers: Mapping[str, str], body: bytes, now: int
    ) -> Notification:
        """
        Read a webhook, after its signature was found good.

        Raises:
            TokenInvalid: If it is not signed by the provider, or too old.
            Invalid: If it is not what the provider sends.
        """
