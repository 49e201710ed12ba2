"""A clock that only moves when somebody waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
"""10:00 in Korea, a Friday."""


class FakeClock:
    """Waiting moves the time at once, and then tells whoever wants to know."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._elapsed = 0.0
        self._lock = threading.Lock()
        self.on_wait: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        # Other threads get the condition for a moment, as they would while this one waits.
        condition.wait(0.001)
        self.advance(seconds)
        self.on_wait()

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._elapsed += seconds
