"""The vendor's clock, as far as the ``Date`` headers of its answers tell it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from broker_server.vendors.clock import Clock
from broker_server.vendors.http import HttpRequest, HttpResponse, Transport

_RESOLUTION = 1.0
"""Seconds: a ``Date`` header has whole ones, cut off."""
_DRIFT = 1e-3
"""Seconds per second by which two clocks may part; generous, so that an old answer soon says nothing."""


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Between what the offset lies, in seconds, and when that was found."""

    lowest: float
    highest: float
    found_at: float


class VendorClock:
    """Our clock, set by the vendor's. Safe to use from many threads.

    One answer tells the offset to within a second plus its round trip, and the middle of that is the best
    guess. Answers that agree narrow it down; one that contradicts those before it counts alone.

    Args:
        clock: Our own.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._bounds: _Bounds | None = None

    def now(self) -> datetime:
        """The vendor's time; our own before its first answer."""
        return self._clock.now() + self.offset()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        self._clock.wait(condition, seconds)

    def offset(self) -> timedelta:
        """The vendor's clock less ours; zero before its first answer."""
        bounds = self._bounds
        return timedelta(seconds=(bounds.lowest + bounds.highest) / 2 if bounds else 0.0)

    def observe(self, header: str | None, round_trip: float) -> None:
        """Take in an answer that has just come.

        Args:
            header: Its ``Date``; one that cannot be read says nothing.
            round_trip: Seconds since its request left.
        """
        date = read_date(header)
        if date is None:
            return
        late = (date - self._clock.now()).total_seconds()
        now = self._clock.monotonic()
        with self._lock:
            lowest, highest = late, late + _RESOLUTION + max(0.0, round_trip)
            known = self._bounds
            if known is not None:
                slack = _DRIFT * max(0.0, now - known.found_at)
                narrowed = max(lowest, known.lowest - slack), min(highest, known.highest + slack)
                if narrowed[0] <= narrowed[1]:
                    lowest, highest = narrowed
            self._bounds = _Bounds(lowest, highest, now)


class WatchedTransport:
    """A transport whose answers set the vendor's clock.

    Args:
        transport: Does the work.
        clock: Is set.
    """

    def __init__(self, transport: Transport, clock: VendorClock) -> None:
        self._transport = transport
        self._clock = clock

    def send(self, request: HttpRequest) -> HttpResponse:
        began = self._clock.monotonic()
        response = self._transport.send(request)
        self._clock.observe(response.headers.get("Date"), self._clock.monotonic() - began)
        return response

    def close(self) -> None:
        self._transport.close()


def read_date(header: str | None) -> datetime | None:
    """The moment of a ``Date`` header, or ``None`` if it cannot be read."""
    try:
        date = parsedate_to_datetime(header or "")
        return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
