"""Long days: KOSCOM gives at most a hundred rows, newest first, and no key for more.

So the end of the window moves back until its start is reached, as that of days does
(``vendors/long_histories.py``). Rows that two windows have in common are counted once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import time
from typing import Any

from broker_server.vendors.long_histories import Paging

Row = Mapping[str, Any]
WINDOWS = Paging("KOSCOM", rows=100, most=200)


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
        if windows == WINDOWS.most:
            truncated = WINDOWS.too_many()
            break
        rows = fetch(last)
        windows += 1
        report_progress(windows, None)
        fresh = rows.keys() - found.keys()
        found = {**rows, **found}
        if len(rows) < WINDOWS.rows or not fresh:
            break
        following = _minute_after(min(rows))
        if following <= start or following >= last:
            break
        last = following
    return {label: found[label] for label in sorted(found)}, truncated


def _minute_after(label: time) -> time:
    minutes = min(label.hour * 60 + label.minute + 1, 24 * 60 - 1)
    return time(minutes // 60, minutes % 60)
