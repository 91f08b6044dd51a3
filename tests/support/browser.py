"""A real Chromium: phones and desktops that look at the pages."""

import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    ViewportSize,
    async_playwright,
)

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Nothing of the browser's own may ask the network; root needs no sandbox.
FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]
PICTURES = Path(__file__).parents[1] / "browser" / "pictures"
PHONE = ViewportSize(width=390, height=844)
DESKTOP = ViewportSize(width=1440, height=900)
LIMIT_MS = 15_000


@dataclass
class Screens:
    """Opens pages of different sizes, and collects what goes wrong in them."""

    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    async def phone(self, *, scheme: str = "dark", language: str = "en") -> Page:
        """Return an empty page in the hand of a new viewer."""
        context = await self.browser.new_context(
            viewport=PHONE,
            device_scale_factor=2,
            is_mobile=True,
            has_touch=True,
            color_scheme="dark" if scheme == "dark" else "light",
            locale=language,
        )
        return await self._page(context)

    async def desktop(self, *, scheme: str = "light", language: str = "en") -> Page:
        """Return an empty page on a new desk."""
        context = await self.browser.new_context(
            viewport=DESKTOP,
            color_scheme="dark" if scheme == "dark" else "light",
            locale=language,
        )
        return await self._page(context)

    async def _page(self, context: BrowserContext) -> Page:
        self.contexts.append(context)
        context.set_default_timeout(LIMIT_MS)
        page = await context.new_page()
        page.on("pageerror", lambda error: self.errors.append(f"{page.url}: {error}"))
        page.on("console", self._heard)
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.location.get('url')}: {message.text}")

    async def close(self) -> None:
        """Close all pages."""
        for context in self.contexts:
            await context.close()


async def picture(page: Page, name: str) -> Path:
    """Save what ``page`` shows as a picture that a person can look at."""
    PICTURES.mkdir(exist_ok=True)
    file = PICTURES / f"{name}.png"
    await page.screenshot(path=file)
    return file


def program() -> str:
    """Return the path of the machine's Chromium."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    assert found is not None, "Chromium is not installed"
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """Run one browser for all tests; each screen has a profile of its own."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program(), args=[*FLAGS, *sandbox]
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def screens(chromium: Browser) -> AsyncIterator[Screens]:
    """Open screens for one test; no page may report an error."""
    opened = Screens(chromium)
    yield opened
    await opened.close()
    assert opened.errors == []
