"""
Our own form of a catalog: one row per variant.

Columns: ``external_id`` (the shop's id of the product), ``seller``, ``title`` or
``title_<language>`` (``title_en``, ``title_zh-Hant``), ``tags`` (parted by ``;``
or ``,``), ``image``, ``sku``, ``variant`` or ``variant_<language>``,
``price_<currency>`` (``price_CNY``: decimal text such as 129.00), ``stock`` and
``stock_delta``. Rows with the same ``external_id`` are one product; what they
say of the product must agree, or be empty after the first of them.

``stock`` is the free stock with which a variant is created. A variant that is
there already keeps its stock, so that importing a file twice changes nothing;
``stock_delta`` adds units to it, or takes them from its free stock (and makes
repeating the import add them again). It is only for variants that are there.
"""

import re
from collections.abc import Callable

from dealcast.core.errors import Invalid, Refused
from dealcast.core.events import Text
from dealcast.core.money import STEPS
from dealcast.shop.catalog.rules import (
    LANGUAGE,
    SHOP,
    TITLE_MAX,
    ProductDraft,
    VariantDraft,
    check,
    image_of,
    minor_units,
    product_id_of,
    seller_of,
    sku_of,
    stock_of,
    tags_of,
    text,
    units,
)
from dealcast.shop.catalog.sheet import Row

PLAIN = frozenset(
    {"external_id", "seller", "title", "tags", "image", "sku", "variant", "stock",
     "stock_delta"}
)  # fmt: skip
OF_PRODUCT = ("seller", "title", "tags", "image")


def products(columns: list[str], rows: list[Row]) -> list[ProductDraft]:
    """
    Read the products of a file in our own form.

    Raises:
        Invalid: If anything is wrong; the detail names line and column.
    """
    check_columns(columns)
    by_id: dict[str, list[Row]] = {}
    skus: dict[str, int] = {}
    for row in rows:
        by_id.setdefault(row.read("external_id", product_id_of), []).append(row)
        sku = row.read("sku", sku_of)
        if sku in skus:
            raise row.wrong("sku", f"{sku} stands on line {skus[sku]} already")
        skus[sku] = row.line
    return [_product(columns, group) for group in by_id.values()]


def check_columns(columns: list[str]) -> None:
    """
    Refuse columns that we do not know: a misspelt one must not pass in silence.

    Raises:
        Invalid: If one is unknown, or one that is needed is missing.
    """
    for name in columns:
        prefix, _, suffix = name.partition("_")
        known = (
            name in PLAIN
            or (prefix in ("title", "variant") and LANGUAGE.fullmatch(suffix))
            or (prefix == "price" and suffix in STEPS)
        )
        if not known:
            raise Invalid(f"line 1, column {name[:80]}: unknown column")
    for needed in ("external_id", "sku"):
        if needed not in columns:
            raise Invalid(f"line 1, column {needed}: missing")
    for kind in ("title", "price_CNY"):
        if not any(name.startswith(kind[:5]) for name in columns):
            raise Invalid(f"line 1, column {kind}: missing")


def _product(columns: list[str], rows: list[Row]) -> ProductDraft:
    first = rows[0]
    for row in rows[1:]:
        for column in columns:
            of_product = column in OF_PRODUCT or column.startswith("title_")
            if of_product and row.get(column) not in ("", first.get(column)):
                raise row.wrong(column, f"differs from line {first.line}")
    title = _texts(first, "title", columns)
    if not title:
        titles = [name for name in columns if name.partition("_")[0] == "title"]
        raise first.wrong(titles[0], "empty text")
    draft = ProductDraft(
        id=first.read("external_id", product_id_of),
        seller=first.read("seller", seller_of) if first.get("seller") else SHOP,
        title=title,
        image=first.read("image", image_of) if first.get("image") else None,
        tags=first.read("tags", lambda tags: tags_of(re.split("[;,]", tags))),
        variants=[_variant(columns, row, title) for row in rows],
    )
    try:
        return check(draft)
    except Refused as refused:
        raise first.wrong("external_id", refused.detail) from None


def _variant(columns: list[str], row: Row, title: Text) -> VariantDraft:
    prices: dict[str, int] = {}
    priced = [name for name in columns if name.startswith("price_")]
    for column in priced:
        if row.get(column):
            currency = column.removeprefix("price_")
            prices[currency] = row.read(column, _price_reader(currency))
    if not prices:
        raise row.wrong(priced[0], "no price in any currency")
    has_stock, has_delta = row.get("stock"), row.get("stock_delta")
    return VariantDraft(
        sku=row.read("sku", sku_of),
        title=_texts(row, "variant", columns) or title,
        prices=prices,
        stock=row.read("stock", lambda n: stock_of(units(n))) if has_stock else 0,
        stock_delta=row.read("stock_delta", units) if has_delta else 0,
    )


def _price_reader(currency: str) -> Callable[[str], int]:
    return lambda decimal: minor_units(decimal, currency)


def _texts(row: Row, kind: str, columns: list[str]) -> Text:
    texts: Text = {}
    for column in columns:
        prefix, _, language = column.partition("_")
        if prefix == kind and row.get(column):
            read = row.read(column, lambda words: text(words, length_max=TITLE_MAX))
            texts[language or "und"] = read["und"]
    return texts
