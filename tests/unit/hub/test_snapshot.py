"""A sync tells all, and a state event only what changed."""

import orjson

from dealcast.hub import snapshot

FIELDS = {
    "v": "7",
    "n": "3",
    "show": '{"id":"s07_a"}',
    "deal:d1": '{"id":"d1","status":"planned","reason":null,"opens_at":20}',
    "deal:d2": '{"id":"d2","status":"planned","reason":null,"opens_at":null}',
    "deal:d3": '{"id":"d3","status":"planned","reason":null,"opens_at":10}',
    "status:d1": '{"status":"paused","reason":"breathe"}',
    "stock:d1": '{"red":[1,2,3]}',
    "pins": '[{"id":"tea"}]',
    "viewers": "12",
}


def test_a_fresh_sync_tells_all() -> None:
    lines = [(2, b'{"text":"a"}'), (3, b'{"text":"b"}')]
    told = orjson.loads(snapshot.fresh(FIELDS, FIELDS, lines, 99))
    assert told["recovered"] is False and told["now"] == 99
    assert told["show"] == {"id": "s07_a"}
    assert [deal["id"] for deal in told["deals"]] == ["d2", "d3", "d1"]
    assert told["deals"][2]["status"] == "paused"
    assert told["deals"][2]["reason"] == "breathe"
    assert told["state"] == {
        "pins": [{"id": "tea"}],
        "viewers": 12,
        "likes": 0,
        "sold": {"orders": 0, "units": 0},
        "slow_ms": 0,
        "stock": {"d1": {"red": {"free": 1, "held": 2, "sold": 3}}},
    }
    assert [line["text"] for line in told["chat"]] == ["a", "b"]


def test_a_show_of_which_nothing_is_known_has_a_sync() -> None:
    told = orjson.loads(snapshot.fresh({}, {}, [], 1))
    assert (told["show"], told["deals"], told["chat"]) == (None, [], [])


def test_changes_are_told_part_by_part() -> None:
    after = {**FIELDS, "v": "8", "likes": "5", "stock:d2": '{"x":[1,0,0]}'}
    told = orjson.loads(snapshot.told(snapshot.changes(FIELDS, after)))
    assert told == {
        "likes": 5,
        "stock": {"d2": {"x": {"free": 1, "held": 0, "sold": 0}}},
    }
    assert snapshot.changes(FIELDS, {**FIELDS, "v": "9", "n": "4"}) == {}
    assert snapshot.version(after) == 8


def test_every_sync_has_every_field() -> None:
    whole = orjson.loads(snapshot.fresh({}, {}, [], 1)).keys()
    assert orjson.loads(snapshot.recovered(FIELDS, 1)).keys() == whole
    assert orjson.loads(snapshot.bare(1, recovered=True)).keys() == whole
