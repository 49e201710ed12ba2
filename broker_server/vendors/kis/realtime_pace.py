"""How many requests a minute one connection after another may make: pure."""

from __future__ import annotations

from broker_server.vendors.live_timing import Timing


class Pace:
    """A supply of requests that fills up again slowly. It belongs to an app key and outlives connections.

    KIS blocks keys that register and unregister in a loop, and a loop may well be that of a client.

    Args:
        timing: How many there are, and how fast they come back.
    """

    def __init__(self, timing: Timing) -> None:
        self._burst = float(timing.burst)
        self._refill = timing.refill
        self._left = self._burst
        self._at = 0.0

    def wait(self, now: float) -> float:
        """Seconds until there may be a request; zero if there may be one now."""
        return max(0.0, (1.0 - self._left_at(now)) * self._refill)

    def take(self, now: float) -> None:
        """A request is made."""
        self._left, self._at = self._left_at(now) - 1.0, now

    def _left_at(self, now: float) -> float:
        return min(self._burst, self._left + max(0.0, now - self._at) / self._refill)
