"""What clients may ask of the catalog."""

from typing import Annotated, Any

from msgspec import Meta, field

from dealcast.core.errors import Invalid
from dealcast.core.events import ProductView, Text
from dealcast.core.ids import ProductId
from dealcast.core.money import Currency, Money
from dealcast.core.wire import SELLING, Act, Answer, Caller, Request
from dealcast.shop.catalog import rules
from dealcast.shop.catalog.rules import ProductDraft, VariantDraft
from dealcast.shop.catalog.service import Catalog
from dealcast.shop.catalog.upsert import Imported

Sku = Annotated[str, Meta(min_length=1, max_length=rules.SKU_MAX)]
Title = str | Text
Price = Money | Annotated[list[Money], Meta(min_length=1, max_length=20)]
Stock = Annotated[int, Meta(ge=0, le=rules.STOCK_MAX)]
StockDelta = Annotated[int, Meta(ge=-rules.STOCK_MAX, le=rules.STOCK_MAX)]
ProductIdText = Annotated[str, Meta(pattern=rf"^{rules.PRODUCT_ID.pattern}$")]
Tag = Annotated[str, Meta(max_length=rules.TAG_MAX)]


class VariantAsk(Request, frozen=True, kw_only=True):
    """A variant as it shall be."""

    sku: Sku
    title: Title | None = None  # Default: the product's.
    price: Price
    stock: Stock = 0  # For a new variant; an old one keeps its stock.
    stock_delta: StockDelta = 0


class ProductAsk(Request, frozen=True, kw_only=True):
    """A product as it shall be: with one variant, or with ``variants``."""

    title: Title
    seller: Annotated[str, Meta(min_length=1, max_length=80)] | None = None
    image: Annotated[str, Meta(max_length=rules.IMAGE_MAX)] | None = None
    tags: Annotated[list[Tag], Meta(max_length=rules.TAGS_MAX)] = field(
        default_factory=list
    )
    sku: Sku | None = None
    price: Price | None = None
    stock: Stock = 0
    stock_delta: StockDelta = 0
    variants: Annotated[list[VariantAsk], Meta(max_length=rules.VARIANTS_MAX)] = field(
        default_factory=list
    )


class ProductCreate(ProductAsk, frozen=True, kw_only=True):
    """Create a product."""

    external_id: ProductIdText | None = None  # Default: its first sku.


class ProductPut(ProductAsk, frozen=True, kw_only=True):
    """Create or change a product; variants that are left out stay as they are."""

    external_id: ProductIdText
    version: Annotated[int, Meta(ge=0, lt=2**31)] | None = None  # 0: must be new.


class ProductList(Request, frozen=True, kw_only=True):
    """List products by id, at most 200."""

    after: Annotated[str, Meta(max_length=64)] = ""


class ProductImport(Request, frozen=True, kw_only=True):
    """Import a CSV file: our own form, or a plain Shopify product export."""

    csv: bytes  # The body of a text/csv request, as it is.
    currency: Currency | None = None  # Of the prices of a Shopify export.


class Products(Answer, frozen=True, kw_only=True):
    """A page of products."""

    products: list[ProductView]


def draft(ask: ProductAsk, product: ProductId | None) -> ProductDraft:
    """
    Return the product that ``ask`` describes.

    Raises:
        Invalid: If it has no variant, or both ways of giving one.
    """
    variants = ask.variants
    if (ask.sku is None) == (not variants) or (variants and ask.price is not None):
        raise Invalid("give sku and price, or variants")
    if ask.sku is not None:
        if ask.price is None:
            raise Invalid("price: missing")
        variants = [
            VariantAsk(
                sku=ask.sku,
                price=ask.price,
                stock=ask.stock,
                stock_delta=ask.stock_delta,
            )
        ]
    title = rules.text(ask.title)
    return rules.check(
        ProductDraft(
            id=product or rules.named_product(rules.sku_of(variants[0].sku)),
            seller=rules.seller_of(ask.seller) if ask.seller else rules.SHOP,
            title=title,
            image=rules.image_of(ask.image) if ask.image else None,
            tags=rules.tags_of(ask.tags),
            variants=[_variant(variant, title) for variant in variants],
        )
    )


def _variant(ask: VariantAsk, title: Text) -> VariantDraft:
    prices = ask.price if isinstance(ask.price, list) else [ask.price]
    return VariantDraft(
        sku=rules.sku_of(ask.sku),
        title=title if ask.title is None else rules.text(ask.title),
        prices=rules.prices_of(prices),
        stock=ask.stock,
        stock_delta=ask.stock_delta,
    )


def acts(catalog: Catalog) -> list[Act[Any]]:
    """Return what clients may ask."""

    async def product_create(caller: Caller, ask: ProductCreate) -> ProductView:
        product = ProductId(ask.external_id) if ask.external_id else None
        return await catalog.put(caller, draft(ask, product), version=0)

    async def product_put(caller: Caller, ask: ProductPut) -> ProductView:
        made = draft(ask, ProductId(ask.external_id))
        return await catalog.put(caller, made, version=ask.version)

    async def product_list(caller: Caller, ask: ProductList) -> Products:
        return Products(products=await catalog.page(ask.after))

    async def product_import(caller: Caller, ask: ProductImport) -> Imported:
        return await catalog.import_csv(caller, ask.csv, currency=ask.currency)

    return [
        Act(
            name="product_create",
            request=ProductCreate,
            answer=ProductView,
            handler=product_create,
            roles=SELLING,
            http="POST /products",
            socket="/staff",
            status=201,
        ),
        Act(
            name="product_put",
            request=ProductPut,
            answer=ProductView,
            handler=product_put,
            roles=SELLING,
            http="PUT /products/{external_id}",
            socket="/staff",
        ),
        Act(
            name="product_list",
            request=ProductList,
            answer=Products,
            handler=product_list,
            roles=("host", "assistant", "moderator", "shop"),
            http="GET /products",
            socket="/staff",
        ),
        Act(
            name="product_import",
            request=ProductImport,
            answer=Imported,
            handler=product_import,
            roles=SELLING,
            http="POST /products/import",
            per_minute=10,
        ),
    ]
