"""What staff may ask about pins."""

from typing import Any

from dealcast.core.events import ProductCard
from dealcast.core.ids import ProductId
from dealcast.core.wire import Act, Answer, Caller, Request
from dealcast.shop.catalog.wire import ProductIdText
from dealcast.shop.pins.service import Pins
from dealcast.shop.shows.wire import ShowName


class Pin(Request, frozen=True, kw_only=True):
    """Name a product, to be pinned or not."""

    show: ShowName
    product: ProductIdText


class Pinned(Answer, frozen=True, kw_only=True):
    """What is pinned now, first things first."""

    pins: list[ProductCard]


def acts(pins: Pins) -> list[Act[Any]]:
    """Return what clients may ask."""

    async def pin(caller: Caller, ask: Pin) -> Pinned:
        return Pinned(pins=await pins.pin(caller, ask.show, ProductId(ask.product)))

    async def unpin(caller: Caller, ask: Pin) -> Pinned:
        return Pinned(pins=await pins.unpin(caller, ask.show, ProductId(ask.product)))

    return [
        Act(
            name="pin",
            request=Pin,
            answer=Pinned,
            handler=pin,
            roles=("host", "assistant", "shop"),
            http="POST /shows/{show}/pins",
            socket="/staff",
        ),
        Act(
            name="unpin",
            request=Pin,
            answer=Pinned,
            handler=unpin,
            roles=("host", "assistant", "shop"),
            http="POST /shows/{show}/pins/remove",
            socket="/staff",
        ),
    ]
