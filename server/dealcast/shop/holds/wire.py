"""What buyers may ask about holds and their bag."""

from typing import Annotated, Any

from msgspec import Meta

from dealcast.core.events import HoldState
from dealcast.core.ids import HOLD_PATTERN, DealId, HoldId, VariantId
from dealcast.core.wire import ANY, Act, Answer, Caller, Done, Request
from dealcast.shop.deals.rules import PER_BUYER_MAX
from dealcast.shop.deals.wire import DealName, Key, VariantName
from dealcast.shop.holds.bag import BagHold, Bags
from dealcast.shop.holds.service import Held, Holds
from dealcast.shop.shows.wire import ShowName

HoldName = Annotated[str, Meta(pattern=HOLD_PATTERN)]


class HoldAsk(Request, frozen=True, kw_only=True):
    """Hold units; the variant may be left out where there is only one."""

    deal: DealName
    variant: VariantName | None = None
    quantity: Annotated[int, Meta(ge=1, le=PER_BUYER_MAX)] = 1
    key: Key


class HoldGet(Request, frozen=True, kw_only=True):
    """Name a hold."""

    hold: HoldName


class BagAsk(Request, frozen=True, kw_only=True):
    """Show the caller's bag."""

    show: ShowName


class HoldAnswer(Answer, frozen=True, kw_only=True):
    """A hold as it is now."""

    hold: HoldId
    deal: DealId
    variant: VariantId
    quantity: int
    state: HoldState
    expires_at: int


class Bag(Answer, frozen=True, kw_only=True):
    """The caller's bag, first things first."""

    holds: list[BagHold]
    now: int


def acts(holds: Holds, bags: Bags) -> list[Act[Any]]:
    """Return what clients may ask."""

    async def hold(caller: Caller, ask: HoldAsk) -> Held:
        return await holds.hold(
            caller,
            DealId(ask.deal),
            variant=VariantId(ask.variant) if ask.variant else None,
            quantity=ask.quantity,
            key=ask.key,
        )

    async def hold_get(caller: Caller, ask: HoldGet) -> HoldAnswer:
        row = await holds.get(caller, HoldId(ask.hold))
        return HoldAnswer(
            hold=row.hold,
            deal=row.deal,
            variant=row.variant,
            quantity=row.quantity,
            state=row.state,
            expires_at=row.expires_at,
        )

    async def release(caller: Caller, ask: HoldGet) -> Done:
        await holds.release(caller, HoldId(ask.hold))
        return Done()

    async def bag(caller: Caller, ask: BagAsk) -> Bag:
        held, now = await bags.get(caller, ask.show)
        return Bag(holds=held, now=now)

    return [
        Act(
            name="hold",
            request=HoldAsk,
            answer=Held,
            handler=hold,
            roles=ANY,
            http="POST /deals/{deal}/holds",
            socket="/live",
            status=201,
            per_minute=300,
        ),
        Act(
            name="hold_get",
            request=HoldGet,
            answer=HoldAnswer,
            handler=hold_get,
            roles=ANY,
            http="GET /holds/{hold}",
        ),
        Act(
            name="release",
            request=HoldGet,
            answer=Done,
            handler=release,
            roles=ANY,
            http="DELETE /holds/{hold}",
            socket="/live",
        ),
        Act(
            name="bag",
            request=BagAsk,
            answer=Bag,
            handler=bag,
            roles=ANY,
            http="GET /shows/{show}/bag",
        ),
    ]
