"""Long histories: KOSCOM gives at most a hundred rows, newest first, and no key for more.

So the end of the window moves back until its start is reached. Rows that two windows have in common are
counted once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, time
from typing import Any

from broker_server.vendors.periods import Interval, day_before_period

Row = Mapping[str, Any]
ROWS_A_WINDOW = 100
MOST_WINDOWS = 200


def read_days(
    fetch: Callable[[date], Mapping[date, Row]],
    *,
    start: date,
    end: date,
    interval: Interval,
    report_progress: Callable[[int, int | None], None],
) -> tuple[dict[date, Row], str | None]:
    """Read windows of days.

    Args:
        fetch: The rows by date from the start up to the given date, the newest hundred of them.
        start: The first date wanted.
        end: The last date wanted.
        interval: What one row covers.
        report_progress: Told of every window.

    Returns:
        The rows within the dates, oldest first, and why they stop early, if they do.
    """
    found: dict[date, Row] = {}
    last, windows, truncated = end, 0, None
    while last >= start:
        if windows == MOST_WINDOWS:
            truncated = _too_many(windows)
            break
        rows = fetch(last)
        windows += 1
        report_progress(windows, None)
        found = {**rows, **found}
        if len(rows) < ROWS_A_WINDOW:
            break
        following = day_before_period(min(rows), interval)
        if following >= last:
            truncated = "KOSCOM answered with rows after the date that was asked for"
            break
        last = following
    return {day: found[day] for day in sorted(found) if start <= day <= end}, truncated


def read_times(
    fetch: Callable[[time], Mapping[time, Row]],
    *,
    start: time,
    end: time,
    report_progress: Callable[[int, int | None], None],
) -> tuple[dict[time, Row], str | None]:
    """Read windows of one day's times.

    A window ends at a whole minute. Whether that minute is in it is not documented, so two windows have a
    minute in common.

    Args:
        fetch: The rows by their label from the start up to the given minute, the newest hundred of them.
        start: The first minute wanted.
        end: The last minute wanted.
        report_progress: Told of every window.

    Returns:
        All rows, oldest first, and why they stop early, if they do.
    """
    found: dict[time, Row] = {}
    last, windows, truncated = end, 0, None
    while True:
        if windows == MOST_WINDOWS:
            truncated = _too_many(windows)
            break
        rows = fetch(last)
        windows += 1
        report_progress(windows, None)
        fresh = rows.keys() - found.keys()
        found = {**rows, **found}
        if len(rows) < ROWS_A_WINDOW or not fresh:
            break
        following = _minute_after(min(rows))
        if following <= start or following >= last:
            break
        last = following
    return {label: found[label] for label in sorted(found)}, truncated


def _minute_after(label: time) -> time:
    minutes = min(label.hour * 60 + label.minute + 1, 24 * 60 - 1)
    return time(minutes // 60, minutes % 60)


def _too_many(windows: int) -> str:
    return f"stopped after {windows} windows; ask for a shorter period"
