"""Deals: made in SQL, sold in Redis."""

from dataclasses import dataclass
from random import Random
from typing import Literal

from sqlalchemy import select

from dealcast.core.clock import Clock
from dealcast.core.errors import Closed, Invalid, NotFound
from dealcast.core.events import DealStatus, DealView
from dealcast.core.events import Stock as Counts
from dealcast.core.ids import DealId, ProductId, VariantId, digest, new_id, partition_of
from dealcast.core.wire import Caller
from dealcast.shop import audit
from dealcast.shop.catalog import service as catalog
from dealcast.shop.courier import Courier, new_op
from dealcast.shop.deals import rows
from dealcast.shop.deals.book import DealBook
from dealcast.shop.deals.rules import QUANTITY_MAX, Terms, plan
from dealcast.shop.shows.service import Shows, check_staff, lock, text
from dealcast.store import outbox, tables
from dealcast.store.sql import Database
from dealcast.store.stock import Stock

Turn = Literal["open", "pause", "resume", "close"]
AFTER: dict[Turn, DealStatus] = {
    "open": "open", "pause": "paused", "resume": "open", "close": "closed",
}  # fmt: skip
PAGE_MAX = 200


@dataclass(frozen=True, kw_only=True)
class Deals:
    """Makes deals and turns them."""

    database: Database
    shows: Shows
    book: DealBook
    stock: Stock
    courier: Courier
    clock: Clock
    rng: Random

    async def create(
        self,
        caller: Caller,
        show: str,
        product: ProductId,
        terms: Terms,
    ) -> DealView:
        """
        Make a deal, or a listing, with stock allotted to it.

        Raises:
            NotFound: If there is no such show, product or variant.
            Forbidden: If the caller's role is for another show.
            Invalid, CurrencyMismatch, OffStep: If the terms make no deal.
            StockShort: If less than that is free.
        """
        of = await self.shows.find(show)
        check_staff(caller, of.id)
        deal = DealId(new_id("d", partition_of(of.id), self.rng))
        now = self.clock.now()
        async with self.database.begin() as connection:
            await lock(connection, of.id)
            sold = await catalog.view(connection, product)
            made = plan(
                terms,
                deal=deal,
                show=of.id,
                currency=of.currency,
                product=sold,
                card=catalog.card(sold),
                now=now,
            )
            await rows.insert_deal(connection, made, now)
            await rows.allot(connection, f"load:{deal}", made, now)
            told = await audit.write(
                connection,
                caller=caller,
                act="deal_create",
                show=of.id,
                subject=deal,
                reason=None,
                now=now,
            )
            await outbox.put(
                connection,
                f"made:{deal}",
                partition_of(deal),
                "record",
                {"show": of.id, "staff": [["audit", text(told)]]},
                now,
            )
        await self.courier.send()
        return made

    async def turn(
        self,
        caller: Caller,
        deal: DealId,
        turn: Turn,
        *,
        reason: str | None,
        key: str | None,
    ) -> DealStatus:
        """
        Open, pause, resume or close a deal; the same ``key`` does it once.

        Raises:
            NotFound: If there is no such deal.
            Forbidden: If the caller's role is for another show.
            WrongState: If that does not follow the deal's state.
        """
        of = await self.book.find(deal)
        check_staff(caller, of.show)
        act = f"deal_{turn}"
        op = new_op(act, deal, self.rng)
        if key is not None:
            op = f"{act}:{deal}:{digest(16, caller.subject, key)}"
        turns = {
            "open": self.stock.open,
            "pause": self.stock.pause,
            "resume": self.stock.resume,
            "close": self.stock.close,
        }
        await turns[turn](deal, op=op, reason=reason or "", by=caller.public())
        async with self.database.begin() as connection:
            await audit.write(
                connection,
                caller=caller,
                act=act,
                show=of.show,
                subject=deal,
                reason=reason,
                now=self.clock.now(),
            )
        return AFTER[turn]

    async def restock(
        self, caller: Caller, deal: DealId, variant: VariantId | None, quantity: int
    ) -> VariantId:
        """
        Allot more units of a variant to a deal; return the variant.

        Raises:
            NotFound: If there is no such deal or line.
            Forbidden: If the caller's role is for another show.
            Invalid: If the deal has several lines and none was named.
            Closed: If the deal is.
            StockShort: If less than that is free.
        """
        of = await self.book.find(deal)
        check_staff(caller, of.show)
        line = pick(list(of.lines), variant)
        assert 1 <= quantity <= QUANTITY_MAX, "the request's type has checked it"
        now, op = self.clock.now(), new_op("adjust", deal, self.rng)
        async with self.database.begin() as connection:
            await lock(connection, of.show)
            status = await connection.scalar(
                select(tables.deal.c.status).where(tables.deal.c.id == deal)
            )
            if status == "closed":
                raise Closed(deal)
            await rows.take(connection, line, quantity)
            await rows.add_allotment(connection, op, deal, line, quantity)
            payload = {
                "show": of.show, "deal": deal, "variant": line, "units": quantity,
            }  # fmt: skip
            await outbox.put(connection, op, partition_of(deal), "adjust", payload, now)
            told = await audit.write(
                connection,
                caller=caller,
                act="deal_restock",
                show=of.show,
                subject=deal,
                reason=f"{quantity} of {of.lines[line].sku}",
                now=now,
            )
            await outbox.put(
                connection,
                f"audit:{op}",
                partition_of(deal),
                "record",
                {"show": of.show, "staff": [["audit", text(told)]]},
                now,
            )
        await self.courier.send()
        return line

    async def page(
        self, show: str
    ) -> tuple[list[DealView], dict[DealId, dict[VariantId, Counts]]]:
        """
        Return the deals of a show, newest first, and their units by the ledger.

        Raises:
            NotFound: If there is no such show.
        """
        of = await self.shows.find(show)
        async with self.database.read() as connection:
            return await rows.page(connection, of.id, PAGE_MAX)


def pick(lines: list[VariantId], variant: VariantId | None) -> VariantId:
    """
    Return the line that is meant: the named one, or the only one.

    Raises:
        Invalid: If there are several and none was named.
        NotFound: If there is none of that name.
    """
    if variant is None:
        if len(lines) != 1:
            raise Invalid("this deal has several variants: name one")
        return lines[0]
    if variant not in lines:
        raise NotFound(f"variant {variant} in this deal")
    return variant
