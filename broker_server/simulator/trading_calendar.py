"""Business days of the simulated exchanges."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

FIRST_DAY = date(2020, 1, 2)
"""Price history starts here."""


@cache
def _holidays(country: str) -> frozenset[date]:
    text = files("broker_server.simulator").joinpath("data/holidays.json").read_text("utf-8")
    return frozenset(date.fromisoformat(day) for day in json.loads(text).get(country, []))


class TradingCalendar:
    """The business days of one country, from `FIRST_DAY` on; the list grows as it is asked for more.

    Args:
        country: ISO 3166 code: ``KR``, ``US``, ``HK``, ``JP``, ``CN``, ``VN``.
    """

    def __init__(self, country: str) -> None:
        self._holidays = _holidays(country)
        self._days: list[date] = [FIRST_DAY]

    def is_business_day(self, day: date) -> bool:
        """Whether the exchange opens by the calendar (weekends and holidays excluded)."""
        return day.weekday() < 5 and day not in self._holidays

    def days_until(self, last: date) -> list[date]:
        """Every business day from `FIRST_DAY` to ``last`` inclusive, oldest first."""
        self._extend(last)
        return self._days[: bisect_right(self._days, last)]

    def previous(self, day: date) -> date:
        """The last business day before ``day``."""
        self._extend(day)
        return self._days[max(0, bisect_left(self._days, day) - 1)]

    def add(self, day: date, count: int) -> date:
        """The ``count``-th business day after ``day``."""
        while count:
            day += timedelta(days=1)
            if self.is_business_day(day):
                count -= 1
        return day

    def _extend(self, last: date) -> None:
        day = self._days[-1]
        while day < last:
            day += timedelta(days=1)
            if self.is_business_day(day):
                self._days.append(day)
