"""The daily quota of each key, which begins anew at 00:00 GMT: at nine in Korea."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date

from broker_server.simulator.clock import SimulatedClock

PREFIX = "koscom_"
"""Before the names of these limits where those of other vendors stand beside them."""


@dataclass(frozen=True, slots=True)
class KoscomLimits:
    """The limits in force.

    Attributes:
        per_day: Calls of a key in a day.
    """

    per_day: int = 50_000

    def changed(self, changes: dict[str, float]) -> KoscomLimits:
        """Limits with some of them changed.

        Raises:
            ValueError: An unknown name or a senseless value.
        """
        limits = self
        for name, value in changes.items():
            if name != "per_day":
                raise ValueError(f"unknown limit {PREFIX}{name}; allowed: {PREFIX}per_day")
            whole = not isinstance(value, bool) and isinstance(value, int | float) and value == int(value)
            if not whole or value < 0:
                raise ValueError(f"limits.{PREFIX}per_day must be a whole number >= 0")
            limits = KoscomLimits(int(value))
        return limits

    def to_json(self) -> dict[str, int]:
        """As ``GET /faults`` shows them."""
        return {f"{PREFIX}per_day": self.per_day}


class Quota:
    """Counts the calls of each key.

    Args:
        clock: Days are those of simulated time.
    """

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._day: date | None = None
        self._used: dict[str, int] = {}

    def take(self, api_key: str, limit: int) -> int | None:
        """Count a call; how many are left, or None where it is too much."""
        day = self._clock.now().astimezone(UTC).date()
        if day != self._day:
            self._day = day
            self._used.clear()
        used = self._used.get(api_key, 0)
        if used >= limit:
            return None
        self._used[api_key] = used + 1
        return limit - used - 1
