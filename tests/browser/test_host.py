"""The host's desk: let in by a link, deals, pins, orders and turnover."""

import re

from playwright.async_api import Locator, Page, expect

from tests.support.browser import picture
from tests.support.shopper import now_ms
from tests.support.studio import (
    OnSale,
    Studio,
    buy_button,
    decide,
    expect_left,
    hold_one,
    to_pay_page,
)

LINK = re.compile(r"host +(\S+/host#code=\S+)")


async def test_a_printed_link_lets_in_once(studio: Studio) -> None:
    assert studio.node.process is not None
    printed = LINK.search(studio.node.process.log.read_text())
    assert printed is not None
    page = await studio.screens.desktop()
    await page.goto(printed[1])
    await expect(page.get_by_test_id("show-title")).to_be_visible()
    assert page.url == f"{studio.node.url}/host"
    await page.reload()
    await expect(page.get_by_test_id("show-title")).to_be_visible()

    other = await studio.screens.desktop()
    studio.screens.allowed.append(r"/staff/sign-in: .* 40\d")
    await other.goto(printed[1])
    gate = other.get_by_test_id("gate")
    await expect(gate).to_have_attribute("data-gate", "used")
    await expect(gate).to_contain_text("This link was used before")
    assert "code" not in other.url
    await picture(other, "host-link-used")
    await other.goto(f"{studio.node.url}/host")
    await expect(gate).to_have_attribute("data-gate", "missing")


def deal_row(host: Page, deal: str) -> Locator:
    """Return a deal's row on a desk."""
    return host.get_by_test_id(f"deal-row-{deal}")


async def make_deal(studio: Studio, host: Page, opens_in_s: int) -> OnSale:
    """Fill the form as a host does; return the deal."""
    scarf = studio.goods["silk-scarf"]
    variants = tuple(one["id"] for one in scarf["variants"])
    await host.get_by_test_id("find-product").fill("scarf")
    await host.get_by_test_id(f"new-deal-{scarf['id']}").click()
    for variant in variants:
        await host.get_by_test_id(f"form-use-{variant}").set_checked(
            variant == variants[0]
        )
    await host.get_by_test_id(f"form-price-{variants[0]}").fill("199")
    await host.get_by_test_id(f"form-quantity-{variants[0]}").fill("5")
    await host.get_by_test_id("form-opens-in").fill(str(opens_in_s))
    await host.get_by_test_id("form-per-buyer").fill("3")
    await picture(host, "host-form")
    asked_at = now_ms()
    await host.get_by_test_id("form-submit").click()
    await expect(host.get_by_test_id("deal-form")).to_have_count(0)
    row = host.locator("[data-testid^=deal-row-][data-phase=planned]")
    name = await row.get_attribute("data-testid")
    assert name is not None
    found = OnSale(name.removeprefix("deal-row-"), variants[:1], asked_at)
    await expect(host.get_by_test_id(f"status-{found.id}")).to_have_text("Planned")
    return found


async def test_a_deal_from_the_form_to_the_turnover(studio: Studio) -> None:
    await studio.furnish()
    host = await studio.desk("host")
    viewer = await studio.viewer()
    deal = await make_deal(studio, host, 4)
    await expect(buy_button(viewer, deal)).to_be_disabled()
    await expect_left(viewer, deal, 5)
    await expect(buy_button(viewer, deal)).to_be_enabled()
    assert 3_000 < now_ms() - deal.opens_at < 6_500
    status = host.get_by_test_id(f"status-{deal.id}")
    await expect(status).to_have_text("Open")
    await hold_one(viewer, deal)
    for name, count in (("free", 4), ("held", 1), ("sold", 0)):
        cell = host.get_by_test_id(f"{name}-{deal.id}-{deal.variants[0]}")
        await expect(cell).to_have_text(str(count))

    await to_pay_page(viewer)
    await decide(viewer, "pay")
    order = await viewer.get_by_test_id("order-number").inner_text()
    row = host.get_by_test_id(f"order-{order}")
    await expect(row).to_contain_text("Silk square scarf")
    await expect(row).to_have_attribute("data-state", "paid")
    await expect(host.get_by_test_id("orders-count")).to_have_text("1")
    await expect(host.get_by_test_id("units-count")).to_have_text("1")
    turnover = host.get_by_test_id("turnover")
    await expect(turnover).to_have_attribute("data-amount", "19900")
    await studio.buy(deal, 2, name="Arjun")
    await studio.buy(deal, 2, name="小林")
    await expect(turnover).to_have_attribute("data-amount", str(5 * 19_900))
    await expect(status).to_have_text("Sold out")
    await picture(host, "host-sold-out")
    await host.reload()
    await expect(turnover).to_have_attribute("data-amount", str(5 * 19_900))
    await expect(host.get_by_test_id("orders").locator("li")).to_have_count(3)


