"""Manners of all pages: any size, the keyboard alone, no motion, nothing foreign."""

import pytest
from playwright.async_api import Page, ViewportSize, expect

from tests.support.browser import picture
from tests.support.studio import Studio, buy_button, hold_one, speak

TAP_MIN = 44
# All elements, also those inside shadow roots.
ALL = """const all = root => [...root.querySelectorAll("*")].flatMap(
  one => [one, ...(one.shadowRoot ? all(one.shadowRoot) : [])]);"""
# Every picture that was asked for, and whether it came.
IMAGES = f"""() => {{ {ALL} return all(document)
  .filter(one => one instanceof HTMLImageElement && one.complete)
  .map(one => [one.naturalWidth > 0, one.src]); }}"""
# The element that has the focus, however deep it lies.
FOCUSED = """() => {
  let one = document.activeElement;
  while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
  return one?.dataset?.testid ?? "";
}"""
# Animations that never end by themselves.
MOVING = f"""() => {{ {ALL} return all(document).flatMap(one => one.getAnimations())
  .filter(one => one.playState === "running"
    && one.effect?.getTiming().iterations === Infinity).length; }}"""


async def expect_no_sideways_scroll(page: Page) -> None:
    """Nothing of the page lies beside the window."""
    wide = "() => document.documentElement.scrollWidth - innerWidth"
    assert await page.evaluate(wide) <= 0


async def expect_pictures(page: Page, at_least: int) -> None:
    """See that what a page asked for of pictures has come."""
    await page.wait_for_load_state("networkidle")
    found = await page.evaluate(IMAGES)
    assert [src for loaded, src in found if not loaded] == []
    assert len(found) >= at_least


@pytest.mark.parametrize("width", [320, 768, 1024, 1440])
async def test_the_viewers_page_at_any_width(studio: Studio, width: int) -> None:
    await studio.furnish()
    deal = await studio.flash(variants=3)
    await studio.say(("Mei", "大家晚安！這條方巾好美"), ("Arjun", "x" * 200))
    size = ViewportSize(width=width, height=900 if width > 400 else 640)
    page = await studio.join(await studio.screens.desktop(viewport=size))
    await expect(buy_button(page, deal)).to_be_enabled()
    await expect_no_sideways_scroll(page)
    await expect_pictures(page, 2)
    await hold_one(page, deal)
    await expect(buy_button(page, deal)).to_be_in_viewport()
    await expect(page.get_by_test_id("chat-input")).to_be_in_viewport()
    await expect_no_sideways_scroll(page)
    await picture(page, f"viewer-{width}-light-en")


@pytest.mark.parametrize("role", ["host", "moderator"])
@pytest.mark.parametrize("width", [1024, 1440])
async def test_the_desks_on_a_small_and_a_large_screen(
    studio: Studio, role: str, width: int
) -> None:
    await studio.furnish()
    deal = await studio.flash("silk-scarf", variants=3)
    for name in ("Mei", "Arjun", "小林"):
        await studio.buy(deal, name=name)
    await studio.say(("Mei", "大家晚安！"), ("Arjun", "Is it real silk?"))
    size = ViewportSize(width=width, height=900)
    scheme = "light" if width == 1440 else "dark"
    desk = await studio.desk(role, viewport=size, scheme=scheme)
    await expect(desk.get_by_test_id("orders-count")).to_have_text("3")
    await expect(desk.get_by_test_id(f"status-{deal.id}")).to_have_text("Open")
    await expect_no_sideways_scroll(desk)
    await expect_pictures(desk, 5)
    label = desk.get_by_test_id(f"stock-{deal.id}-{deal.variants[1]}").locator("th")
    await expect(label).to_have_text("Porcelain blue")
    cut = await label.evaluate("cell => cell.scrollWidth - cell.clientWidth")
    assert cut <= 0, "the variant's name is cut"
    await picture(desk, f"{role}-{width}-{scheme}")


async def test_buying_with_the_keyboard_alone(studio: Studio) -> None:
    deal = await studio.flash()
    page = await studio.join(await studio.screens.desktop())
    for _ in range(40):
        await page.keyboard.press("Tab")
        if await page.evaluate(FOCUSED) == f"buy-{deal.id}":
            break
    outline = await buy_button(page, deal).evaluate(
        "button => getComputedStyle(button).outlineStyle"
    )
    assert outline == "solid"
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("bag-count")).to_have_text("1")
    await page.get_by_test_id("bag").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("checkout")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("checkout")).to_be_hidden()
    assert await page.evaluate(FOCUSED) == "bag"


async def test_reduced_motion_stills_the_page(studio: Studio) -> None:
    await studio.flash()
    moving = await studio.viewer(reduced_motion="no-preference")
    still = await studio.viewer(reduced_motion="reduce")
    assert await moving.evaluate(MOVING) > 0
    assert await still.evaluate(MOVING) == 0
    for page in (moving, still):
        await speak(page, "hello")
    await expect(still.get_by_test_id("chat-line")).to_have_count(2)


async def test_language_and_theme_are_kept(studio: Studio) -> None:
    page = await studio.viewer(scheme="light", language="en")
    root = page.locator("html")
    await page.get_by_test_id("language").click()
    await expect(page.get_by_test_id("show-title")).to_have_text("週末好物專場")
    await page.get_by_test_id("theme").click()
    await page.reload()
    await expect(page.get_by_test_id("show-title")).to_have_text("週末好物專場")
    await expect(root).to_have_attribute("lang", "zh-Hant")
    await expect(root).to_have_attribute("data-theme", "dark")


async def test_thumbs_reach_what_they_tap(studio: Studio) -> None:
    await studio.furnish()
    deal = await studio.flash(variants=3)
    page = await studio.viewer()
    await hold_one(page, deal)
    for name in (f"buy-{deal.id}", "bag", "like", "tray-open", "hold-strip", "theme"):
        box = await page.get_by_test_id(name).bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= TAP_MIN, name


async def test_no_such_show(studio: Studio) -> None:
    studio.screens.allowed.append(r"/api/v1/shows/nowhere: .* 404")
    page = await studio.screens.phone()
    await page.goto(f"{studio.node.url}/s/nowhere")
    await expect(page.get_by_test_id("no-show")).to_contain_text(
        "There is no such show"
    )
    await picture(page, "viewer-no-show-dark-en")
