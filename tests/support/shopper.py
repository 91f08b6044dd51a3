"""A shop and its people: the real HTTP API, and stock clients on real connections."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any

import aiohttp
import jwt
import pytest
import socketio

from tests.support.server import Node, running
from tests.support.theatre import Watcher

# The shop's back end signs its own tokens, as shops do; the server knows how.
SECRET = "a secret of this shop, for its stories alone; as long as HS512 wants it"
PROVIDER_SECRET = "a secret between this shop and its provider"
SETTINGS = {
    "DEALCAST__AUTH__SECRET": SECRET,
    "DEALCAST__PAYMENTS__SANDBOX_SECRET": PROVIDER_SECRET,
}
API = "/api/v1"
WAIT_S = 15.0
LOOK_S = 0.03
PRICE = 12_900

Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What the server answered over HTTP."""

    status: int
    body: Any
    headers: Mapping[str, str]

    def code(self) -> str:
        """Return the code of a refusal, after a look at its form."""
        assert self.status >= 400, self
        assert self.headers["Content-Type"] == "application/problem+json", self
        assert self.body["status"] == self.status, self
        assert self.body["type"].endswith(self.body["code"]), self
        assert isinstance(self.body["retryable"], bool), self
        assert self.body["title"] and self.body["detail"], self
        return str(self.body["code"])


def sign(
    role: str = "viewer", *, name: str = "Mei", show: str = "*", **claims: Any
) -> str:
    """Sign a token for a new person; ``claims`` win over what is usual."""
    usual = {
        "sub": f"{name}-{secrets.token_hex(6)}",
        "name": name,
        "role": role,
        "show": show,
        "aud": "dealcast",
        "exp": int(time.time()) + 3600,
    }
    return jwt.encode({**usual, **claims}, SECRET, algorithm="HS256")


