"""Behind nginx and behind Caddy, by the examples that come with the product."""

import base64
import json
import os
import ssl
from collections.abc import AsyncIterator, Iterator
from io import BytesIO

import aiohttp
import pytest

from tests.support.front import NAME, SHOP_PAGE, Front, fronted
from tests.support.purchase import TURNOVER, Purchase
from tests.support.shopper import API, Shop

SOCKET = "/socket.io/?EIO=4&transport=websocket"
POLLING = "/socket.io/?EIO=4&transport=polling"
GUESS = {"code": "not one of ours"}
BURST_MAX = 12


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    """Run a node behind a proxy."""
    folder = tmp_path_factory.mktemp(request.param)
    folder.chmod(0o755)
    with fronted(request.param, folder) as one:
        yield one


@pytest.fixture
async def shop(front: Front) -> AsyncIterator[Shop]:
    """Visit the shop through the proxy."""
    async with front.visited("127.0.0.1") as shop:
        yield shop


async def test_a_whole_purchase_through_a_proxy(front: Front, shop: Shop) -> None:
    """Page, API, sockets, payment page and the provider's webhook."""
    assert await Purchase(shop).whole() == TURNOVER
    journal = (front.node.data / "sandbox-psp.jsonl").read_text().splitlines()
    lines = [json.loads(line) for line in journal]
    told = {line["event"]["id"] for line in lines if line.get("event")}
    sent = {line["sent"] for line in lines if line.get("sent")}
    urls = {line["event"]["url"] for line in lines if line.get("event")}
    assert told and told == sent
    assert all(url.startswith(f"https://localhost:{front.port}/") for url in urls)


async def test_a_webhook_that_is_not_signed_is_refused(shop: Shop) -> None:
    path = "/payments/sandbox/webhook"
    refused = await shop.ask("POST", path, {"type": "paid", "reference": "p07_x"})
    assert refused.code() == "token_invalid"


async def test_pages_and_their_headers(shop: Shop) -> None:
    for path in ("/", "/host", "/moderator", "/s/any"):
        async with shop.http.get(f"{shop.url}{path}") as page:
            assert (page.status, page.content_type) == (200, "text/html")
            policy = page.headers["Content-Security-Policy"].split("; ")
            assert "max-age=" in page.headers["Strict-Transport-Security"]
        ancestors = f"frame-ancestors 'self' {SHOP_PAGE} https://*.shop.example"
        assert ancestors in policy
        sockets = shop.url.replace("https", "wss")
        assert f"connect-src 'self' {sockets}" in policy


async def test_plain_http_leads_to_tls(front: Front, shop: Shop) -> None:
    url = f"http://{NAME}:{front.plain_port}/s/tea?x=1"
    async with shop.http.get(url, allow_redirects=False) as answer:
        assert answer.status in (301, 308)
        assert answer.headers["Location"].startswith(f"https://{NAME}")
        assert answer.headers["Location"].endswith("/s/tea?x=1")


async def test_what_is_for_the_operator_is_not_public(shop: Shop) -> None:
    for path, status in (("/metrics", 404), ("/readyz", 404), ("/healthz", 200)):
        async with shop.http.get(f"{shop.url}{path}") as answer:
            assert answer.status == status, path


async def test_a_body_that_is_too_large_is_refused(shop: Shop) -> None:
    url, body = f"{shop.url}{API}/products/import", BytesIO(b"x" * 6_000_000)
    said = {"Content-Type": "text/csv", "Authorization": f"Bearer {shop.keeper}"}
    async with shop.http.post(url, data=body, headers=said) as answer:
        assert answer.status == 413


def test_old_versions_of_tls_are_refused(front: Front) -> None:
    context = front.authority.trusted()
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    with front.dial() as line:
        assert line.version() in ("TLSv1.2", "TLSv1.3")


# Sockets.


async def test_viewers_come_one_after_the_other(shop: Shop) -> None:
    """A stock client each time, on connections that the proxy has kept."""
    show = await shop.new_show()
    first = await shop.join(show, token=shop.token())
    assert (await first.ask("chat", {"text": "one", "key": "1"}))["ok"] is True
    await shop.leave(first)
    second = await shop.join(show, token=shop.token())
    third = await shop.join(show)
    assert (await second.ask("chat", {"text": "two", "key": "2"}))["ok"] is True
    await third.hears("chat")


def test_a_socket_takes_a_kept_connection(front: Front) -> None:
    """
    The proxy's connection to the node was used for a request before.

    nginx takes it again; Caddy opens one for each socket, beside those it keeps.
    """
    taken = [open_after_a_request(front) for _ in range(4)]
    added = [after - before for before, after in taken]
    assert not any(added) or front.kind == "caddy", taken


