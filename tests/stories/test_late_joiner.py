"""Whoever comes late or comes back, to whichever worker, sees what all others saw."""

import asyncio
import secrets
from typing import Any

import pytest

from tests.support.shopper import (
    Shop,
    changes,
    eventually,
    numbers,
    sees,
    state_of,
    texts,
)
from tests.support.theatre import Watcher

LINES_MAX = 50  # Of a snapshot.
TALKERS = 6  # One person may say ten lines in a row.


async def say(watcher: Watcher, *lines: str) -> list[str]:
    """Say lines one after the other; return their ids."""
    answers = [
        await watcher.ask("chat", {"text": line, "key": secrets.token_hex(4)})
        for line in lines
    ]
    assert all(answer["ok"] for answer in answers), answers
    return [answer["id"] for answer in answers]


async def many_lines(shop: Shop, show: str, count: int) -> list[str]:
    """Let several people say ``count`` lines in turn; return their ids."""
    talkers = [
        await shop.join(show, token=shop.token("host", name=f"Host {number}"))
        for number in range(TALKERS)
    ]
    ids: list[str] = []
    for number in range(count):
        ids += await say(talkers[number % TALKERS], f"line {number}")
    return ids


async def delete(shop: Shop, show: str, *lines: str) -> None:
    """Delete lines over HTTP."""
    path = f"/shows/{show}/lines/delete"
    body = {"lines": list(lines), "reason": "rude"}
    await shop.done("POST", path, body, token=shop.token("moderator", show=show))


async def test_a_late_joiner_gets_a_snapshot(shop: Shop) -> None:
    show, deal = await shop.on_sale(3)
    product = await shop.new_product({"red": 9})
    planned = await shop.new_deal(show, product, {"red": 2})
    path = f"/shows/{show}/pins"
    await shop.done("POST", path, {"product": product["id"]}, token=shop.host)
    ids = await many_lines(shop, show, 56)
    await delete(shop, show, ids[40], ids[55])
    path, key = f"/deals/{deal}/holds", "one"
    await shop.done("POST", path, {"quantity": 1}, token=shop.token(), key=key)

    early = await shop.join(show)

    async def deleted_here() -> bool:
        late = await shop.join(show)
        (sync,) = late.events("/live", "sync")
        gone = {ids[40], ids[55]} & {line["id"] for line in sync["chat"]}
        await shop.leave(late)
        return not gone

    await eventually(deleted_here)
    (sync,) = (await shop.join(show)).events("/live", "sync")
    assert sync["recovered"] is False
    assert (sync["show"]["id"], sync["show"]["status"]) == (show, "live")
    status = {one["id"]: one["status"] for one in sync["deals"]}
    assert status == {deal: "open", planned: "planned"}
    assert [card["id"] for card in sync["state"]["pins"]] == [product["id"]]
    (stock,) = sync["state"]["stock"][deal].values()
    assert stock == {"free": 2, "held": 1, "sold": 0}
    kept = [line for line in ids if line not in (ids[40], ids[55])]
    assert [line["id"] for line in sync["chat"]] == kept[-LINES_MAX:]
    assert [line["text"] for line in sync["chat"]][-1] == "line 54"
    assert early.events("/live", "sync")[0]["show"] == sync["show"]


async def test_who_comes_back_gets_exactly_what_was_missed(shop: Shop) -> None:
    show, deal = await shop.on_sale(3)
    stays = await shop.join(show, token=shop.host)
    leaves = await shop.join(show)
    await say(stays, "seen")
    await leaves.until(lambda: texts(leaves) == ["seen"])
    cursor = leaves.cursors()[-1]
    await shop.leave(leaves)
    missed = await say(stays, "a", "b", "c", "d")
    await delete(shop, show, missed[1])
    await stays.until(lambda: stays.events("/live", "deleted"))
    await shop.done("POST", f"/deals/{deal}/pause", token=shop.host)
    await stays.until(lambda: changes(stays, deal)[-1:] == ["paused"])
    last = numbers(stays)[-1]

    for back in await shop.on_each_worker(show, cursor=cursor):
        await sees(back, lambda w: numbers(w)[-1] == last)
        (sync,) = back.events("/live", "sync")
        assert (sync["recovered"], sync["deals"], sync["chat"]) == (True, None, None)
        first = int(cursor.split(".")[1])
        assert numbers(back) == list(range(first, last + 1))
        told = [(event, data) for _, event, data, at in back.told if at][1:]
        assert [event for event, _ in told] == [
            "chat", "erased", "chat", "chat", "deleted", "deal",
        ]  # fmt: skip
        assert texts(back) == ["a", "c", "d"]
        assert "text" not in told[1][1] and missed[1] not in str(told[1])
        assert told[4][1]["lines"] == [missed[1]]


