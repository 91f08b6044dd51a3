"""The stock of deals, and the holds on it: typed faces of the Redis functions."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from msgspec import Struct

from dealcast.core.errors import Invalid, NotFound, Recovering, RefundDue, refusal
from dealcast.core.events import HoldState, Person
from dealcast.core.ids import (
    DealId,
    HoldId,
    Partition,
    PaymentId,
    PersonId,
    ShowId,
    VariantId,
    deal_of,
    partition_of,
)
from dealcast.store import keys
from dealcast.store.nodes import Word
from dealcast.store.redis import Redis

HOLDS_MAX = 20  # Of one payment, and of one release.
BATCH_MAX = 256  # Buys of one call.
SWEEP_MAX = 500  # Holds that one call lets expire.
SHOWS_KEPT = 10_000  # Deals whose show is remembered.


class DealTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A deal as it is loaded into Redis."""

    deal: DealId
    show: ShowId
    status: Literal["planned", "open"]
    per_buyer_max: int  # 0: as many as there are.
    hold_ms: int
    opens_at: int | None
    closes_at: int | None
    view: str  # A DealView as JSON.
    lines: list[tuple[VariantId, int]]  # Units allotted.


@dataclass(frozen=True, kw_only=True)
class HoldItem:
    """One buy: so many units of a variant, under the id of the hold to be."""

    hold: HoldId
    buyer: PersonId
    variant: VariantId
    quantity: int
    fingerprint: str  # Of the request's body: the same key must mean the same.


@dataclass(frozen=True)
class HoldAnswer:
    """What became of one buy. ``code`` is "ok", or why there is no hold."""

    code: str
    state: HoldState | None
    expires_at: int | None

    def granted(self) -> tuple[HoldState, int]:
        """
        Return the state of the hold, and when it expires.

        Raises:
            Refused: With the code, if there is none.
        """
        if self.code != "ok" or self.state is None or self.expires_at is None:
            raise refusal(self.code)
        return self.state, self.expires_at


@dataclass(frozen=True, kw_only=True)
class PaidLine:
    """A hold that was paid, with all that is needed to sell it if it has gone."""

    hold: HoldId
    buyer: PersonId
    variant: VariantId
    quantity: int


@dataclass(frozen=True, kw_only=True)
class HoldRow:
    """A hold as Redis has it."""

    hold: HoldId
    deal: DealId
    state: HoldState
    buyer: PersonId
    variant: VariantId
    quantity: int
    expires_at: int  # When it expires, or when its payment is overdue.
    fingerprint: str
    payment: PaymentId | None

    @classmethod
    def read(cls, hold: HoldId, packed: bytes) -> "HoldRow":
        """Read the value that Redis keeps under the hold's id."""
        state, buyer, variant, quantity, expires_at, fingerprint, payment = (
            packed.decode().split("|")
        )
        return cls(
            hold=hold,
            deal=deal_of(hold),
            state=msgspec.convert(state, HoldState),
            buyer=PersonId(buyer),
            variant=VariantId(variant),
            quantity=int(quantity),
            expires_at=int(expires_at),
            fingerprint=fingerprint,
            payment=PaymentId(payment) if payment else None,
        )


