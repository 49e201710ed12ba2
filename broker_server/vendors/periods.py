"""Calendar arithmetic of candles and histories."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from broker_client.errors import InvalidParameters

Interval = Literal["day", "week", "month", "year"]

_DAYS_OF_A_PAGE: dict[Interval, int] = {"day": 140, "week": 7 * 99, "month": 31 * 98, "year": 365 * 60}
"""How far back about one page of candles reaches; a hundred trading days take 140 to 150 calendar days."""


def candle_period(start: date | None, end: date | None, interval: Interval, today: date) -> tuple[date, date]:
    """The first and the last day of a chart, whichever the task leaves out.

    Raises:
        InvalidParameters: It begins after it ends.
    """
    end = end or today
    start = start or default_start(end, interval)
    check_period(start, end)
    return start, end


def default_start(end: date, interval: Interval) -> date:
    """Where candles begin when the task names no start: at most one page before ``end``."""
    return date.fromordinal(max(1, end.toordinal() - _DAYS_OF_A_PAGE[interval]))


def check_period(start: date, end: date) -> None:
    """Refuse a period that begins after it ends, once the dates that were left out are known.

    Raises:
        InvalidParameters: ``start`` is after ``end``, which is today if the task names none.
    """
    if start > end:
        raise InvalidParameters(f"start must not be after end ({end:%Y-%m-%d}, today if no end is given)")


def day_before_period(day: date, interval: Interval) -> date:
    """The last day before the period that ``day`` lies in.

    The next page must end there: a date inside a period would bring a second, partial candle of it,
    whichever day of the period the vendor labels it with.
    """
    first = day
    if interval == "week":
        first = day - timedelta(days=day.weekday())
    elif interval == "month":
        first = day.replace(day=1)
    elif interval == "year":
        first = day.replace(month=1, day=1)
    return first - timedelta(days=1)


def months_before(day: date, months: int) -> date:
    """The same day some months earlier, or that month's last day if it is shorter."""
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    following = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    last_day = (following - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last_day))
