"""The checker passes a good history, and names each fault of a broken one."""

import copy
import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults import checker, streams
from tests.faults.checker import World, check
from tests.faults.seen import Json, Seen

DEAL, VARIANT, OTHER = "d07_deal", "v1", "v2"
NOW = 1_000_000
PRICE = 900


def told(client: int, t: float, event: str, cursor: str, **more: Any) -> Json:
    """Return the line of an event."""
    line = {"t": t, "k": "event", "c": client, "ns": "/live", "event": event}
    return {**line, "cursor": cursor, "digest": f"{event}-{cursor}", **more}


def synced(client: int, t: float, cursor: str, **more: Any) -> Json:
    """Return the line of a sync."""
    line = {"t": t, "k": "sync", "c": client, "ns": "/live", "cursor": cursor}
    return {**line, "recovered": False, **more}


def call(client: int, t: float, op: str, what: str, **more: Any) -> Json:
    """Return the line of something that is asked or answered."""
    return {"t": t, "k": "invoke", "c": client, "op": op, "what": what, **more}


def history() -> list[Json]:
    """Two clients: 0 buys one and releases one, 1 lets one expire and is refused."""
    asked = {"deal": DEAL, "variant": VARIANT, "quantity": 1}
    lines: list[Json] = [
        {"t": 0, "k": "client", "c": c, "person": f"u{c}"} for c in (0, 1)
    ]
    lines += [synced(c, 1, "1.4") for c in (0, 1)]
    lines += [synced(c, 1, "1.2", ns="/me") for c in (0, 1)]
    lines += [
        call(0, 2, "k1", "hold", **asked),
        call(0, 3, "k1", "hold", k="ok", hold="h1", state="held"),
        call(0, 4, "k2", "hold", **asked),
        call(0, 5, "k2", "hold", k="ok", hold="h2", state="held"),
        call(1, 4, "k3", "hold", **asked),
        call(1, 5, "k3", "hold", k="unknown", code="no_answer"),
        call(1, 6, "k3", "hold", k="ok", hold="h3", state="held"),
        call(1, 6, "k4", "hold", **asked),
        call(1, 7, "k4", "hold", k="refused", code="sold_out"),
        call(0, 8, "k5", "release", hold="h2"),
        call(0, 9, "k5", "release", k="ok"),
        call(0, 10, "k6", "checkout", hold="h1"),
        call(0, 11, "k6", "checkout", k="ok", order="o1", payment="p1",
             amount={"amount": PRICE, "currency": "CNY"}),
        call(0, 12, "k7", "order", order="o1"),
        told(0, 13, "order", "1.5", ns="/me", id="o1", state="paid"),
        call(0, 14, "k7", "order", k="ok", order="o1", state="paid"),
    ]  # fmt: skip
    lines += [told(0, 15, "chat", f"1.{n}") for n in (5, 6, 7)]
    lines += [told(1, 15, "chat", f"1.{n}") for n in (5, 6)]
    lines += [
        {"t": 16, "k": "lost", "c": 1, "ns": "/live", "why": "transport close"},
        synced(1, 17, "1.6", recovered=True),
        told(1, 17, "chat", "1.7"),
        {"t": 18, "k": "end"},
    ]
    return lines


def hold(name: str, buyer: str, state: str, **more: Any) -> Json:
    """Return the row of a hold."""
    row: Json = {"id": name, "deal": DEAL, "variant": VARIANT, "buyer": buyer}
    row |= {"quantity": 1, "state": state, "expires_at": NOW - 60_000}
    return {**row, "payment": None, **more}


def books() -> Json:
    """Return the books to that history."""
    line = {"deal": DEAL, "variant": VARIANT, "allotted": 3}
    captured = {"source": "capture:p1", "currency": "CNY", "order": "o1"}
    sold = {"hold": "h1", "order": "o1", "quantity": 1}
    return {
        "at": NOW,
        "variant": [
            {"id": VARIANT, "received": 10, "free": 7},
            {"id": OTHER, "received": 5, "free": 3},
        ],
        "deal": [{"id": DEAL, "per_buyer_max": 2}],
        "deal_line": [{**line, "free": 2, "held": 0, "sold": 1}],
        "allotment": [
            {"variant": OTHER, "units": 2, "applied_at": None},
            {"variant": OTHER, "units": 9, "applied_at": 5},
        ],
        "hold": [
            hold("h1", "u0", "confirmed", payment="p1"),
            hold("h2", "u0", "released"),
            hold("h3", "u1", "expired"),
        ],
        "payment": [
            {"id": "p1", "order": "o1", "state": "captured", "amount": PRICE,
             "expires_at": NOW},
        ],
        "payment_line": [{"payment": "p1", "hold": "h1"}],
        "orders": [
            {"id": "o1", "payment": "p1", "state": "paid", "total": PRICE,
             "currency": "CNY"},
        ],
        "order_line": [sold],
        "entry": [
            {**captured, "account": "provider:sandbox", "amount": PRICE},
            {**captured, "account": "seller:one", "amount": -PRICE},
        ],
    }  # fmt: skip


