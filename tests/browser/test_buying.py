"""A purchase with the thumb: hold, bag, payment, and what all others see of it."""

import re

from playwright.async_api import Page, expect

from tests.support.browser import picture
from tests.support.studio import (
    Studio,
    buy_button,
    decide,
    expect_left,
    hold_one,
    joined,
    to_pay_page,
)

TIMER = re.compile(r"^0\d:\d\d$")


async def seconds_left(page: Page) -> int:
    """Return what the hold's timer shows, in seconds."""
    text = await page.get_by_test_id("hold-timer").inner_text()
    minutes, seconds = text.split(":")
    return 60 * int(minutes) + int(seconds)


async def test_a_hold_counts_down_in_the_bag_and_can_be_put_back(
    studio: Studio,
) -> None:
    await studio.furnish()
    deal = await studio.flash(units=10, hold_s=120)
    page, other = await studio.viewers(2, scheme="light", language="zh-Hant")
    await picture(page, "viewer-open-light-zh-Hant")
    await hold_one(page, deal)
    await expect_left(other, deal, 9)
    await expect(page.get_by_test_id("hold-timer")).to_have_text(TIMER)
    first = await seconds_left(page)
    assert 110 <= first <= 120
    ticking = page.get_by_test_id("hold-timer")
    await expect(ticking).not_to_have_text(await ticking.inner_text())
    assert await seconds_left(page) < first
    await picture(page, "viewer-held-light-zh-Hant")

    await page.get_by_test_id("hold-strip").click()
    held = page.get_by_test_id("hold")
    await expect(held).to_have_count(1)
    await expect(held).to_contain_text(studio.goods["silk-scarf"]["title"]["zh-Hant"])
    await expect(page.get_by_test_id("bag-total")).to_have_attribute(
        "data-amount", "19900"
    )
    await expect(held.get_by_role("timer")).to_have_text(TIMER)
    await picture(page, "viewer-bag-light-zh-Hant")
    await held.get_by_role("button").click()
    await expect(page.get_by_test_id("bag-empty")).to_be_visible()
    for one in (page, other):
        await expect_left(one, deal, 10)
    await picture(page, "viewer-bag-empty-light-zh-Hant")


async def test_the_bag_outlives_a_reload(studio: Studio) -> None:
    deal = await studio.flash()
    page = await studio.viewer()
    await hold_one(page, deal)
    await page.reload()
    await joined(page)
    await expect(page.get_by_test_id("bag-count")).to_have_text("1")
    await expect(page.get_by_test_id("hold-timer")).to_have_text(TIMER)


async def test_paying_at_the_providers_page(studio: Studio) -> None:
    """A deal and a listing become one order that all others are told of."""
    await studio.furnish()
    deal = await studio.flash(units=10)
    listing = await studio.sell("rice", 5, kind="listing")
    page, other = await studio.viewers(2, reduced_motion="no-preference")
    await hold_one(page, deal)
    await page.get_by_test_id("tray-open").click()
    await buy_button(page, listing).click()
    await expect(page.get_by_test_id("bag-count")).to_have_text("2")
    await page.get_by_test_id("sheet-close").locator("visible=true").click()
    await to_pay_page(page)
    await expect(page.locator("main")).to_contain_text("¥242.00")
    await picture(page, "pay-dark-en")
    await decide(page, "pay")

    result = page.get_by_test_id("pay-result")
    await expect(result).to_have_attribute("data-state", "paid")
    await expect(page.get_by_test_id("order-total")).to_have_attribute(
        "data-amount", "24200"
    )
    order = await page.get_by_test_id("order-number").inner_text()
    told = await studio.shop.done("GET", f"/orders/{order}", token=studio.shop.host)
    assert (told["state"], len(told["lines"])) == ("paid", 2)
    tick = other.get_by_test_id("order-tick")
    await expect(tick).to_have_text("G** bought 2")
    await picture(other, "viewer-tick-dark-en")
    await picture(page, "viewer-paid-dark-en")
    for one in (page, other):
        await expect_left(one, deal, 9)
    await page.get_by_test_id("sheet-close").locator("visible=true").click()
    await expect(page.get_by_test_id("bag-count")).to_have_count(0)
    assert "order" not in page.url

    await page.reload()
    await joined(page)
    await expect(page.get_by_test_id("pay-result")).to_have_count(0)


async def test_declining_gives_the_units_back_and_says_so(studio: Studio) -> None:
    deal = await studio.flash(units=1)
    # An order that never came about is asked for until that is sure.
    studio.screens.allowed.append(r"/orders/\w+: .* 404")
    page, other = await studio.viewers(2, scheme="light", language="zh-Hant")
    await hold_one(page, deal)
    await expect(other.get_by_test_id(f"sold-out-{deal.id}")).to_be_visible()
    await to_pay_page(page)
    await picture(page, "pay-light-zh-Hant")
    await decide(page, "decline")
    result = page.get_by_test_id("pay-result")
    await expect(result).to_have_attribute("data-state", "failed")
    await expect(result).to_contain_text("付款沒有完成")
    await picture(page, "viewer-declined-light-zh-Hant")
    await expect_left(other, deal, 1)
    await expect(buy_button(other, deal)).to_be_enabled()
    await hold_one(other, deal)


async def test_leaving_the_providers_page_undecided(studio: Studio) -> None:
    """Whoever comes back by the browser's own button can go on paying."""
    deal = await studio.flash()
    page = await studio.viewer()
    await hold_one(page, deal)
    await to_pay_page(page)
    await page.go_back()
    await joined(page)
    await page.get_by_test_id("bag").click()
    await expect(page.get_by_test_id("hold")).to_contain_text("Paying")
    await picture(page, "viewer-paying-dark-en")
    await page.get_by_test_id("pay-go-on").click()
    await decide(page, "pay")
    await expect(page.get_by_test_id("pay-result")).to_have_attribute(
        "data-state", "paid"
    )


async def test_one_buyer_gets_no_more_than_allowed(studio: Studio) -> None:
    deal = await studio.flash(per_buyer_max=1)
    page = await studio.viewer()
    await hold_one(page, deal)
    await buy_button(page, deal).click()
    await expect(page.get_by_test_id("toast")).to_have_text(
        "You have as many as one buyer may"
    )
    await expect(page.get_by_test_id("bag-count")).to_have_text("1")
    await expect_left(page, deal, 9)
