"""The clock that adapters are given, so that every wait of theirs can be tested without waiting."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time for dates and expiries, monotonic time for intervals, and a way to wait."""

    def now(self) -> datetime:
        """The wall time, with an offset."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """Wait on a held condition until it is notified or ``seconds`` have passed."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        condition.wait(seconds)
