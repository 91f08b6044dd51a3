"""Products with their variants and free stock, in SQL."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.clock import Clock
from dealcast.core.errors import Forbidden, Invalid, NotFound, VersionMismatch
from dealcast.core.events import ProductCard, ProductView, Seller, VariantView
from dealcast.core.ids import ProductId
from dealcast.core.money import Money
from dealcast.core.wire import Caller
from dealcast.shop import audit
from dealcast.shop.catalog import own_form, sheet, shopify_form, upsert
from dealcast.shop.catalog.rules import ProductDraft
from dealcast.store import tables
from dealcast.store.sql import Database

PAGE_MAX = 200


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """Knows what is sold."""

    database: Database
    clock: Clock

    async def put(
        self, caller: Caller, draft: ProductDraft, *, version: int | None
    ) -> ProductView:
        """
        Create or change a product.

        Variants that ``draft`` leaves out stay: they may be held or sold.
        ``version`` is that which the caller read; 0 means "not there yet",
        None means whichever.

        Raises:
            Forbidden: If the caller does not keep the catalog.
            VersionMismatch: If the product has changed since.
            StockShort: If less would be free than nothing.
        """
        _check_keeper(caller)
        now = self.clock.now()
        try:
            async with self.database.begin() as connection:
                versions = await upsert.versions(connection, [draft.id])
                if version is not None and versions.get(draft.id, 0) != version:
                    raise VersionMismatch(f"version {versions.get(draft.id, 0)}")
                await upsert.write(connection, [draft], now)
                await audit.write(
                    connection,
                    caller=caller,
                    act="product_put",
                    show=None,
                    subject=draft.id,
                    reason=None,
                    now=now,
                )
                return (await views(connection, [draft.id]))[0]
        except IntegrityError:
            raise VersionMismatch("somebody else made it just now") from None

    async def import_csv(
        self, caller: Caller, data: bytes, *, currency: str | None
    ) -> upsert.Imported:
        """
        Import a CSV file, in our own form or Shopify's: all of it, or nothing.

        Raises:
            Forbidden: If the caller does not keep the catalog.
            Invalid: If a row is wrong; the detail names line and column.
            TooLarge: If it is too large.
        """
        _check_keeper(caller)
        drafts = read_drafts(data, currency)
        now = self.clock.now()
        try:
            async with self.database.begin() as connection:
                imported = await upsert.write(connection, drafts, now)
                await audit.write(
                    connection,
                    caller=caller,
                    act="product_import",
                    show=None,
                    subject=f"{len(drafts)} products",
                    reason=None,
                    now=now,
                )
        except IntegrityError:
            raise VersionMismatch("somebody else changed it just now") from None
        return imported

    async def page(self, after: str) -> list[ProductView]:
        """Return the products that come after the id ``after``."""
        table = tables.product
        async with self.database.read() as connection:
            found = await connection.scalars(
                select(table.c.id)
                .where(table.c.id > after)
                .order_by(table.c.id)
                .limit(PAGE_MAX)
            )
            return await views(connection, [ProductId(one) for one in found])


def read_drafts(data: bytes, currency: str | None) -> list[ProductDraft]:
    """
    Read the products of a CSV file in either form.

    Raises:
        Invalid: If a row is wrong; the detail names line and column.
        TooLarge: If it is too large.
    """
    columns, rows = sheet.read(data)
    if not rows:
        raise Invalid("line 2, column 1: there is no product")
    if shopify_form.is_shopify(columns):
        return shopify_form.products(columns, rows, currency)
    return own_form.products(columns, rows)


async def view(connection: AsyncConnection, product: ProductId) -> ProductView:
    """
    Return ``product``.

    Raises:
        NotFound: If there is none.
    """
    found = await views(connection, [product])
    if not found:
        raise NotFound(f"product {product}")
    return found[0]


async def views(
    connection: AsyncConnection, products: Sequence[ProductId]
) -> list[ProductView]:
    """Return those of ``products`` that are there, by id."""
    p, s, v = tables.product, tables.seller, tables.variant
    rows = await connection.execute(
        select(p, s.c.name)
        .join(s, s.c.id == p.c.seller)
        .where(p.c.id.in_(products))
        .order_by(p.c.id)
    )
    counted = await connection.execute(
        select(v).where(v.c.product.in_(products)).order_by(v.c.product, v.c.position)
    )
    variants: dict[str, list[VariantView]] = {}
    for row in counted:
        prices = [Money(amount, currency) for currency, amount in row.prices.items()]
        variants.setdefault(row.product, []).append(
            VariantView(
                id=row.id,
                sku=row.sku,
                title=row.title,
                prices=prices,
                stock=row.free,
            )
        )
    return [
        ProductView(
            id=row.id,
            title=row.title,
            image=row.image,
            tags=row.tags,
            seller=Seller(id=row.seller, name=row.name),
            variants=variants.get(row.id, []),
            version=row.version,
        )
        for row in rows
    ]


def card(product: ProductView) -> ProductCard:
    """Return as much of ``product`` as stands in a list."""
    return ProductCard(
        id=product.id, title=product.title, image=product.image, tags=product.tags
    )


def _check_keeper(caller: Caller) -> None:
    # The host of one show has no say in what all shows sell.
    if caller.role != "shop" and caller.show != "*":
        raise Forbidden("the catalog is the shop's")
