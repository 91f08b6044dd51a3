"""The HTTP API on a real server: one way through for all acts."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import pytest
from aiohttp import ClientSession, web
from msgspec import Meta
from prometheus_client import CollectorRegistry

from dealcast.core.clock import SystemClock
from dealcast.core.errors import SoldOut, TokenInvalid
from dealcast.core.ids import ShowId
from dealcast.core.rates import Rates
from dealcast.core.wire import ANY, STAFF, Act, Answer, Caller, Request
from dealcast.web.api import Api, Config
from dealcast.web.origins import Origins
from dealcast.web.pages import Pages
from dealcast.web.server import Doors, make_app, make_runner
from tests.support.theatre import OTHER, SHOW, caller, find_show

MEI = {"Authorization": "Bearer mei/viewer/*"}
HOST = {"Authorization": f"Bearer hana/host/{SHOW}"}
SHOP_ORIGIN = "https://shop.example"


class Take(Request, frozen=True, kw_only=True):
    """Take units of a deal."""

    deal: Annotated[str, Meta(pattern="^d[0-9]$")]
    quantity: Annotated[int, Meta(ge=1, le=9)] = 1
    key: Annotated[str, Meta(min_length=1, max_length=20)]


class Taken(Answer, frozen=True, kw_only=True):
    """What was taken."""

    id: str
    quantity: int
    key: str


class Turn(Request, frozen=True, kw_only=True):
    """Turn a show."""

    show: str


class Page(Request, frozen=True, kw_only=True):
    """Read a page."""

    after: int = 0


class Told(Answer, frozen=True, kw_only=True):
    """What was understood."""

    text: str


class Sheet(Request, frozen=True, kw_only=True):
    """Import a sheet."""

    csv: bytes
    currency: str | None = None


async def take(caller: Caller, ask: Take) -> Taken:
    if ask.deal == "d0":
        raise SoldOut
    assert ask.deal != "d9", "secret words"
    return Taken(id=ask.deal, quantity=ask.quantity, key=ask.key)


async def turn(caller: Caller, ask: Turn) -> Told:
    return Told(text=f"{ask.show} {caller.role}")


async def page(caller: Caller, ask: Page) -> Told:
    return Told(text=f"after {ask.after}")


async def sheet(caller: Caller, ask: Sheet) -> Told:
    return Told(text=f"{len(ask.csv)} {ask.currency}")


ACTS: list[Act[Any]] = [
    Act(name="take", request=Take, answer=Taken, handler=take, roles=ANY,
        http="POST /deals/{deal}/takes", status=201, per_minute=240),
    Act(name="give", request=Take, answer=Taken, handler=take, roles=ANY,
        http="DELETE /deals/{deal}"),
    Act(name="turn", request=Turn, answer=Told, handler=turn, roles=STAFF,
        http="POST /shows/{show}/turn"),
    Act(name="show", request=Turn, answer=Told, handler=turn, roles=(),
        http="GET /shows/{show}"),
    Act(name="page", request=Page, answer=Told, handler=page, roles=(),
        http="GET /pages", socket="/live"),
    Act(name="sheet", request=Sheet, answer=Told, handler=sheet, roles=ANY,
        http="POST /sheets"),
]  # fmt: skip


class Site:
    """A web server and what it is connected to."""

    def __init__(self, folder: Path) -> None:
        self.dist = folder / "dist"
        self.pictures = folder / "pictures"
        self.parts: dict[str, str | None] = {"redis": None}
        self.hooks: list[tuple[str, bytes]] = []
        self.url = ""

    async def webhook(
        self, provider: str, headers: Mapping[str, str], body: bytes
    ) -> bool:
        """Keep a webhook that is signed."""
        if headers.get("Signature") != "good":
            raise TokenInvalid
        self.hooks.append((provider, body))
        return True

    async def ready(self) -> dict[str, str | None]:
        """Tell what was set."""
        return self.parts

    async def metrics(self) -> str:
        """Tell one metric."""
        return "up 1\n"

    async def socket(self, request: web.Request) -> web.StreamResponse:
        """Stand where the sockets are."""
        return web.Response(text="socket")

    def app(self) -> web.Application:
        """Return the application."""
        return make_app(
            acts=ACTS,
            socket_acts=ACTS,
            api=Api(caller=caller, find_show=find_show, clock=SystemClock(),
                    rates=Rates(), registry=CollectorRegistry()),
            origins=Origins("http://127.0.0.1:8080", [SHOP_ORIGIN]),
            pages=Pages(dist=self.dist, pictures=self.pictures,
                        frame_ancestors=("https://shop.example",)),
            doors=Doors(socket=self.socket, webhook=self.webhook, ready=self.ready,
                        metrics=self.metrics),
            config=Config(demo=True, login_url=None, currencies=["CNY"], version="1"),
            clock=SystemClock(),
        )  # fmt: skip


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """Run a web server."""
    site = Site(tmp_path)
    runner = make_runner(site.app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield site
    await runner.cleanup()


@pytest.fixture
async def http(site: Site) -> AsyncIterator[ClientSession]:
    """Open a client of the site."""
    async with ClientSession(site.url) as session:
        yield session


async def code_of(http: ClientSession, method: str, path: str, **more: Any) -> str:
    """Return the code of a refusal, after a look at its form."""
    async with http.request(method, path, **more) as answer:
        body = await answer.json()
        assert answer.content_type == "application/problem+json", body
        assert answer.status == body["status"]
        assert body["type"].endswith(body["code"])
        assert {"title", "retryable", "detail"} <= body.keys()
        return str(body["code"])


async def test_an_act_has_an_address(http: ClientSession) -> None:
    headers = {**MEI, "Idempotency-Key": "k1"}
    async with http.post(
        "/api/v1/deals/d1/takes", json={"quantity": 2}, headers=headers
    ) as answer:
        assert answer.status == 201
        assert await answer.json() == {"id": "d1", "quantity": 2, "key": "k1"}
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    async with http.delete("/api/v1/deals/d1?quantity=3", headers=headers) as answer:
        assert (await answer.json())["quantity"] == 3


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('{"quantity": 1.0}', "invalid"),
        ('{"quantity": "1"}', "invalid"),
        ('{"quantity": true}', "invalid"),
        ('{"quantity": 1e999}', "invalid"),
        ('{"quantity": NaN}', "invalid"),
        ('{"quantity": 99999999999999999999999}', "invalid"),
        ('{"price": 1}', "invalid"),
        ('{"deal": "d2"}', "invalid"),
        ('{"key": "mine"}', "invalid"),
        ("[]", "invalid"),
        ('"x"', "invalid"),
        ("{", "invalid"),
        ("[" * 5000, "invalid"),
        (b"\xff\xfe", "invalid"),
        ('{"a": "' + "x" * 70_000 + '"}', "too_large"),
    ],
)
async def test_a_bad_body_is_refused(
    http: ClientSession, body: str | bytes, code: str
) -> None:
    headers = {**MEI, "Idempotency-Key": "k", "Content-Type": "application/json"}
    path = "/api/v1/deals/d1/takes"
    assert await code_of(http, "POST", path, data=body, headers=headers) == code


async def test_what_else_is_refused(http: ClientSession) -> None:
    path = "/api/v1/deals/d1/takes"
    good = {**MEI, "Idempotency-Key": "k"}
    cases: list[tuple[str, dict[str, Any]]] = [
        ("token_missing", {"json": {}}),
        ("token_invalid", {"json": {}, "headers": {"Authorization": "Basic eA=="}}),
        ("token_invalid", {"json": {}, "headers": {"Authorization": "Bearer"}}),
        (
            "token_invalid",
            {"headers": {"Authorization": "Bearer " + "x" * 5000}},
        ),
        ("invalid", {"json": {}, "headers": MEI}),
        ("invalid", {"data": "{}", "headers": {**good, "Content-Type": "text/plain"}}),
        ("invalid", {"json": {}, "headers": {**good, "Content-Encoding": "gzip"}}),
    ]
    for code, more in cases:
        assert await code_of(http, "POST", path, **more) == code, (code, more)
    expired = {"Authorization": "Bearer mei/viewer/*/-5"}
    assert await code_of(http, "POST", path, headers=expired) == "token_expired"
    for deal, code in (("d0", "sold_out"), ("d9", "internal"), ("zz", "invalid")):
        at = f"/api/v1/deals/{deal}/takes"
        assert await code_of(http, "POST", at, json={}, headers=good) == code
    assert await code_of(http, "GET", "/api/v1/nothing") == "not_found"
    assert await code_of(http, "GET", path) == "method_not_allowed"
    assert await code_of(http, "GET", "/api/v1/pages?after=x") == "invalid"
    assert await code_of(http, "GET", "/api/v1/pages?after=1&after=2") == "invalid"
    async with http.get("/api/v1/pages?after=7") as answer:
        assert await answer.json() == {"text": "after 7"}


async def test_our_fault_tells_nothing_of_itself(http: ClientSession) -> None:
    headers = {**MEI, "Idempotency-Key": "k"}
    async with http.post("/api/v1/deals/d9/takes", json={}, headers=headers) as answer:
        assert answer.status == 500
        assert "secret words" not in await answer.text()


async def test_a_role_counts_in_its_own_show_alone(http: ClientSession) -> None:
    async with http.post("/api/v1/shows/tea-time/turn", headers=HOST) as answer:
        assert await answer.json() == {"text": f"{SHOW} host"}
    cases = [
        (f"/api/v1/shows/{OTHER}/turn", HOST, "forbidden"),
        ("/api/v1/shows/other-time/turn", HOST, "forbidden"),
        ("/api/v1/shows/nowhere/turn", HOST, "not_found"),
        (f"/api/v1/shows/{SHOW}/turn", MEI, "forbidden"),
        (f"/api/v1/shows/{SHOW}/turn", {}, "token_missing"),
    ]
    for path, headers, code in cases:
        assert await code_of(http, "POST", path, headers=headers) == code
    async with http.get("/api/v1/shows/other-time", headers=HOST) as answer:
        assert await answer.json() == {"text": f"{OTHER} viewer"}


async def test_who_asks_too_often_has_to_wait(http: ClientSession) -> None:
    path, headers = "/api/v1/deals/d1", {**MEI, "Idempotency-Key": "k"}
    answers = [await http.delete(path, headers=headers) for _ in range(32)]
    assert [answer.status for answer in answers].count(200) in (30, 31)
    assert answers[-1].status == 429
    assert answers[-1].headers["Retry-After"] == "1"
    other = {"Authorization": "Bearer lin/viewer/*", "Idempotency-Key": "k"}
    async with http.delete(path, headers=other) as answer:
        assert answer.status == 200
    for answer in answers:
        answer.release()


async def test_a_sheet_is_text_up_to_five_megabytes(http: ClientSession) -> None:
    headers = {**MEI, "Content-Type": "text/csv"}
    path = "/api/v1/sheets"
    async with http.post(
        f"{path}?currency=CNY", data=BytesIO(b"x" * 4_000_000), headers=headers
    ) as answer:
        assert await answer.json() == {"text": "4000000 CNY"}

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(60):
            yield b"x" * 100_000
            await asyncio.sleep(0)

    for body in (BytesIO(b"x" * 5_000_001), endless()):
        assert await code_of(http, "POST", path, data=body, headers=headers) == (
            "too_large"
        )
    assert await code_of(http, "POST", path, json={}, headers=MEI) == "invalid"


async def test_pages_of_listed_origins_may_read_answers(http: ClientSession) -> None:
    path = "/api/v1/pages"
    async with http.get(path, headers={"Origin": SHOP_ORIGIN}) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == SHOP_ORIGIN
        assert answer.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in answer.headers
    async with http.get(path) as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert answer.headers["Vary"] == "Origin"
    async with http.get(path, headers={"Origin": "https://evil.test"}) as answer:
        assert answer.status == 403
        assert "Access-Control-Allow-Origin" not in answer.headers
    async with http.options(path, headers={"Origin": SHOP_ORIGIN}) as answer:
        assert answer.status == 204
        assert "idempotency-key" in answer.headers["Access-Control-Allow-Headers"]
    foreign = {"Origin": "https://evil.test"}
    assert await code_of(http, "OPTIONS", path, headers=foreign) == "origin_refused"
    socket = "/socket.io/?EIO=4&transport=websocket"
    assert await code_of(http, "GET", socket, headers=foreign) == "origin_refused"
    async with http.get(socket) as answer:
        assert await answer.text() == "socket"


async def test_webhooks_come_as_they_are(site: Site, http: ClientSession) -> None:
    path = "/api/v1/payments/sandbox/webhook"
    signed = {"Signature": "good", "Content-Type": "application/x-strange"}
    async with http.post(path, data=b'{"raw" :1}', headers=signed) as answer:
        assert answer.status == 204
    assert site.hooks == [("sandbox", b'{"raw" :1}')]
    assert await code_of(http, "POST", path, data=b"{}") == "token_invalid"


async def test_health_says_what_is_missing(site: Site, http: ClientSession) -> None:
    async with http.get("/healthz") as answer:
        assert (await answer.json())["alive"] is True
    async with http.get("/readyz") as answer:
        assert answer.status == 200
    site.parts["gate"] = "closed"
    async with http.get("/readyz") as answer:
        assert answer.status == 503
        told = await answer.json()
        assert told["detail"] == "gate: closed"
        assert told["parts"] == {"redis": None, "gate": "closed"}
    async with http.get("/metrics") as answer:
        assert await answer.text() == "up 1\n"


async def test_pages_are_served_when_they_are_built(
    site: Site, http: ClientSession
) -> None:
    async with http.get("/host") as answer:
        assert answer.status == 503
        assert "not built" in await answer.text()
    (site.dist / "assets").mkdir(parents=True)
    for name in ("index", "host", "moderator"):
        (site.dist / f"{name}.html").write_text(name)
    (site.dist / "favicon.svg").write_text("<svg/>")
    (site.dist / "assets" / "app-1a2b.js").write_text("1")
    (site.dist.parent / "secret.txt").write_text("secret")
    pages = {"/": "index", "/s/tea-time": "index", "/host": "host",
             "/moderator": "moderator", "/favicon.svg": "<svg/>",
             "/assets/app-1a2b.js": "1"}  # fmt: skip
    for path, text in pages.items():
        async with http.get(path) as answer:
            assert (answer.status, await answer.text()) == (200, text)
    async with http.get("/assets/app-1a2b.js") as answer:
        assert "immutable" in answer.headers["Cache-Control"]
    async with http.get("/") as answer:
        policy = answer.headers["Content-Security-Policy"]
        host = site.url.removeprefix("http://")
        assert f"connect-src 'self' ws://{host} wss://{host}" in policy
        assert "frame-ancestors 'self' https://shop.example" in policy
        assert "script-src 'self';" in policy
        assert answer.headers["Referrer-Policy"] == "same-origin"
    for path in ("/index.html", "/assets/..%2f..%2fsecret.txt", "/assets/none.js",
                 "/..%2fsecret.txt", "/.hidden", "/assets"):  # fmt: skip
        assert await code_of(http, "GET", path) == "not_found"


async def test_pictures_cannot_lead_elsewhere(site: Site, http: ClientSession) -> None:
    (site.pictures / "demo").mkdir(parents=True)
    (site.pictures / "demo" / "tea.svg").write_text("<svg/>")
    (site.pictures / "list.txt").write_text("x")
    (site.pictures.parent / "secret.svg").write_text("secret")
    (site.pictures / "link.svg").symlink_to(site.pictures.parent / "secret.svg")
    async with http.get("/catalog/demo/tea.svg") as answer:
        assert await answer.text() == "<svg/>"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
    for path in ("link.svg", "list.txt", "..%2fsecret.svg", "demo/../../secret.svg",
                 "demo%2f..%2f..%2fsecret.svg", "none.png", "demo"):  # fmt: skip
        assert await code_of(http, "GET", f"/catalog/{path}") == "not_found"


async def test_documents_describe_every_act(http: ClientSession) -> None:
    async with http.get("/api/v1/openapi.json") as answer:
        openapi = await answer.json()
    take = openapi["paths"]["/deals/{deal}/takes"]["post"]
    assert [one["name"] for one in take["parameters"]] == ["deal", "Idempotency-Key"]
    body = take["requestBody"]["content"]["application/json"]["schema"]
    assert list(body["properties"]) == ["quantity"]
    assert {"201", "401", "403", "409", "429"} <= take["responses"].keys()
    assert "401" in openapi["paths"]["/pages"]["get"]["responses"]
    async with http.get("/api/v1/asyncapi.json") as answer:
        asyncapi = await answer.json()
    assert set(asyncapi["channels"]) == {"live", "me", "staff"}
    assert "live_page" in asyncapi["operations"]
    live = asyncapi["channels"]["live"]["messages"]
    assert {"live_sync", "live_chat", "live_state", "live_page_asked"} <= live.keys()
    async with http.get("/api/v1/config") as answer:
        assert (await answer.json())["currencies"] == ["CNY"]


async def test_a_show_may_be_anything_but_found(http: ClientSession) -> None:
    for name in ("UPPER", "a" * 80, "%00", "..."):
        code = await code_of(http, "GET", f"/api/v1/shows/{name}")
        assert code in ("not_found", "invalid")
    assert await find_show("tea-time") == ShowId(SHOW)
