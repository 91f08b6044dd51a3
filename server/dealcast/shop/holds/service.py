"""Holding, looking, releasing: one call to Redis each, and none to SQL."""

from collections import OrderedDict
from dataclasses import dataclass, field

from msgspec import Struct

from dealcast.core.errors import Forbidden, NotFound
from dealcast.core.events import HoldState
from dealcast.core.ids import (
    DealId,
    HoldId,
    ShowId,
    VariantId,
    hold_id,
)
from dealcast.core.wire import Caller
from dealcast.shop.deals.service import pick
from dealcast.shop.holds.rules import fingerprint
from dealcast.store import keys
from dealcast.store.redis import Redis
from dealcast.store.stock import HoldItem, HoldRow, Stock

KEPT_MAX = 4096


class Held(Struct, frozen=True, kw_only=True):
    """A hold and where it is in its life."""

    hold: HoldId
    state: HoldState
    expires_at: int


class Known(Struct, frozen=True, kw_only=True):
    """What never changes of a deal in Redis."""

    show: ShowId
    variants: list[VariantId]


@dataclass(frozen=True, kw_only=True)
class Holds:
    """Holds units for buyers."""

    stock: Stock
    redis: Redis
    _known: OrderedDict[DealId, Known] = field(default_factory=OrderedDict)

    async def hold(
        self,
        caller: Caller,
        deal: DealId,
        *,
        variant: VariantId | None,
        quantity: int,
        key: str,
    ) -> Held:
        """
        Hold units for the caller; the same ``key`` again gives the same hold.

        Raises:
            TokenMissing, Forbidden: If the caller may not buy in this show.
            NotFound: If there is no such deal or variant.
            Invalid: If a variant is to be named.
            NotOpen, Paused, Closed, BuyerLimit, SoldOut: If it cannot be had.
            Conflict: If the key was used for something else.
        """
        buyer = caller.buyer()
        known = await self._find(deal)
        if not caller.may_in(known.show):
            raise Forbidden("this token is for another show")
        line = pick(known.variants, variant)
        item = HoldItem(
            hold=hold_id(deal, buyer, key),
            buyer=buyer,
            variant=line,
            quantity=quantity,
            fingerprint=fingerprint(line, quantity),
        )
        answers = await self.stock.hold(deal, [item])
        state, expires_at = answers[0].granted()
        return Held(hold=item.hold, state=state, expires_at=expires_at)

    async def get(self, caller: Caller, hold: HoldId) -> HoldRow:
        """
        Return one of the caller's holds.

        Raises:
            NotFound: If it is not there, or another's.
        """
        row = await self.stock.get(hold)
        if row is None or row.buyer != caller.buyer():
            raise NotFound(f"hold {hold}")
        return row

    async def release(self, caller: Caller, hold: HoldId) -> None:
        """
        Give back what one of the caller's holds holds; twice does no more.

        Raises:
            NotFound: If it is not there, or another's.
            HoldPaying, HoldConfirmed: If it is too late for that.
        """
        await self.get(caller, hold)
        await self.stock.release([hold], reason="buyer", buyer=caller.buyer())

    async def _find(self, deal: DealId) -> Known:
        if deal in self._known:
            self._known.move_to_end(deal)
            return self._known[deal]
        show = await self.stock.show_of(deal)
        variants = await self.redis.hget(keys.deal(deal), "variants")
        if variants is None:
            raise NotFound(f"deal {deal}")
        self._known[deal] = Known(
            show=show, variants=[VariantId(one) for one in variants.decode().split()]
        )
        if len(self._known) > KEPT_MAX:
            self._known.popitem(last=False)
        return self._known[deal]
