"""Losing a partition of Redis, having it built anew, and comparing the two."""

import json
from typing import Any

from dealcast.core.ids import Partition, ShowId, partition_of
from dealcast.store import keys
from dealcast.store.redis import Redis
from tests.support.books import Books

Picture = dict[str, Any]


async def picture(redis: Redis, partition: Partition) -> Picture:
    """Return all that Redis has of a partition, by key."""
    found: Picture = {}
    for key in (await redis.keys_of([partition]))[partition]:
        kind = (await redis.command(key, "TYPE", key)).decode()
        read = {
            "hash": ("HGETALL", key),
            "zset": ("ZRANGE", key, 0, -1, "WITHSCORES"),
            "set": ("SMEMBERS", key),
            "stream": ("XRANGE", key, "-", "+"),
        }[kind]
        told = await redis.command(key, *read)
        pairs = kind in ("hash", "zset")
        found[key] = dict(zip(told[::2], told[1::2], strict=True)) if pairs else told
        found[key] = sorted(told) if kind == "set" else found[key]
    return found


async def lose(redis: Redis, partition: Partition) -> None:
    """Delete every key of a partition, as a wiped folder does."""
    for key in (await redis.keys_of([partition]))[partition]:
        await redis.delete(key)


async def rebuild(books: Books, partition: Partition) -> None:
    """Let the gate find what was lost, build it anew and let it in."""
    await books.gate.look()
    assert books.gate.closed == {partition: "built anew, to be looked at"}
    await books.gate.look()
    assert books.gate.is_open


async def archived(books: Books, partition: Partition) -> None:
    """Bring the archive as far as the logs are."""
    archive = books.gate._rebuilder.archive
    await archive.copy_partition(partition, lease=books.ledger.lease)


def fields_of(flat: list[bytes]) -> dict[bytes, bytes]:
    """Return the fields of a stream's entry."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def comparable(found: Picture, show: ShowId) -> Picture:
    """
    Leave out what is not to be the same after a rebuild.

    The streams of facts and of single users are not written again; the log has
    one entry more, the notice; version and epoch are new; who watches says so by
    itself, and who spoke last is forgotten.
    """
    part = partition_of(show)
    tag = keys.tag(part)
    gone = {keys.meta(part), keys.facts(part), keys.own(show), keys.staff(show)}
    gone |= {f"{tag}:{name}:{show}" for name in ("pace", "spoke", "watch")}
    kept = {key: value for key, value in found.items() if key not in gone}
    kept[keys.ops(part)] = set(kept[keys.ops(part)])
    state = dict(kept[keys.state(show)])
    for name in (b"v", b"ep", b"n", b"viewers"):
        state.pop(name, None)
    kept[keys.state(show)] = {
        name: json.loads(value)
        for name, value in state.items()
        if not name.startswith(b"deal:")
    }
    for key, fields in kept.items():
        if key.startswith(f"{tag}:deal:") and key.count(":") == 2:
            fields.pop(b"changed_at", None)
            fields.pop(b"view")
    log = [
        (name, dict(zip(f[::2], f[1::2], strict=True)))
        for name, f in kept[keys.log(show)]
    ]
    deleted = {line for line in kept.get(keys.gone(show), ())}
    kept[keys.log(show)] = [
        (name, {**fields, b"d": b"" if fields.get(b"l") in deleted else fields[b"d"]})
        for name, fields in log
        if b"recovered" not in fields[b"d"]
    ]
    return kept


def differing(before: Picture, after: Picture) -> list[str]:
    """Return in what two pictures differ, one line each."""
    found = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found += [
                f"{key} {name}: {old.get(name)} became {new.get(name)}"
                for name in old.keys() | new.keys()
                if old.get(name) != new.get(name)
            ]
        elif old != new:
            found.append(f"{key}: {old} became {new}")
    return found
