"""What buyers may ask to pay."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from dealcast.core.ids import HoldId
from dealcast.core.wire import ANY, Act, Caller, Request
from dealcast.shop.checkout.service import CheckedOut, Checkout
from dealcast.shop.deals.wire import Key
from dealcast.shop.holds.wire import HoldName

Short = Annotated[str, Meta(max_length=80)]
Long = Annotated[str, Meta(max_length=200)]


class Address(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the goods go."""

    name: Short = ""
    phone: Annotated[str, Meta(max_length=40)] = ""
    country: Annotated[str, Meta(pattern="^([A-Z]{2})?$")] = ""
    region: Short = ""
    city: Short = ""
    street: Long = ""
    postcode: Annotated[str, Meta(max_length=20)] = ""


class CheckoutAsk(Request, frozen=True, kw_only=True):
    """Pay for holds of one show; they become one order."""

    holds: Annotated[list[HoldName], Meta(min_length=1, max_length=20)]
    address: Address | None = None
    provider: Annotated[str, Meta(pattern="^[a-z0-9_-]{1,32}$")] | None = None
    key: Key


def acts(checkout: Checkout) -> list[Act[Any]]:
    """Return what clients may ask."""

    async def check_out(caller: Caller, ask: CheckoutAsk) -> CheckedOut:
        return await checkout.check_out(
            caller,
            [HoldId(hold) for hold in ask.holds],
            address=ask.address,
            provider=ask.provider,
            key=ask.key,
        )

    return [
        Act(
            name="checkout",
            request=CheckoutAsk,
            answer=CheckedOut,
            handler=check_out,
            roles=ANY,
            http="POST /checkout",
            status=201,
        )
    ]
