"""
A plain Shopify product export (``products_export.csv``).

Rows with one ``Handle`` are one product; the first of them carries Title, Vendor
and Tags. A row with a ``Variant Price`` is a variant; others carry more pictures
and are passed over. Prices have no currency in the export, so it is given.
``Variant Inventory Qty`` is the free stock with which a variant is created; one
that is there already keeps its stock. Other columns are passed over.
"""

import re
from collections.abc import Callable

from dealcast.core.errors import Invalid, Refused
from dealcast.core.ids import ProductId
from dealcast.core.money import STEPS
from dealcast.shop.catalog.rules import (
    PRODUCT_ID,
    SHOP,
    TAGS_MAX,
    ProductDraft,
    VariantDraft,
    check,
    image_of,
    minor_units,
    named_product,
    seller_of,
    sku_of,
    stock_of,
    tags_of,
    text,
    units,
)
from dealcast.shop.catalog.sheet import Row

OPTIONS = ("Option1 Value", "Option2 Value", "Option3 Value")
NO_OPTION = "Default Title"  # What Shopify writes when there is nothing to choose.


def is_shopify(columns: list[str]) -> bool:
    """Tell whether a file with these columns is a Shopify export."""
    return "Handle" in columns and "Variant SKU" in columns


def products(
    columns: list[str], rows: list[Row], currency: str | None
) -> list[ProductDraft]:
    """
    Read the products of a Shopify export, priced in ``currency``.

    Raises:
        Invalid: If anything is wrong; the detail names line and column.
    """
    for needed in ("Title", "Variant Price"):
        if needed not in columns:
            raise Invalid(f"line 1, column {needed}: missing")
    if currency not in STEPS:
        raise Invalid("line 1, column Variant Price: say in which currency, like CNY")
    by_handle: dict[str, list[Row]] = {}
    for row in rows:
        if not row.get("Handle"):
            raise row.wrong("Handle", "empty")
        by_handle.setdefault(row.get("Handle"), []).append(row)
    skus: dict[str, int] = {}
    return [_product(group, currency, skus) for group in by_handle.values()]


def _product(rows: list[Row], currency: str, skus: dict[str, int]) -> ProductDraft:
    first = rows[0]
    title = first.read("Title", text)
    variants: list[VariantDraft] = []
    for row in rows:
        if row.get("Variant Price"):
            variants.append(_variant(row, currency, title["und"]))
            sku = variants[-1].sku
            if sku in skus:
                where = f"stands on line {skus[sku]} already"
                raise row.wrong("Variant SKU", f"{sku} {where}")
            skus[sku] = row.line
    if not variants:
        raise first.wrong("Variant Price", "empty on every row of this handle")
    images = [row for row in rows if row.get("Image Src")]
    draft = ProductDraft(
        id=first.read("Handle", _product_id),
        seller=first.read("Vendor", seller_of) if first.get("Vendor") else SHOP,
        title=title,
        image=images[0].read("Image Src", image_of) if images else None,
        # A shop may have many tags for its own use; the first ones are shown.
        tags=first.read("Tags", lambda tags: tags_of(tags.split(",")[:TAGS_MAX])),
        variants=variants,
    )
    try:
        return check(draft)
    except Refused as refused:
        raise first.wrong("Handle", refused.detail) from None


def _variant(row: Row, currency: str, title: str) -> VariantDraft:
    options = [row.get(column) for column in OPTIONS]
    options = [option for option in options if option and option != NO_OPTION]
    # Shopify does not ask for a sku; then handle and options make one.
    made = re.sub(r"\s+", "-", "-".join([row.get("Handle"), *options]))
    quantity = row.get("Variant Inventory Qty")
    return VariantDraft(
        sku=row.read("Variant SKU", lambda sku: sku_of(sku.strip("'") or made)),
        title=row.read(OPTIONS[0], lambda _: text(" / ".join(options) or title)),
        prices={currency: row.read("Variant Price", _price_reader(currency))},
        stock=row.read("Variant Inventory Qty", lambda n: stock_of(units(n)))
        if quantity
        else 0,
    )


def _price_reader(currency: str) -> Callable[[str], int]:
    return lambda decimal: minor_units(decimal, currency)


def _product_id(handle: str) -> ProductId:
    # A handle may be Chinese; then a digest stands for it.
    return ProductId(handle) if PRODUCT_ID.fullmatch(handle) else named_product(handle)
