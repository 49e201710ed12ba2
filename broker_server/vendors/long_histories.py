"""Long histories: where a vendor gives a hundred rows up to a date, that date moves back until the start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from broker_server.vendors.periods import Interval, day_before_period

RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True)
class Paging:
    """How a vendor gives long histories.

    Attributes:
        vendor: Its name in messages.
        rows: On a full page; a page with less is the last.
        most: So many pages are read at the most.
    """

    vendor: str
    rows: int
    most: int

    def too_many(self) -> str:
        """Why a history stops after the last page that is read."""
        return f"stopped after {self.most} pages; ask for a shorter period"


def read_back(
    fetch: Callable[[date], Mapping[date, RowT]],
    *,
    start: date,
    end: date,
    interval: Interval,
    pages: Paging,
    report_progress: Callable[[int, int | None], None],
) -> tuple[dict[date, RowT], str | None]:
    """Read pages until ``start`` is reached or there is no more.

    Args:
        fetch: One page of rows by date: the newest up to the given date.
        start: The first date wanted.
        end: The last date wanted.
        interval: What one row covers.
        pages: How many rows a page has, and how many pages are read.
        report_progress: Told of every page.

    Returns:
        The rows within the dates, oldest first, each once, and why they stop early, if they do.
    """
    found: dict[date, RowT] = {}
    last, done, truncated = end, 0, None
    while last >= start:
        if done == pages.most:
            truncated = pages.too_many()
            break
        rows = fetch(last)
        done += 1
        report_progress(done, None)
        found = {**rows, **found}
        if len(rows) < pages.rows:
            break
        following = day_before_period(min(rows), interval)
        if following >= last:
            truncated = f"{pages.vendor} answered with rows after the date that was asked for"
            break
        last = following
    return {day: found[day] for day in sorted(found) if start <= day <= end}, truncated
