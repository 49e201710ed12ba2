"""A strict sliding-window rate limit with lanes: pure, the time is an argument.

A vendor counts the calls of the last second, so a token bucket (which lets a burst straddle two of its
refills) would be refused. Here no window of the given length ever holds more than ``limit`` starts.
"""

from __future__ import annotations

from collections import deque

from broker_server.core.methods import Lane

_SLOTS_FOR_ORDERS = 2


class SlidingWindowLimiter:
    """Says when the next call of a lane may start.

    Orders and cancels may use every slot at once. The other lanes leave `reserved` slots free for them and
    are spaced by ``window / limit``, so that an order never finds the window filled by a burst of reads.

    Args:
        limit: Starts allowed in a window, at least 1.
        window: Its length in seconds.
        margin: Seconds by which a start stays counted beyond the window: the vendor counts arrivals, and two
            calls may take different times to arrive.
        spaced: Whether the other lanes are spaced; a vendor that allows bursts in a long window needs none.
    """

    def __init__(self, limit: int, *, window: float = 1.0, margin: float = 0.05, spaced: bool = True) -> None:
        if limit < 1:
            raise ValueError(f"a rate limit must be at least 1, not {limit}")
        if window <= 0 or margin < 0:
            raise ValueError("the window must be positive and the margin not negative")
        self.limit = limit
        self.reserved = min(_SLOTS_FOR_ORDERS, limit // 3)
        self.spacing = window / limit if spaced else 0.0
        self._span = window + margin
        self._starts: deque[float] = deque()
        self._last_spaced = float("-inf")
        self._held_until = float("-inf")

    def earliest(self, lane: Lane, now: float) -> float:
        """The earliest time, not before ``now``, at which a call of that lane may start.

        Args:
            lane: The lane of the call.
            now: Seconds on any clock that does not go back.
        """
        self._forget(now)
        allowed = self.limit
        moment = max(now, self._held_until)
        if lane > Lane.ORDER:
            allowed -= self.reserved
            moment = max(moment, self._last_spaced + self.spacing)
        surplus = len(self._starts) - allowed
        if surplus >= 0:
            moment = max(moment, self._starts[surplus] + self._span)
        return moment

    def start(self, lane: Lane, now: float) -> None:
        """Count a call that starts now.

        Raises:
            ValueError: The call may not start yet, or time went back.
        """
        if self.earliest(lane, now) > now or (self._starts and now < self._starts[-1]):
            raise ValueError("the rate limit does not allow this start")
        self._starts.append(now)
        if lane > Lane.ORDER:
            self._last_spaced = now

    def hold(self, until: float) -> None:
        """Start nothing before ``until``: the vendor said that its own count is full."""
        self._held_until = max(self._held_until, until)

    def remaining(self, now: float) -> int:
        """How many more calls of the highest lanes could start right now."""
        self._forget(now)
        return 0 if now < self._held_until else self.limit - len(self._starts)

    def _forget(self, now: float) -> None:
        # The comparison must be the one that `earliest` promises: the start plus the span, not now minus it.
        while self._starts and self._starts[0] + self._span <= now:
            self._starts.popleft()
