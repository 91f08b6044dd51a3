"""
Holds what clients saw against the books and the provider's payments.

    python -m tests.faults.checker HISTORY BOOKS PAYMENTS

It knows nothing of the product's code: only the history that ``dealcast crowd
--history`` writes, the rows of the books as JSON, and the provider's payments as
JSON. It prints each violation with the name of its rule, and what was lost and
told; exit code 1 if there is a violation.
"""

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults import streams
from tests.faults.seen import Json, Seen

LATE_MS = 10_000  # How long after its time a hold may be unended.
SHOWN = 5  # Violations of a rule that are printed.
LIVE = ("held", "paying")
ENDED = ("confirmed", "released", "expired")
OVER = ("captured", "failed", "voided")  # Payments to which nothing happens any more.
CAPTURE = "capture:"

Violations = Iterator[tuple[str, str]]  # The rule's name, and what breaks it.


@dataclass
class World:
    """Everything that is held against each other."""

    seen: Seen
    books: dict[str, Any]
    payments: list[Json]
    told: Counter[str] = field(default_factory=Counter)  # Lost, but told so.

    def rows(self, table: str) -> list[Json]:
        """Return the rows of a table of the books."""
        found: list[Json] = self.books[table]
        return found

    def by(self, table: str, column: str = "id") -> dict[Any, Json]:
        """Return the rows of a table by the value of a column."""
        return {row[column]: row for row in self.rows(table)}

    def grouped(self, table: str, *columns: str) -> dict[tuple[Any, ...], list[Json]]:
        """Return the rows of a table by the values of columns."""
        found: dict[tuple[Any, ...], list[Json]] = defaultdict(list)
        for row in self.rows(table):
            found[tuple(row[column] for column in columns)].append(row)
        return found

    def excused(self, client: int, since: float, what: str) -> bool:
        """Tell whether what a client knew at an instant may be lost: it was told."""
        if not self.seen.told_after(client, since):
            return False
        self.told[what] += 1
        return True


# (a) What was acked is there.


def acked_holds(world: World) -> Violations:
    """Every hold that was acked is in the books, or its loss was told."""
    holds, people = world.by("hold"), world.seen.people
    claims = {row["hold"] for row in world.rows("order_line")}
    open_payments = {
        row["id"] for row in world.rows("payment") if row["state"] not in OVER
    }
    claims |= {
        row["hold"]
        for row in world.rows("payment_line")
        if row["payment"] in open_payments
    }
    for op in world.seen.good("hold"):
        name, row = op.answer["hold"], holds.get(op.answer["hold"])
        if row is None:
            if name in claims:
                yield "hold-half-there", f"{name} is sold or paid, and not in the books"
            elif not world.excused(op.client, op.ended, "holds"):
                yield "hold-lost", f"{name}, acked to client {op.client}"
            continue
        asked = op.about
        same = {"buyer": people[op.client], "deal": asked["deal"],
                "variant": asked["variant"], "quantity": asked["quantity"]}  # fmt: skip
        if any(row[column] != value for column, value in same.items()):
            yield "hold-differs", f"{name}: asked {same}, found {row}"
        if row["state"] not in (*LIVE, *ENDED):
            yield "hold-differs", f"{name} is {row['state']}"


# (b) Nothing is oversold.


def stock(world: World) -> Violations:
    """Each line's numbers add up, also when they are counted from its holds."""
    holds = world.grouped("hold", "deal", "variant")
    for line in world.rows("deal_line"):
        where = f"deal {line['deal']} variant {line['variant']}"
        parts = {name: line[name] for name in ("free", "held", "sold")}
        if min(parts.values()) < 0 or sum(parts.values()) != line["allotted"]:
            yield "line-unequal", f"{where}: {parts} of {line['allotted']}"
        units: Counter[str] = Counter()
        for hold in holds.pop((line["deal"], line["variant"]), []):
            units[hold["state"]] += hold["quantity"]
        if units["held"] + units["paying"] != line["held"]:
            yield "held-differs", f"{where}: {line['held']}, by holds {dict(units)}"
        if units["confirmed"] != line["sold"]:
            yield "sold-differs", f"{where}: {line['sold']}, by holds {dict(units)}"
        if units["confirmed"] > line["allotted"]:
            yield "oversold", f"{where}: {units['confirmed']} of {line['allotted']}"
    for deal, variant in holds:
        yield "line-missing", f"deal {deal} variant {variant} has holds and no line"


