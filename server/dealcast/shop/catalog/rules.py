"""What a product may be; exact money from decimal text."""

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct

from dealcast.core.errors import Invalid, OffStep
from dealcast.core.events import Seller, Text
from dealcast.core.ids import ProductId, VariantId, digest
from dealcast.core.money import AMOUNT_MAX, STEPS, Money, digits, on_step
from dealcast.shop.people.rules import clean

TITLE_MAX = 200
LANGUAGES_MAX = 12
TAGS_MAX = 12
TAG_MAX = 40
SKU_MAX = 80
IMAGE_MAX = 500
VARIANTS_MAX = 100
STOCK_MAX = 10_000_000

LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")
PRODUCT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
SELLER_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
DECIMAL = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,6}))?", re.ASCII)
WHOLE = re.compile(r"-?[0-9]{1,9}", re.ASCII)
IMAGE_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[\x21-\x7e]*)?")
IMAGE_PATH = re.compile(r"/?catalog/([A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9._-]+")

SHOP = Seller(id="shop", name={"und": "Shop"})


class VariantDraft(Struct, frozen=True, kw_only=True):
    """A variant as it shall be."""

    sku: str
    title: Text
    prices: dict[str, int]
    stock: int = 0  # Free units of a new variant; an old one keeps its stock.
    stock_delta: int = 0  # Units that come to an old one, or leave it.


class ProductDraft(Struct, frozen=True, kw_only=True):
    """A product as it shall be."""

    id: ProductId
    seller: Seller
    title: Text
    image: str | None
    tags: list[str]
    variants: list[VariantDraft]


def text(given: str | Mapping[str, str], *, length_max: int = TITLE_MAX) -> Text:
    """
    Return a text by language; a plain one stands under ``und``.

    Raises:
        Invalid: If it is empty, too long, or a language is misspelt.
    """
    by_language = {"und": given} if isinstance(given, str) else given
    if not 1 <= len(by_language) <= LANGUAGES_MAX:
        raise Invalid(f"a text has 1 to {LANGUAGES_MAX} languages")
    cleaned: Text = {}
    for language, words in by_language.items():
        if not LANGUAGE.fullmatch(language):
            raise Invalid(f"{language[:20]!r} is no language tag")
        if len(words) > length_max:
            raise Invalid(f"longer than {length_max} characters")
        cleaned[language] = clean(words, length_max=length_max)
        if not cleaned[language]:
            raise Invalid("empty text")
    return cleaned


def minor_units(decimal: str, currency: str) -> int:
    """
    Read decimal text such as ``129.00`` as minor units, exactly.

    Raises:
        Invalid: If it is no plain number, or finer than the currency is.
        OffStep: If no price may be that amount.
    """
    found = DECIMAL.fullmatch(decimal)
    if found is None:
        raise Invalid(f"{decimal[:40]!r} is no price; write it like 129.00")
    places = digits(currency)
    whole, part = found.group(1), found.group(2) or ""
    if part[places:].strip("0"):
        raise Invalid(f"{decimal} is finer than {currency} is: {places} decimals")
    amount = int(whole + part[:places].ljust(places, "0"))
    return price_of(Money(amount, currency)).amount


def price_of(money: Money) -> Money:
    """
    Return ``money`` if it may be a price.

    Raises:
        Invalid: If the currency is unknown, or the amount not above zero or huge.
        OffStep: If it does not fall on the currency's step.
    """
    if money.currency not in STEPS:
        raise Invalid(f"unknown currency {money.currency!r}")
    if not 0 < money.amount <= AMOUNT_MAX:
        raise Invalid("a price is above zero, and at most 10,000,000,000.00")
    if not on_step(money):
        step = STEPS[money.currency]
        raise OffStep(f"{money.currency} goes in steps of {step} minor units")
    return money


def prices_of(given: Iterable[Money]) -> dict[str, int]:
    """
    Return prices by currency.

    Raises:
        Invalid: If there is none, or two are of one currency.
    """
    prices: dict[str, int] = {}
    for money in given:
        if money.currency in prices:
            raise Invalid(f"two prices in {money.currency}")
        prices[money.currency] = price_of(money).amount
    if not prices:
        raise Invalid("a variant has a price in at least one currency")
    return prices


