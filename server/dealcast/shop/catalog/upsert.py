"""Writes products: creates what is new, changes what differs, leaves the rest."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dealcast.core.errors import Invalid, StockShort
from dealcast.core.ids import ProductId
from dealcast.shop.catalog.rules import (
    STOCK_MAX,
    ProductDraft,
    VariantDraft,
    variant_id,
)
from dealcast.store import tables

CHUNK = 500  # Values in one statement; SQLite takes some thousands.


class Imported(Struct, frozen=True, kw_only=True):
    """What an import did."""

    products: int
    variants: int
    created: int
    changed: int
    unchanged: int


async def versions(
    connection: AsyncConnection, products: Sequence[ProductId]
) -> dict[str, int]:
    """Return the versions of those of ``products`` that are there; locks them."""
    table = tables.product
    found: dict[str, int] = {}
    for chunk in _chunks(products):
        rows = await connection.execute(
            select(table.c.id, table.c.version)
            .where(table.c.id.in_(chunk))
            .with_for_update()
        )
        found |= {row.id: row.version for row in rows}
    return found


async def write(
    connection: AsyncConnection, drafts: Sequence[ProductDraft], now: int
) -> Imported:
    """
    Write all of ``drafts``.

    Raises:
        Invalid: If a sku is another product's, or units come to a new variant.
        StockShort: If units are taken that are not free.
    """
    known = await versions(connection, [draft.id for draft in drafts])
    old = await _products(connection, drafts)
    skus = [variant.sku for draft in drafts for variant in draft.variants]
    old_variants = await _variants(connection, skus)
    changed = [
        draft
        for draft in drafts
        if draft.id in known and _differs(draft, old[draft.id], old_variants)
    ]
    created = [draft for draft in drafts if draft.id not in known]
    await _write_sellers(connection, [*created, *changed])
    if created:
        await connection.execute(
            insert(tables.product),
            [{**_product_values(draft, now), "version": 1} for draft in created],
        )
    if changed:
        table = tables.product
        await connection.execute(
            update(table)
            .where(table.c.id == bindparam("of"))
            .values(version=table.c.version + 1),
            [{**_product_values(draft, now), "of": draft.id} for draft in changed],
        )
    await _write_variants(connection, [*created, *changed], old_variants)
    return Imported(
        products=len(drafts),
        variants=len(skus),
        created=len(created),
        changed=len(changed),
        unchanged=len(drafts) - len(created) - len(changed),
    )


async def _products(
    connection: AsyncConnection, drafts: Sequence[ProductDraft]
) -> dict[str, Row[Any]]:
    found: dict[str, Row[Any]] = {}
    for chunk in _chunks([draft.id for draft in drafts]):
        rows = await connection.execute(
            select(tables.product).where(tables.product.c.id.in_(chunk))
        )
        found |= {row.id: row for row in rows}
    return found


async def _variants(
    connection: AsyncConnection, skus: Sequence[str]
) -> dict[str, Row[Any]]:
    found: dict[str, Row[Any]] = {}
    for chunk in _chunks(skus):
        rows = await connection.execute(
            select(tables.variant)
            .where(tables.variant.c.sku.in_(chunk))
            .with_for_update()
        )
        found |= {row.sku: row for row in rows}
    return found


def _differs(
    draft: ProductDraft, old: Row[Any], old_variants: dict[str, Row[Any]]
) -> bool:
    of_product = (draft.seller.id, draft.title, draft.image, draft.tags)
    if of_product != (old.seller, old.title, old.image, old.tags):
        return True
    for position, variant in enumerate(draft.variants):
        row = old_variants.get(variant.sku)
        if row is None or variant.stock_delta or row.product != draft.id:
            return True
        if (variant.title, variant.prices, position) != (
            row.title, row.prices, row.position,
        ):  # fmt: skip
            return True
    return False


def _product_values(draft: ProductDraft, now: int) -> dict[str, Any]:
    return {
        "id": draft.id,
        "seller": draft.seller.id,
        "title": draft.title,
        "image": draft.image,
        "tags": draft.tags,
        "updated_at": now,
    }


async def _write_sellers(
    connection: AsyncConnection, drafts: Iterable[ProductDraft]
) -> None:
    sellers = {draft.seller.id: draft.seller for draft in drafts}
    table = tables.seller
    for chunk in _chunks(list(sellers)):
        query = select(table.c.id).where(table.c.id.in_(chunk))
        missing = set(chunk) - set(await connection.scalars(query))
        if missing:
            rows = [{"id": one, "name": sellers[one].name} for one in sorted(missing)]
            await connection.execute(insert(table), rows)


async def _write_variants(
    connection: AsyncConnection,
    drafts: Iterable[ProductDraft],
    old: dict[str, Row[Any]],
) -> None:
    created: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for draft in drafts:
        for position, variant in enumerate(draft.variants):
            row = old.get(variant.sku)
            if row is None:
                created.append(_new_variant(draft, position, variant))
            else:
                changed.append(_changed_variant(draft, position, variant, row))
    table = tables.variant
    if created:
        await connection.execute(insert(table), created)
    if changed:
        await connection.execute(
            update(table)
            .where(table.c.id == bindparam("of"))
            .values(
                free=table.c.free + bindparam("delta"),
                received=table.c.received + bindparam("delta"),
            ),
            changed,
        )


def _new_variant(
    draft: ProductDraft, position: int, variant: VariantDraft
) -> dict[str, Any]:
    if variant.stock_delta:
        raise Invalid(f"sku {variant.sku} is new: give its stock, not a stock_delta")
    return {
        "id": variant_id(variant.sku),
        "product": draft.id,
        "position": position,
        "sku": variant.sku,
        "title": variant.title,
        "prices": variant.prices,
        "received": variant.stock,
        "free": variant.stock,
    }


def _changed_variant(
    draft: ProductDraft, position: int, variant: VariantDraft, row: Row[Any]
) -> dict[str, Any]:
    if row.product != draft.id:
        raise Invalid(f"sku {variant.sku} is of product {row.product}")
    # The rows are locked: what is free here is free when the units move.
    if row.free + variant.stock_delta < 0:
        raise StockShort(f"sku {variant.sku}: {row.free} units are free")
    if row.free + variant.stock_delta > STOCK_MAX:
        raise Invalid(f"sku {variant.sku}: stock is at most {STOCK_MAX}")
    return {
        "of": row.id,
        "position": position,
        "title": variant.title,
        "prices": variant.prices,
        "delta": variant.stock_delta,
    }


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]