def free_stock(world: World) -> Violations:
    """What was received is free, in deals, or on its way to them."""
    lines = world.grouped("deal_line", "variant")
    moving = world.grouped("allotment", "variant")
    for row in world.rows("variant"):
        allotted = sum(line["allotted"] for line in lines[(row["id"],)])
        on_its_way = sum(
            max(0, one["units"])
            for one in moving[(row["id"],)]
            if one["applied_at"] is None
        )
        total = row["free"] + allotted + on_its_way
        if row["free"] < 0 or total != row["received"]:
            where = f"variant {row['id']}: {row['received']} received"
            yield "stock-unequal", f"{where}, {row['free']} free, {allotted} in deals"


def limits(world: World) -> Violations:
    """No hold is sold twice, and nobody has more than one buyer may."""
    orders = world.by("orders")
    sold = Counter(
        row["hold"]
        for row in world.rows("order_line")
        if orders.get(row["order"], {}).get("state") != "cancelled"
    )
    for hold, times in sold.items():
        if times > 1:
            yield "sold-twice", f"hold {hold} is in {times} orders"
    deals, units = world.by("deal"), Counter[tuple[str, str]]()
    for row in world.rows("hold"):
        if row["state"] in (*LIVE, "confirmed"):
            units[row["deal"], row["buyer"]] += row["quantity"]
    for (deal, buyer), count in units.items():
        most = deals[deal]["per_buyer_max"]
        if most and count > most:
            yield "buyer-limit", f"{buyer} has {count} of deal {deal}, at most {most}"


# (c) Every hold ends.


def endings(world: World) -> Violations:
    """Nothing is held or paid beyond its time."""
    payments, now = world.by("payment"), world.books["at"]
    for row in world.rows("hold"):
        payment = payments.get(row["payment"])
        over = row["expires_at"]
        if row["state"] == "paying" and payment is not None:
            over = now if payment["state"] in OVER else payment["expires_at"]
        if row["state"] in LIVE and over + LATE_MS < now:
            late = (now - over) / 1000
            yield "hold-unended", f"{row['id']} is {row['state']}, {late:.0f} s late"
        if row["state"] == "paying" and payment is None:
            yield "hold-unended", f"{row['id']} is paying, and there is no payment"
    for row in payments.values():
        if row["state"] not in OVER and row["expires_at"] + LATE_MS < now:
            yield "payment-unended", f"{row['id']} is {row['state']}"


# (e) Money.


def money(world: World) -> Violations:
    """Captured is what paid orders cost, once; the entries add up to zero."""
    orders, provider = world.by("orders", "payment"), world.payments
    payments = world.by("payment")
    captured: defaultdict[str, list[Json]] = defaultdict(list)
    for one in provider:
        if one["status"] == "captured":
            captured[one["reference"]].append(one)
        row = payments.get(one["reference"], {"state": "failed"})
        if one["status"] == "authorised" and row["state"] in OVER:
            yield "authorised-left", f"payment {one['reference']} is {row['state']}"
        order = orders.get(one["reference"])
        if one["status"] == "captured" and (order is None or order["state"] != "paid"):
            state = "no order" if order is None else f"an order {order['state']}"
            yield "captured-unpaid", f"payment {one['reference']} has {state}"
    for order in world.rows("orders"):
        if order["state"] != "paid" or not order["total"]:
            continue
        taken = [(one["amount"], one["currency"]) for one in captured[order["payment"]]]
        if taken != [(order["total"], order["currency"])]:
            due = f"{order['total']} {order['currency']}"
            yield "paid-uncaptured", f"order {order['id']}: {due}, captured {taken}"
    yield from entries(world)


def entries(world: World) -> Violations:
    """Each source adds up to zero; what was captured stands in the books once."""
    orders = world.by("orders")
    for (source, currency), rows in world.grouped(
        "entry", "source", "currency"
    ).items():
        total = sum(row["amount"] for row in rows)
        if total:
            yield "entries-unequal", f"{source} in {currency}: {total}"
    taken: Counter[str] = Counter()
    for row in world.rows("entry"):
        if row["source"].startswith(CAPTURE):
            taken[row["order"]] += max(0, row["amount"])
    for name, order in orders.items():
        due = order["total"] if order["state"] == "paid" else 0
        if taken.pop(name, 0) != due:
            yield "entries-missing", f"order {name} is {order['state']}, due {due}"
    for name in taken:
        yield "entries-missing", f"no order {name}"