def provider() -> list[Json]:
    """Return the provider's payments to that history."""
    paid = {"id": "x1", "reference": "p1", "status": "captured"}
    return [{**paid, "amount": PRICE, "currency": "CNY"}]


class Case:
    """The three files, to be broken in one place."""

    def __init__(self) -> None:
        self.lines = history()
        self.books = books()
        self.payments = provider()

    def line(self, **wanted: Any) -> Json:
        """Return the first line that says all that is wanted."""
        return next(
            line for line in self.lines
            if all(line.get(name) == value for name, value in wanted.items())
        )  # fmt: skip

    def drop(self, **wanted: Any) -> None:
        """Leave a line out."""
        self.lines.remove(self.line(**wanted))

    def row(self, table: str, number: int = 0) -> Json:
        """Return a row of the books."""
        row: Json = self.books[table][number]
        return row

    def lose(self, name: str) -> list[Json]:
        """Let the books know nothing of a hold; return what they know."""
        rows = [row for row in self.books["hold"] if row["id"] != name]
        self.books["hold"] = rows
        return rows

    def add(self, *lines: Json) -> None:
        """Put lines before the end."""
        self.lines[-1:-1] = lines

    def world(self) -> World:
        """Read it."""
        seen = Seen.read(json.dumps(line) for line in self.lines)
        return World(seen, copy.deepcopy(self.books), self.payments)


def rules_broken(case: Case) -> set[str]:
    """Return the names of the rules that are broken."""
    return {rule for rule, _ in check(case.world())}


def test_a_good_history_passes() -> None:
    assert check(Case().world()) == []


BROKEN: list[tuple[str, Callable[[Case], object]]] = [
    ("history-cut", lambda c: c.drop(k="end")),
    ("history-cut", lambda c: c.line(k="end").update(k="full")),
    # (a)
    ("hold-lost", lambda c: c.lose("h3")),
    ("hold-half-there", lambda c: c.lose("h1")),
    ("hold-half-there", lambda c: (
        c.lose("h1"), c.books["order_line"].clear(),
        c.row("payment").update(state="pending"))),
    ("hold-differs", lambda c: c.row("hold").update(buyer="u1")),
    ("hold-differs", lambda c: c.row("hold").update(quantity=2)),
    ("hold-differs", lambda c: c.row("hold").update(state="nowhere")),
    # (b)
    ("line-unequal", lambda c: c.row("deal_line").update(free=3)),
    ("line-unequal", lambda c: c.row("deal_line").update(free=-1, held=3)),
    ("held-differs", lambda c: c.row("deal_line").update(held=1, free=1)),
    ("sold-differs", lambda c: c.row("deal_line").update(sold=2, free=1)),
    ("oversold", lambda c: c.row("deal_line").update(allotted=0, free=-1)),
    ("line-missing", lambda c: c.books["deal_line"].clear()),
    ("stock-unequal", lambda c: c.row("variant").update(free=8)),
    ("stock-unequal", lambda c: c.row("variant", 1).update(free=1)),
    ("sold-twice", lambda c: c.books["order_line"].append(c.row("order_line"))),
    ("buyer-limit", lambda c: c.row("hold").update(quantity=3)),
    # (c)
    ("hold-unended", lambda c: c.row("hold", 2).update(state="held")),
    ("hold-unended", lambda c: c.row("hold").update(
        state="paying", payment=None)),
    ("hold-unended", lambda c: (
        c.row("hold").update(state="paying", expires_at=NOW),
        c.row("payment").update(state="pending", expires_at=NOW - 60_000))),
    ("payment-unended", lambda c: c.row("payment").update(
        state="pending", expires_at=NOW - 60_000)),
    # (d)
    ("event-gap", lambda c: c.drop(c=0, k="event", cursor="1.6")),
    ("event-twice", lambda c: c.add(told(0, 17, "chat", "1.7"))),
    ("event-twice", lambda c: c.add(
        told(0, 17, "order", "1.3", ns="/me", id="o1", state="paid"))),
    ("event-unsynced", lambda c: c.drop(c=0, k="sync", ns="/live")),
    ("told-differently", lambda c: c.line(c=0, cursor="1.6").update(digest="x")),
    ("told-differently", lambda c: c.line(c=0, cursor="1.6").update(event="deal")),
    ("own-shared", lambda c: c.add(told(1, 17, "hold", "1.5", ns="/me"))),
    ("epoch-untold", lambda c: c.add(told(0, 17, "chat", "2.8"))),
    ("sync-elsewhere", lambda c: c.line(recovered=True).update(cursor="1.5")),
    ("sync-elsewhere", lambda c: c.add(synced(0, 17, "2.7", recovered=True))),
    ("epoch-back", lambda c: c.add(synced(0, 17, "0.9"))),
    ("told-differently", lambda c: c.add(
        synced(0, 17, "1.6"), {**told(0, 17, "chat", "1.7"), "digest": "x"})),
    # (e)
    ("captured-unpaid", lambda c: c.row("orders").update(state="cancelled")),
    ("captured-unpaid", lambda c: c.books["orders"].clear()),
    ("paid-uncaptured", lambda c: c.payments.clear()),
    ("paid-uncaptured", lambda c: c.payments[0].update(status="authorised")),
    ("paid-uncaptured", lambda c: c.payments[0].update(amount=PRICE + 1)),
    ("paid-uncaptured", lambda c: c.payments.append({**c.payments[0], "id": "x2"})),
    ("authorised-left", lambda c: c.payments[0].update(status="authorised")),
    ("entries-unequal", lambda c: c.row("entry").update(amount=PRICE - 1)),
    ("entries-missing", lambda c: c.books["entry"].clear()),
    ("entries-missing", lambda c: [
        row.update(order="o9") for row in c.books["entry"]]),
    ("told-paid", lambda c: c.row("orders").update(state="cancelled")),
    ("told-paid", lambda c: c.add(
        told(1, 17, "order", "1.6", ns="/me", id="o2", state="paid"))),
    # (f)
    ("unresolved", lambda c: c.drop(op="k3", k="ok")),
    ("unresolved", lambda c: c.add(call(0, 17, "k9", "hold", deal=DEAL))),
    ("answers-differ", lambda c: c.add(
        call(0, 17, "k1", "hold"), call(0, 17, "k1", "hold", k="ok", hold="h2"))),
    ("checkout-lost", lambda c: c.line(op="k6", k="ok").update(payment="p2")),
    ("checkout-differs", lambda c: c.row("payment").update(amount=1)),
    ("told-failed", lambda c: c.line(op="k7", k="ok").update(state="failed")),
    ("release-undone", lambda c: c.row("hold", 1).update(state="confirmed")),
    ("hold-unasked", lambda c: c.books["hold"].append(hold("h4", "u1", "expired"))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "break_it"),
    BROKEN,
    ids=[f"{rule}-{n}" for n, (rule, _) in enumerate(BROKEN)],
)
def test_a_broken_one_is_named(rule: str, break_it: Callable[[Case], object]) -> None:
    case = Case()
    break_it(case)
    assert rule in rules_broken(case)


