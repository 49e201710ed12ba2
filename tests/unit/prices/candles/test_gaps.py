"""What is missing, counted by the trading calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from broker_server.market_sessions import load_market_sessions
from broker_server.prices.candles.calendar import TradingCalendar
from broker_server.prices.candles.gaps import find_gaps, missing_days
from broker_server.prices.candles.store import CandleStore
from broker_server.prices.history import TickerGap
from tests.support.candles import a_candle, candles_of

FRIDAY = date(2026, 11, 20)
EVENING = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)  # 18:00 in Korea
CALENDAR = TradingCalendar(load_market_sessions(), "KRX")


def november(*days: int) -> list[date]:
    return [date(2026, 11, day) for day in days]


def fill(store: CandleStore, ticker: str, days: list[date], name: str | None = None) -> None:
    store.want({ticker: name}, date(2026, 11, 1), default=FRIDAY)
    store.add(ticker, candles_of(days, ticker=ticker), covered=(days[0], days[-1]))


def test_a_store_with_nothing_to_collect_lacks_nothing(store: CandleStore) -> None:
    report = find_gaps(store, EVENING)
    assert (report.tickers, report.complete, report.newest, report.gaps) == (0, 0, None, ())
    assert report.last_trading_day == FRIDAY


def test_the_worst_comes_first(store: CandleStore) -> None:
    fill(store, "000001", november(12, 13, 16, 17, 18, 19, 20))
    fill(store, "000002", november(12, 13, 17, 19, 20), "구멍")
    fill(store, "000003", november(12, 13, 16))
    store.want({"000004": None, "000005": None}, FRIDAY, default=FRIDAY)
    store.refuse("000005", "no stock has this code", EVENING)
    report = find_gaps(store, EVENING)
    assert (report.tickers, report.complete, report.newest) == (4, 1, FRIDAY)
    assert report.without_data == ("000004",)
    assert report.gaps == (
        TickerGap(ticker="000004", name=None, newest=None, age_days=None, missing=()),
        TickerGap(ticker="000003", name=None, newest=date(2026, 11, 16), age_days=4, missing=()),
        TickerGap(ticker="000002", name="구멍", newest=FRIDAY, age_days=0, missing=tuple(november(16, 18))),
    )


def test_weekends_and_holidays_are_no_gaps(store: CandleStore) -> None:
    """Chuseok of 2026: 24 and 25 September, a Thursday and a Friday."""
    fill(store, "005930", [date(2026, 9, day) for day in (23, 28, 29)])
    gap = find_gaps(store, datetime(2026, 9, 29, 9, 0, tzinfo=UTC))
    assert gap.gaps == ()
    assert missing_days(store, "005930", date(2026, 9, 21), date(2026, 9, 30)) == [
        date(2026, 9, 21),
        date(2026, 9, 22),
        date(2026, 9, 30),
    ]


def test_a_candle_of_a_day_without_trading_hides_no_gap(store: CandleStore) -> None:
    fill(store, "005930", november(18, 20, 21))
    report = find_gaps(store, EVENING)
    assert [gap.missing for gap in report.gaps] == [tuple(november(19))]


def test_days_whose_holidays_nobody_knows_are_not_counted(store: CandleStore) -> None:
    fill(store, "005930", [date(2019, 1, 2), date(2020, 12, 30), date(2021, 1, 4), date(2021, 1, 5)])
    report = find_gaps(store, datetime(2021, 1, 5, 9, 0, tzinfo=UTC))
    assert CALENDAR.known_from == date(2021, 1, 1)
    assert report.gaps == ()


def test_a_suspended_day_is_no_gap(store: CandleStore) -> None:
    store.want({"005930": None}, FRIDAY, default=FRIDAY)
    store.add(
        "005930",
        [a_candle(day, volume=volume) for day, volume in zip(november(18, 19, 20), (5, 0, 0), strict=True)],
        covered=(FRIDAY, FRIDAY),
    )
    assert find_gaps(store, EVENING).gaps == ()


@pytest.mark.parametrize(
    ("moment", "last"),
    [
        ("2026-11-20T15:39:59+09:00", date(2026, 11, 19)),
        ("2026-11-20T15:40:00+09:00", FRIDAY),
        ("2026-11-23T09:00:00+09:00", FRIDAY),
        ("2026-11-22T23:59:00-05:00", FRIDAY),
        ("2026-11-20T22:00:00+00:00", FRIDAY),
        ("2026-09-27T12:00:00+09:00", date(2026, 9, 23)),
        ("2027-01-03T12:00:00+09:00", date(2026, 12, 30)),
    ],
)
def test_a_day_is_complete_some_minutes_after_its_close(moment: str, last: date) -> None:
    assert CALENDAR.last_complete_day(datetime.fromisoformat(moment)) == last


def test_a_close_was_made_at_the_end_of_the_closing_auction() -> None:
    assert CALENDAR.closed_at(a_candle(FRIDAY)).isoformat() == "2026-11-20T15:30:00+09:00"
    assert CALENDAR.closed_at(a_candle(date(2025, 3, 4))).isoformat() == "2025-03-04T15:30:00+09:00"


def test_a_candle_of_a_day_that_the_table_has_closed_is_never_said_to_be_older() -> None:
    assert CALENDAR.closed_at(a_candle(date(2026, 11, 21))).isoformat() == "2026-11-21T23:59:59+00:00"


def test_an_unknown_venue_has_no_calendar() -> None:
    with pytest.raises(ValueError, match="no venue 'MOON'"):
        TradingCalendar(load_market_sessions(), "MOON")
