"""Chat between windows, and what a window does when its connection goes."""

import asyncio
import os
import re
import signal

import pytest
from playwright.async_api import Page, expect

from tests.support.browser import picture
from tests.support.studio import Studio, lines, speak

HOSTILE = "<img src=x onerror=alert(1)><b>bold</b>"
# What Chromium itself says of a connection that the test cuts.
CUT = r"WebSocket connection to|ERR_INTERNET_DISCONNECTED|ERR_CONNECTION_REFUSED"


async def test_two_windows_chat(studio: Studio) -> None:
    one, two = await studio.viewers(2)
    await speak(one, "晚安 everyone")
    await speak(two, "Hello!")
    for page in (one, two):
        await expect(lines(page)).to_have_count(2)
        assert set(await lines(page).all_inner_texts()) == {"晚安 everyone", "Hello!"}
        await expect(page.get_by_test_id("chat-own")).to_have_count(0)
    await expect(one.locator(".own")).to_have_text(re.compile("晚安 everyone"))


async def test_ones_own_line_stands_before_the_server_has_it(studio: Studio) -> None:
    page = await studio.viewer()
    studio.screens.allowed.append(CUT)
    await page.context.set_offline(True)
    await speak(page, "Can you hear me?")
    await expect(page.get_by_text("Can you hear me?")).to_be_visible(timeout=1_000)


async def test_markup_stays_text(studio: Studio) -> None:
    one, two = await studio.viewers(2)
    count = "document.querySelector('dc-viewer').shadowRoot.querySelectorAll('b,img')"
    before = await two.evaluate(f"{count}.length")
    await speak(one, HOSTILE)
    for page in (one, two):
        await expect(lines(page)).to_have_text([HOSTILE])
        await expect(page.get_by_test_id("chat-lines").locator("img, b")).to_have_count(
            0
        )
    assert await two.evaluate(f"{count}.length") == before


async def test_a_line_that_is_too_long_is_refused_in_words(studio: Studio) -> None:
    one, two = await studio.viewers(2)
    await one.get_by_test_id("chat-input").evaluate("field => field.maxLength = 999")
    await speak(one, "長" * 301)
    failed = one.get_by_test_id("chat-failed")
    await expect(failed).to_have_attribute("data-code", "too_large")
    await expect(failed.get_by_role("alert")).to_have_text("Not sent: That is too long")
    await picture(one, "viewer-refused-line-dark-en")
    await failed.get_by_role("button", name="Remove").click()
    await expect(failed).to_have_count(0)
    await speak(one, "Shorter")
    await expect(lines(two)).to_have_text(["Shorter"])


async def said(pages: list[Page], *texts: str) -> None:
    """Wait until pages show these lines, each once and in this order."""
    for page in pages:
        await expect(lines(page)).to_have_text(list(texts))


async def test_offline_and_back_nothing_is_missing(studio: Studio) -> None:
    one, two = await studio.viewers(2)
    studio.screens.allowed.append(CUT)
    await speak(two, "first")
    await said([one, two], "first")
    await one.context.set_offline(True)
    banner = one.get_by_test_id("link-banner")
    await expect(banner).to_have_attribute("data-is", "lost")
    await picture(one, "viewer-offline-dark-en")
    for text in ("second", "third"):
        await speak(two, text)
    await said([two], "first", "second", "third")
    await one.context.set_offline(False)
    await expect(banner).to_have_attribute("data-is", "back")
    await said([one, two], "first", "second", "third")
    await expect(banner).to_have_count(0)
    await speak(one, "fourth")
    await said([one, two], "first", "second", "third", "fourth")


@pytest.mark.parametrize("worker", ["worker-0", "worker-1"])
async def test_a_killed_worker_costs_nobody_a_line(studio: Studio, worker: str) -> None:
    studio.screens.allowed.append(CUT)
    deal = await studio.flash()
    pages = await studio.viewers(4)
    await speak(pages[0], "before")
    await said(pages, "before")
    os.kill(studio.node.pid(worker), signal.SIGKILL)
    await studio.say(("Lin", "meanwhile"))
    await asyncio.gather(*(said([page], "before", "meanwhile") for page in pages))
    await speak(pages[1], "after")
    await asyncio.gather(
        *(said([page], "before", "meanwhile", "after") for page in pages)
    )
    for page in pages:
        await expect(page.get_by_test_id("link-banner")).to_have_count(0)
        await expect(page.get_by_test_id(f"buy-{deal.id}")).to_be_enabled()
