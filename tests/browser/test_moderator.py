"""The moderator's desk: lines, people and deals, and the book of what was done."""

from playwright.async_api import Page, expect

from tests.browser.test_host import turn
from tests.support.browser import picture
from tests.support.studio import Studio, buy_button, lines, speak


async def line_of(desk: Page, text: str) -> str:
    """Return the id of a line on the moderator's desk."""
    row = desk.locator("[data-testid^=line-]").filter(has_text=text)
    name = await row.get_attribute("data-testid")
    assert name is not None
    return name.removeprefix("line-")


async def test_a_deleted_line_is_gone_everywhere(studio: Studio) -> None:
    moderator = await studio.desk("moderator")
    viewer = await studio.viewer()
    await speak(viewer, "I stay")
    await studio.say(("Spam", "Buy my watches"), ("Lin", "I stay too"))
    await expect(lines(viewer)).to_have_text(["I stay", "Buy my watches", "I stay too"])
    line = await line_of(moderator, "watches")
    await moderator.get_by_test_id(f"delete-{line}").click()
    await expect(lines(viewer)).to_have_text(["I stay", "I stay too"])
    await expect(moderator.get_by_test_id(f"line-{line}")).to_have_count(0)
    late = await studio.viewer()
    await expect(lines(late)).to_have_text(["I stay", "I stay too"])
    await viewer.reload()
    await expect(lines(viewer)).to_have_text(["I stay", "I stay too"])
    for page in (viewer, late, moderator):
        assert "watches" not in await page.content()
        await expect(page.get_by_text("watches")).to_have_count(0)


async def test_all_lines_of_one_person(studio: Studio) -> None:
    moderator = await studio.desk("moderator")
    one, two = await studio.viewers(2)
    for text in ("spam 1", "spam 2"):
        await speak(one, text)
        await expect(two.get_by_text(text)).to_be_visible()
    await speak(two, "hello")
    await expect(lines(two)).to_have_text(["spam 1", "spam 2", "hello"])
    line = await line_of(moderator, "spam 1")
    await moderator.get_by_test_id(f"delete-all-{line}").click()
    await moderator.get_by_test_id("confirm").click()
    for page in (one, two):
        await expect(lines(page)).to_have_text(["hello"])


async def test_a_muted_viewer(studio: Studio) -> None:
    moderator = await studio.desk("moderator")
    rude, other = await studio.viewers(2)
    await speak(rude, "Something rude")
    await expect(lines(other)).to_have_text(["Something rude"])
    line = await line_of(moderator, "rude")
    person = await moderator.get_by_test_id(f"line-{line}").get_attribute("data-person")
    await moderator.get_by_test_id(f"mute-{line}").click()
    await moderator.get_by_test_id("reason").fill("Rude words")
    await picture(moderator, "moderator-mute")
    await moderator.get_by_test_id("confirm").click()
    muted = moderator.get_by_test_id(f"muted-{person}")
    await expect(muted).to_contain_text("Rude words")
    await speak(rude, "More of it")
    failed = rude.get_by_test_id("chat-failed")
    await expect(failed.get_by_role("alert")).to_have_text(
        "Not sent: You are muted in this show"
    )
    await picture(rude, "viewer-muted-dark-en")
    await speak(other, "Peace")
    await expect(lines(other)).to_have_text(["Something rude", "Peace"])
    await moderator.get_by_test_id(f"unmute-{person}").click()
    await expect(muted).to_have_count(0)
    await speak(rude, "Sorry")
    await expect(lines(other)).to_have_text(["Something rude", "Peace", "Sorry"])


async def test_deals_and_the_book_of_acts(studio: Studio) -> None:
    await studio.furnish()
    deal = await studio.flash(variants=3)
    await studio.say(
        ("Mei", "大家晚安！"), ("Spam", "Buy my watches"), ("Arjun", "Nice one")
    )
    moderator = await studio.desk("moderator")
    viewer = await studio.viewer()
    await expect(moderator.get_by_test_id(f"open-{deal.id}")).to_have_count(0)
    await turn(moderator, deal, "pause", "Checking the stock")
    await expect(viewer.get_by_test_id(f"deal-{deal.id}")).to_contain_text(
        "Paused: Checking the stock"
    )
    await turn(moderator, deal, "resume")
    await expect(buy_button(viewer, deal)).to_be_enabled()
    line = await line_of(moderator, "watches")
    await moderator.get_by_test_id(f"delete-{line}").click()
    await turn(moderator, deal, "close", "Not real silk")
    await expect(viewer.get_by_test_id(f"deal-{deal.id}")).to_contain_text(
        "Ended: Not real silk"
    )
    await expect(buy_button(viewer, deal)).to_be_disabled()
    rows = moderator.get_by_test_id("audit-row")
    acts = ["deal_close", "lines_delete", "deal_resume", "deal_pause"]
    for row, act in enumerate(acts):
        await expect(rows.nth(row)).to_have_attribute("data-act", act)
    await expect(rows.first).to_contain_text("Not real silk")
    await expect(rows.first).to_contain_text("Mo")
    await picture(moderator, "moderator-acts")
    await moderator.reload()
    await expect(rows.first).to_have_attribute("data-act", "deal_close")


async def test_slow_mode(studio: Studio) -> None:
    moderator = await studio.desk("moderator")
    viewer = await studio.viewer()
    await moderator.get_by_test_id("slow-mode").select_option("30")
    await expect(viewer.get_by_test_id("chat-input")).to_have_attribute(
        "placeholder", "Slow mode: one line every 30 s"
    )
    await speak(viewer, "first")
    await expect(lines(viewer)).to_have_text(["first"])
    await speak(viewer, "second")
    await expect(viewer.get_by_test_id("chat-failed")).to_have_attribute(
        "data-code", "slow_mode"
    )