def open_after_a_request(front: Front) -> tuple[set[int], set[int]]:
    """Open a socket; return the connections that were there before and are now."""
    with front.dial() as line:
        head = read_head(line, ask(POLLING))
        assert head.startswith(b"HTTP/1.1 400")  # We speak WebSocket only.
        kept = front.upstreams()
        assert kept
        key = base64.b64encode(os.urandom(16)).decode()
        head = read_head(
            line,
            ask(SOCKET, "Upgrade: websocket", "Connection: Upgrade",
                f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"),
        )  # fmt: skip
        assert head.startswith(b"HTTP/1.1 101")
        opened = head.partition(b"\r\n\r\n")[2] or line.recv(4096)
        assert b'0{"sid":' in opened
        return kept, front.upstreams()


def ask(path: str, *headers: str) -> bytes:
    """Write a request."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {NAME}", *headers, "", ""]
    return "\r\n".join(lines).encode()


def read_head(line: ssl.SSLSocket, request: bytes) -> bytes:
    """Ask, and read at least the head of the answer, and a short body."""
    line.sendall(request)
    came = b""
    while b"\r\n\r\n" not in came:
        came += line.recv(4096)
    head, _, body = came.partition(b"\r\n\r\n")
    for header in head.lower().split(b"\r\n"):
        if header.startswith(b"content-length:"):
            while len(body) < int(header.partition(b":")[2]):
                body += line.recv(4096)
    return head + b"\r\n\r\n" + body


# Addresses.


async def guess(shop: Shop, url: str | None = None, **headers: str) -> str:
    """Guess a staff code, once."""
    async with shop.http.post(
        f"{url or shop.url}{API}/staff/sign-in", json=GUESS, headers=headers
    ) as answer:
        return str((await answer.json())["code"])


async def spend(shop: Shop, url: str | None = None, **headers: str) -> None:
    """Guess until this address may not any more."""
    for _ in range(BURST_MAX):
        if await guess(shop, url, **headers) == "rate_limited":
            return
    raise AssertionError(f"{BURST_MAX} guesses went through")


async def test_allowances_are_the_clients_own(front: Front) -> None:
    async with front.visited("127.0.0.5") as one, front.visited("127.0.0.6") as two:
        await spend(one)
        assert await guess(two) == "token_invalid"
        # What the client says of itself counts for nothing.
        forged = {"X-Forwarded-For": "127.0.0.9", "Forwarded": "for=127.0.0.9",
                  "X-Real-IP": "127.0.0.9"}  # fmt: skip
        assert await guess(one, **forged) == "rate_limited"
        # Nor can it spend what is another's.
        await spend(two, **{"X-Forwarded-For": "127.0.0.8"})
        async with front.visited("127.0.0.8") as three:
            assert await guess(three) == "token_invalid"


async def test_accounts_do_not_get_more_guesses(front: Front) -> None:
    async with front.visited("127.0.0.7") as shop:
        await spend(shop)
        signed = {"Authorization": f"Bearer {shop.token()}"}
        assert await guess(shop, **signed) == "rate_limited"


async def test_around_the_proxy_nobody_is_believed(front: Front) -> None:
    """The node hears from an address that is no proxy of ours."""
    async with front.visited("127.0.0.11") as shop:
        forged = {"X-Forwarded-For": "127.0.0.12"}
        await spend(shop, front.node.url, **forged)
        other = {"X-Forwarded-For": "127.0.0.13"}
        assert await guess(shop, front.node.url, **other) == "rate_limited"
    async with front.visited("127.0.0.12") as shop:
        assert await guess(shop) == "token_invalid"


# Origins.


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("own", True),
        (SHOP_PAGE, True),
        ("https://evil.example", False),
        ("http://www.shop.example", False),
        (f"https://{NAME}.evil.example", False),
        ("null", False),
    ],
)
async def test_only_our_pages_and_those_listed_may_ask(
    shop: Shop, origin: str, allowed: bool
) -> None:
    said = {"Origin": shop.url if origin == "own" else origin}
    async with shop.http.get(f"{shop.url}{API}/config", headers=said) as answer:
        readable = answer.headers.get("Access-Control-Allow-Origin")
        assert answer.status == (200 if allowed else 403)
        assert readable == (said["Origin"] if allowed else None)
    try:
        async with shop.http.ws_connect(f"{shop.url}{SOCKET}", headers=said) as line:
            opened = (await line.receive_str()).startswith("0{")
    except aiohttp.WSServerHandshakeError as error:
        opened = error.status != 403
    assert opened is allowed


async def test_a_forwarded_host_is_not_the_clients_to_say(shop: Shop) -> None:
    """Else a page of any address could call itself this server's own."""
    said = {"Origin": "https://203.0.113.9", "X-Forwarded-Host": "203.0.113.9"}
    async with shop.http.get(f"{shop.url}{API}/config", headers=said) as answer:
        assert answer.status == 403


async def test_a_listed_page_may_ask_with_a_token(shop: Shop) -> None:
    said = {"Origin": SHOP_PAGE, "Access-Control-Request-Method": "POST"}
    async with shop.http.options(f"{shop.url}{API}/checkout", headers=said) as answer:
        assert answer.status == 204
        assert "authorization" in answer.headers["Access-Control-Allow-Headers"]
        assert answer.headers["Access-Control-Allow-Origin"] == SHOP_PAGE


def test_nothing_broke_behind_the_proxy(front: Front) -> None:
    verified = front.node.dealcast("verify")
    assert verified.returncode == 0, verified.stdout
    assert front.node.faults() == []
