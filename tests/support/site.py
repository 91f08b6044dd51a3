"""A web server in front of acts for tests, and what it is connected to."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import pytest
from aiohttp import ClientSession, web
from msgspec import Meta
from prometheus_client import CollectorRegistry

from dealcast.core.clock import SystemClock
from dealcast.core.errors import SoldOut, TokenInvalid
from dealcast.core.rates import Rates
from dealcast.core.wire import ANY, STAFF, Act, Answer, Caller, Request
from dealcast.web.api import Api, Config
from dealcast.web.origins import Origins
from dealcast.web.pages import Pages
from dealcast.web.server import Doors, make_app, make_runner
from tests.support.theatre import SHOW, caller, find_show

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
    """Sell all but what is sold out, or broken."""
    if ask.deal == "d0":
        raise SoldOut
    assert ask.deal != "d9", "secret words"
    return Taken(id=ask.deal, quantity=ask.quantity, key=ask.key)


async def turn(caller: Caller, ask: Turn) -> Told:
    """Tell where and as whom it was asked."""
    return Told(text=f"{ask.show} {caller.role}")


async def page(caller: Caller, ask: Page) -> Told:
    """Tell from where it was asked."""
    return Told(text=f"after {ask.after}")


async def sheet(caller: Caller, ask: Sheet) -> Told:
    """Tell how much came."""
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
        origins = Origins("http://127.0.0.1:8080", [SHOP_ORIGIN])
        return make_app(
            acts=ACTS,
            socket_acts=ACTS,
            api=Api(caller=caller, find_show=find_show, origins=origins,
                    clock=SystemClock(), rates=Rates(), registry=CollectorRegistry()),
            origins=origins,
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
