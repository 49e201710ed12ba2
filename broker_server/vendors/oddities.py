"""What should not happen on a live connection, counted, and logged now and then."""

from __future__ import annotations

from collections import Counter
from typing import Any

import structlog

from broker_server.vendors.clock import Clock

log = structlog.get_logger(__name__)

LOG_AGAIN_AFTER = 600.0
"""Seconds in which the same oddity is logged once."""


class OddityLog:
    """Counts what should not happen, and logs each kind of it once in a while.

    Args:
        vendor: Begins the name of the log's event.
        clock: The time.
    """

    def __init__(self, vendor: str, clock: Clock) -> None:
        self._event = f"{vendor}_live_oddity"
        self._clock = clock
        self._logged_at: dict[tuple[str, str], float] = {}
        self.counts: Counter[str] = Counter()

    def note(self, kind: str, about: str, **details: Any) -> None:
        """Count one.

        Args:
            kind: What it is counted by.
            about: What else tells it from others for the log: from a closed set, it is kept.
            details: For the log, nothing personal.
        """
        self.counts[kind] += 1
        now = self._clock.monotonic()
        last = self._logged_at.get((kind, about))
        if last is None or now - last >= LOG_AGAIN_AFTER:
            self._logged_at[kind, about] = now
            log.warning(self._event, kind=kind, about=about, count=self.counts[kind], **details)