class Shop:
    """The shop from outside: its back end, its staff, its buyers."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url = url
        self.http = http
        self.keeper = sign("shop")
        self.host = sign("host", name="Hana")
        self.clients: list[socketio.AsyncClient] = []
        self.by_session = False  # Whether sockets go the session's way as well.

    def token(self, role: str = "viewer", **more: Any) -> str:
        """Return the token of a new person."""
        return sign(role, **more)

    # HTTP.

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        data: str | bytes | None = None,
    ) -> Answer:
        """Ask the API; whatever was asked, the server must not break."""
        told = dict(headers or {})
        if token is not None:
            told["Authorization"] = f"Bearer {token}"
        if key is not None:
            told["Idempotency-Key"] = key
        if body is not None:
            data = json.dumps(body)
        sent = BytesIO(data) if isinstance(data, bytes) else data
        if body is not None:
            told.setdefault("Content-Type", "application/json")
        async with self.http.request(
            method, f"{self.url}{API}{path}", data=sent, headers=told
        ) as answer:
            text = await answer.text()
            assert answer.status < 500, f"{method} {path}: {answer.status} {text}"
            plain = "json" not in answer.content_type
            said = text if plain else json.loads(text)
            return Answer(answer.status, said, answer.headers)

    async def done(self, method: str, path: str, *args: Any, **more: Any) -> Any:
        """Ask for what must be done; return its answer."""
        answer = await self.ask(method, path, *args, **more)
        assert answer.status < 400, (method, path, answer.body)
        return answer.body

    async def code(self, method: str, path: str, *args: Any, **more: Any) -> str:
        """Ask for what must be refused; return its code."""
        return (await self.ask(method, path, *args, **more)).code()

    # Selling.

    async def new_show(self, currency: str = "CNY", *, start: bool = True) -> str:
        """Make a show and go live; return its id."""
        asked = {"title": "Tea time", "currency": currency}
        show: Json = await self.done("POST", "/shows", asked, token=self.host)
        if start:
            await self.done("POST", f"/shows/{show['id']}/start", token=self.host)
        return str(show["id"])

    async def new_product(
        self,
        stock: Mapping[str, int],
        *,
        price: int = PRICE,
        currency: str = "CNY",
    ) -> Json:
        """Make a product with these variants; return it with their ids by name."""
        name = f"P-{secrets.token_hex(4)}"
        variants = [
            {"sku": f"{name}-{variant}", "title": variant, "stock": units,
             "price": {"amount": price, "currency": currency}}
            for variant, units in stock.items()
        ]  # fmt: skip
        product: Json = await self.done(
            "POST", "/products", {"title": {"en": name}, "variants": variants},
            token=self.keeper,
        )  # fmt: skip
        ids = [variant["id"] for variant in product["variants"]]
        return {**product, **dict(zip(stock, ids, strict=True))}

    async def new_deal(
        self,
        show: str,
        product: Json,
        units: Mapping[str, int],
        *,
        price: int | None = 9_900,
        currency: str = "CNY",
        **terms: Any,
    ) -> str:
        """Make a deal on these variants, by their names; return its id."""
        cost = (
            {} if price is None else {"price": {"amount": price, "currency": currency}}
        )
        lines = [
            {"variant": product[variant], "quantity": quantity, **cost}
            for variant, quantity in units.items()
        ]
        asked = {"product": product["id"], "lines": lines, **terms}
        path = f"/shows/{show}/deals"
        deal: Json = await self.done("POST", path, asked, token=self.host)
        return str(deal["id"])

    async def open(self, deal: str) -> None:
        """Open a deal by hand."""
        await self.done("POST", f"/deals/{deal}/open", token=self.host)

    async def on_sale(self, units: int = 5, **terms: Any) -> tuple[str, str]:
        """Return a new show, and an open deal in it on one variant."""
        show = await self.new_show()
        product = await self.new_product({"red": units})
        deal = await self.new_deal(show, product, {"red": units}, **terms)
        await self.open(deal)
        return show, deal

    async def check_out(self, token: str, *holds: str, key: str | None = None) -> Json:
        """Check out holds; return the order and where to pay."""
        made: Json = await self.done(
            "POST", "/checkout", {"holds": list(holds)}, token=token,
            key=key or secrets.token_hex(8),
        )  # fmt: skip
        return made

    async def choose(self, checkout: Json, choice: str) -> None:
        """Pay or decline at the provider's page, as its form does."""
        url = checkout["payment"]["url"]
        async with self.http.get(url) as page:
            assert (page.status, page.content_type) == (200, "text/html")
        async with self.http.post(
            url, data={"choice": choice}, allow_redirects=False
        ) as answer:
            assert answer.status == 303, await answer.text()
            back = answer.headers["Location"]
        assert back.startswith(self.url) and checkout["order"] in back

    async def products(self) -> dict[str, Json]:
        """Return the whole catalog, by id."""
        found: dict[str, Json] = {}
        after = ""
        while True:
            path = f"/products?after={after}"
            page = await self.done("GET", path, token=self.keeper)
            if not page["products"]:
                return found
            found |= {one["id"]: one for one in page["products"]}
            after = page["products"][-1]["id"]

    # Watching.

    async def join(
        self,
        show: str,
        *namespaces: str,
        token: str | None = None,
        wait: bool = True,
        headers: Mapping[str, str] | None = None,
        **auth: Any,
    ) -> Watcher:
        """Connect a stock client; it has its ``sync`` of each namespace."""
        joined = namespaces or ("/live",)
        way = {"http_session": self.http} if self.by_session else {}
        client = socketio.AsyncClient(reconnection=False, **way)
        watcher = Watcher(client, joined, wait_s=WAIT_S)
        self.clients.append(client)
        who = {} if token is None else {"token": token}
        await client.connect(
            self.url, transports=["websocket"], namespaces=list(joined), wait=wait,
            wait_timeout=WAIT_S, auth={"show": show, **who, **auth},
            headers=dict(headers or {}),
        )  # fmt: skip
        if wait:
            await watcher.until(
                lambda: all(watcher.events(ns, "sync") for ns in joined)
            )
        return watcher

    async def kept_out(self, show: str, *namespaces: str, **more: Any) -> str:
        """Return the code with which a connection is refused."""
        watcher = await self.join(show, *namespaces, wait=False, **more)
        await watcher.until(lambda: watcher.refused)
        return str(watcher.refused[0]["data"]["code"])

    async def connections(self) -> dict[str, int]:
        """Return how many connections each worker has, by its metrics."""
        async with self.http.get(f"{self.url}/metrics") as answer:
            text = await answer.text()
        return {
            line.partition('process="')[2].partition('"')[0]: int(
                float(line.split()[-1])
            )
            for line in text.splitlines()
            if line.startswith("dealcast_hub_connections{")
        }

    async def on_each_worker(self, show: str, *args: str, **more: Any) -> list[Watcher]:
        """Connect clients until every worker has got one of them."""
        before = await self.connections()
        joined: list[Watcher] = []
        for _ in range(40):
            joined.append(await self.join(show, *args, **more))
            now = await self.connections()
            if all(now[worker] > count for worker, count in before.items()):
                return joined
        raise AssertionError(f"all on one worker: {now}, before {before}")

    async def leave(self, *watchers: Watcher) -> None:
        """Let clients go."""
        await asyncio.gather(*(watcher.client.disconnect() for watcher in watchers))