class Stock:
    """
    The stock of all deals.

    Every change is one call of one function, which may be repeated: an
    operation (``op``), a hold or a payment that was carried out answers as it
    did the first time. All raise ``Recovering`` and ``Unavailable`` as
    ``Redis.call`` does.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._shows: dict[DealId, ShowId] = {}

    # Deals.

    async def load(self, op: str, terms: DealTerms) -> None:
        """Create a deal with its allotted stock, and announce it."""
        names = deal_keys(terms.show, [terms.deal])
        document = msgspec.json.encode(terms)
        check(await self._redis.call("dc1_load", names, (op, document)))

    async def open(
        self, deal: DealId, *, op: str, reason: str = "", by: Person | None = None
    ) -> None:
        """
        Open a planned deal.

        Raises:
            WrongState: If it is not planned.
            NotFound: If there is no such deal; so do all of these.
        """
        await self._turn("dc1_open", deal, op, reason, by)

    async def pause(
        self, deal: DealId, *, op: str, reason: str = "", by: Person | None = None
    ) -> None:
        """Pause an open deal: no new holds, the others stay payable."""
        await self._turn("dc1_pause", deal, op, reason, by)

    async def resume(
        self, deal: DealId, *, op: str, reason: str = "", by: Person | None = None
    ) -> None:
        """Resume a paused deal."""
        await self._turn("dc1_resume", deal, op, reason, by)

    async def close(
        self, deal: DealId, *, op: str, reason: str = "", by: Person | None = None
    ) -> None:
        """Close a deal for good: its free units go back to free stock."""
        await self._turn("dc1_close", deal, op, reason, by)

    async def keep_time(self, deal: DealId) -> None:
        """Do what the clock has made due: open, close, let holds expire."""
        names = await self._keys([deal])
        for function in ("dc1_open", "dc1_close"):
            check(await self._redis.call(function, names, ("", "due", "", "")))
        while await self.expire(deal) == SWEEP_MAX:
            pass

    async def adjust(
        self, deal: DealId, variant: VariantId, units: int, *, op: str
    ) -> None:
        """
        Allot more units, or take free ones back.

        Raises:
            StockShort: If fewer are free than are to be taken back.
            Closed: If units are to be taken back from a closed deal.
        """
        names = await self._keys([deal])
        check(await self._redis.call("dc1_adjust", names, (op, variant, units)))

    # Holds.

    async def hold(self, deal: DealId, items: Sequence[HoldItem]) -> list[HoldAnswer]:
        """Decide buys of one deal, in their order; each has its own answer."""
        if not 0 < len(items) <= BATCH_MAX:
            raise Invalid(f"between 1 and {BATCH_MAX} buys at once")
        names = await self._keys([deal])
        args: list[Word] = []
        for item in items:
            plain(item.buyer, item.variant, item.fingerprint)
            args += (item.hold, item.buyer, item.variant)
            args += (item.quantity, item.fingerprint)
        told = check(await self._redis.call("dc1_hold", names, args))
        return [
            HoldAnswer(
                code.decode(),
                msgspec.convert(state.decode(), HoldState) if state else None,
                int(expires_at) or None,
            )
            for code, state, expires_at in zip(
                told[::3], told[1::3], told[2::3], strict=True
            )
        ]

    async def pay(
        self,
        payment: PaymentId,
        buyer: PersonId,
        deadline_at: int,
        holds: Sequence[HoldId],
    ) -> None:
        """
        Mark holds as being paid by ``payment``, all or none.

        Raises:
            NotFound, Forbidden, HoldExpired, HoldReleased, HoldPaying,
            HoldConfirmed: For the first hold that cannot be; it is the detail.
        """
        names = await self._keys_of(holds)
        args: list[Word] = [payment, buyer, deadline_at, *holds]
        check(await self._redis.call("dc1_pay", names, args))

    async def confirm(
        self, payment: PaymentId, lines: Sequence[PaidLine]
    ) -> list[bool]:
        """
        Sell what was paid, all or none; tell which holds had gone and came back.

        Raises:
            RefundDue: If the units of one have gone for good.
        """
        try:
            names = await self._keys_of([line.hold for line in lines])
        except NotFound as gone:  # A deal that was over long ago.
            raise RefundDue(gone.detail) from None
        args: list[Word] = [payment]
        for line in lines:
            plain(line.buyer, line.variant, payment)
            deal = deal_of(line.hold)
            args += (line.hold, deal, line.buyer, line.variant, line.quantity)
        told = check(await self._redis.call("dc1_confirm", names, args))
        return [bool(late) for late in told]

    async def release(
        self,
        holds: Sequence[HoldId],
        *,
        reason: str,
        buyer: PersonId | None = None,
        payment: PaymentId | None = None,
    ) -> int:
        """
        Release holds, all or none; return how many were not released before.

        ``buyer`` is who asks (None: the shop), ``payment`` the payment that has
        failed (None: none has, and holds that are being paid stay).

        Raises:
            NotFound, Forbidden, HoldPaying, HoldConfirmed: As in ``pay``.
        """
        names = await self._keys_of(holds)
        args = (reason, payment or "", buyer or "", *holds)
        told = check(await self._redis.call("dc1_release", names, args))
        return int(told[0])

    async def expire(self, deal: DealId, count_max: int = SWEEP_MAX) -> int:
        """Let holds expire whose time is over; return how many did."""
        names = await self._keys([deal])
        told = check(await self._redis.call("dc1_expire", names, (count_max,)))
        return int(told[0])

    # Reading.

    async def get(self, hold: HoldId) -> HoldRow | None:
        """Return a hold as it is now."""
        packed = await self._redis.hget(keys.holds(deal_of(hold)), hold)
        return HoldRow.read(hold, packed) if packed is not None else None

    async def get_all(self, holds: Iterable[HoldId]) -> list[HoldRow]:
        """Return those of ``holds`` that there are."""
        found = await asyncio.gather(*map(self.get, holds))
        return [row for row in found if row is not None]

    async def show_of(self, deal: DealId) -> ShowId:
        """
        Return the show that ``deal`` belongs to.

        Raises:
            NotFound: If there is no such deal.
            Recovering: If there is nothing at all, for the gate is closed.
        """
        if (show := self._shows.get(deal)) is not None:
            return show
        found = await self._redis.hget(keys.deal(deal), "show")
        if found is None:
            if await self._redis.hget(keys.meta(partition_of(deal)), "epoch") is None:
                raise Recovering
            raise NotFound(deal)
        if len(self._shows) >= SHOWS_KEPT:
            self._shows.clear()
        self._shows[deal] = ShowId(found.decode())
        return self._shows[deal]

    async def due(
        self, partition: Partition, now: int, count_max: int = 100
    ) -> list[DealId]:
        """Return deals whose next deadline has come."""
        key = keys.due(partition)
        found = await self._redis.zrangebyscore(key, "-inf", now, count_max)
        return [DealId(deal.decode()) for deal in found]

    async def _turn(
        self, function: str, deal: DealId, op: str, reason: str, by: Person | None
    ) -> None:
        who = b"" if by is None else msgspec.json.encode(by)
        names = await self._keys([deal])
        check(await self._redis.call(function, names, (op, "", reason, who)))

    async def _keys_of(self, holds: Sequence[HoldId]) -> list[str]:
        if not 0 < len(holds) <= HOLDS_MAX:
            raise Invalid(f"between 1 and {HOLDS_MAX} holds at once")
        return await self._keys(sorted({deal_of(hold) for hold in holds}))

    async def _keys(self, deals: Sequence[DealId]) -> list[str]:
        shows = {await self.show_of(deal) for deal in deals}
        if len(shows) != 1:
            raise Invalid("holds of one show at a time")
        return deal_keys(shows.pop(), deals)


def deal_keys(show: ShowId, deals: Sequence[DealId]) -> list[str]:
    """Return the keys of a call about ``deals``, which are all of ``show``."""
    names = [*keys.head_keys(partition_of(show)), *keys.show_keys(show)]
    for deal in deals:
        names += keys.deal_keys(deal)
    return names


def plain(*words: str) -> None:
    """
    Check words that a hold is packed from.

    Raises:
        Invalid: If one has the sign that parts them.
    """
    if any("|" in word for word in words):
        raise Invalid("no | in ids")


def check(answer: list[Any]) -> list[Any]:
    """
    Return what follows the "ok" of an answer.

    Raises:
        Refused: With the code, if it is another.
    """
    code, *told = answer
    if code == b"ok":
        return told
    detail = " ".join(word.decode() for word in told if isinstance(word, bytes))
    raise refusal(code.decode(), detail)