@pytest.mark.parametrize("cursor", ["0.3", "2.3", "1.900", "1.-1", "x", "1", "1.1.1"])
async def test_a_cursor_that_leads_nowhere_gets_a_snapshot(
    shop: Shop, cursor: str
) -> None:
    show = await shop.new_show()
    host = await shop.join(show, token=shop.host)
    await say(host, "one", "two")
    await host.until(lambda: texts(host) == ["one", "two"])
    late = await shop.join(show, cursor=cursor)
    (sync,) = late.events("/live", "sync")
    assert sync["recovered"] is False
    assert [line["text"] for line in sync["chat"]] == ["one", "two"]
    assert late.cursors() == host.cursors()[-1:]


async def test_a_cursor_too_old_gets_a_snapshot(shop: Shop) -> None:
    """More than any worker keeps, and more than it would read from the store."""
    show = await shop.new_show()
    watching = await shop.on_each_worker(show)
    first = watching[0].cursors()[0]
    tokens = [shop.token("host", name=f"Host {number}") for number in range(52)]
    talkers = await asyncio.gather(*(shop.join(show, token=t) for t in tokens))
    said = [f"line {number}" for number in range(10)]
    await asyncio.gather(*(say(talker, *said) for talker in talkers))
    last = int(first.split(".")[1]) + 520
    for one in watching:
        await sees(one, lambda w: numbers(w)[-1] == last)
        assert numbers(one) == list(range(numbers(one)[0], last + 1))
    assert [told[1:] for told in watching[0].told if told[1] == "chat"] == [
        told[1:] for told in watching[-1].told if told[1] == "chat"
    ]
    near = f"1.{last - 300}"
    for late in await shop.on_each_worker(show, cursor=first):
        (sync,) = late.events("/live", "sync")
        assert sync["recovered"] is False
        assert len(sync["chat"]) == LINES_MAX
        assert late.cursors() == [f"1.{last}"]
    for back in await shop.on_each_worker(show, cursor=near):
        await sees(back, lambda w: numbers(w) == list(range(last - 300, last + 1)))


async def test_a_deleted_line_vanishes_everywhere(shop: Shop) -> None:
    show = await shop.new_show()
    viewers = await shop.on_each_worker(show)
    mod_token = shop.token("moderator", name="Mo", show=show)
    mod = await shop.join(show, "/live", "/staff", token=mod_token)
    mei = await shop.join(show, token=shop.token())
    by_socket, by_http, kept = await say(mei, "rude", "ruder", "kind")
    for viewer in viewers:
        await sees(viewer, lambda w: texts(w) == ["rude", "ruder", "kind"])
    asked = {"lines": [by_socket], "reason": "rude words"}
    assert (await mod.ask("lines_delete", asked, "/staff"))["ok"] is True
    await delete(shop, show, by_http)

    def gone(watcher: Watcher) -> set[str]:
        events = watcher.events("/live", "deleted")
        return {line for event in events for line in event["lines"]}

    for viewer in (*viewers, mei, mod):
        await sees(viewer, lambda w: gone(w) == {by_socket, by_http})
    await mod.until(lambda: len(mod.events("/staff", "audit")) >= 2)
    audits = [a for a in mod.events("/staff", "audit") if a["act"] == "lines_delete"]
    assert {(a["by"]["name"], a["reason"]) for a in audits} == {
        ("Mo", "rude words"), ("Mei", "rude"),
    }  # fmt: skip
    for late in await shop.on_each_worker(show):
        chat = late.events("/live", "sync")[0]["chat"]
        assert [line["id"] for line in chat] == [kept]
    start = viewers[0].cursors()[0]
    for back in await shop.on_each_worker(show, cursor=start):
        await sees(back, lambda w: numbers(w)[-1] == numbers(mei)[-1])
        assert texts(back) == ["kind"]
        assert len(back.events("/live", "erased")) == 2
        assert "rude" not in str(back.events("/live"))


