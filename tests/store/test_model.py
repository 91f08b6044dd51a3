"""Redis decides as the plain model does, whatever is asked of it in any order."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dealcast.core.errors import Refused, WrongState
from dealcast.core.ids import DealId, HoldId, PaymentId, hold_id
from dealcast.store.redis import Redis
from dealcast.store.stock import PaidLine, Stock
from tests.store.dealing import (
    BLUE,
    DEAL,
    HOUR_MS,
    OTHER,
    PART,
    RED,
    buyer,
    check_books,
    item,
    make_overdue,
    now_ms,
    open_gate,
    terms,
)
from tests.store.model import Deal, Hold, Line, Model, No
from tests.support.redis import RedisServers

EXAMPLES, OPERATIONS = 100, 50  # In all, over 2,500 on each kind of server.
LIMIT = 3
LINES = {RED: 4, BLUE: 3}

DEALS = st.sampled_from([DEAL, OTHER])
BUYERS = st.integers(1, 2)  # Few of each, so that operations meet.
KEYS = st.sampled_from("aab")
VARIANTS = st.sampled_from([RED, BLUE])
PAYMENTS = st.sampled_from([PaymentId("p07_1"), PaymentId("p07_2")])
HOLDS = st.tuples(DEALS, BUYERS, KEYS)
SOME = st.one_of(st.lists(HOLDS, min_size=1, max_size=1), st.lists(HOLDS, max_size=3))
MINE = BUYERS.flatmap(
    lambda who: st.tuples(
        st.just(who),
        st.lists(st.tuples(DEALS, st.just(who), KEYS), min_size=1, max_size=3),
    )
)
BUYS = st.tuples(BUYERS, KEYS, VARIANTS, st.integers(1, 3), st.sampled_from("fffg"))

OPERATION = st.one_of(
    st.tuples(st.just("hold"), DEALS, st.lists(BUYS, min_size=1, max_size=5)),
    st.tuples(st.just("hold"), DEALS, st.lists(BUYS, min_size=1, max_size=2)),
    st.tuples(st.just("pay"), PAYMENTS, BUYERS, SOME.filter(bool)),
    MINE.flatmap(lambda mine: st.tuples(st.just("pay"), PAYMENTS, *map(st.just, mine))),
    st.tuples(st.just("confirm"), PAYMENTS, SOME),
    st.tuples(
        st.just("release"),
        st.one_of(st.just(PaymentId("")), PAYMENTS, PAYMENTS),
        st.sampled_from([0, 0, 0, 1, 2]),
        SOME.filter(bool),
    ),
    st.tuples(st.just("overdue"), HOLDS),
    st.tuples(st.just("expire"), DEALS),
    st.tuples(st.just("adjust"), DEALS, VARIANTS, st.integers(-3, 3)),
    st.tuples(
        st.just("turn"),
        DEALS,
        st.sampled_from(["pause", "resume", "resume", "resume", "open", "close"]),
    ),
)


@dataclass
class Both:
    """The functions in Redis and the model, asked the same."""

    redis: Redis
    model: Model
    number: int = 0
    told: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stock = Stock(self.redis)

    async def do(self, operation: tuple[Any, ...]) -> None:
        """Ask both; they must answer alike."""
        self.number += 1
        name, *args = operation
        try:
            expected = getattr(self, f"expect_{name}")(*args)
        except No as code:
            expected = str(code)
        except WrongState:
            expected = "wrong_state"
        for _ in range(2 if name in ("pay", "turn", "adjust") else 1):  # And a replay.
            try:
                told = await getattr(self, f"ask_{name}")(*args)
            except Refused as refused:
                told = refused.code
            assert told == expected, operation

    def expect_hold(self, deal: DealId, buys: list[Any]) -> list[str]:
        items = [
            (hold_id(deal, buyer(n), key), Hold(deal, buyer(n), variant, units, mark))
            for n, key, variant, units, mark in buys
        ]
        return self.model.hold_all(deal, items)

    async def ask_hold(self, deal: DealId, buys: list[Any]) -> list[str]:
        items = [
            item(
                buyer(n),
                key,
                deal=deal,
                variant=variant,
                quantity=units,
                fingerprint=mark,
            )
            for n, key, variant, units, mark in buys
        ]
        return [answer.code for answer in await self.stock.hold(deal, items)]

    def expect_pay(self, payment: PaymentId, who: int, holds: list[Any]) -> None:
        self.model.pay(payment, buyer(who), named(holds))

    async def ask_pay(self, payment: PaymentId, who: int, holds: list[Any]) -> None:
        await self.stock.pay(payment, buyer(who), now_ms() + HOUR_MS, named(holds))

    def known(self, holds: list[Any]) -> list[HoldId]:
        """Return those that were once granted, each once: a payment has no others."""
        names = dict.fromkeys(named(holds))
        return [name for name in names if name in self.model.holds]

    def expect_confirm(self, payment: PaymentId, holds: list[Any]) -> list[bool]:
        return self.model.confirm(payment, self.known(holds))

    async def ask_confirm(self, payment: PaymentId, holds: list[Any]) -> list[bool]:
        lines = []
        for name in self.known(holds):
            hold = self.model.holds[name]
            who, variant = buyer(int(hold.buyer[2:])), RED
            if hold.variant == BLUE:
                variant = BLUE
            lines.append(
                PaidLine(hold=name, buyer=who, variant=variant, quantity=hold.quantity)
            )
        return await self.stock.confirm(payment, lines) if lines else []

    def expect_release(self, payment: str, who: int, holds: list[Any]) -> int:
        return self.model.release(named(holds), payment, buyer(who) if who else "")

    async def ask_release(self, payment: PaymentId, who: int, holds: list[Any]) -> int:
        return await self.stock.release(
            named(holds),
            reason="x",
            buyer=buyer(who) if who else None,
            payment=payment or None,
        )

    def expect_overdue(self, which: Any) -> None:
        hold = self.model.holds.get(named([which])[0])
        if hold is not None and hold.state == "held":
            hold.overdue = True

    async def ask_overdue(self, which: Any) -> None:
        await make_overdue(self.redis, named([which])[0], which[0])

    def expect_expire(self, deal: DealId) -> int:
        return self.model.expire(deal)

    async def ask_expire(self, deal: DealId) -> int:
        return await self.stock.expire(deal)

    def expect_adjust(self, deal: DealId, variant: str, units: int) -> None:
        self.model.adjust(deal, variant, units)

    async def ask_adjust(self, deal: DealId, variant: Any, units: int) -> None:
        await self.stock.adjust(deal, variant, units, op=f"op{self.number}")

    def expect_turn(self, deal: DealId, act: str) -> None:
        self.model.turn(deal, act)

    async def ask_turn(self, deal: DealId, act: str) -> None:
        await getattr(self.stock, act)(deal, op=f"op{self.number}")

    async def agree(self) -> None:
        """Check that Redis has what the model has, and that its books add up."""
        found = await check_books(self.redis, DEAL, OTHER)
        for name, deal in self.model.deals.items():
            assert found[name] == {
                variant: (line.allotted, line.free, line.held, line.sold)
                for variant, line in deal.lines.items()
            }
        for name, hold in self.model.holds.items():
            row = await self.stock.get(HoldId(name))
            assert row is not None
            assert (row.state, row.quantity) == (hold.state, hold.quantity)


def named(holds: list[Any]) -> list[HoldId]:
    """Return the ids of holds."""
    return [hold_id(deal, buyer(number), key) for deal, number, key in holds]


async def compare(servers: RedisServers, operations: list[Any]) -> None:
    """Run operations on an empty Redis and on the model."""
    servers.empty()
    redis = await Redis.connect(servers.url)
    try:
        await open_gate(redis, PART)
        model = Model(
            {
                deal: Deal({v: Line(n) for v, n in LINES.items()}, LIMIT)
                for deal in (DEAL, OTHER)
            }
        )
        both = Both(redis, model)
        for deal in (DEAL, OTHER):
            await both.stock.load(
                f"load {deal}", terms(deal, dict(LINES), per_buyer_max=LIMIT)
            )
        for operation in operations:
            await both.do(operation)
        await both.agree()
    finally:
        await redis.aclose()


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # To shrink a failure takes longer than a test may.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(operations=st.lists(OPERATION, min_size=OPERATIONS // 2, max_size=OPERATIONS))
def test_redis_decides_as_the_model_does(
    redis_servers: RedisServers, operations: list[Any]
) -> None:
    asyncio.run(compare(redis_servers, operations))
    assert operations
