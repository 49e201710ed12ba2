"""Several strict sliding windows at once: pure, the time is an argument.

A vendor may allow five calls in eighteen seconds and twenty-five in ninety: a call starts when every window
allows it, and counts in all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from broker_server.core.limiter import SlidingWindowLimiter
from broker_server.core.methods import Lane


class CompositeLimiter:
    """Says when the next call of a lane may start.

    Args:
        limiters: One per window, at least one; this object is their only user.
    """

    def __init__(self, limiters: Sequence[SlidingWindowLimiter]) -> None:
        if not limiters:
            raise ValueError("a composite limit needs at least one window")
        self._limiters = tuple(limiters)

    def earliest(self, lane: Lane, now: float) -> float:
        """The earliest time, not before ``now``, at which a call of that lane may start.

        What one window allows at a time it allows ever after, so the latest of their answers is right.

        Args:
            lane: The lane of the call.
            now: Seconds on any clock that does not go back.
        """
        return max(limiter.earliest(lane, now) for limiter in self._limiters)

    def start(self, lane: Lane, now: float) -> None:
        """Count a call that starts now.

        Raises:
            ValueError: The call may not start yet, or time went back; then no window has counted it.
        """
        if self.earliest(lane, now) > now:
            raise ValueError("the rate limit does not allow this start")
        for limiter in self._limiters:
            limiter.start(lane, now)

    def hold(self, until: float) -> None:
        """Start nothing before ``until``: the vendor said that its own count is full."""
        self._limiters[0].hold(until)

    def remaining(self, now: float) -> int:
        """How many more calls of the highest lanes could start right now."""
        return min(limiter.remaining(now) for limiter in self._limiters)
