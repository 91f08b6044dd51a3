"""The sandbox provider by itself, over HTTP: its API, its page and its webhooks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from dealcast.core.clock import SystemClock
from dealcast.core.errors import Invalid, ProviderUnavailable, TokenInvalid
from dealcast.core.ids import PaymentId
from dealcast.core.money import Money
from dealcast.shop.payments import signature
from dealcast.shop.payments.provider import Intent
from dealcast.shop.payments.sandbox import WEBHOOK_KEY, Sandbox
from dealcast.tools.sandbox_psp import at, page, serve
from dealcast.tools.sandbox_psp import books as psp_books
from dealcast.tools.sandbox_psp.books import Books
from tests.support.ports import free_port

SECRET = b"a secret for tests, 32 bytes or more"
REFERENCE = PaymentId("p07_0000000001")
CLOCK = SystemClock()


@dataclass
class Shop:
    """What the provider calls: counts webhooks, and answers as told."""

    url: str
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    statuses: list[int] = field(default_factory=list)

    async def webhook(self, request: web.Request) -> web.Response:
        self.heard.append((dict(request.headers), await request.read()))
        self.news.set()
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    async def wait(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.heard) < count:
                self.news.clear()
                await self.news.wait()


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    made = Shop(f"http://127.0.0.1:{free_port()}")
    app = web.Application()
    app.router.add_post("/hook", made.webhook)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(made.url.rsplit(":")[-1])).start()
    yield made
    await runner.cleanup()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@asynccontextmanager
async def running(
    folder: Path, http: aiohttp.ClientSession, port: int | None = None
) -> AsyncIterator[Sandbox]:
    port = port or free_port()
    url, stop = f"http://127.0.0.1:{port}", asyncio.Event()
    task = asyncio.create_task(
        serve(
            host="127.0.0.1",
            port=port,
            secret=SECRET,
            pages=at(url),
            data=folder,
            stop=stop,
        )
    )
    try:
        async with asyncio.timeout(5):
            while True:
                try:
                    async with http.get(f"{url}/healthz"):
                        break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.01)
        yield Sandbox(url, SECRET, http)
    finally:
        stop.set()
        await task


def intent(shop: Shop, **changes: Any) -> Intent:
    made = Intent(
        reference=REFERENCE,
        amount=Money(1_234_567, "TWD"),
        title="<script>alert(1)</script> & 茶",
        return_url='http://shop.test/s/1?order="><b>',
        webhook_url=f"{shop.url}/hook",
        expires_at=CLOCK.now() + 60_000,
    )
    return msgspec.structs.replace(made, **changes)


async def press(
    http: aiohttp.ClientSession, url: str | None, choice: str = "pay", **headers: str
) -> int:
    assert url is not None
    async with http.post(
        url, data={"choice": choice}, headers=headers, allow_redirects=False
    ) as answer:
        return answer.status


async def test_a_payment_is_made_once_and_paid(
    tmp_path: Path, http: aiohttp.ClientSession, shop: Shop
) -> None:
    async with running(tmp_path, http) as sandbox:
        assert await sandbox.fetch(REFERENCE) is None
        assert await sandbox.cancel(REFERENCE) is None
        made = await sandbox.create(intent(shop))
        assert made == await sandbox.create(intent(shop))
        with pytest.raises(ProviderUnavailable):
            await sandbox.create(intent(shop, amount=Money(1, "TWD")))
        assert (await sandbox.capture(REFERENCE)).status == "unpaid"
        assert await press(http, made.url) == 303
        assert await press(http, made.url) == 409
        await shop.wait(1)
        headers, body = shop.heard[0]
        told = sandbox.parse_webhook(headers, body, CLOCK.now())
        assert (told.reference, told.kind) == (REFERENCE, "payment.authorised")
        with pytest.raises(TokenInvalid):
            sandbox.parse_webhook(headers, body, CLOCK.now() + 400_000)
        for _ in range(2):
            assert (await sandbox.capture(REFERENCE)).status == "captured"
        refunded = await sandbox.cancel(REFERENCE)
        assert refunded is not None and refunded.status == "refunded"
        await shop.wait(3)


async def test_webhooks_come_again_and_survive_a_restart(
    tmp_path: Path, http: aiohttp.ClientSession, shop: Shop
) -> None:
    port = free_port()
    shop.statuses = [500, 503, 302] + [500] * 50
    async with running(tmp_path, http, port) as sandbox:
        made = await sandbox.create(intent(shop))
        await press(http, made.url)
        await shop.wait(3)  # At once, after 0.5 s, after 1 s more.
    ids = {headers["webhook-id"] for headers, _ in shop.heard}
    assert len(ids) == 1
    with (tmp_path / "sandbox-psp.jsonl").open("ab") as journal:
        journal.write(b'{"payment":{"id":"cut o')  # As a crash leaves it.
    count, shop.statuses = len(shop.heard), []
    async with running(tmp_path, http, port) as sandbox:
        await shop.wait(count + 1)
        assert shop.heard[-1][0]["webhook-id"] in ids
        found = await sandbox.fetch(REFERENCE)
        assert found == msgspec.structs.replace(made, status="authorised")
        await asyncio.sleep(0.1)
    count = len(shop.heard)
    async with running(tmp_path, http, port):
        await asyncio.sleep(0.2)
    assert len(shop.heard) == count


async def test_the_api_needs_the_secret(
    tmp_path: Path, http: aiohttp.ClientSession, shop: Shop
) -> None:
    async with running(tmp_path, http) as sandbox:
        await sandbox.create(intent(shop))
        stranger = Sandbox(sandbox.url, b"x" * 32, http)
        for call in (stranger.fetch, stranger.capture, stranger.cancel):
            with pytest.raises(ProviderUnavailable):
                await call(REFERENCE)
        with pytest.raises(ProviderUnavailable):
            await sandbox.create(intent(shop, return_url="javascript:alert(1)"))
        with pytest.raises(Invalid):
            sandbox.parse_webhook(signed_nonsense(), b"[]", CLOCK.now())


def signed_nonsense() -> dict[str, str]:
    key = signature.derive(SECRET, WEBHOOK_KEY)
    return signature.sign(key, "evt_1", CLOCK.now() // 1000, b"[]")


async def test_the_page_is_the_buyers_alone(
    tmp_path: Path, http: aiohttp.ClientSession, shop: Shop
) -> None:
    async with running(tmp_path, http) as sandbox:
        made = await sandbox.create(intent(shop))
        assert made.url is not None
        async with http.get(made.url) as answer:
            text = await answer.text()
            assert answer.headers["X-Frame-Options"] == "DENY"
            policy = answer.headers["Content-Security-Policy"]
        assert "form-action 'self' http://shop.test;" in policy
        assert "<script" not in text and "&lt;script&gt;" in text
        assert "NT$12,345.67" in text and REFERENCE in text
        async with http.get(
            made.url, headers={"Accept-Language": "zh-TW,en"}
        ) as answer:
            assert 'lang="zh-Hant"' in (chinese := await answer.text())
            assert "拒絕付款" in chinese
        for headers in (
            {"Origin": "https://evil.test"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ):
            assert await press(http, made.url, "pay", **headers) == 403
        assert await press(http, made.url, "steal") == 400
        assert await press(http, made.url + "x") == 404
        found = await sandbox.fetch(REFERENCE)
        assert found is not None and found.status == "unpaid"
        own = {"Origin": sandbox.url, "Sec-Fetch-Site": "same-origin"}
        assert await press(http, made.url, "decline", **own) == 303
        async with http.get(made.url) as answer:
            over = await answer.text()
        assert "You declined this payment." in over
        assert "<form" not in over and "<b>" not in over


async def test_too_late_is_too_late(
    tmp_path: Path, http: aiohttp.ClientSession, shop: Shop
) -> None:
    async with running(tmp_path, http) as sandbox:
        made = await sandbox.create(intent(shop, expires_at=CLOCK.now() - 1))
        assert await press(http, made.url) == 409
        gone = await sandbox.cancel(REFERENCE)
        assert gone is not None and gone.status == "cancelled"
        assert await press(http, made.url) == 409


async def test_a_taken_port_is_an_error(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    port = free_port()
    async with running(tmp_path, http, port):
        with pytest.raises(OSError):
            async with running(tmp_path / "other", http, port):
                await asyncio.sleep(0.2)


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(12_900, "CNY"), "¥129.00"),
        (Money(5, "USD"), "$0.05"),
        (Money(500, "JPY"), "¥500"),
        (Money(10**12, "TWD"), "NT$10,000,000,000.00"),
    ],
)
def test_amounts_are_shown_exactly(money: Money, text: str) -> None:
    assert page.shown(money) == text


def test_the_journal_is_written_anew_before_it_grows_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psp_books, "SLACK_MAX", 10)
    file, now = tmp_path / "journal", CLOCK.now()
    books = Books(file, now)
    for number in range(40):
        reference = PaymentId(f"p07_{number:010d}")
        made = books.create(intent(Shop("http://shop.test"), reference=reference), now)
        books.step(made, "pay", now)
        if number < 30:  # Long ago, and over.
            books.step(books.find(reference), "cancel", now - 2 * psp_books.KEPT_MS)
        for event in list(books.unsent.values()):
            books.told(event)
    assert len(file.read_bytes().splitlines()) < 60
    again = Books(file, now)
    assert again.unsent == {}
    assert [again.find(f"p07_{n:010d}").status for n in (30, 39)] == ["authorised"] * 2
