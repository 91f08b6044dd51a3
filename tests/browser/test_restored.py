"""Redis loses everything in the middle of a show: the pages say so and go on."""

import os
import shutil
import signal

from playwright.async_api import expect

from tests.support.browser import picture
from tests.support.server import Node
from tests.support.studio import Studio, buy_button, expect_left, hold_one, lines

AGAIN_MS = 20_000  # How long Redis, the gate and the browsers may take in all.


def wipe(node: Node) -> None:
    """Take Redis's files away, and Redis with them: it comes back empty."""
    shutil.rmtree(node.data / "redis" / "appendonlydir")
    os.kill(node.pid("redis"), signal.SIGKILL)


async def test_a_show_that_was_restored_goes_on(studio: Studio) -> None:
    await studio.furnish()
    deal = await studio.flash(units=10, hold_s=300, per_buyer_max=2)
    await studio.buy(deal, 2)
    await studio.say(("Mei", "這條方巾好美"))
    page = await studio.viewer(scheme="light", language="zh-Hant")
    desk = await studio.desk("host", language="en")
    await hold_one(page, deal)
    await expect_left(page, deal, 7)
    await expect(desk.get_by_test_id("orders").locator("li")).to_have_count(1)

    wipe(studio.node)
    said = page.get_by_text("直播曾發生故障，現已恢復")
    await expect(said).to_be_visible(timeout=AGAIN_MS)
    await picture(page, "viewer-restored-light-zh-Hant")
    told = desk.get_by_text("The show was restored after a fault")
    await expect(told).to_be_visible()
    await picture(desk, "host-restored-light-en")

    await expect(lines(page)).to_contain_text(["這條方巾好美"])
    await expect_left(page, deal, 7)
    await expect(page.get_by_test_id("bag-count")).to_have_text("1")
    await buy_button(page, deal).click()
    await expect(page.get_by_test_id("bag-count")).to_have_text("2")
    await expect_left(page, deal, 6)
    verified = studio.node.dealcast("verify")
    assert verified.returncode == 0, verified.stdout
