"""The shop's public keys, fetched from the one address that was configured."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import msgspec
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from dealcast.core.clock import Clock
from dealcast.core.errors import TokenInvalid, Unavailable

FRESH_MS = 600_000
STALE_MS = 86_400_000  # If the address does not answer, old keys do this long.
UNKNOWN_MS = 30_000  # An unknown kid asks again at most this often.
FETCH_S = 5.0
BYTES_MAX = 65_536
KEYS_MAX = 50
ALGORITHMS = ("RS256", "ES256", "EdDSA")

Fetch = Callable[[str], Awaitable[bytes]]


async def fetch(url: str) -> bytes:
    """
    Read the key set at ``url``; redirects are not followed.

    Raises:
        Unavailable: If it does not answer, or not with a small document.
    """
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=FETCH_S)) as http,
            http.get(url, allow_redirects=False) as answer,
        ):
            body = await answer.content.read(BYTES_MAX + 1)
            if answer.status != 200 or len(body) > BYTES_MAX:
                raise Unavailable(f"key set: answer {answer.status}, {len(body)} bytes")
            return body
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Unavailable(f"key set: {type(error).__name__}") from error


class Jwks:
    """A key set that is kept for some minutes."""

    def __init__(self, url: str, clock: Clock, fetch: Fetch = fetch) -> None:
        self._url = url
        self._clock = clock
        self._fetch = fetch
        self._keys: dict[str, PyJWK] = {}
        self._fetched_at: int | None = None
        self._tried_at: int | None = None
        self._lock = asyncio.Lock()

    async def key(self, kid: str | None, algorithm: str) -> PyJWK:
        """
        Return the key that ``kid`` names, or the only key.

        Raises:
            TokenInvalid: If there is no such key for ``algorithm``.
            Unavailable: If the keys could not be had at all.
        """
        await self._refresh(self._find(kid) is None)
        found = self._find(kid)
        if found is None:
            raise TokenInvalid("unknown key")
        # One key, one algorithm: a public key never serves as a shared secret.
        if algorithm not in ALGORITHMS or found.algorithm_name != algorithm:
            raise TokenInvalid("the key is for another algorithm")
        return found

    def _find(self, kid: str | None) -> PyJWK | None:
        if kid is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid)

    async def _refresh(self, unknown: bool) -> None:
        if not self._due(unknown):
            return
        async with self._lock:
            if not self._due(unknown):
                return  # Somebody fetched while we waited.
            self._tried_at = now = self._clock.now()
            try:
                self._keys = read_keys(await self._fetch(self._url))
                self._fetched_at = now
            except Unavailable:
                if self._fetched_at is None or now - self._fetched_at > STALE_MS:
                    raise

    def _due(self, unknown: bool) -> bool:
        now = self._clock.now()
        if self._tried_at is not None and now - self._tried_at < UNKNOWN_MS:
            return False
        return unknown or self._fetched_at is None or now - self._fetched_at >= FRESH_MS


def read_keys(body: bytes) -> dict[str, PyJWK]:
    """
    Read a key set; keys of other kinds or for other uses are passed over.

    Raises:
        Unavailable: If it is not a key set.
    """
    try:
        document: Any = msgspec.json.decode(body)
        listed = document["keys"][:KEYS_MAX]
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise Unavailable("key set: not a JSON Web Key Set") from error
    keys: dict[str, PyJWK] = {}
    for number, item in enumerate(listed):
        if not isinstance(item, dict) or item.get("use", "sig") != "sig":
            continue
        try:
            key = PyJWK(item)
        except (PyJWTError, ValueError, TypeError, KeyError):
            continue
        if key.algorithm_name in ALGORITHMS:
            keys[str(item.get("kid", f"#{number}"))] = key
    return keys