def test_every_rule_is_shown_to_fail() -> None:
    text = "".join(inspect.getsource(module) for module in (checker, streams))
    named = set(re.findall(r'yield "([a-z-]+)", ', text))
    assert named == {rule for rule, _ in BROKEN}


def test_what_was_lost_and_told_is_counted() -> None:
    case = Case()
    case.lose("h3")
    case.row("hold", 1).update(state="expired")
    case.add(synced(1, 17.5, "2.7"), told(1, 17.6, "chat", "2.8"))
    world = case.world()
    assert check(world) == []
    assert dict(world.told) == {"holds": 1}


def test_what_is_lost_after_it_was_told_is_no_excuse() -> None:
    case = Case()
    case.lose("h3")
    case.lines.insert(8, synced(1, 1.5, "2.4"))
    assert "hold-lost" in rules_broken(case)


def test_a_release_may_be_undone_where_it_was_told() -> None:
    case = Case()
    case.lose("h2")
    case.add(synced(0, 17.5, "2.7"))
    world = case.world()
    assert check(world) == []
    assert dict(world.told) == {"holds": 1, "releases": 1}


def test_numbers_may_be_given_again_where_it_was_told() -> None:
    case = Case()
    case.lines[-1:-1] = [synced(0, 17, "2.3"), told(0, 17, "chat", "2.4")]
    world = case.world()
    assert check(world) == []
    assert dict(world.told) == {"numbers given again": 1}


def test_as_a_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for lost, code in ((None, 0), ("h3", 1)):
        case = Case()
        if lost:
            case.lose(lost)
        files = [tmp_path / name for name in ("h", "b", "p")]
        files[0].write_text("\n".join(json.dumps(line) for line in case.lines))
        files[1].write_text(json.dumps(case.books))
        files[2].write_text(json.dumps({"payments": case.payments}))
        assert checker.main([str(file) for file in files]) == code
        assert ("hold-lost" in capsys.readouterr().out) == bool(lost)
