"""Candles: windows of a hundred rows put together, labels understood."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

from broker_client.errors import InvalidParameters, VendorUnavailable
from broker_server.vendors.http import HttpRequest, HttpResponse
from broker_server.vendors.values import KST
from tests.support.kis_server import reply
from tests.support.koscom_rest import Bench, history, make_bench

HISTORY = "/closed/kospi/005930/history"
BARS = "/realtime/kospi/stocks/005930/intraday"
LIMIT = 100


def day_row(day: date, close: int = 100, **more: Any) -> dict[str, Any]:
    prices = {"trdPrc": close, "opnprc": close - 1, "hgprc": close + 2, "lwprc": close - 2}
    sums = {"accTrdvol": 10, "accTrdval": 1000, "cmpprevddTpCd": "5", "cmpprevddPrc": -3}
    return {"trdDd": int(f"{day:%Y%m%d}"), **prices, **sums, **more}


def weekdays(start: date, end: date) -> Iterator[date]:
    while end >= start:
        if end.weekday() < 5:
            yield end
        end -= timedelta(days=1)


def answers_days(request: HttpRequest) -> HttpResponse:
    """Every weekday of the period, the newest hundred of them first."""
    start, end = (date.fromisoformat(request.query[name]) for name in ("inqStrtDd", "inqEndDd"))
    return history([day_row(day) for day in weekdays(start, end)][:LIMIT])


def bar(label: str, close: int = 100, **more: Any) -> dict[str, Any]:
    prices = {"inddOpnprc": close, "inddHgprc": close, "inddLwprc": close, "inddClsprc": close}
    sums = {"inddTrdvol": 5, "inddTrdval": 500, "inddAccTrdvol": 50, "inddAccTrdval": 5000}
    return {"inddTm": label, **prices, **sums, **more}


def answers_bars(request: HttpRequest) -> HttpResponse:
    """A bar of ten seconds from 9:00 to 10:00, the newest hundred of those asked for."""
    first, last = (request.query[name] + "00" for name in ("strtTm", "endTm"))
    labels = [datetime(2026, 11, 20, 9, tzinfo=KST) + timedelta(seconds=10 * each) for each in range(1, 361)]
    inside = [each for each in labels if first <= f"{each:%H%M%S}" <= last]
    return history([bar(f"{each:%H%M%S}00".lstrip("0")) for each in reversed(inside)][:LIMIT])


def on_kospi(path: str, *steps: Any) -> Bench:
    bench = make_bench()
    bench.koscom.on(path, *steps)
    return bench


def test_days_of_one_window() -> None:
    bench = on_kospi(HISTORY, history([day_row(date(2026, 11, 19)), day_row(date(2026, 11, 18), 103)]))
    candles = bench.call("get-daily-candles", ticker="005930", start="2026-11-18", end="2026-11-19")
    assert [(each.date.day, each.close, each.open) for each in candles] == [(18, 103, 102), (19, 100, 99)]
    assert (candles[0].change, candles[0].value, candles[0].adjusted) == (-3, 1000, True)
    (request,) = bench.koscom.requests
    asked = {"inqStrtDd": "20261118", "inqEndDd": "20261119", "trnsmCycleTpCd": "D", "reqCnt": "100"}
    assert request.query == asked


def test_many_windows_without_doubles_or_gaps() -> None:
    bench = on_kospi(HISTORY, answers_days)
    start, end = date(2025, 1, 1), date(2026, 11, 19)
    outcome = bench.outcome("get-daily-candles", ticker="005930", start=str(start), end=str(end))
    assert [each.date for each in outcome.rows] == sorted(weekdays(start, end))
    assert outcome.truncated is None
    assert len(bench.paths) == -(-len(outcome.rows) // LIMIT)


def test_a_window_that_ends_on_the_limit_is_followed_by_an_empty_one() -> None:
    days = list(weekdays(date(2026, 1, 1), date(2026, 11, 19)))[:LIMIT]
    bench = on_kospi(HISTORY, history([day_row(day) for day in days]), history([]))
    candles = bench.call("get-daily-candles", ticker="005930", start="2020-01-01", end="2026-11-19")
    assert len(candles) == LIMIT
    assert len(bench.paths) == 2


@pytest.mark.parametrize(("interval", "code"), [("week", "W"), ("month", "M")])
def test_longer_intervals(interval: str, code: str) -> None:
    bench = on_kospi(HISTORY, history([{**day_row(date(2026, 11, 13)), "BzDd": "20261113"}]))
    (candle,) = bench.call("get-daily-candles", ticker="005930", interval=interval, end="2026-11-19")
    assert (candle.date, candle.interval) == (date(2026, 11, 13), interval)
    assert bench.koscom.requests[0].query["trnsmCycleTpCd"] == code


def test_a_day_without_a_trade_and_a_row_without_a_price() -> None:
    halted = day_row(date(2026, 11, 18), opnprc=0, hgprc=0, lwprc=0, accTrdvol=0)
    nothing = day_row(date(2026, 11, 17), trdPrc=0, opnprc=0, hgprc=0, lwprc=0)
    bench = on_kospi(HISTORY, history([halted, nothing]))
    (candle,) = bench.call("get-daily-candles", ticker="005930", start="2026-11-17", end="2026-11-19")
    assert (candle.open, candle.high, candle.low, candle.close, candle.volume) == (100, 100, 100, 100, 0)


@pytest.mark.parametrize(
    "nothing",
    [
        history([]),
        reply({"jsonrpc": "2.0", "error": {"code": 20020, "message": "해당 년,월,일에 자료가 없습니다"}}),
        reply({"jsonrpc": "2.0", "error": {"code": "20140", "message": "조회가 종료되었습니다"}}),
        reply({"jsonrpc": "2.0", "result": {"code": 20130, "message": "조회가 완료되었습니다"}}),
    ],
)
def test_a_period_without_data_is_no_failure(nothing: HttpResponse) -> None:
    bench = on_kospi(HISTORY, nothing)
    for market in ("kosdaq", "konex"):
        bench.koscom.on(HISTORY.replace("kospi", market), nothing)
    assert bench.call("get-daily-candles", ticker="005930", start="2026-11-14", end="2026-11-15") == []
    assert bench.call("get-daily-candles", ticker="005930", market="kospi", end="2026-11-15") == []


def test_rows_of_another_issue_are_refused() -> None:
    bench = on_kospi(HISTORY, history([day_row(date(2026, 11, 18))], code="000660"))
    with pytest.raises(VendorUnavailable, match="another issue"):
        bench.call("get-daily-candles", ticker="005930", market="kospi")


def test_a_row_without_a_date_is_refused() -> None:
    bench = on_kospi(HISTORY, history([{"trdPrc": 100}]))
    with pytest.raises(VendorUnavailable, match="no date"):
        bench.call("get-daily-candles", ticker="005930", market="kospi")


def test_bars_of_ten_minutes_begin_before_their_label() -> None:
    running = bar("10032000", 103)
    bench = on_kospi(BARS, history([running, bar("10000000", 102), bar("9100000", 101)]))
    bench.clock.advance(3 * 60 + 20)  # 10:03:20
    bars = bench.call("get-intraday-candles", ticker="005930", interval="10m")
    starts = [(each.time.time(), each.close, each.complete) for each in bars]
    assert starts == [(time(9, 0), 101, True), (time(9, 50), 102, True), (time(10, 0), 103, False)]
    assert bars[0].time == datetime(2026, 11, 20, 9, tzinfo=KST)
    assert (bars[0].volume, bars[0].cumulative_value) == (5, 5000)
    (request,) = bench.koscom.requests
    asked = {"inddCycleTpCd": "600", "inqStrtDd": "20261120", "strtTm": "0000", "endTm": "2359"}
    assert request.query == asked


def test_bars_of_many_windows_without_doubles_or_gaps() -> None:
    bench = on_kospi(BARS, answers_bars)
    bars = bench.call("get-intraday-candles", ticker="005930", interval="10s", date="2026-11-20")
    expected = [datetime(2026, 11, 20, 9, tzinfo=KST) + timedelta(seconds=10 * each) for each in range(360)]
    assert [each.time for each in bars] == expected
    assert len(bench.paths) <= 5


def test_bars_between_two_times() -> None:
    bench = on_kospi(BARS, answers_bars)
    bars = bench.call("get-intraday-candles", ticker="005930", interval="10s", start="09:05", end="09:06")
    assert (bars[0].time.time(), bars[-1].time.time(), len(bars)) == (time(9, 5), time(9, 6), 7)


def test_old_bars_count_their_volume_from_the_opening() -> None:
    def old(label: str, volume: int) -> dict[str, Any]:
        row = bar(label, inddTrdvol=volume, inddTrdval=volume * 100)
        return {name: value for name, value in row.items() if not name.startswith("inddAcc")}

    bench = on_kospi(
        BARS,
        history([old("9300000", 60), old("9200000", 40)]),
        history([old("9200000", 40), old("9100000", 25)]),
    )
    bars = bench.call("get-intraday-candles", ticker="005930", interval="10m", start="09:10")
    assert [(each.volume, each.cumulative_value) for each in bars] == [(15, 4000), (20, 6000)]
    assert [request.query["strtTm"] for request in bench.koscom.requests] == ["0910", "0000"]


def test_signals_in_the_place_of_a_time_are_no_bars() -> None:
    bench = on_kospi(BARS, history([bar("31000000"), bar("9010000")]))
    bars = bench.call("get-intraday-candles", ticker="005930", market="kospi")
    assert [each.time.time() for each in bars] == [time(9, 0)]


def test_a_day_to_come_is_refused() -> None:
    with pytest.raises(InvalidParameters, match="in the future"):
        make_bench().call("get-intraday-candles", ticker="005930", date="2026-11-21")
