"""The HTTP API on a real server: one way through for all acts."""

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import pytest
from aiohttp import ClientSession

from dealcast.core.ids import ShowId
from tests.support.site import HOST, MEI, SHOP_ORIGIN, Site, code_of
from tests.support.theatre import OTHER, SHOW, find_show


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


async def test_a_show_may_be_anything_but_found(http: ClientSession) -> None:
    for name in ("UPPER", "a" * 80, "%00", "..."):
        code = await code_of(http, "GET", f"/api/v1/shows/{name}")
        assert code in ("not_found", "invalid")
    assert await find_show("tea-time") == ShowId(SHOW)


async def test_what_is_no_http_is_refused_and_not_logged(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    port = int(site.url.rpartition(":")[2])
    for sent in (
        b"GET / HTTP/1.1\r\nHost: x\r\nNull: \x00\r\n\r\n",
        b"\x16\x03\x01\r\n",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        assert b" 400 " in await reader.readline()
        writer.close()
        await writer.wait_closed()
    assert caplog.records == []
