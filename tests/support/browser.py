"""A real Chromium: phones and desktops that look at the pages."""

import os
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    Request,
    ViewportSize,
    async_playwright,
    expect,
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
    # Patterns of what a test makes go wrong on purpose.
    allowed: list[str] = field(default_factory=list)

    async def phone(
        self, *, scheme: str = "dark", language: str = "en", **more: Any
    ) -> Page:
        """Return an empty page in the hand of a new viewer."""
        usual = {
            "viewport": PHONE,
            "device_scale_factor": 2,
            "is_mobile": True,
            "has_touch": True,
        }
        return await self._page(scheme, language, {**usual, **more})

    async def desktop(
        self, *, scheme: str = "light", language: str = "en", **more: Any
    ) -> Page:
        """Return an empty page on a new desk."""
        return await self._page(scheme, language, {"viewport": DESKTOP, **more})

    async def _page(self, scheme: str, language: str, options: dict[str, Any]) -> Page:
        usual = {
            "color_scheme": scheme,
            "locale": language,
            # Drawing what moves, without a GPU, would take the machine from the node.
            "reduced_motion": "reduce",
        }
        context = await self.browser.new_context(**{**usual, **options})
        self.contexts.append(context)
        context.set_default_timeout(LIMIT_MS)
        page = await context.new_page()
        page.on("pageerror", lambda error: self._note(f"{page.url}: {error}"))
        page.on("console", self._heard)
        page.on("request", self._asked)
        page.on("dialog", self._opened)
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        """Note errors; a breach of the content policy is one."""
        if message.type == "error":
            self._note(f"{message.location.get('url')}: {message.text}")

    def _asked(self, request: Request) -> None:
        """Note what leaves this machine: pages need nobody else."""
        address = urlsplit(request.url)
        if address.scheme in ("http", "https") and address.hostname != "127.0.0.1":
            self._note(f"asks {request.url}")

    async def _opened(self, dialog: Dialog) -> None:
        self._note(f"dialog: {dialog.message}")
        await dialog.dismiss()

    def _note(self, error: str) -> None:
        if not any(re.search(pattern, error) for pattern in self.allowed):
            self.errors.append(error)

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
    expect.set_options(timeout=LIMIT_MS)
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