async def test_a_muted_person_is_mute_on_every_worker(shop: Shop) -> None:
    show = await shop.new_show()
    mod = await shop.join(
        show, "/live", "/staff", token=shop.token("moderator", show=show)
    )
    mei_token = shop.token()
    mei = await shop.on_each_worker(show, token=mei_token)
    await say(mei[0], "before")
    await mod.until(lambda: texts(mod) == ["before"])
    person = mod.events("/live", "chat")[0]["user"]["id"]
    asked: dict[str, Any] = {"person": person, "seconds": 600, "reason": "spam"}
    assert (await mod.ask("mute", {**asked, "delete_lines": True}, "/staff"))["ok"]
    await mod.until(lambda: mod.events("/live", "deleted"))
    for number, one in enumerate(mei):
        answer = await one.ask("chat", {"text": "still here", "key": f"m{number}"})
        assert (answer["ok"], answer["code"]) == (False, "muted")
    lin = await shop.join(show, token=shop.token(name="Lin"))
    await say(lin, "others may")
    path = f"/shows/{show}/mutes"
    await shop.done("POST", path, {**asked, "seconds": 0}, token=shop.host)

    async def speaks() -> bool:
        answer = await mei[-1].ask("chat", {"text": "again", "key": "again"})
        return bool(answer["ok"])

    await eventually(speaks)
    await mod.until(lambda: texts(mod) == ["before", "others may", "again"])


async def test_a_mute_ends_by_itself(shop: Shop) -> None:
    show = await shop.new_show()
    mei = await shop.join(show, token=shop.token())
    host = await shop.join(show, token=shop.host)
    await say(mei, "hello")
    await host.until(lambda: texts(host) == ["hello"])
    person = host.events("/live", "chat")[0]["user"]["id"]
    body = {"person": person, "seconds": 1}
    answer = await shop.done("POST", f"/shows/{show}/mutes", body, token=shop.host)

    async def muted() -> bool:
        answer = await mei.ask("chat", {"text": "x", "key": "x"})
        return bool(answer.get("code") == "muted")

    assert await muted()
    assert answer["until_at"] > 0
    await asyncio.sleep(1.1)
    await say(mei, "x")


async def test_staff_act_over_their_socket_and_over_http_alike(shop: Shop) -> None:
    show = await shop.new_show()
    product = await shop.new_product({"red": 9})
    host = await shop.join(
        show, "/live", "/staff", token=shop.token("host", name="Hana", show=show)
    )
    viewer = await shop.join(show)
    price = {"amount": 500, "currency": "CNY"}
    asked = {"product": product["id"], "price": price, "quantity": 3}
    made = await host.ask("deal_create", asked, "/staff")
    assert made["ok"] is True and made["status"] == "planned"
    deal = made["id"]
    await viewer.until(lambda: changes(viewer, deal) == ["planned"])
    for act, status in (("open", "open"), ("pause", "paused"), ("resume", "open")):
        answer = await host.ask(f"deal_{act}", {"deal": deal, "reason": act}, "/staff")
        assert answer == {"ok": True, "deal": deal, "status": status}
    again = await host.ask("deal_resume", {"deal": deal}, "/staff")
    assert again["code"] == "wrong_state"
    pin = {"product": product["id"]}
    assert (await host.ask("pin", pin, "/staff"))["ok"] is True
    await viewer.until(lambda: len(state_of(viewer).get("pins", [])) == 1)
    await shop.done("POST", f"/shows/{show}/pins/remove", pin, token=shop.host)
    await viewer.until(lambda: state_of(viewer)["pins"] == [])
    await shop.done("POST", f"/deals/{deal}/close", {"reason": "done"}, token=shop.host)
    await viewer.until(lambda: changes(viewer, deal)[-1] == "closed")
    assert changes(viewer, deal) == ["planned", "opened", "paused", "resumed", "closed"]
    acts = ["deal_create", "deal_open", "deal_pause", "deal_resume", "pin", "unpin",
            "deal_close"]  # fmt: skip
    await host.until(lambda: len(host.events("/staff", "audit")) >= len(acts))
    audits = host.events("/staff", "audit")
    assert [audit["act"] for audit in audits] == acts
    assert {audit["by"]["name"] for audit in audits} == {"Hana"}
    listed = await host.ask("deal_list", {}, "/staff")
    assert [one["id"] for one in listed["deals"]] == [deal]
    orders = await host.ask("order_list", {}, "/staff")
    assert orders == {"ok": True, "orders": []}


async def test_viewers_are_counted_and_hearts_are_added(shop: Shop) -> None:
    """Staff are no viewers; hearts come in through every worker."""
    show = await shop.new_show()
    hosts = await shop.on_each_worker(show, token=shop.host)
    viewers = [await shop.join(show, token=shop.token()), await shop.join(show)]
    for host, count in ((hosts[0], 7), (hosts[-1], 5)):
        assert (await host.ask("like", {"count": count}))["ok"] is True
    for one in (*viewers, hosts[0]):
        await sees(one, lambda w: state_of(w).get("likes") == 12)
        await sees(one, lambda w: state_of(w).get("viewers") == 2)
    late = await shop.join(show, token=shop.host)
    assert state_of(late)["likes"] == 12
    await shop.leave(viewers[0])
    await sees(hosts[0], lambda w: state_of(w).get("viewers") == 1)
