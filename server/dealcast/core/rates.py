"""How often one may: token buckets that fill with time. No clock of their own."""

from collections import OrderedDict

WHO_MAX = 50_000


class Rates:
    """Allows each name so many acts a minute, in bursts of a quarter of them."""

    def __init__(self, *, who_max: int = WHO_MAX) -> None:
        self._who_max = who_max
        self._buckets: OrderedDict[tuple[str, str], Bucket] = OrderedDict()

    def allow(self, who: str, what: str, *, per_minute: int, now: int) -> bool:
        """Spend one of what ``who`` may do of ``what``, if one is left."""
        key = (who, what)
        bucket = self._buckets.get(key)
        if bucket is None:
            burst = max(3.0, per_minute / 4)
            bucket = self._buckets[key] = Bucket(burst, per_minute / 60_000, now)
            if len(self._buckets) > self._who_max:
                self._buckets.popitem(last=False)  # Whoever was quiet for longest.
        else:
            self._buckets.move_to_end(key)
        return bucket.take(1.0, now)


class Bucket:
    """A bucket that holds ``burst`` tokens and gains ``per_ms`` of them."""

    __slots__ = ("at", "burst", "left", "per_ms")

    def __init__(self, burst: float, per_ms: float, now: int) -> None:
        self.burst = burst
        self.per_ms = per_ms
        self.left = burst
        self.at = now

    def take(self, tokens: float, now: int) -> bool:
        """Take ``tokens`` if they are there."""
        self._fill(now)
        if self.left < tokens:
            return False
        self.left -= tokens
        return True

    def owe(self, tokens: float, now: int) -> int:
        """Take ``tokens`` even if they are not there; return the ms to wait."""
        self._fill(now)
        self.left -= tokens
        return max(0, int(-self.left / self.per_ms))

    def _fill(self, now: int) -> None:
        self.left = min(self.burst, self.left + max(0, now - self.at) * self.per_ms)
        self.at = now
