"""The life of a purchase, from the product to the turnover, on any node."""

import asyncio
from typing import Any

from tests.support.shopper import (
    PRICE,
    Shop,
    changes,
    eventually,
    now_ms,
    sees,
    state_of,
    stock_of,
)
from tests.support.theatre import Watcher

RED, BLUE = 9_900, 8_800
TURNOVER = RED + BLUE + PRICE
HOLD_S = 120
SOON_MS = 2_000


class Purchase:
    """Mei buys two things of a deal and one of a listing; all others look on."""

    show: str
    deal: str
    listing: str
    product: dict[str, Any]
    mei: Watcher
    lin: Watcher
    staff: Watcher
    passer: Watcher

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.mei_token = shop.token(name="Mei Chen")
        self.lin_token = shop.token(name="Lin")
        self.opens_at = 0
        self.holds: list[str] = []

    async def whole(self) -> int:
        """Go through all of it; return the turnover."""
        await self.set_up()
        await self.wait_for_the_opening()
        await self.hold()
        checkout = await self.check_out()
        await self.shop.choose(checkout, "pay")
        await self.all_hear_of(checkout["order"])
        return await self.count(checkout["order"])

    async def set_up(self) -> None:
        """Put a product into the catalog and a deal into a show."""
        shop = self.shop
        self.show = await shop.new_show()
        self.product = await shop.new_product({"red": 30, "blue": 30})
        self.listing = await shop.new_deal(
            self.show, self.product, {"blue": 4}, price=None, kind="listing"
        )
        self.passer = await shop.join(self.show)
        self.mei = await shop.join(self.show, "/live", "/me", token=self.mei_token)
        self.lin = await shop.join(self.show, "/live", "/me", token=self.lin_token)
        self.staff = await shop.join(self.show, "/live", "/staff", token=shop.host)
        self.opens_at = now_ms() + SOON_MS
        asked = {
            "product": self.product["id"],
            "lines": [
                {"variant": self.product[variant], "quantity": units,
                 "price": {"amount": price, "currency": "CNY"}}
                for variant, units, price in (("red", 2, RED), ("blue", 1, BLUE))
            ],
            "per_buyer_max": 3,
            "opens_at": self.opens_at,
            "closes_at": self.opens_at + 600_000,
            "hold_s": HOLD_S,
        }  # fmt: skip
        path = f"/shows/{self.show}/deals"
        made = await shop.done("POST", path, asked, token=shop.host)
        self.deal = made["id"]
        await self.mei.until(lambda: changes(self.mei, self.deal) == ["planned"])
        (planned,) = self.deal_events(self.mei)
        assert planned["view"] == made
        assert (made["status"], made["opens_at"]) == ("planned", self.opens_at)
        references = {line["reference_price"]["amount"] for line in made["lines"]}
        assert references == {PRICE}

    def deal_events(self, watcher: Watcher) -> list[dict[str, Any]]:
        """Return what a viewer was told of the deal."""
        events = watcher.events("/live", "deal")
        return [event for event in events if event["deal"] == self.deal]

    async def ask_hold(
        self, watcher: Watcher, variant: str, key: str, **more: Any
    ) -> Any:
        """Ask for a unit over the socket."""
        asked = {"deal": self.deal, "variant": self.product[variant], "quantity": 1}
        return await watcher.ask("hold", {**asked, "key": key, **more})

    async def wait_for_the_opening(self) -> None:
        """Nobody gets anything before; all are told of the instant."""
        early = await self.ask_hold(self.mei, "red", "early")
        assert (early["code"], early["retryable"]) == ("not_open", True)
        for watcher in (self.mei, self.passer):
            await sees(watcher, lambda w: "opened" in changes(w, self.deal))
        opened = self.deal_events(self.passer)[1]
        assert opened["status"] == "open"
        assert self.opens_at <= opened["at"] < self.opens_at + 2_000

    async def hold(self) -> None:
        """Two units are Mei's, the last one is Lin's, and then there is none."""
        for variant in ("red", "blue"):
            asked_at = now_ms()
            answer = await self.ask_hold(self.mei, variant, f"my-{variant}")
            assert (answer["ok"], answer["state"]) == (True, "held")
            assert abs(answer["expires_at"] - asked_at - HOLD_S * 1000) < 2_000
            again = await self.ask_hold(self.mei, variant, f"my-{variant}")
            assert again == answer
            self.holds.append(answer["hold"])
        other = await self.ask_hold(self.mei, "red", "my-red", quantity=2)
        assert other["code"] == "conflict"
        of_listing = await self.shop.done(
            "POST", f"/deals/{self.listing}/holds", {"quantity": 1},
            token=self.mei_token, key="listed",
        )  # fmt: skip
        self.holds.append(of_listing["hold"])
        assert (await self.ask_hold(self.lin, "red", "last"))["ok"] is True
        assert (await self.ask_hold(self.lin, "blue", "none"))["code"] == "sold_out"
        for watcher in (self.lin, self.passer):
            await sees(watcher, lambda w: "sold_out" in changes(w, self.deal))
            await sees(watcher, lambda w: self.seen(w) == [(0, 2, 0), (0, 1, 0)])

    def seen(self, watcher: Watcher) -> list[tuple[int, int, int]]:
        """Return the deal's stock as a viewer sees it, red and blue."""
        return [stock_of(watcher, self.deal, self.product[v]) for v in ("red", "blue")]

    async def bag(self) -> dict[str, dict[str, Any]]:
        """Return Mei's bag, by hold."""
        path = f"/shows/{self.show}/bag"
        bag = await self.shop.done("GET", path, token=self.mei_token)
        return {hold["hold"]: hold for hold in bag["holds"]}

    async def full_bag(self) -> dict[str, dict[str, Any]]:
        """Return Mei's bag once the ledger knows all that is in it."""
        bag = await self.bag()
        return bag if len(bag) == len(self.holds) else {}

    async def check_out(self) -> dict[str, Any]:
        """Three holds of two deals become one payment, however often asked."""
        bag = await eventually(self.full_bag)
        assert [bag[hold]["state"] for hold in self.holds] == ["held"] * 3
        amounts = [bag[hold]["price"]["amount"] for hold in self.holds]
        assert amounts == [RED, BLUE, PRICE]
        made, same = await asyncio.gather(
            *(self.shop.check_out(self.mei_token, *self.holds, key="out") for _ in "12")
        )
        assert made == same
        asked = {"holds": self.holds[:1]}
        code = await self.shop.code(
            "POST", "/checkout", asked, token=self.mei_token, key="out"
        )
        assert code == "conflict"
        code = await self.shop.code(
            "POST", "/checkout", asked, token=self.mei_token, key="another"
        )
        assert code == "hold_paying"
        total = {"amount": RED + BLUE + PRICE, "currency": "CNY"}
        assert made["payment"]["amount"] == total

        async def paying() -> Any:
            bag = await self.bag()
            return all(hold["state"] == "paying" for hold in bag.values()) and bag

        bag = await eventually(paying)
        assert {hold["payment"]["url"] for hold in bag.values()} == {
            made["payment"]["url"]
        }
        return made

    async def all_hear_of(self, order: str) -> None:
        """The buyer, staff with the name, and all others without it."""
        mei, staff, passer = self.mei, self.staff, self.passer

        def paid(watcher: Watcher, namespace: str) -> list[Any]:
            orders = watcher.events(namespace, "order")
            return [one for one in orders if one["state"] == "paid"]

        await mei.until(lambda: paid(mei, "/me"))
        await staff.until(lambda: paid(staff, "/staff"))
        for told in (paid(mei, "/me")[0], paid(staff, "/staff")[0]):
            assert (told["id"], told["name"]) == (order, "Mei Chen")
            assert told["total"] == {"amount": RED + BLUE + PRICE, "currency": "CNY"}
            assert sorted(line["price"]["amount"] for line in told["lines"]) == sorted(
                [RED, BLUE, PRICE]
            )
        states = [event["state"] for event in mei.events("/me", "payment")]
        assert states[-1] == "captured"
        for watcher in (mei, staff, passer, self.lin):
            await sees(watcher, lambda w: w.events("/live", "order"))
            await sees(
                watcher, lambda w: state_of(w).get("sold") == {"orders": 1, "units": 3}
            )
            (tick,) = watcher.events("/live", "order")
            assert (tick["count"], tick["units"], tick["names"]) == (1, 3, ["M**"])
            await sees(watcher, lambda w: self.seen(w) == [(0, 1, 1), (0, 0, 1)])
        assert "Mei Chen" not in str(passer.told)
        assert self.lin.events("/me", "order") == []

    async def count(self, order: str) -> int:
        """Look at orders, bag and stock over HTTP; return the turnover."""
        shop = self.shop
        path = f"/shows/{self.show}/orders"
        page = await shop.done("GET", path, token=shop.host)
        assert [one["id"] for one in page["orders"]] == [order]
        turnover: int = sum(one["total"]["amount"] for one in page["orders"])
        mine = await shop.done("GET", f"/orders/{order}", token=self.mei_token)
        assert mine == page["orders"][0]
        assert mine["state"] == "paid"
        code = await shop.code("GET", f"/orders/{order}", token=self.lin_token)
        assert code == "not_found"
        assert await self.bag() == {}
        held = await shop.done("GET", f"/holds/{self.holds[0]}", token=self.mei_token)
        assert held["state"] == "confirmed"
        deals = await shop.done("GET", f"/shows/{self.show}/deals")
        red, blue = self.product["red"], self.product["blue"]
        assert deals["stock"][self.deal] == {
            red: {"free": 0, "held": 1, "sold": 1},
            blue: {"free": 0, "held": 0, "sold": 1},
        }
        assert deals["stock"][self.listing][blue] == {"free": 3, "held": 0, "sold": 1}
        products = await shop.products()
        free = {v["id"]: v["stock"] for v in products[self.product["id"]]["variants"]}
        assert free == {red: 28, blue: 25}
        return turnover
