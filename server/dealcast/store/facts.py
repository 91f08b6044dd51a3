"""Facts: what Redis tells the ledger, numbered and chained in each partition."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha1
from typing import Any

import msgspec

from dealcast.core.ids import Partition
from dealcast.store import keys
from dealcast.store.reads import Entry
from dealcast.store.redis import Redis

KINDS = ("load", "adjust", "status", "hold", "pay", "confirm", "release", "expire")

# Allotted, free, held, sold: the stock of one variant after a fact.
After = dict[str, dict[str, tuple[int, int, int, int]]]


@dataclass(frozen=True, kw_only=True)
class FactEntry:
    """One fact as it stands in the stream."""

    seq: int
    epoch: int
    kind: str
    at: int
    chain: str
    packed: bytes

    @property
    def body(self) -> dict[str, Any]:
        """What the fact says; its fields depend on its kind."""
        body: dict[str, Any] = msgspec.msgpack.decode(self.packed)
        return body

    @property
    def after(self) -> After:
        """The stock after the fact, by deal and variant, of all that it touched."""
        told = self.body.get("after") or {}
        return {
            deal: {variant: tuple(units) for variant, units in lines.items()}
            for deal, lines in told.items()
        }

    def follows(self, seq: int, chain: str) -> bool:
        """Tell whether this fact is the next one after ``seq`` with ``chain``."""
        return self.seq == seq + 1 and self.chain == link(chain, self)


def link(chain: str, fact: FactEntry) -> str:
    """Return the chain hash after ``fact``, given the one before it."""
    told = f"{chain}{fact.seq}{fact.kind}".encode() + fact.packed
    return sha1(told, usedforsecurity=False).hexdigest()


def decode(entry: Entry) -> FactEntry:
    """Read a fact from an entry of the stream."""
    name, fields = entry
    return FactEntry(
        seq=int(name.split("-")[0]),
        epoch=int(fields[b"ep"]),
        kind=fields[b"k"].decode(),
        at=int(fields[b"at"]),
        chain=fields[b"c"].decode(),
        packed=fields[b"b"],
    )


class Facts:
    """The facts of all partitions."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def read(
        self, partition: Partition, after: int, count: int = 1000
    ) -> list[FactEntry]:
        """Return the facts after number ``after``, oldest first."""
        found = await self._redis.xrange(
            keys.facts(partition), f"({after}-0", count=count
        )
        return [decode(entry) for entry in found]

    async def wait(
        self, positions: Mapping[Partition, int], block_ms: int, count: int = 1000
    ) -> dict[Partition, list[FactEntry]]:
        """Wait for facts after the numbers in ``positions``."""
        asked = {keys.facts(part): (part, after) for part, after in positions.items()}
        found = await self._redis.xread(
            {key: f"{after}-0" for key, (_, after) in asked.items()}, block_ms, count
        )
        return {asked[key][0]: [decode(e) for e in new] for key, new in found.items()}

    async def trim(self, partition: Partition, kept_from: int) -> int:
        """Remove the facts before number ``kept_from``, which the ledger has."""
        return await self._redis.xtrim(keys.facts(partition), f"{kept_from}-0")
