"""Which days have candles, by the table of market sessions."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import date, datetime, timedelta

from broker_server.core.sessions import SessionTable
from broker_server.prices.history import DailyCandle

SETTLING = timedelta(minutes=10)
"""How long after its close a day's candle is taken to be whole. An assumption: no vendor says when."""

_LONGEST_CLOSURE = timedelta(days=40)


class TradingCalendar:
    """Trading days of one venue; safe to share between threads.

    Args:
        sessions: The table.
        venue: One that the table knows.

    Raises:
        ValueError: It does not know it.
    """

    def __init__(self, sessions: SessionTable, venue: str) -> None:
        known_from = sessions.holidays_known_from(venue)
        if known_from is None:
            raise ValueError(f"the table of market sessions has no venue {venue!r}")
        self.venue = venue
        self.known_from = known_from
        """Holidays before this day are not known, so that a day without a candle may have been one."""
        self._sessions = sessions

    def last_complete_day(self, now: datetime) -> date:
        """The newest trading day whose candle is whole.

        Args:
            now: With an offset.
        """
        day = now.date() + timedelta(days=1)  # the market's date may be ahead of that of `now`
        for _ in range(_LONGEST_CLOSURE.days):
            closed = self._sessions.regular_close(self.venue, day)
            if closed is not None and closed + SETTLING <= now:
                return day
            day -= timedelta(days=1)
        raise ValueError(f"the table of market sessions has no trading day of {self.venue} before {now}")

    def days(self, first: date, last: date) -> TradingDays:
        """The trading days of a period, both ends included."""
        return TradingDays(self._sessions.trading_days(self.venue, first, last))

    def closed_at(self, candle: DailyCandle) -> datetime:
        """When the closing price of a candle was made.

        Returns:
            With an offset. On a day on which the table has the market closed, although it has a candle: the
            end of that day in UTC, so that the price is never said to be older than it is.
        """
        closed = self._sessions.regular_close(self.venue, candle.day)
        return closed or datetime.fromisoformat(f"{candle.day.isoformat()}T23:59:59+00:00")


class TradingDays:
    """The trading days of a period, in order.

    Args:
        days: In order.
    """

    def __init__(self, days: list[date]) -> None:
        self._days = days
        self._known = frozenset(days)

    def __contains__(self, day: date) -> bool:
        return day in self._known

    def between(self, first: date, last: date) -> list[date]:
        """Those from ``first`` up to ``last``, both included."""
        return self._days[bisect_left(self._days, first) : bisect_right(self._days, last)]

    def count(self, first: date, last: date) -> int:
        """How many `between` gives."""
        return max(0, bisect_right(self._days, last) - bisect_left(self._days, first))
