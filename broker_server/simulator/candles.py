"""Days put together into weeks, months and years."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from itertools import groupby
from typing import Literal

from broker_server.simulator.instruments import Instrument
from broker_server.simulator.price_path import DayBar

Period = Literal["day", "week", "month", "year"]

_PERIOD_OF: dict[Period, Callable[[DayBar], object]] = {
    "day": lambda bar: bar.day,
    "week": lambda bar: bar.day.isocalendar()[:2],
    "month": lambda bar: (bar.day.year, bar.day.month),
    "year": lambda bar: bar.day.year,
}


def combine(bars: Iterable[DayBar], period: Period, *, by_first_day: bool = False) -> list[DayBar]:
    """One bar per period, oldest first, dated by its last trading day.

    Args:
        bars: Daily bars, oldest first.
        period: How long a bar is.
        by_first_day: Date them by their first trading day instead.
    """
    combined = []
    for _, group in groupby(bars, key=_PERIOD_OF[period]):
        days = list(group)
        first, last = days[0], days[-1]
        combined.append(
            DayBar(
                first.day if by_first_day else last.day,
                first.base,
                first.open,
                max(bar.high for bar in days),
                min(bar.low for bar in days),
                last.close,
                sum(bar.volume for bar in days),
            )
        )
    return combined


def unadjusted(instrument: Instrument, bar: DayBar) -> DayBar:
    """A bar in the prices of its own day, before later splits."""
    ratio = instrument.adjustment(bar.day)
    if ratio == 1:
        return bar
    return DayBar(
        bar.day,
        bar.base * ratio,
        bar.open * ratio,
        bar.high * ratio,
        bar.low * ratio,
        bar.close * ratio,
        max(1, bar.volume // ratio),
    )


def parse_date(text: str) -> date | None:
    """``YYYYMMDD``, or None when it is not one."""
    if len(text) != 8 or not text.isdigit():
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def traded_value(bar: DayBar) -> int:
    """What the shares of a bar cost together, about, in minor units."""
    return bar.volume * (bar.open + bar.high + bar.low + bar.close) // 4
