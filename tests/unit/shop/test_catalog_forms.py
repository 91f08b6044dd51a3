"""What a catalog file says, and where it is wrong."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcast.core.errors import Invalid, OffStep, Refused, TooLarge
from dealcast.core.money import DIGITS, STEPS, Money
from dealcast.shop.catalog import rules, sheet
from dealcast.shop.catalog.service import read_drafts

OWN = "external_id,title,sku,price_CNY,stock\n"
SHOPIFY = (
    "Handle,Title,Body (HTML),Vendor,Tags,Option1 Name,Option1 Value,Option2 Value,"
    "Variant SKU,Variant Price,Variant Inventory Qty,Image Src\n"
)


# Money.


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("129.00", "CNY", 12_900),
        ("129", "CNY", 12_900),
        ("129.5", "USD", 12_950),
        ("0.01", "USD", 1),
        ("129.000000", "EUR", 12_900),
        ("500", "JPY", 500),
        ("500.00", "JPY", 500),
        ("100", "TWD", 10_000),
        ("9999999999.99", "USD", 999_999_999_999),
    ],
)
def test_decimal_text_is_read_exactly(text: str, currency: str, amount: int) -> None:
    assert rules.minor_units(text, currency) == amount


@pytest.mark.parametrize(
    "text",
    ["", "-1", "+1", "1,000", "1.", ".5", "1e3", "0x10", "1.234", "NaN", "inf", "0",
     "0.00", "١٢", "1 000", "99999999999.00", "1.0000001", "¥12", "9" * 5000],
)  # fmt: skip
def test_what_is_no_price(text: str) -> None:
    with pytest.raises(Invalid):
        rules.minor_units(text, "CNY")


def test_a_price_falls_on_its_step() -> None:
    with pytest.raises(OffStep):
        rules.minor_units("10.50", "TWD")
    with pytest.raises(OffStep):
        rules.price_of(Money(1_005, "HKD"))
    with pytest.raises(Invalid):
        rules.minor_units("1.5", "JPY")
    with pytest.raises(Invalid):
        rules.price_of(Money(1, "XXX"))


@given(st.sampled_from(sorted(STEPS)), st.integers(1, 10**9))
def test_any_price_survives_being_written(currency: str, steps: int) -> None:
    amount = steps * STEPS[currency]
    if amount > 10**12:
        return
    places = DIGITS.get(currency, 2)
    whole, part = divmod(amount, 10**places)
    text = f"{whole}.{part:0{places}d}" if places else str(whole)
    assert rules.minor_units(text, currency) == amount


# Our own form.


def own(rows: str, head: str = OWN) -> Any:
    return read_drafts((head + rows).encode(), None)


def test_rows_of_one_product_stand_together() -> None:
    head = (
        "external_id,seller,title_en,title_zh-Hant,tags,image,sku,variant_en,"
        "price_CNY,price_USD,stock\n"
    )
    rows = (
        'tea,茶 & Co,Tea,茶,"老字號; tea,茶",/catalog/tea.svg,T-1,Tin,129.00,19.90,5\n'
        "cup,,Cup,,,https://x.test/c.png,C-1,,50,,\n"
        "tea,,,,,,T-2,Bag,29.5,,\n"
    )
    tea, cup = own(rows, head)
    assert (tea.id, tea.title) == ("tea", {"en": "Tea", "zh-Hant": "茶"})
    assert tea.tags == ["老字號", "tea", "茶"]
    assert tea.image == "/catalog/tea.svg"
    assert tea.seller.name == {"und": "茶 & Co"}
    first, second = tea.variants
    assert (first.sku, first.title, first.stock) == ("T-1", {"en": "Tin"}, 5)
    assert first.prices == {"CNY": 12_900, "USD": 1_990}
    assert second.prices == {"CNY": 2_950}
    assert cup.seller == rules.SHOP
    assert cup.variants[0].title == cup.title


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_marks_line_ends_and_quoted_lines(end: str) -> None:
    text = (OWN + '"a","Tea, ""green""\nfrom Wuyi",S,1,2\n\n').replace("\n", end)
    (draft,) = read_drafts(b"\xef\xbb\xbf" + text.encode(), None)
    assert draft.title == {"und": 'Tea, "green" from Wuyi'}


BAD_ROWS = {
    "a,Tea,S,abc,1\n": "line 2, column price_CNY",
    "a,Tea,S,1,1\nb,Cup,C,1.234,1\n": "line 3, column price_CNY",
    '"a","two\nlines",S,1,1\nb,Cup,C,-1,1\n': "line 4, column price_CNY",
    "a,Tea,S,,1\n": "line 2, column price_CNY",
    "a,Tea,S,1,-1\n": "line 2, column stock",
    "a,Tea,S,1,1.5\n": "line 2, column stock",
    "a,Tea,S,1,99999999999\n": "line 2, column stock",
    "a,,S,1,1\n": "line 2, column title",
    f"a,{'x' * 201},S,1,1\n": "line 2, column title",
    "a b,Tea,S,1,1\n": "line 2, column external_id",
    ",Tea,S,1,1\n": "line 2, column external_id",
    "../a,Tea,S,1,1\n": "line 2, column external_id",
    "a,Tea,,1,1\n": "line 2, column sku",
    f"a,Tea,{'s' * 81},1,1\n": "line 2, column sku",
    "a,Tea,S,1,1\nb,Cup,S,1,1\n": "line 3, column sku",
    "a,Tea,S,1,1\na,Other,S2,1,1\n": "line 3, column title",
    "a,Tea,S,1\n": "line 2, column 4",
    "a,Tea,S,1,1,1\n": "line 2, column 5",
    'a,"Tea,S,1,1\n': "line 2, column 1",
    'a,"Tea"x,S,1,1\n': "line 2, column 1",
    f"a,{'x' * 20_001},S,1,1\n": "line 2, column title",
    "a,Tea\0,S,1,1\n": "line 2",
    "": "line 2, column 1",
}


@pytest.mark.parametrize("rows", BAD_ROWS)
def test_a_broken_row_names_its_line_and_column(rows: str) -> None:
    with pytest.raises(Invalid) as refused:
        own(rows)
    assert refused.value.detail.startswith(BAD_ROWS[rows] + ":"), refused.value


BAD_HEADS = {
    "": "line 1, column 1",
    "external_id,title,sku,price_CNY,colour\n": "line 1, column colour",
    "external_id,title,sku,price_XXX\n": "line 1, column price_XXX",
    "external_id,title,title,sku,price_CNY\n": "line 1, column title",
    "external_id,title,sku,price_CNY,\n": "line 1, column 5",
    "title,sku,price_CNY\n": "line 1, column external_id",
    "external_id,title,price_CNY\n": "line 1, column sku",
    "external_id,sku,price_CNY\n": "line 1, column title",
    "external_id,title,sku\n": "line 1, column price_CNY",
    "external_id,title_,sku,price_CNY\n": "line 1, column title_",
}


@pytest.mark.parametrize("head", BAD_HEADS)
def test_a_broken_header_names_its_column(head: str) -> None:
    with pytest.raises(Invalid) as refused:
        own(head.count(",") * "x," + "x\n" if head else "", head)
    assert refused.value.detail.startswith(BAD_HEADS[head] + ":"), refused.value


@pytest.mark.parametrize("column", ["image", "tags"])
@pytest.mark.parametrize(
    "text", ["javascript:alert(1)", "//x.test/a", "/catalog/../secret", "x" * 501]
)
def test_a_picture_or_tag_that_is_none(column: str, text: str) -> None:
    if column == "tags" and len(text) < 100:
        return
    with pytest.raises(Invalid, match=f"line 2, column {column}"):
        own(f"a,T,S,1,{text}\n", f"external_id,title,sku,price_CNY,{column}\n")


def test_text_that_is_not_utf8_names_its_place() -> None:
    with pytest.raises(Invalid, match="line 3, byte 3: not UTF-8"):
        read_drafts(OWN.encode() + b"a,T,S,1,1\nb,\xff\n", None)


def test_limits_of_a_file() -> None:
    with pytest.raises(TooLarge):
        sheet.read(b"x" * (sheet.BYTES_MAX + 1))
    many = "".join(f"p{n},T,S{n},1,1\n" for n in range(sheet.ROWS_MAX + 1))
    with pytest.raises(TooLarge, match="line 10002"):
        own(many)
    assert len(own(many[: many.rindex("p")])) == sheet.ROWS_MAX


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        read_drafts(OWN.encode() + data, None)
    except Refused as refused:
        assert re.match(r"line \d+", refused.detail)


# Shopify's form.


def shopify(rows: str, currency: str | None = "CNY") -> Any:
    return read_drafts((SHOPIFY + rows).encode(), currency)


def test_a_shopify_export() -> None:
    shirt, card = shopify(
        'shirt,Shirt,"<p>a\nb</p>",Acme,"red, blue",Size,S,Red,SH-S,129.00,7,'
        "https://cdn.shopify.com/s/1.jpg?v=1\n"
        "shirt,,,,,,M,Red,,139.00,-0,\n"
        "shirt,,,,,,,,,,,https://cdn.shopify.com/s/2.jpg\n"
        "禮品卡,Gift card,,,,Title,Default Title,,GIFT,50.00,,\n"
    )
    assert (shirt.id, shirt.title, shirt.seller.id) == (
        "shirt", {"und": "Shirt"}, "acme",
    )  # fmt: skip
    assert shirt.tags == ["red", "blue"]
    assert shirt.image == "https://cdn.shopify.com/s/1.jpg?v=1"
    small, medium = shirt.variants
    assert (small.sku, small.title, small.stock) == ("SH-S", {"und": "S / Red"}, 7)
    assert (medium.sku, medium.prices) == ("shirt-M-Red", {"CNY": 13_900})
    assert re.fullmatch("p_[0-9a-z]{12}", card.id)
    assert card.variants[0].title == {"und": "Gift card"}


@pytest.mark.parametrize(
    ("rows", "where"),
    [
        ("a,T,,,,,,,S,abc,1,\n", "line 2, column Variant Price"),
        ('a,T,"x\ny",,,,,,S,1,1,\na,,,,,,,,S,2,1,\n', "line 4, column Variant SKU"),
        ("a,T,,,,,,,S,1,-3,\n", "line 2, column Variant Inventory Qty"),
        ("a,,,,,,,,S,1,1,\n", "line 2, column Title"),
        (",T,,,,,,,S,1,1,\n", "line 2, column Handle"),
        ("a,T,,,,,,,S,,1,\n", "line 2, column Variant Price"),
        ("a,T,,,,,,,S,1,1,ftp://x\n", "line 2, column Image Src"),
    ],
)
def test_a_broken_shopify_row(rows: str, where: str) -> None:
    with pytest.raises(Invalid) as refused:
        shopify(rows)
    assert refused.value.detail.startswith(where + ":"), refused.value


def test_a_shopify_export_needs_a_currency() -> None:
    with pytest.raises(Invalid, match="Variant Price"):
        shopify("a,T,,,,,,,S,1,1,\n", None)


# Names made here.


def test_ids_are_stable_and_safe() -> None:
    assert rules.variant_id("TEA-1") == rules.variant_id("TEA-1")
    assert re.fullmatch("[a-z0-9_-]{1,64}", rules.variant_id("茶|{p00}\n"))
    assert rules.named_product("TEA-1") == "TEA-1"
    assert re.fullmatch("p_[0-9a-z]{12}", rules.named_product("茶"))
    assert rules.seller_of("Acme & Co.").id == "acme-co"
    assert rules.seller_of("王記").id.startswith("s-")


@pytest.mark.parametrize(
    "title", ["", " ", {}, {"en": ""}, {"e n": "x"}, {"": "x"}, "\u200b"]
)
def test_what_is_no_title(title: Any) -> None:
    with pytest.raises(Invalid):
        rules.text(title)
