"""What clients may do over sockets, and how the hub keeps them in bounds."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import socketio

from dealcast.hub.hub import HubLimits
from dealcast.store.log import Record
from tests.support.redis import RedisServers
from tests.support.theatre import OTHER, SHOW, Theatre, Watcher, opened

MEI, HOST = "mei/viewer/*", f"hana/host/{SHOW}"


@pytest.fixture
async def theatre(standalone: RedisServers) -> AsyncIterator[Theatre]:
    """Open a theatre on an empty store."""
    standalone.empty()
    async with opened(standalone.url) as theatre:
        yield theatre


async def refusal(theatre: Theatre, *namespaces: str, **auth: Any) -> str:
    """Return the code with which a connection is refused."""
    watcher = await theatre.watch(*namespaces, wait=False, **auth)
    await watcher.until(lambda: watcher.refused)
    assert isinstance(watcher.refused[0]["message"], str)
    return str(watcher.refused[0]["data"]["code"])


# Who may join.


async def test_who_may_join_what(theatre: Theatre) -> None:
    assert await refusal(theatre, show="nowhere") == "not_found"
    assert await refusal(theatre, show="../etc") == "invalid"
    assert await refusal(theatre, token="nobody/viewer/*") == "token_invalid"
    assert await refusal(theatre, token="mei/viewer/*/-5") == "token_expired"
    assert await refusal(theatre, "/me") == "token_missing"
    assert await refusal(theatre, "/staff") == "token_missing"
    assert await refusal(theatre, "/staff", token=MEI) == "forbidden"
    assert await refusal(theatre, "/staff", token=f"hana/host/{OTHER}") == "forbidden"
    assert await refusal(theatre, "/other", token=MEI) == "invalid"


async def test_staff_and_shop_join_the_staff_of_their_show(theatre: Theatre) -> None:
    for token in (HOST, f"mo/moderator/{SHOW}", "till/shop/*"):
        watcher = await theatre.watch("/staff", token=token)
        assert watcher.events("/staff", "sync")[0]["recovered"] is False


# What is for whom.


async def test_ones_own_events_come_to_nobody_else(theatre: Theatre) -> None:
    mei = await theatre.watch("/live", "/me", token=MEI)
    also_mei = await theatre.watch("/me", token=MEI)
    lin = await theatre.watch("/live", "/me", token="lin/viewer/*")
    host = await theatre.watch("/live", "/staff", token=HOST)
    own = [("u_" + "mei".zfill(16), "hold", '{"hold":"h1"}')]
    await theatre.log.record(Record(show=SHOW, own=own, staff=[("audit", "{}")]))
    await theatre.say("to all")
    for one in (mei, lin, host):
        await one.hears("chat")
    await mei.until(lambda: mei.events("/me", "hold"))
    await also_mei.until(lambda: also_mei.events("/me", "hold"))
    await host.until(lambda: host.events("/staff", "audit"))
    assert mei.cursors("/me") == ["1.0", "1.1"]
    assert [name for ns, name, _, _ in lin.told if ns != "/live"] == ["sync"]
    assert host.cursors("/staff") == ["1.0", "1.1"]

    back = await theatre.watch("/me", token=MEI, cursor="1.0")
    await back.until(lambda: back.events("/me", "hold"))
    other = await theatre.watch("/me", token="lin/viewer/*", cursor="1.0")
    assert other.events("/me", "sync")[0]["recovered"] is True
    await asyncio.sleep(0.1)
    assert other.events("/me", "hold") == []


# What may be asked.


async def test_an_act_is_answered(theatre: Theatre) -> None:
    mei = await theatre.watch(token=MEI)
    answer = await mei.ask("buy", {"deal": "d1", "quantity": 2})
    assert answer == {"ok": True, "deal": "d1", "by": "u_" + "mei".zfill(16)}
    now = await mei.ask("clock", {})
    assert abs(now["now"] - theatre.clock.now()) < 1000


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"deal": "none", "quantity": 1}, "sold_out"),
        ({"deal": "broken", "quantity": 1}, "internal"),
        ({"deal": "d1"}, "invalid"),
        ({"deal": "d1", "quantity": 0}, "invalid"),
        ({"deal": "d1", "quantity": 1.0}, "invalid"),
        ({"deal": "d1", "quantity": "1"}, "invalid"),
        ({"deal": "d1", "quantity": 2**62}, "invalid"),
        ({"deal": "d1", "quantity": 1, "price": 1}, "invalid"),
        (["d1", 1], "invalid"),
        ("d1", "invalid"),
        (None, "invalid"),
    ],
)
async def test_an_act_is_refused(theatre: Theatre, fields: object, code: str) -> None:
    mei = await theatre.watch(token=MEI)
    answer = await mei.ask("buy", fields)
    assert (answer["ok"], answer["code"]) == (False, code)
    assert answer["detail"] and "fault of ours" not in answer["detail"]
    assert (await mei.ask("buy", {"deal": "d1", "quantity": 1}))["ok"] is True


async def test_acts_of_staff_hold_in_their_own_show_alone(theatre: Theatre) -> None:
    host = await theatre.watch("/live", "/staff", token=HOST, show="tea-time")
    assert await host.ask("pause", {}, "/staff") == {
        "ok": True, "show": SHOW, "role": "host",
    }  # fmt: skip
    assert (await host.ask("pause", {"show": "tea-time"}, "/staff"))["ok"] is True
    for show in (OTHER, "other-time", 5, None):
        answer = await host.ask("pause", {"show": show}, "/staff")
        assert answer["code"] == "forbidden"
    assert (await host.ask("pause", {}))["code"] == "not_found"
    assert (await host.ask("nothing", {}, "/staff"))["code"] == "not_found"
    everywhere = await theatre.watch("/staff", token="ama/host/*")
    assert (await everywhere.ask("pause", {"show": OTHER}, "/staff"))[
        "code"
    ] == "forbidden"


async def test_without_a_token_one_only_watches(theatre: Theatre) -> None:
    viewer = await theatre.watch()
    for act, fields in (("buy", {"deal": "d", "quantity": 1}), ("like", {"count": 1})):
        assert (await viewer.ask(act, fields))["code"] == "token_missing"


async def test_an_expired_token_watches_on_until_it_is_renewed(
    theatre: Theatre,
) -> None:
    mei = await theatre.watch("/live", "/me", token="mei/viewer/*/400")
    fields = {"deal": "d1", "quantity": 1}
    assert (await mei.ask("buy", fields))["ok"] is True
    await asyncio.sleep(0.45)
    refused = await mei.ask("buy", fields)
    assert (refused["code"], refused["retryable"]) == ("token_expired", True)
    await theatre.say("still here")
    await mei.until(lambda: mei.events("/live", "chat"))
    assert (await mei.ask("auth", {"token": "nobody/viewer/*"}))["ok"] is False
    renewed = await mei.ask("auth", {"token": MEI})
    assert renewed["person"] == "u_" + "mei".zfill(16)
    assert (await mei.ask("buy", fields))["ok"] is True


async def test_a_viewer_signs_in_without_connecting_anew(theatre: Theatre) -> None:
    viewer = await theatre.watch()
    assert (await viewer.ask("auth", {"token": MEI}))["ok"] is True
    assert (await viewer.ask("buy", {"deal": "d", "quantity": 1}))["ok"] is True


async def test_who_is_staff_no_more_is_sent_off_the_staff(theatre: Theatre) -> None:
    host = await theatre.watch("/live", "/staff", token=HOST)
    assert (await host.ask("auth", {"token": "hana/viewer/*"}))["ok"] is True
    await theatre.log.record(Record(show=SHOW, staff=[("audit", "{}")]))
    await theatre.say("goes on")
    await host.until(lambda: host.events("/live", "chat"))
    assert host.events("/staff", "audit") == []
    assert "/staff" not in host.client.namespaces


async def test_too_many_questions_at_once_are_refused(theatre: Theatre) -> None:
    mei = await theatre.watch(token=MEI)
    asked = [mei.ask("buy", {"deal": "slow", "quantity": 1}) for _ in range(20)]
    answers = await asyncio.gather(*asked)
    assert sum(answer["ok"] for answer in answers) == 16
    assert {a["code"] for a in answers if not a["ok"]} == {"rate_limited"}


async def test_nobody_may_ask_more_often_than_an_act_allows(theatre: Theatre) -> None:
    mei, lin = await theatre.watch(token=MEI), await theatre.watch(token="lin/viewer/*")
    answers = [await mei.ask("like", {"count": 1}) for _ in range(50)]
    answers += [await mei.ask("auth", {"token": MEI}) for _ in range(9)]
    assert [a.get("code") for a in answers[-2:]] == ["rate_limited"] * 2
    assert all(answer["ok"] for answer in answers[:50])
    assert (await lin.ask("auth", {"token": "lin/viewer/*"}))["ok"] is True


# State.


async def test_state_tells_only_what_changed(theatre: Theatre) -> None:
    start = {"stock:d1": '{"red":[5,0,0]}', "stock:d2": '{"red":[9,0,0]}'}
    await theatre.log.record(Record(show=SHOW, state=start))
    watcher = await theatre.watch()
    await theatre.log.record(
        Record(show=SHOW, state={"stock:d1": '{"red":[4,1,0]}', "slow_ms": "3000"})
    )
    await watcher.until(lambda: len(merged(watcher)) >= 2)
    told = [data for _, name, data, cursor in watcher.told if name == "state"]
    assert {"red": {"free": 4, "held": 1, "sold": 0}} in [
        data.get("stock", {}).get("d1") for data in told
    ]
    assert all("d2" not in data.get("stock", {}) for data in told)
    assert merged(watcher)["slow_ms"] == 3000
    assert {c for _, name, _, c in watcher.told if name == "state"} == {None}


def merged(watcher: Watcher) -> dict[str, object]:
    """Return what all state events say together."""
    parts: dict[str, object] = {}
    for state in watcher.events("/live", "state"):
        parts |= state
    return parts


async def test_viewers_are_people_and_hearts_are_counted(theatre: Theatre) -> None:
    await theatre.open()  # A second process.
    first = await theatre.watch(token=MEI)
    await theatre.watch(token=MEI)
    await theatre.watch(at=1)
    await theatre.watch(at=1, token="lin/viewer/*")
    await theatre.watch(token=HOST)
    for count in (2, 20):
        assert (await first.ask("like", {"count": count}))["ok"] is True
    assert (await first.ask("like", {"count": 21}))["code"] == "invalid"
    await first.until(lambda: merged(first).get("likes") == 22)
    await first.until(lambda: merged(first).get("viewers") == 3)
    snapshot = await theatre.log.snapshot(SHOW)
    assert (snapshot.state["likes"], snapshot.state["viewers"]) == ("22", "3")


# What is not the protocol.


@pytest.mark.parametrize(
    "message",
    ["", "x", "4", "42/live,[", "42/live,{}", "4{}", "451-/live,[]", "40/live,]",
     "44/live,{}", "2", "9", "42/live," + "[" * 3000, "4" * 20_000, b"\x00\x01"],
)  # fmt: skip
async def test_what_is_no_message_ends_that_connection_alone(
    theatre: Theatre, message: str | bytes
) -> None:
    watcher = await theatre.watch()
    url = f"http://127.0.0.1:{theatre.ports[0]}/socket.io/?EIO=4&transport=websocket"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
        assert (await ws.receive()).data.startswith("0{")
        if isinstance(message, bytes):
            await ws.send_bytes(message)
        else:
            await ws.send_str(message)
        await ws.send_str('42/live,1["clock",{}]')  # Not joined: no answer.
        got = await ws.receive(timeout=3) if message not in ("42/live,{}",) else None
    if got is not None:
        assert got.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
    await watcher.until(lambda: len(theatre.hubs[0].connections) == 1)
    await theatre.say("all is well")
    await watcher.until(lambda: watcher.events("/live", "chat"))


async def test_polling_is_refused_in_clear_words(theatre: Theatre) -> None:
    url = f"http://127.0.0.1:{theatre.ports[0]}/socket.io/?EIO=4&transport=polling"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status == 400
        assert "websocket" in await answer.text()


async def test_a_viewer_who_does_not_read_is_cut_and_others_are_not(
    theatre: Theatre,
) -> None:
    await theatre.open(HubLimits(window_ms=20, lane_bytes_max=100_000))
    good = await theatre.watch(at=1)
    with socket.create_connection(("127.0.0.1", theatre.ports[1])) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        join_by_hand(slow)
        hub = theatre.hubs[1]
        await good.until(lambda: len(hub.connections) == 2)
        for _ in range(150):
            await theatre.say("x" * 4000)
        await good.until(lambda: len(good.events("/live", "chat")) == 150)
        await good.until(lambda: len(hub.connections) == 1)


def join_by_hand(wire: socket.socket) -> None:
    """Shake hands and join, without ever reading an answer."""
    wire.sendall(
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n"
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    join = f'40/live,{{"show":"{SHOW}"}}'.encode()
    wire.sendall(b"\x81" + bytes([0x80 | len(join)]) + bytes(4) + join)


async def test_draining_sends_clients_to_come_back(theatre: Theatre) -> None:
    hub = theatre.hubs[0]
    url = f"http://127.0.0.1:{theatre.ports[0]}/socket.io/?EIO=4&transport=websocket"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
        await ws.receive()
        await hub.drain(0.1)
        closed = await ws.receive(timeout=3)
        assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 1012)
        assert hub.trouble() == "going away"
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(url)
        assert refused.value.status == 503


async def test_connections_leave_nothing_behind(theatre: Theatre) -> None:
    hub = theatre.hubs[0]
    for _ in range(5):
        watcher = await theatre.watch("/live", "/me", token=MEI)
        await watcher.client.disconnect()
    await watcher.until(lambda: not hub.connections)
    assert all(
        not f.followers for a in hub.audiences.values() for f in a.feeds.values()
    )


async def test_one_may_leave_a_namespace_and_join_again(theatre: Theatre) -> None:
    url = f"http://127.0.0.1:{theatre.ports[0]}/socket.io/?EIO=4&transport=websocket"
    hello = f'40/live,{{"show":"{SHOW}"}}'
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
        await ws.receive()
        for _ in range(2):
            await ws.send_str(hello)
            assert (await ws.receive()).data.startswith('40/live,{"sid"')
            assert (await ws.receive()).data.startswith('42/live,["sync"')
            await ws.send_str(hello)
            assert (await ws.receive()).data.startswith("44/live,")
            await ws.send_str("41/live,")


async def test_a_stock_client_reports_refusals_as_errors(theatre: Theatre) -> None:
    client = socketio.AsyncClient(reconnection=False)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(
            f"http://127.0.0.1:{theatre.ports[0]}",
            transports=["websocket"],
            namespaces=["/staff"],
            auth={"show": SHOW},
        )
    assert not client.connected
