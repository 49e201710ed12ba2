"""How much each reader may ask for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

MOST_READERS = 10_000


class TokenBucket:
    """A steady rate, with a reserve for bursts.

    Args:
        rate: Per second in the long run.
        burst: At once.
        now: Seconds, from any beginning.
    """

    __slots__ = ("_burst", "_left", "_rate", "_then")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._then = now

    def spend(self, now: float, amount: float = 1) -> float:
        """Take some out, if there is enough.

        Returns:
            0 if it was taken; else the seconds until there is enough.
        """
        self._left = min(self._burst, self._left + (now - self._then) * self._rate)
        self._then = now
        if self._left < amount:
            return (amount - self._left) / self._rate
        self._left -= amount
        return 0


class RateLimits:
    """One bucket for each reader.

    Args:
        rate: Requests per second of each; four times as many at once.
        monotonic: Seconds.
    """

    def __init__(self, rate: float, monotonic: Callable[[], float]) -> None:
        self._rate = rate
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def spend(self, reader: str) -> float:
        """One request; see `TokenBucket.spend`."""
        now = self._monotonic()
        bucket = self._buckets.get(reader)
        if bucket is None:
            bucket = self._buckets[reader] = TokenBucket(self._rate, max(1.0, 4 * self._rate), now)
            if len(self._buckets) > MOST_READERS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(reader)
        return bucket.spend(now)