async def test_pins_are_what_the_viewer_sees(studio: Studio) -> None:
    host = await studio.desk("host")
    viewer = await studio.viewer()
    product = studio.goods["teapot"]["id"]
    await studio.sell("teapot", 3, kind="listing")
    await host.get_by_test_id(f"pin-{product}").click()
    pinned = viewer.get_by_test_id("pinned")
    await expect(pinned).to_contain_text("Red-clay teapot")
    await expect(host.get_by_test_id("pins")).to_contain_text("Red-clay teapot")
    await pinned.get_by_test_id("pinned-buy").click()
    confirm = viewer.locator("[data-testid^=confirm-buy-]")
    await expect(confirm).to_be_enabled()
    await picture(viewer, "viewer-buy-sheet-dark-en")
    await viewer.get_by_test_id("sheet-close").locator("visible=true").click()
    await host.get_by_test_id(f"unpin-{product}").click()
    await expect(pinned).to_have_count(0)
    await expect(host.get_by_test_id(f"pin-{product}")).to_have_attribute(
        "aria-pressed", "false"
    )


async def turn(desk: Page, deal: OnSale, act: str, reason: str = "") -> None:
    """Pause, resume or close a deal, and confirm it."""
    await desk.get_by_test_id(f"{act}-{deal.id}").click()
    if reason:
        await desk.get_by_test_id("reason").fill(reason)
    await desk.get_by_test_id("confirm").click()
    await expect(desk.get_by_test_id("confirm")).to_have_count(0)


async def test_pausing_resuming_and_closing(studio: Studio) -> None:
    await studio.furnish()
    deal = await studio.flash()
    other = await studio.sell("rice", 5, kind="listing")
    host = await studio.desk("host")
    viewer = await studio.viewer()
    status = host.get_by_test_id(f"status-{deal.id}")
    await turn(host, deal, "pause", "A wrong price")
    await expect(status).to_have_text("Paused")
    card = viewer.get_by_test_id(f"deal-{deal.id}")
    await expect(card).to_contain_text("Paused: A wrong price")
    await expect(buy_button(viewer, deal)).to_be_disabled()
    await picture(viewer, "viewer-paused-dark-en")
    await picture(host, "host-paused")
    await turn(host, deal, "resume")
    await expect(buy_button(viewer, deal)).to_be_enabled()
    await hold_one(viewer, deal)
    await turn(host, deal, "close", "Sold in the shop")
    await expect(status).to_have_text("Ended")
    await expect(host.get_by_test_id(f"reason-{deal.id}")).to_have_text(
        "Reason: Sold in the shop"
    )
    await expect(card).to_contain_text("Ended: Sold in the shop")
    await picture(viewer, "viewer-closed-dark-en")
    await expect(viewer.get_by_test_id("bag-count")).to_have_text("1")
    await expect(host.get_by_test_id(f"status-{other.id}")).to_have_text("Open")
    await expect(host.get_by_test_id("show-status")).to_have_text("Live")


async def test_a_planned_deal_opened_by_hand(studio: Studio) -> None:
    deal = await studio.sell("silk-scarf", 5, price=19_900)
    host = await studio.desk("host")
    viewer = await studio.viewer()
    await expect(viewer.get_by_test_id(f"deal-{deal.id}")).to_contain_text(
        "The host opens it shortly"
    )
    await expect(buy_button(viewer, deal)).to_be_disabled()
    await turn(host, deal, "open")
    await expect(buy_button(viewer, deal)).to_be_enabled()


async def test_a_viewer_is_not_let_in(studio: Studio) -> None:
    page = await studio.screens.desktop()
    token = studio.shop.token("viewer")
    for role in ("host", "moderator"):
        await page.goto(f"{studio.node.url}/{role}#token={token}")
        await expect(page.get_by_test_id("gate")).to_have_attribute(
            "data-gate", "wrong_role"
        )
    await page.goto(f"{studio.node.url}/host?show={studio.show}")
    await picture(page, "host-gate")
