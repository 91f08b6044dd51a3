"""What clients may ask about orders."""

from typing import Annotated, Any

from msgspec import Meta

from dealcast.core.events import OrderView
from dealcast.core.ids import ORDER_PATTERN, OrderId
from dealcast.core.wire import ANY, Act, Answer, Caller, Request
from dealcast.shop.orders.service import Orders
from dealcast.shop.shows.wire import ShowName

OrderName = Annotated[str, Meta(pattern=ORDER_PATTERN)]


class OrderAsk(Request, frozen=True, kw_only=True):
    """Name an order."""

    order: OrderName


class OrderList(Request, frozen=True, kw_only=True):
    """List the orders of a show, at most 200, newest first."""

    show: ShowName
    before: OrderName | None = None  # The last one of the page before.


class OrderPage(Answer, frozen=True, kw_only=True):
    """Orders, newest first."""

    orders: list[OrderView]


def acts(orders: Orders) -> list[Act[Any]]:
    """Return what clients may ask."""

    async def order_get(caller: Caller, ask: OrderAsk) -> OrderView:
        return await orders.get(caller, OrderId(ask.order))

    async def order_list(caller: Caller, ask: OrderList) -> OrderPage:
        before = OrderId(ask.before) if ask.before else None
        return OrderPage(orders=await orders.page(caller, ask.show, before=before))

    return [
        Act(
            name="order_get",
            request=OrderAsk,
            answer=OrderView,
            handler=order_get,
            roles=ANY,
            http="GET /orders/{order}",
        ),
        Act(
            name="order_list",
            request=OrderList,
            answer=OrderPage,
            handler=order_list,
            roles=("host", "moderator", "assistant", "shop"),
            http="GET /shows/{show}/orders",
            socket="/staff",
        ),
    ]
