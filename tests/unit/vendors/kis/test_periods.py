from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from broker_server.vendors.kis.client import CANDLE_PAGES
from broker_server.vendors.long_histories import read_back
from broker_server.vendors.periods import Interval, day_before_period, default_start, months_before

DAYS = st.dates(min_value=date(1980, 1, 1), max_value=date(2100, 12, 31))
INTERVALS = st.sampled_from(get_args(Interval))


def period(day: date, interval: str) -> object:
    iso = day.isocalendar()
    return {
        "day": day,
        "week": (iso.year, iso.week),
        "month": (day.year, day.month),
        "year": day.year,
    }[interval]


@given(DAYS, INTERVALS)
def test_the_day_before_a_period_is_the_last_of_the_one_before(day: date, interval: Interval) -> None:
    before = day_before_period(day, interval)
    assert before < day
    assert period(before, interval) != period(day, interval)
    assert period(before + timedelta(days=1), interval) == period(day, interval)


@given(DAYS, st.integers(0, 60))
def test_months_before_goes_back_that_many_months(day: date, months: int) -> None:
    earlier = months_before(day, months)
    assert (day.year - earlier.year) * 12 + day.month - earlier.month == months
    assert earlier.day == day.day or (earlier + timedelta(days=1)).day == 1


@given(DAYS, INTERVALS)
def test_the_default_start_is_before_the_end(day: date, interval: Interval) -> None:
    assert default_start(day, interval) < day


@given(st.integers(0, 900), st.integers(0, 900), st.booleans())
def test_every_candle_is_read_once_whichever_day_labels_its_period(
    total: int, wanted: int, label_is_last: bool
) -> None:
    """Weekly candles from a server that, like KIS, gives a partial one when asked inside a week."""
    end = date(2026, 11, 20)
    monday = end - timedelta(days=end.weekday())
    weeks = [monday - timedelta(weeks=back) for back in range(total)]

    def fetch(up_to: date) -> Mapping[date, dict[str, str]]:
        seen = [week for week in weeks if week <= up_to][: CANDLE_PAGES.rows]
        return {
            (min(week + timedelta(days=4), up_to) if label_is_last else week): {"week": str(week)}
            for week in seen
        }

    start = monday - timedelta(weeks=wanted)
    found, truncated = read_back(
        fetch,
        start=start,
        end=end,
        interval="week",
        pages=CANDLE_PAGES,
        report_progress=lambda done, total: None,
    )
    expected = sorted(str(week) for week in weeks if week >= start)
    assert [row["week"] for row in found.values()] == expected
    assert truncated is None
