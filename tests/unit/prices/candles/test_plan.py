"""What is asked for next, and what an answer settles."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from broker_server.prices.candles.plan import PORTION, Period, covered_by, differ, next_period
from broker_server.prices.candles.store import Target
from tests.support.candles import a_candle, candles_of

LAST = date(2026, 11, 25)
NEW = Target(
    ticker="005930", name=None, since=date(2026, 1, 2), covered_from=None, covered_until=None, refusal=None
)


def covered(first: date, last: date, *, since: date = NEW.since) -> Target:
    return replace(NEW, covered_from=first, covered_until=last, since=since)


def test_a_new_ticker_is_read_from_its_first_day() -> None:
    assert next_period(NEW, LAST) == Period(NEW.since, LAST)


def test_a_long_history_comes_in_portions_the_newest_first() -> None:
    since = date(2020, 1, 1)
    assert next_period(replace(NEW, since=since), LAST) == Period(LAST - PORTION, LAST)
    middle = covered(LAST - PORTION, LAST, since=since)
    assert next_period(middle, LAST) == Period(LAST - 2 * PORTION, LAST - PORTION, backwards=True)
    nearly = covered(date(2020, 3, 1), LAST, since=since)
    assert next_period(nearly, LAST) == Period(since, date(2020, 3, 1), backwards=True)


def test_a_whole_history_asks_for_nothing() -> None:
    assert next_period(covered(NEW.since, LAST), LAST) is None


def test_new_days_come_with_some_that_are_stored_and_those_that_are_missing() -> None:
    target = covered(NEW.since, date(2026, 11, 20))
    days = [date(2026, 11, day) for day in (12, 13, 16, 17, 18, 19, 20)]
    assert next_period(target, LAST) == Period(date(2026, 11, 20), LAST)
    assert next_period(target, LAST, overlap=days) == Period(date(2026, 11, 16), LAST)
    again = date(2026, 11, 5)
    assert next_period(target, LAST, overlap=days, again_from=again) == Period(again, LAST)


def test_a_newest_day_that_did_not_come_is_not_settled() -> None:
    period = Period(date(2026, 11, 16), LAST)
    came = candles_of([date(2026, 11, 20), date(2026, 11, 24)])
    assert covered_by(period, came, NEW) == (period.first, date(2026, 11, 24))
    assert covered_by(period, [], NEW) is None


def test_nothing_older_than_the_first_trading_day_is_asked_for() -> None:
    target = covered(date(2024, 1, 2), LAST, since=date(2000, 1, 1))
    period = Period(date(2022, 1, 2), date(2024, 1, 2), backwards=True)
    older, listed = candles_of([date(2023, 5, 2)]), candles_of([date(2024, 1, 2)])
    assert covered_by(period, older, target) == (period.first, period.last)
    assert covered_by(period, listed, target) == (target.since, period.last)
    assert covered_by(period, [], target) == (target.since, period.last)


def test_a_close_that_changed_shows() -> None:
    stored = {date(2026, 11, 19): 1000, date(2026, 11, 20): 1001}
    assert not differ(stored, [a_candle(date(2026, 11, 20), 1001), a_candle(LAST, 5)])
    assert differ(stored, [a_candle(date(2026, 11, 20), 500)])
    assert not differ({}, [a_candle(LAST, 5)])


@given(
    since=st.dates(date(1990, 1, 1), LAST),
    listed=st.dates(date(1990, 1, 1), LAST),
    last_candle=st.dates(date(2026, 10, 1), LAST),
)
def test_a_history_gets_whole_whatever_the_vendor_has(since: date, listed: date, last_candle: date) -> None:
    """A vendor that has a candle of each day from the listing on, up to some day."""
    target = replace(NEW, since=since)
    last_day, have = LAST, set[date]()
    for _ in range(40):
        period = next_period(target, last_day)
        if period is None:
            break
        first, last = max(period.first, listed), min(period.last, last_candle)
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        reach = covered_by(period, candles_of(days), target)
        if reach is None:
            return  # the vendor has nothing at all of the newest portion
        have |= set(days)
        last_day = last_day if period.backwards else min(last_day, reach[1])
        target = replace(
            target,
            covered_from=min(reach[0], target.covered_from or reach[0]),
            covered_until=max(reach[1], target.covered_until or reach[1]),
        )
    assert next_period(target, last_day) is None
    wanted = (last_candle - max(since, listed)).days + 1
    assert {max(since, listed) + timedelta(days=n) for n in range(wanted)} <= have
