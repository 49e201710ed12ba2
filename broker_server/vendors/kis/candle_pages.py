"""Reading long charts: KIS gives a hundred candles up to a date, so the date moves back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from broker_server.vendors.kis.values import Row
from broker_server.vendors.periods import Interval, day_before_period

CANDLES_A_PAGE = 100
MOST_PAGES = 100


def read_back(
    fetch: Callable[[date], Mapping[date, Row]],
    *,
    start: date,
    end: date,
    interval: Interval,
    report_progress: Callable[[int, int | None], None],
) -> tuple[dict[date, Row], str | None]:
    """Read pages until ``start`` is reached or there is no more.

    Args:
        fetch: One page of candles by date, up to the given date.
        start: The first date wanted.
        end: The last date wanted.
        interval: What one candle covers.
        report_progress: Told of every page.

    Returns:
        The candles within the dates, oldest first, and why they stop early, if they do.
    """
    found: dict[date, Row] = {}
    page_end, pages, truncated = end, 0, None
    while page_end >= start:
        if pages == MOST_PAGES:
            truncated = f"stopped after {pages} pages; ask for a shorter period"
            break
        rows = fetch(page_end)
        pages += 1
        report_progress(pages, None)
        found = {**rows, **found}
        if len(rows) < CANDLES_A_PAGE:
            break
        following = day_before_period(min(rows), interval)
        if following >= page_end:
            truncated = "KIS answered a page with candles after the date that was asked for"
            break
        page_end = following
    return {day: found[day] for day in sorted(found) if start <= day <= end}, truncated