def told_paid(world: World) -> Violations:
    """Nobody was told of a payment that is not in the books."""
    orders = world.by("orders")
    told = {(e.client, e.body["id"]) for e in world.seen.events if e.is_paid}
    told |= {
        (op.client, op.answer["order"])
        for op in world.seen.good("order")
        if op.answer["state"] == "paid"
    }
    for client, name in sorted(told):
        state = orders[name]["state"] if name in orders else "not there"
        if state != "paid":
            yield "told-paid", f"client {client}: order {name} is {state}"


# (f) Every question has its answer, and the books say the same.


def resolved(world: World) -> Violations:
    """Every call was answered in the end, and under one key alike."""
    for op in world.seen.ops.values():
        if not op.over:
            yield "unresolved", f"{op.what} {op.key} of client {op.client}: {op.codes}"
        named = {text for text in map(gist, op.good) if text}
        if len(named) > 1:
            yield "answers-differ", f"{op.what} {op.key}: {sorted(named)}"


def gist(answer: Json) -> str:
    """Return what must be the same whenever the same is asked."""
    return str(answer.get("hold") or answer.get("payment") or "")


def answers(world: World) -> Violations:
    """What clients were told in the end is what the books say."""
    orders, payments = world.by("orders"), world.by("payment")
    holds = world.by("hold")
    for op in world.seen.good("checkout"):
        row = payments.get(op.answer["payment"])
        if row is None or row["order"] != op.answer["order"]:
            yield "checkout-lost", f"payment {op.answer['payment']}"
        elif row["amount"] != op.answer["amount"]["amount"]:
            yield "checkout-differs", f"payment {row['id']} is for {row['amount']}"
    for op in world.seen.good("order"):
        told, name = op.answer["state"], op.answer["order"]
        state = orders[name]["state"] if name in orders else "none"
        if told in ("failed", "voided", "cancelled") and state in ("paid", "confirmed"):
            yield "told-failed", f"order {name} is {state}, told {told}"
    for op in world.seen.good("release"):
        row = holds.get(op.about["hold"])
        state = "lost" if row is None else row["state"]
        if state not in ("released", "expired") and not world.excused(
            op.client, op.ended, "releases"
        ):
            yield "release-undone", f"hold {op.about['hold']} is {state}"
    yield from refused_holds(world)


def refused_holds(world: World) -> Violations:
    """Nobody has a hold that was refused, or never asked for."""
    clients = {person: client for client, person in world.seen.people.items()}
    acked = {op.answer["hold"] for op in world.seen.good("hold")}
    open_for = Counter(
        (op.client, op.about["deal"])
        for op in world.seen.ops.values()
        if op.what == "hold" and not op.over
    )
    for row in world.rows("hold"):
        client = clients.get(row["buyer"])
        if client is None or row["id"] in acked:
            continue
        if not open_for[client, row["deal"]]:
            yield "hold-unasked", f"{row['id']} of client {client} was never acked"


RULES: tuple[Callable[[World], Violations], ...] = (
    acked_holds, stock, free_stock, limits, endings, money, told_paid, resolved,
    answers,
)  # fmt: skip


def check(world: World) -> list[tuple[str, str]]:
    """Return all violations; what was lost and told is counted in the world."""
    found = [*streams.whole(world.seen), *streams.cursors(world.seen, world.told)]
    for rule in RULES:
        found += rule(world)
    return found


def read(history: Path, books: Path, payments: Path) -> World:
    """Read the three files."""
    with history.open(encoding="utf-8") as lines:
        seen = Seen.read(lines)
    return World(
        seen,
        json.loads(books.read_text(encoding="utf-8")),
        json.loads(payments.read_text(encoding="utf-8"))["payments"],
    )


def report(world: World, violations: Iterable[tuple[str, str]]) -> list[str]:
    """Return what is to be printed."""
    found: dict[str, list[str]] = defaultdict(list)
    for rule, what in violations:
        found[rule].append(what)
    lines = [f"{rule}: {what}" for rule, all_ in found.items() for what in all_[:SHOWN]]
    lines += [f"{rule}: {len(all_)} in all" for rule, all_ in found.items()]
    for mark in world.seen.marks:
        said = " ".join(f"{k}={v}" for k, v in mark.items() if k not in ("t", "k"))
        lines.append(f"# at {mark['t'] / 1000:.1f} s: {said}")
    lines.append(f"# {world.seen.summary()}")
    lost = ", ".join(f"{n} {what}" for what, n in sorted(world.told.items()))
    return [*lines, f"# lost, and told so: {lost or 'nothing'}"]


def main(arguments: list[str]) -> int:
    """Check three files; return the exit code."""
    world = read(*map(Path, arguments))
    violations = check(world)
    print("\n".join(report(world, violations)))
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
