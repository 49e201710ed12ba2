"""A limit on calls within any second."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable


class SlidingWindow:
    """Counts the accepted calls of the last second, per key.

    Args:
        monotonic: Real seconds; the limit does not follow the simulated clock.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._calls: dict[Hashable, deque[float]] = {}

    def accept(self, key: Hashable, limit: int) -> bool:
        """Count a call unless the last second is full."""
        now = self._monotonic()
        calls = self._calls.get(key)
        if calls is None:
            calls = self._calls[key] = deque()
        while calls and calls[0] <= now - 1.0:
            calls.popleft()
        if len(calls) >= limit:
            return False
        calls.append(now)
        return True