async def eventually(look: Callable[[], Awaitable[Any]]) -> Any:
    """Look again and again until there is something to see; return it."""
    async with asyncio.timeout(WAIT_S):
        while True:
            seen = await look()
            if seen:
                return seen
            await asyncio.sleep(LOOK_S)


async def sees(watcher: Watcher, true: Callable[[Watcher], Any]) -> None:
    """Wait until what is expected is true of what a viewer was told."""
    await watcher.until(partial(true, watcher))


def state_of(watcher: Watcher) -> Json:
    """Return the show's state as all that was told adds up to."""
    state: Json = {"stock": {}}
    for _, event, data, _ in watcher.told:
        parts = data.get("state") if event == "sync" else data
        if event not in ("sync", "state") or not parts:
            continue
        state["stock"] |= parts.get("stock", {})
        state |= {name: part for name, part in parts.items() if name != "stock"}
    return state


def stock_of(watcher: Watcher, deal: str, variant: str) -> tuple[int, int, int]:
    """Return the free, held and sold units that a viewer sees."""
    seen = state_of(watcher)["stock"].get(deal, {}).get(variant)
    return (seen["free"], seen["held"], seen["sold"]) if seen else (0, 0, 0)


def changes(watcher: Watcher, deal: str) -> list[str]:
    """Return what changed about a deal, as a viewer was told."""
    return [e["change"] for e in watcher.events("/live", "deal") if e["deal"] == deal]


def texts(watcher: Watcher) -> list[str]:
    """Return the lines of chat that came as events."""
    return [line["text"] for line in watcher.events("/live", "chat")]


def numbers(watcher: Watcher, namespace: str = "/live") -> list[int]:
    """Return the numbers of the cursors that came, in their order."""
    return [int(cursor.split(".")[1]) for cursor in watcher.cursors(namespace)]


def now_ms() -> int:
    """Return the present, on the clock that this machine's servers share."""
    return int(time.time() * 1000)


@asynccontextmanager
async def visiting(
    url: str, connector: aiohttp.BaseConnector | None = None
) -> AsyncIterator[Shop]:
    """Deal with the shop at ``url``, and leave nothing open."""
    async with aiohttp.ClientSession(connector=connector) as http:
        shop = Shop(url, http)
        shop.by_session = connector is not None
        try:
            yield shop
        finally:
            await asyncio.gather(*(client.disconnect() for client in shop.clients))


@pytest.fixture(scope="session")
def shop_node() -> Iterator[Node]:
    """Run one node of a shop that signs in by itself, for many stories."""
    with running("--workers=2", settings=SETTINGS) as node:
        yield node


@pytest.fixture
async def shop(shop_node: Node) -> AsyncIterator[Shop]:
    """Visit the shop of the shared node."""
    async with visiting(shop_node.url) as shop:
        yield shop
