"""The provider's own books: payments by our reference, and what is to be told."""

import errno
import json
import os
import secrets
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from dealcast.core.errors import Conflict, NotFound, WrongState
from dealcast.core.money import Money
from dealcast.core.states import Table, advance
from dealcast.shop.payments.provider import Intent, Object, Status

SLACK_MAX = 20_000  # Lines that the journal may have beyond what is kept.
KEPT_MS = 7 * 86_400_000  # How long a payment that is over is remembered.

LIFE: Table = {
    ("unpaid", "pay"): "authorised",
    ("unpaid", "decline"): "declined",
    ("unpaid", "cancel"): "cancelled",
    ("authorised", "cancel"): "cancelled",
    ("authorised", "capture"): "captured",
    ("captured", "cancel"): "refunded",
}
OVER = ("declined", "cancelled", "captured", "refunded")

Step = Literal["pay", "decline", "cancel", "capture"]


class Collection(Struct, frozen=True, kw_only=True):
    """One payment, as the provider has it."""

    id: str
    intent: Intent
    status: Status
    changed_at: int


class Event(Struct, frozen=True, kw_only=True):
    """Something that the shop is told by webhook."""

    id: str
    reference: str
    type: str
    url: str
    at: int


class Line(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the journal."""

    payment: Collection | None = None
    event: Event | None = None
    sent: str | None = None  # The id of an event that needs no more telling.


class Books:
    """
    Keeps payments in memory, and every change in a journal that is read at start.

    A journal line is on disk before the change is answered.
    """

    def __init__(self, file: Path, now: int) -> None:
        self._file = file
        self._by_id: dict[str, Collection] = {}
        self._by_reference: dict[str, str] = {}
        self.unsent: dict[str, Event] = {}
        self._slack = 0
        self._replay(now)

    def create(self, intent: Intent, now: int) -> Collection:
        """
        Make a payment, or return the one that has this reference.

        Raises:
            Conflict: If that one is for another amount.
        """
        known = self._by_reference.get(intent.reference)
        if known is not None:
            found = self._by_id[known]
            if found.intent.amount != intent.amount:
                raise Conflict(intent.reference)
            return found
        made = Collection(
            id=secrets.token_urlsafe(18), intent=intent, status="unpaid", changed_at=now
        )
        self._keep(Line(payment=made))
        return made

    def find(self, reference: str) -> Collection:
        """
        Return the payment with our ``reference``.

        Raises:
            NotFound: If there is none.
        """
        if reference not in self._by_reference:
            raise NotFound(reference)
        return self._by_id[self._by_reference[reference]]

    def at_page(self, name: str) -> Collection:
        """
        Return the payment whose page is ``name``.

        Raises:
            NotFound: If there is none.
        """
        if name not in self._by_id:
            raise NotFound(name)
        return self._by_id[name]

    def step(self, payment: Collection, step: Step, now: int) -> Collection:
        """
        Move a payment on; one that cannot be moved so is returned as it is.

        Raises:
            WrongState: If the buyer wants to pay what cannot be paid any more.
        """
        buyer = step in ("pay", "decline")
        if buyer and payment.status == "unpaid" and now >= payment.intent.expires_at:
            raise WrongState("expired")
        try:
            status = advance(LIFE, payment.status, step)
        except WrongState:
            if buyer:
                raise
            return payment
        changed = replace(
            payment, status=msgspec.convert(status, Status), changed_at=now
        )
        event = Event(
            id=f"evt_{secrets.token_urlsafe(15)}",
            reference=payment.intent.reference,
            type=f"payment.{status}",
            url=payment.intent.webhook_url,
            at=now,
        )
        self._keep(Line(payment=changed, event=event))
        return changed

    def told(self, event: Event) -> None:
        """Note that ``event`` needs no more telling."""
        if event.id in self.unsent:
            self._keep(Line(sent=event.id))

    def _keep(self, line: Line) -> None:
        text = msgspec.json.encode(line) + b"\n"
        with self._file.open("ab", buffering=0) as output:
            before = output.tell()
            try:
                if output.write(text) < len(text):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(output.fileno())
            except OSError:  # The next line must not go on in half of this one.
                output.truncate(before)
                raise
        self._apply(line)
        self._slack += 1
        if self._slack > SLACK_MAX + len(self._by_id) and line.payment is not None:
            self._compact(line.payment.changed_at)

    def _apply(self, line: Line) -> None:
        if line.payment is not None:
            self._by_id[line.payment.id] = line.payment
            self._by_reference[line.payment.intent.reference] = line.payment.id
        if line.event is not None:
            self.unsent[line.event.id] = line.event
        if line.sent is not None:
            self.unsent.pop(line.sent, None)

    def _replay(self, now: int) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        if self._file.exists():
            for text in self._file.read_bytes().splitlines():
                try:
                    self._apply(msgspec.json.decode(text, type=Line))
                except msgspec.DecodeError:
                    continue  # A line that a crash cut off was never answered.
        self._compact(now)

    def _compact(self, now: int) -> None:
        """Write the journal anew, without what is long over."""
        kept = [
            one
            for one in self._by_id.values()
            if one.status not in OVER or now - one.changed_at < KEPT_MS
        ]
        lines = [Line(payment=one) for one in kept]
        lines += [Line(event=event) for event in self.unsent.values()]
        fresh = self._file.with_suffix(".new")
        with fresh.open("wb") as output:
            for line in lines:
                output.write(msgspec.json.encode(line) + b"\n")
            output.flush()
            os.fsync(output.fileno())
        fresh.replace(self._file)
        self._slack = 0
        self._by_id = {one.id: one for one in kept}
        self._by_reference = {one.intent.reference: one.id for one in kept}


def as_object(payment: Collection, page_url: str) -> Object:
    """Return a payment as the API shows it."""
    return Object(
        reference=payment.intent.reference,
        provider_ref=payment.id,
        status=payment.status,
        amount=Money(payment.intent.amount.amount, payment.intent.amount.currency),
        url=f"{page_url}/pay/{payment.id}",
    )


def body_of(event: Event) -> bytes:
    """Return the body of the webhook that tells ``event``."""
    told = {"type": event.type, "reference": event.reference, "at": event.at}
    return json.dumps(told, separators=(",", ":")).encode()