def units(given: str) -> int:
    """
    Read a number of units.

    Raises:
        Invalid: If it is no whole number.
    """
    if not WHOLE.fullmatch(given):
        raise Invalid(f"{given[:40]!r} is no whole number")
    return int(given)


def stock_of(given: int) -> int:
    """
    Return ``given`` if it may be a stock.

    Raises:
        Invalid: If it is below zero or huge.
    """
    if not 0 <= given <= STOCK_MAX:
        raise Invalid(f"stock is 0 to {STOCK_MAX}")
    return given


def sku_of(given: str) -> str:
    """
    Return ``given`` if it may be a stock-keeping number.

    Raises:
        Invalid: If it is empty, too long or not one line of plain text.
    """
    if not given or len(given) > SKU_MAX or clean(given, length_max=SKU_MAX) != given:
        raise Invalid(f"a sku is 1 to {SKU_MAX} characters in one line")
    return given


def tags_of(given: Iterable[str]) -> list[str]:
    """
    Return the tags, each once, in their order.

    Raises:
        Invalid: If they are too many or one is too long.
    """
    tags = list(dict.fromkeys(clean(tag, length_max=TAG_MAX + 1) for tag in given))
    tags = [tag for tag in tags if tag]
    if len(tags) > TAGS_MAX:
        raise Invalid(f"more than {TAGS_MAX} tags")
    for tag in tags:
        if len(tag) > TAG_MAX:
            raise Invalid(f"a tag is at most {TAG_MAX} characters")
    return tags


def image_of(given: str) -> str:
    """
    Return the address of a picture.

    Raises:
        Invalid: If it is neither http(s) nor a path under ``/catalog/``.
    """
    if len(given) > IMAGE_MAX:
        raise Invalid(f"an address is at most {IMAGE_MAX} characters")
    if IMAGE_URL.fullmatch(given):
        return given
    if IMAGE_PATH.fullmatch(given) and "/." not in given:
        return "/" + given.lstrip("/")
    raise Invalid("a picture is at http://, https:// or /catalog/")


def product_id_of(given: str) -> ProductId:
    """
    Return ``given`` if it may be the shop's id of a product.

    Raises:
        Invalid: If it is too long or has other characters.
    """
    if not PRODUCT_ID.fullmatch(given):
        raise Invalid("an id is 1 to 64 of A-Z a-z 0-9 . _ -")
    return ProductId(given)


def named_product(sku: str) -> ProductId:
    """Name a product, for which nobody gave an id, after its first sku."""
    if PRODUCT_ID.fullmatch(sku):
        return ProductId(sku)
    return ProductId("p_" + digest(12, sku))


def variant_id(sku: str) -> VariantId:
    """Name the variant of ``sku``: the same for good, whatever is imported again."""
    return VariantId("v_" + digest(14, sku))


def seller_of(name: str) -> Seller:
    """
    Return the seller called ``name``.

    Raises:
        Invalid: If the name is too long.
    """
    shown = text(name, length_max=80)
    slug = re.sub(r"[^a-z0-9]+", "-", shown["und"].lower()).strip("-")
    # Only a name that is all Latin makes a slug that is still its own.
    plain = shown["und"].isascii() and SELLER_ID.fullmatch(slug)
    return Seller(id=slug if plain else "s-" + digest(10, shown["und"]), name=shown)


def check(draft: ProductDraft) -> ProductDraft:
    """
    Return ``draft`` if its variants can stand together.

    Raises:
        Invalid: If there are none, too many, or one sku twice.
    """
    if not 1 <= len(draft.variants) <= VARIANTS_MAX:
        raise Invalid(f"a product has 1 to {VARIANTS_MAX} variants")
    skus = {variant.sku for variant in draft.variants}
    if len(skus) != len(draft.variants):
        raise Invalid("one sku stands twice")
    return draft
