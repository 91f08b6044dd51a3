"""People talk and moderators keep order, from the socket to every screen."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Column, insert, select

from dealcast.core.errors import Forbidden
from dealcast.core.ids import LineId, PersonId
from dealcast.features.chat import functions, wire
from dealcast.features.chat.service import Chat
from dealcast.features.moderation import wire as moderation_wire
from dealcast.features.moderation.service import Moderation
from dealcast.hub import presence
from dealcast.hub.hub import HubLimits
from dealcast.shop.courier import Courier
from dealcast.store import tables
from dealcast.store.control import Control
from dealcast.store.library import library_text
from dealcast.store.log import Record
from dealcast.store.outbox import Outbox
from dealcast.store.sql import Database
from tests.support.redis import RedisServers
from tests.support.theatre import OTHER, SHOW, Theatre, Watcher, caller, opened

MEI, LIN = "mei/viewer/*", "lin/viewer/*"
MOD = f"mo/moderator/{SHOW}"
LIMITS = HubLimits(window_ms=20)


@dataclass
class Talk:
    """A theatre in which one may talk."""

    theatre: Theatre
    database: Database
    moderation: Moderation

    async def watch(self, *namespaces: str, **auth: Any) -> Watcher:
        """Let somebody in where chat is served."""
        return await self.theatre.watch(*namespaces, at=1, **auth)

    async def kept(self, column: Column[Any]) -> set[Any]:
        """Return what the books have in a column."""
        async with self.database.read() as connection:
            return set(await connection.scalars(select(column)))


@pytest.fixture
async def talk(standalone: RedisServers, tmp_path: Path) -> AsyncIterator[Talk]:
    """Open a theatre with chat, moderation and books."""
    standalone.empty()
    database = Database.connect(f"sqlite+aiosqlite:///{tmp_path / 'books.sqlite3'}")
    await database.migrate()
    async with opened(standalone.url) as theatre:
        await theatre.redis.load_library(
            library_text([presence.functions(), functions()])
        )
        async with database.begin() as connection:
            await connection.execute(
                insert(tables.show).values(
                    id=SHOW, title={"und": "Tea"}, currency="CNY", status="live",
                    host="Hana", created_at=1,
                )
            )  # fmt: skip
        control = Control(theatre.redis)
        moderation = Moderation(
            database=database,
            log=theatre.log,
            courier=Courier(Outbox(theatre.redis, database, theatre.clock), control),
            clock=theatre.clock,
            rng=Random(5),
        )
        chat = Chat(redis=theatre.redis)
        acts = [*wire.acts(chat), *moderation_wire.acts(moderation)]
        await theatre.open(LIMITS, acts)
        yield Talk(theatre, database, moderation)
    await database.aclose()


def person(name: str) -> PersonId:
    """Return the id of somebody by their token's subject."""
    return PersonId(f"u_{name:0>16}")


async def test_a_line_reaches_all_and_is_acknowledged(talk: Talk) -> None:
    mei, lin = await talk.watch(token=MEI), await talk.watch(token=LIN)
    answer = await mei.ask("chat", {"text": " 好茶! ", "key": "k1"})
    await lin.hears("chat")
    line = lin.events("/live", "chat")[0]
    assert answer == {"ok": True, "id": line["id"], "n": 1}
    assert line["text"] == "好茶!"
    assert line["user"] == {"id": person("mei"), "name": "mei", "role": "viewer"}
    assert abs(line["at"] - talk.theatre.clock.now()) < 2000
    assert lin.cursors()[-1] == "1.1"


async def test_a_line_sent_again_is_said_once(talk: Talk) -> None:
    mei = await talk.watch(token=MEI)
    first = await mei.ask("chat", {"text": "once", "key": "k1"})
    assert await mei.ask("chat", {"text": "once", "key": "k1"}) == first
    other = await mei.ask("chat", {"text": "twice", "key": "k1"})
    assert other["code"] == "conflict"
    lin = await talk.watch(token=LIN)
    assert (await lin.ask("chat", {"text": "once", "key": "k1"}))["id"] != first["id"]
    await lin.hears("chat")
    assert [line["text"] for line in lin.events("/live", "chat")] == ["once"]


async def test_what_may_not_be_said(talk: Talk) -> None:
    mei, nobody = await talk.watch(token=MEI), await talk.watch()
    cases: list[tuple[Watcher, dict[str, Any], str]] = [
        (nobody, {"text": "x", "key": "k"}, "token_missing"),
        (mei, {"text": "\u202ex", "key": "k"}, "invalid"),
        (mei, {"text": "", "key": "k"}, "invalid"),
        (mei, {"text": "x", "key": ""}, "invalid"),
        (mei, {"text": "x", "key": "k", "show": OTHER}, "forbidden"),
        (mei, {"text": "x", "key": "k", "user": "u"}, "invalid"),
    ]
    for watcher, fields, code in cases:
        assert (await watcher.ask("chat", fields))["code"] == code
    await talk.theatre.log.record(
        Record(show=SHOW, state={"show": '{"status":"ended"}'})
    )
    assert (await mei.ask("chat", {"text": "x", "key": "k"}))["code"] == "wrong_state"
    assert mei.events("/live", "chat") == []


async def test_staff_of_another_show_talk_as_viewers(talk: Talk) -> None:
    host = await talk.watch(token=f"hana/host/{OTHER}")
    await host.ask("chat", {"text": "hello", "key": "k"})
    await host.hears("chat")
    assert host.events("/live", "chat")[0]["user"]["role"] == "viewer"


