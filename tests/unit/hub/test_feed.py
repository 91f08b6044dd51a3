"""A feed gives each follower every event once, whatever comes in between."""

import asyncio

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from dealcast.hub.feed import Feed, Follower
from dealcast.hub.lane import Lane
from dealcast.hub.ring import FRAMES_MAX, Framed, Ring
from dealcast.store.log import LogEntry, LogKind
from tests.unit.hub.test_lane import Wire


def entry(n: int, *, epoch: int = 1, **more: str) -> LogEntry:
    """Make an entry of a log."""
    event = more.pop("event", "chat")
    data = more.pop("data", f'"{n}"').encode()
    return LogEntry(
        n=n, event=event, data=data, klass=more.pop("klass", "P2"), at=5, epoch=epoch,
        person=more.get("person"), line=more.get("line"),
    )  # fmt: skip


def follower(person: str | None = None) -> tuple[Follower, Wire]:
    """Make a follower and what it was sent."""
    wire = Wire()
    lane = Lane(wire, bytes_max=10**9, now=0)
    return Follower(lane, person, counted=True), wire


def numbers(wire: Wire) -> list[int]:
    """Return the numbers of the events that were sent."""
    parts = wire.sent.split(b'"1.')[1:]
    return [int(part.split(b'"')[0]) for part in parts]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["take", "take", "take", "flush", "join", "leave"])),
    st.randoms(use_true_random=False),
)
def test_everybody_gets_every_event_once(steps: list[str], rng: object) -> None:
    async def run() -> None:
        feed = Feed("log", 1, 10)
        here: list[tuple[Follower, Wire, int]] = []
        for step in steps:
            if step == "take":
                feed.take([entry(feed.n + 1)])
            elif step == "flush":
                await feed.flush()
            elif step == "join":
                one, wire = follower()
                since = rng.randint(feed.ring.first - 1, feed.n)  # type: ignore[attr-defined]  # Random.
                feed.attach(one, since)
                here.append((one, wire, since))
            elif here:
                feed.detach(here.pop(0)[0])
        await feed.flush()
        for _, wire, since in here:
            assert numbers(wire) == list(range(since + 1, feed.n + 1))

    asyncio.run(run())


async def test_ones_own_events_go_to_their_person_alone() -> None:
    feed = Feed("own", 1, 0)
    (mei, told), (also, told_too), (lin, other) = (
        follower("mei"), follower("mei"), follower("lin"),
    )  # fmt: skip
    for one in (mei, also, lin):
        feed.attach(one, 0)
    feed.take([entry(1, person="mei"), entry(2, person="lin"), entry(3, person="mei")])
    await feed.flush()
    feed.take([entry(4, person="nobody"), entry(5, person="mei")])
    await feed.flush()
    assert numbers(told) == numbers(told_too) == [1, 3, 5]
    assert numbers(other) == [2]
    late, told_late = follower("mei")
    feed.attach(late, 1)
    assert numbers(told_late) == [3, 5]
    feed.detach(mei)
    feed.take([entry(6, person="mei")])
    await feed.flush()
    assert (numbers(told)[-1], numbers(told_too)[-1]) == (5, 6)


def test_a_break_is_noticed_and_nothing_is_taken_after_it() -> None:
    kind: LogKind = "log"
    for entries, why in (
        ([entry(1), entry(3), entry(4)], "trimmed"),
        ([entry(1), entry(2, epoch=2)], "epoch"),
        ([entry(1, epoch=2)], "epoch"),
    ):
        feed = Feed(kind, 1, 0)
        feed.take(entries)
        assert feed.lost == why
        assert feed.n <= 1


def test_what_was_read_before_is_passed_over() -> None:
    feed = Feed("log", 1, 3)
    feed.take([entry(2), entry(3), entry(4)])
    assert (feed.lost, feed.n) == (None, 4)


async def test_a_deletion_erases_what_was_taken_before() -> None:
    feed = Feed("log", 1, 0)
    before, told_before = follower()
    feed.attach(before, 0)
    feed.take([entry(1, line="a", data='"bad"'), entry(2, line="b", data='"good"')])
    feed.take([entry(3, event="deleted", data='{"lines":["a"]}', klass="P0")])
    assert feed.urgent and feed.deleted_n == 3
    late, told_late = follower()
    feed.attach(late, 0)
    await feed.flush()
    for wire in (told_before, told_late):
        assert numbers(wire) == [1, 2, 3]
        assert b'["erased",{"at":5},"1.1"]' in wire.sent
        assert b"bad" not in wire.sent and b"good" in wire.sent


async def test_a_restart_begins_anew_for_everybody() -> None:
    feed = Feed("log", 1, 0)
    one, wire = follower()
    feed.attach(one, 0)
    feed.take([entry(1), entry(3)])
    feed.restart(1, 9, b"SYNC")
    feed.take([entry(10)])
    await feed.flush()
    assert wire.sent.startswith(b"SYNC")
    assert numbers(wire) == [10]


async def test_a_restart_amid_a_pass_stands() -> None:
    feed = Feed("log", 1, 0)
    for _ in range(1200):
        feed.attach(follower()[0], 0)
    feed.take([entry(n) for n in range(1, 50)])
    sending = asyncio.create_task(feed.flush())
    await asyncio.sleep(0)
    feed.restart(1, 5, b"")
    await sending
    one, wire = follower()
    feed.attach(one, 5)
    feed.take([entry(6)])
    await feed.flush()
    assert numbers(wire) == [6]


async def test_the_ring_forgets_only_what_was_sent() -> None:
    feed = Feed("log", 1, 0)
    one, wire = follower()
    feed.attach(one, 0)
    feed.take([entry(n) for n in range(1, 2 * FRAMES_MAX + 1)])
    assert feed.full and feed.ring.first == 1
    await feed.flush()
    assert numbers(wire) == list(range(1, 2 * FRAMES_MAX + 1))
    assert feed.ring.first == FRAMES_MAX + 1
    assert not feed.full
    assert feed.ring.covers(FRAMES_MAX) and not feed.ring.covers(FRAMES_MAX - 1)


def test_a_ring_keeps_to_its_bytes() -> None:
    ring = Ring(0)
    for n in range(1, 101):
        ring.add(Framed(n, b"x" * 10_000, None, None))
    ring.trim(100)
    assert 50 < ring.last - ring.first + 1 <= 53
    ring.erase(frozenset({"none"}), lambda n: b"")
    assert len(ring.joined(98)) == 20_000
    assert orjson.loads(b"[]") == list(ring.after(100))
