"""KOSCOM's quota of calls per day: kept as its answers count it, so that bulk reads stop before quotes do.

Each answer says what is allowed a day and what is left of it. The day of that count begins at 00:00 GMT,
which is 09:00 in Korea: the opening bell.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from broker_client.errors import RateLimited
from broker_server.core.methods import Lane
from broker_server.vendors.clock import Clock
from broker_server.vendors.koscom.errors import VENDOR
from broker_server.vendors.values import KST

LIMIT_HEADER = "X-RateLimit-Limit-Day"
REMAINING_HEADER = "X-RateLimit-Remaining-Day"

BULK_SHARE = 20
"""Bulk reads leave one in so many calls of a day to quotes."""
_LOOK_AGAIN_AFTER = 60.0
"""Seconds: a count that says nothing is left is looked at again, for another program may have got more."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """One call on its way; ``day`` is the quota's day that it began in."""

    day: date


class DailyQuota:
    """What is left of the day's calls. Safe to use from many threads.

    Args:
        clock: KOSCOM's, as far as it is known: its day is what counts.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._day: date | None = None
        self._limit: int | None = None
        self._remaining: int | None = None
        self._on_the_way = 0
        self._heard_at = float("-inf")

    def start(self, lane: Lane) -> Ticket:
        """Count a call that is about to leave; `end` must follow.

        Args:
            lane: Of the task; bulk reads are refused while there is something left for quotes.

        Raises:
            RateLimited: What is left is not for this call.
        """
        with self._lock:
            self._turn_over()
            left = self._left()
            if left is not None and left <= self._kept_from(lane):
                now = self._clock.monotonic()
                if left > 0 or self._on_the_way or now - self._heard_at < _LOOK_AGAIN_AFTER:
                    raise self._used_up(left)
            self._on_the_way += 1
            return Ticket(self._today())

    def end(self, ticket: Ticket, headers: Mapping[str, str] | None) -> None:
        """Take in what an answer says of the quota.

        Args:
            ticket: Of the call.
            headers: Of its answer; ``None`` where none came.
        """
        with self._lock:
            self._on_the_way -= 1
            self._turn_over()
            if headers is None or ticket.day != self._day:
                return
            limit, remaining = _number(headers.get(LIMIT_HEADER)), _number(headers.get(REMAINING_HEADER))
            if limit is not None:
                self._limit = limit
            if remaining is not None:
                self._remaining = remaining
                self._heard_at = self._clock.monotonic()

    def is_used_up(self) -> bool:
        """Whether KOSCOM's own count says that nothing is left."""
        with self._lock:
            self._turn_over()
            return self._remaining == 0

    def error(self) -> RateLimited:
        """The error of a call that KOSCOM refused for its quota."""
        with self._lock:
            return self._used_up(0)

    def status(self) -> dict[str, Any]:
        """What is allowed and left, and when the count begins anew; null before the first answer of a day."""
        with self._lock:
            self._turn_over()
            left = self._left()
            return {
                "limit_per_day": self._limit,
                "remaining": None if left is None else max(0, left),
                "kept_from_bulk_reads": self._kept_from(Lane.BULK),
                "resets_at": self._reset().isoformat(),
            }

    def _left(self) -> int | None:
        return None if self._remaining is None else self._remaining - self._on_the_way

    def _kept_from(self, lane: Lane) -> int:
        return (self._limit or 0) // BULK_SHARE if lane >= Lane.BULK else 0

    def _today(self) -> date:
        return self._clock.now().astimezone(UTC).date()

    def _reset(self) -> datetime:
        tomorrow = self._today() + timedelta(days=1)
        return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=UTC).astimezone(KST)

    def _turn_over(self) -> None:
        if self._day != (today := self._today()):
            self._day, self._remaining = today, None

    def _used_up(self, left: int) -> RateLimited:
        of = f" of {self._limit:,}" if self._limit else ""
        kept = f"the last {left:,}{of} calls are kept for quotes" if left > 0 else f"all{of} calls are used"
        return RateLimited(
            f"KOSCOM's quota of the day: {kept}; it begins anew at {self._reset():%Y-%m-%d %H:%M} in Korea",
            vendor=VENDOR,
        )


def _number(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else None
