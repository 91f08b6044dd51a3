"""A show of its own for one browser test: its goods, its people, their pages."""

import asyncio
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Locator, Page, expect

from tests.support.browser import Screens
from tests.support.server import Node
from tests.support.shopper import Json, Shop, now_ms

TITLE = {"zh-Hant": "週末好物專場", "en": "The weekend show"}
CURRENCY = "CNY"
NUMBER = re.compile(r"\d")
SHELF = ("tea-tin", "porcelain-cup", "mooncake", "round-fan")


@dataclass(frozen=True)
class OnSale:
    """A deal, or a listing."""

    id: str
    variants: tuple[str, ...]
    opens_at: int


@dataclass
class Studio:
    """Sets the stage by the API, and opens the pages on it."""

    node: Node
    shop: Shop
    screens: Screens
    show: str = ""
    goods: dict[str, Json] = field(default_factory=dict)

    async def begin(self) -> None:
        """Go live."""
        asked = {"title": TITLE, "currency": CURRENCY, "host": "小滿"}
        show = await self.shop.done("POST", "/shows", asked, token=self.shop.host)
        self.show = show["id"]
        await self.shop.done("POST", f"/shows/{self.show}/start", token=self.shop.host)
        found = await self.shop.products()
        self.goods = {
            product["image"].rpartition("/")[2].partition(".")[0]: product
            for product in found.values()
            if product["image"]
        }

    async def sell(
        self,
        name: str,
        units: int,
        *,
        kind: str = "deal",
        price: int | None = None,
        variants: int = 1,
        **terms: Any,
    ) -> OnSale:
        """Put a product of the sample catalog on sale; deals wait to be opened."""
        product = self.goods[name]
        chosen = [one["id"] for one in product["variants"]][:variants]
        cost = (
            {} if price is None else {"price": {"amount": price, "currency": CURRENCY}}
        )
        lines = [{"variant": one, "quantity": units, **cost} for one in chosen]
        asked = {"product": product["id"], "lines": lines, "kind": kind, **terms}
        path = f"/shows/{self.show}/deals"
        made = await self.shop.done("POST", path, asked, token=self.shop.host)
        return OnSale(made["id"], tuple(chosen), made["opens_at"] or 0)

    async def flash(
        self, name: str = "silk-scarf", units: int = 10, **terms: Any
    ) -> OnSale:
        """Put a flash deal on sale that is open already."""
        deal = await self.sell(name, units, **{"price": 19_900, **terms})
        await self.shop.open(deal.id)
        return deal

    async def planned(self, in_s: float, **terms: Any) -> OnSale:
        """Plan a flash deal that opens by itself."""
        opens_at = now_ms() + int(in_s * 1000)
        usual = {"price": 19_900, "opens_at": opens_at, "closes_at": opens_at + 300_000}
        return await self.sell("silk-scarf", 10, **{**usual, **terms})

    async def furnish(self) -> None:
        """List a few products at their ordinary price, and pin one of them."""
        for name in SHELF:
            await self.sell(name, 12, kind="listing")
        await self.pin(SHELF[0])

    async def pin(self, name: str) -> None:
        """Let the host talk about a product."""
        path = f"/shows/{self.show}/pins"
        asked = {"product": self.goods[name]["id"]}
        await self.shop.done("POST", path, asked, token=self.shop.host)

    async def take(self, deal: OnSale, units: int, *, name: str = "Lin") -> Json:
        """Hold units as somebody without a page; return the checkout of them."""
        token = self.shop.token(name=name)
        asked = {"variant": deal.variants[0], "quantity": units}
        path = f"/deals/{deal.id}/holds"
        key = secrets.token_hex(8)
        held = await self.shop.done("POST", path, asked, token=token, key=key)
        return await self.shop.check_out(token, held["hold"])

    async def buy(self, deal: OnSale, units: int = 1, *, name: str = "Lin") -> str:
        """Buy units as somebody without a page; return the order."""
        checkout = await self.take(deal, units, name=name)
        await self.shop.choose(checkout, "pay")
        return str(checkout["order"])

    async def say(self, *lines: tuple[str, str]) -> None:
        """Let people without pages chat: a name and a line each."""
        for name, text in lines:
            chatter = await self.shop.join(self.show, token=self.shop.token(name=name))
            answer = await chatter.ask(
                "chat", {"text": text, "key": secrets.token_hex(8)}
            )
            assert answer["ok"], answer
            await self.shop.leave(chatter)

    # Pages.

    @property
    def url(self) -> str:
        """The address of the show."""
        return f"{self.node.url}/s/{self.show}"

    async def join(self, page: Page) -> Page:
        """Open the viewer's page and wait until it is in the show."""
        await page.goto(self.url)
        await joined(page)
        return page

    async def viewer(self, **more: Any) -> Page:
        """Return a phone that is in the show."""
        return await self.join(await self.screens.phone(**more))

    async def viewers(self, count: int, **more: Any) -> list[Page]:
        """Return phones that are in the show, each with a viewer of its own."""
        return list(await asyncio.gather(*(self.viewer(**more) for _ in range(count))))

    async def desk(self, role: str, **more: Any) -> Page:
        """Return the host's or the moderator's desk, signed in by the shop."""
        page = await self.screens.desktop(**more)
        token = self.shop.token(role, name="Hana" if role == "host" else "Mo")
        await page.goto(f"{self.node.url}/{role}?show={self.show}#token={token}")
        await expect(page.get_by_test_id("show-title")).to_be_visible()
        await expect(page.get_by_test_id("viewers")).to_have_text(NUMBER)
        return page


