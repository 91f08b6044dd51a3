"""The bag: a buyer's holds in one show that are held or being paid."""

from dataclasses import dataclass

from msgspec import Struct
from sqlalchemy import select

from dealcast.core.clock import Clock
from dealcast.core.events import HoldState, ProductCard, Text
from dealcast.core.ids import DealId, HoldId, OrderId, PaymentId, VariantId
from dealcast.core.money import Money
from dealcast.core.wire import Caller
from dealcast.shop.shows.service import Shows
from dealcast.store import tables
from dealcast.store.sql import Database

HOLDS_MAX = 200


class BagPayment(Struct, frozen=True, kw_only=True):
    """The payment that a hold is part of, and where to go on with it."""

    id: PaymentId
    order: OrderId
    url: str | None
    amount: Money
    expires_at: int


class BagHold(Struct, frozen=True, kw_only=True):
    """One hold in the bag."""

    hold: HoldId
    deal: DealId
    state: HoldState
    product: ProductCard
    variant: VariantId
    sku: str
    title: Text
    quantity: int
    price: Money
    expires_at: int
    payment: BagPayment | None


@dataclass(frozen=True, kw_only=True)
class Bags:
    """Reads bags from SQL, which is some milliseconds behind the last hold."""

    database: Database
    shows: Shows
    clock: Clock

    async def get(self, caller: Caller, show: str) -> tuple[list[BagHold], int]:
        """
        Return the caller's bag in ``show``, and the server's present.

        Raises:
            NotFound: If there is no such show.
        """
        buyer = caller.buyer()
        of = await self.shows.find(show)
        hold, line, deal = tables.hold, tables.deal_line, tables.deal
        product, payment = tables.product, tables.payment
        query = (
            select(
                hold,
                line.c.sku, line.c.title, line.c.currency, line.c.price,
                product.c.id.label("product"),
                product.c.title.label("product_title"),
                product.c.image, product.c.tags,
                payment.c.order, payment.c.url, payment.c.amount,
                payment.c.expires_at.label("pay_until"),
            )
            .join(deal, deal.c.id == hold.c.deal)
            .join(product, product.c.id == deal.c.product)
            .join(
                line,
                (line.c.deal == hold.c.deal) & (line.c.variant == hold.c.variant),
            )
            .outerjoin(payment, payment.c.id == hold.c.payment)
            .where(hold.c.show == of.id, hold.c.buyer == buyer)
            .where(hold.c.state.in_(["held", "paying"]))
            .order_by(hold.c.held_at, hold.c.id)
            .limit(HOLDS_MAX)
        )  # fmt: skip
        async with self.database.read() as connection:
            rows = (await connection.execute(query)).all()
        held = [
            BagHold(
                hold=row.id,
                deal=row.deal,
                state=row.state,
                product=ProductCard(
                    id=row.product,
                    title=row.product_title,
                    image=row.image,
                    tags=row.tags,
                ),
                variant=row.variant,
                sku=row.sku,
                title=row.title,
                quantity=row.quantity,
                price=Money(row.price, row.currency),
                expires_at=row.expires_at,
                payment=None
                if row.order is None
                else BagPayment(
                    id=row.payment,
                    order=row.order,
                    url=row.url,
                    amount=Money(row.amount, row.currency),
                    expires_at=row.pay_until,
                ),
            )
            for row in rows
        ]
        return held, self.clock.now()