async def test_slow_mode_is_for_viewers(talk: Talk) -> None:
    mei = await talk.watch(token=MEI)
    mod = await talk.watch("/live", "/staff", token=MOD)
    assert (await mod.ask("slow_mode", {"seconds": 30}, "/staff"))["ok"] is True
    assert (await mod.ask("slow_mode", {"seconds": 60}, "/staff"))["ok"] is True
    assert await talk.kept(tables.slow_mode.c.slow_ms) == {60_000}
    await mei.until(lambda: any(s.get("slow_ms") for s in mei.events("/live", "state")))
    assert (await mei.ask("chat", {"text": "1", "key": "k1"}))["ok"] is True
    refused = await mei.ask("chat", {"text": "2", "key": "k2"})
    assert (refused["code"], refused["retryable"]) == ("slow_mode", True)
    assert "wait" in refused["detail"]
    for key in ("m1", "m2"):
        assert (await mod.ask("chat", {"text": key, "key": key}))["ok"] is True
    assert (await mod.ask("slow_mode", {"seconds": 0}, "/staff"))["ok"] is True
    assert await talk.kept(tables.slow_mode.c.slow_ms) == set()
    assert (await mei.ask("chat", {"text": "2", "key": "k2"}))["ok"] is True


async def test_a_show_takes_so_many_lines_a_second_from_viewers(talk: Talk) -> None:
    chat = Chat(redis=talk.theatre.redis)
    people = [await caller(f"p{number}/viewer/*") for number in range(60)]
    said = await asyncio.gather(
        *(chat.say(one, SHOW, "x", "k") for one in people), return_exceptions=True
    )
    # A second may turn over in between.
    assert 20 <= sum(isinstance(one, tuple) for one in said) <= 40
    mod = await caller(MOD)
    for number in range(5):
        await chat.say(mod, SHOW, "order!", f"k{number}")


async def test_the_muted_are_not_heard(talk: Talk) -> None:
    mei = await talk.watch(token=MEI)
    mod = await talk.watch("/staff", token=MOD)
    for number in range(3):
        await mei.ask("chat", {"text": f"spam {number}", "key": f"k{number}"})
    muting = {"person": person("mei"), "seconds": 600, "reason": "spam",
              "delete_lines": True}  # fmt: skip
    answer = await mod.ask("mute", muting, "/staff")
    assert answer["until_at"] > talk.theatre.clock.now() + 590_000
    await mei.hears("deleted")
    gone = mei.events("/live", "deleted")[0]["lines"]
    assert len(gone) == 3
    assert await talk.kept(tables.deleted_line.c.line) == set(gone)
    await mod.hears("audit", namespace="/staff")
    audit = mod.events("/staff", "audit")[0]
    assert (audit["act"], audit["subject"]) == ("mute", person("mei"))
    assert (await mei.ask("chat", {"text": "x", "key": "n"}))["code"] == "muted"
    assert (await talk.watch()).events("/live", "sync")[0]["chat"] == []

    async with talk.database.read() as connection:
        row = (await connection.execute(select(tables.mute))).one()
        audits = (await connection.execute(select(tables.audit))).all()
    assert (row.person, row.until_at, row.by) == (
        person("mei"), answer["until_at"], person("mo"),
    )  # fmt: skip
    assert [(one.act, one.reason) for one in audits] == [("mute", "spam")]

    unmuting = {"person": person("mei"), "seconds": 0}
    assert (await mod.ask("mute", unmuting, "/staff"))["ok"] is True
    assert (await mei.ask("chat", {"text": "x", "key": "n"}))["ok"] is True
    async with talk.database.read() as connection:
        assert (await connection.execute(select(tables.mute))).all() == []


async def test_deleted_lines_are_gone_for_those_who_come_later(talk: Talk) -> None:
    mei = await talk.watch(token=MEI)
    mod = await talk.watch("/staff", token=MOD)
    lines = [
        (await mei.ask("chat", {"text": f"line {key}", "key": key}))["id"]
        for key in ("a", "b")
    ]
    deleting = {"lines": [lines[0]], "reason": "rude"}
    for _ in range(2):
        assert (await mod.ask("lines_delete", deleting, "/staff")) == {"ok": True}
    await mei.hears("deleted")
    assert await talk.kept(tables.deleted_line.c.line) == {lines[0]}
    late = await talk.watch()
    chat = late.events("/live", "sync")[0]["chat"]
    assert [line["text"] for line in chat] == ["line b"]
    back = await talk.watch(cursor="1.0")
    await back.hears("deleted")
    assert [line["text"] for line in back.events("/live", "chat")] == ["line b"]


async def test_moderation_is_for_staff_of_the_show(talk: Talk) -> None:
    mei = await talk.watch(token=MEI)
    for act in ("mute", "lines_delete", "slow_mode"):
        assert (await mei.ask(act, {}))["code"] == "not_found"
    stranger = await caller(f"mo/moderator/{OTHER}")
    with pytest.raises(Forbidden):
        await talk.moderation.slow_mode(stranger, SHOW, seconds=5)
    with pytest.raises(Forbidden):
        line = LineId("c08_0000000000000000")
        await talk.moderation.delete_lines(await caller(MOD), SHOW, [line], None)
    async with talk.database.read() as connection:
        assert (await connection.execute(select(tables.audit))).all() == []