async def close_deals(shop: Shop, show: str) -> None:
    """Close what is on sale in a show: its free units go back to the catalog."""
    page = await shop.done("GET", f"/shows/{show}/deals")
    for deal in page["deals"]:
        if deal["status"] != "closed":
            await shop.done("POST", f"/deals/{deal['id']}/close", {}, token=shop.host)


async def stock_up(shop: Shop, name: str, units: int) -> None:
    """Receive more of all variants of a product of the sample catalog."""
    (product,) = [one for one in (await shop.products()).values()
                  if (one["image"] or "").endswith(f"/{name}.svg")]  # fmt: skip
    variants = [
        {"sku": one["sku"], "title": one["title"], "price": one["prices"],
         "stock_delta": units}
        for one in product["variants"]
    ]  # fmt: skip
    asked = {
        "title": product["title"],
        "seller": next(iter(product["seller"]["name"].values())),
        "image": product["image"],
        "tags": product["tags"],
        "variants": variants,
    }
    await shop.done("PUT", f"/products/{name}", asked, token=shop.keeper)


async def joined(page: Page) -> None:
    """Wait until a viewer's page shows the show as it is."""
    await expect(page.get_by_test_id("viewers")).to_be_visible()
    await expect(page.get_by_test_id("bag")).to_be_visible()


def buy_button(page: Page, deal: OnSale) -> Locator:
    """Return the button that buys a deal."""
    return page.get_by_test_id(f"buy-{deal.id}")


async def hold_one(page: Page, deal: OnSale) -> None:
    """Tap Buy, and see the unit held."""
    await buy_button(page, deal).click()
    await expect(page.get_by_test_id("bag-count")).to_have_text("1")


async def to_pay_page(page: Page) -> None:
    """Go from the show to the provider's page with all that is held."""
    await page.get_by_test_id("bag").click()
    await page.get_by_test_id("checkout").click()
    await expect(page.locator("button[value=pay]")).to_be_visible()


async def decide(page: Page, choice: str) -> None:
    """Pay or decline at the provider's page, and come back."""
    await page.locator(f"button[value={choice}]").click()
    await joined(page)


async def expect_left(page: Page, deal: OnSale, units: int) -> None:
    """Wait until a page tells so many units left."""
    left = page.get_by_test_id(f"stock-left-{deal.id}")
    await expect(left).to_have_attribute("data-left", str(units))


async def speak(page: Page, text: str) -> None:
    """Say something."""
    await page.get_by_test_id("chat-input").fill(text)
    await page.get_by_test_id("chat-input").press("Enter")


def lines(page: Page) -> Locator:
    """Return the texts of the lines of chat that came from the server."""
    return page.get_by_test_id("chat-line").get_by_test_id("chat-text")
