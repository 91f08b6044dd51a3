"""What a viewer sees: the show, its goods, and a deal that opens on time."""

import re

import pytest
from playwright.async_api import expect

from tests.support.browser import picture
from tests.support.shopper import now_ms
from tests.support.studio import (
    CURRENCY,
    SHELF,
    TITLE,
    Studio,
    buy_button,
    expect_left,
    hold_one,
    joined,
)

HOUR_MS = 3_600_000
WRONG_CLOCK = """
const shift = %d;
const Right = Date;
Date = class extends Right {
  constructor(...said) { said.length ? super(...said) : super(Right.now() + shift); }
  static now() { return Right.now() + shift; }
};
const origin = performance.timeOrigin + shift;
Object.defineProperty(performance, "timeOrigin", {get: () => origin});
"""
CHAT = (
    ("Mei", "大家晚安！這條方巾好美"),
    ("Arjun", "Is the blue one the same size?"),
    ("小林", "上次買的茶很好喝，這次也要"),
)


@pytest.mark.parametrize(("scheme", "language"), [("light", "zh-Hant"), ("dark", "en")])
async def test_the_show_with_its_goods(
    studio: Studio, scheme: str, language: str
) -> None:
    await studio.furnish()
    deal = await studio.planned(90, variants=3)
    await studio.say(*CHAT)
    page = await studio.viewer(scheme=scheme, language=language)

    await expect(page.get_by_test_id("show-title")).to_have_text(TITLE[language])
    await expect(page.get_by_test_id("viewers")).to_have_text(re.compile(r"\b1\b"))
    await expect(page.get_by_test_id("chat-text")).to_have_text(
        [text for _, text in CHAT]
    )
    pinned = page.get_by_test_id("pinned")
    await expect(pinned).to_contain_text(studio.goods[SHELF[0]]["title"][language])
    await expect(page.get_by_test_id(f"countdown-{deal.id}")).to_have_text(
        re.compile(r"^01:[0-2]\d$")
    )
    await expect(buy_button(page, deal)).to_be_disabled()
    await expect_left(page, deal, 30)
    await picture(page, f"viewer-planned-{scheme}-{language}")

    await page.get_by_test_id("tray-open").click()
    for name in SHELF:
        product = studio.goods[name]
        row = page.get_by_test_id("tray").locator("li").filter(
            has_text=product["title"][language]
        )  # fmt: skip
        (price,) = [p for p in product["variants"][0]["prices"]
                    if p["currency"] == CURRENCY]  # fmt: skip
        shown = row.locator(f"[data-amount='{price['amount']}']")
        await expect(shown).to_be_visible()
        await expect(row.get_by_role("button")).to_be_enabled()
    await picture(page, f"viewer-tray-{scheme}-{language}")


@pytest.mark.parametrize("shift", [-HOUR_MS, 0, HOUR_MS])
async def test_buy_opens_with_the_server_whatever_the_browsers_clock_says(
    studio: Studio, shift: int
) -> None:
    deal = await studio.planned(4)
    page = await studio.screens.phone()
    await page.add_init_script(WRONG_CLOCK % shift)
    await studio.join(page)
    button = buy_button(page, deal)
    await expect(page.get_by_test_id(f"countdown-{deal.id}")).to_have_text(
        re.compile(r"^00:0[0-4](\.\d)?$")
    )
    await expect(button).to_be_disabled()
    await expect(button).to_be_enabled()
    # Opened at the instant itself, not a lap of the network later.
    assert abs(now_ms() - deal.opens_at) < 700
    await hold_one(page, deal)


async def test_a_wrong_clock_leaves_the_viewer_who_they_are(studio: Studio) -> None:
    page = await studio.screens.phone()
    await page.add_init_script(WRONG_CLOCK % (2 * HOUR_MS))
    await studio.join(page)
    who = "() => localStorage.getItem('dealcast.session.viewer')"
    before = await page.evaluate(who)
    await page.reload()
    await joined(page)
    assert await page.evaluate(who) == before is not None


async def test_sold_out_shows_at_once_to_all(studio: Studio) -> None:
    await studio.furnish()
    deal = await studio.flash(units=4, per_buyer_max=4)
    one, two = await studio.viewers(2)
    await hold_one(one, deal)
    for page in (one, two):
        await expect_left(page, deal, 3)
    last = await studio.take(deal, 3, name="Quick")
    for page in (one, two):
        await expect(page.get_by_test_id(f"sold-out-{deal.id}")).to_be_visible()
        await expect(buy_button(page, deal)).to_be_disabled()
        await expect_left(page, deal, 0)
    await picture(two, "viewer-sold-out-dark-en")
    await studio.shop.choose(last, "decline")
    for page in (one, two):
        await expect_left(page, deal, 3)
        await expect(buy_button(page, deal)).to_be_enabled()


async def test_the_show_ends_for_all(studio: Studio) -> None:
    page = await studio.viewer()
    await studio.shop.done("POST", f"/shows/{studio.show}/end", token=studio.shop.host)
    await expect(page.get_by_test_id("show-ended")).to_be_visible()
    await picture(page, "viewer-ended-dark-en")
