"""The sandbox payment provider, over HTTP."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
from msgspec import Struct

from dealcast.core.errors import Invalid, ProviderUnavailable
from dealcast.core.ids import PaymentId
from dealcast.shop.payments import signature
from dealcast.shop.payments.provider import Intent, Notification, Object

ANSWER_S = 5.0
BODY_MAX = 65_536
API_KEY = "sandbox api"  # What keys are derived for, from the one secret.
WEBHOOK_KEY = "sandbox webhook"


Trust = Callable[[], aiohttp.Fingerprint | ssl.SSLContext | bool]


def public() -> bool:
    """Trust whom this machine trusts."""
    return True


class Told(Struct, frozen=True):
    """The body of a webhook."""

    type: str
    reference: str


@dataclass(frozen=True)
class Sandbox:
    """Asks the sandbox payment provider."""

    url: str
    secret: bytes
    http: aiohttp.ClientSession
    name: str = "sandbox"
    trust: Trust = field(default=public)  # Over TLS: its certificate may be ours.

    async def create(self, intent: Intent) -> Object:
        """Make the payment, or return the one that has this reference."""
        made = await self._ask("POST", "", msgspec.to_builtins(intent))
        if made is None:
            raise ProviderUnavailable("sandbox: 404")
        return made

    async def fetch(self, reference: PaymentId) -> Object | None:
        """Return the payment, or None if the provider never heard of it."""
        return await self._ask("GET", f"/{reference}")

    async def capture(self, reference: PaymentId) -> Object:
        """Take what was authorised; any other status says that it cannot be."""
        taken = await self._ask("POST", f"/{reference}/capture")
        if taken is None:
            raise ProviderUnavailable("sandbox: it has lost the payment")
        return taken

    async def cancel(self, reference: PaymentId) -> Object | None:
        """Let it go; None if the provider never heard of it."""
        return await self._ask("POST", f"/{reference}/cancel")

    def parse_webhook(
        self, headers: Mapping[str, str], body: bytes, now: int
    ) -> Notification:
        """
        Read a webhook, after its signature was found good.

        Raises:
            TokenInvalid: If it is not signed by the provider, or too old.
            Invalid: If it is not what the provider sends.
        """
        key = signature.derive(self.secret, WEBHOOK_KEY)
        event = signature.verify(key, headers, body, now)
        try:
            told = msgspec.json.decode(body, type=Told)
        except (msgspec.DecodeError, ValueError) as error:
            raise Invalid(f"webhook: {error}") from None
        return Notification(event=event, reference=told.reference, kind=told.type)

    async def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> Object | None:
        key = signature.derive(self.secret, API_KEY).hex()
        try:
            async with self.http.request(
                method,
                f"{self.url}/v1/payments{path}",
                json=body,
                headers={"Authorization": f"Bearer {key}"},
                timeout=aiohttp.ClientTimeout(total=ANSWER_S),
                allow_redirects=False,
                ssl=self.trust(),
            ) as answer:
                if answer.status == 404:
                    return None
                text = await answer.content.read(BODY_MAX)
                if answer.status not in (200, 201):
                    raise ProviderUnavailable(f"sandbox: {answer.status}")
                return msgspec.json.decode(text, type=Object)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ProviderUnavailable(f"sandbox: {type(error).__name__}") from error
        except msgspec.DecodeError as error:
            raise ProviderUnavailable("sandbox: no payment in the answer") from error
