"""Domestic candles: days to years, and minutes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

from broker_client.errors import InvalidParameters
from broker_server.core.methods import Lane, Method, Outcome, TaskContext
from broker_server.vendors.clock import Clock
from broker_server.vendors.kis.client import CANDLE_PAGES, KisClient
from broker_server.vendors.kis.domestic_quotes import MARKET_CODES, unknown_ticker
from broker_server.vendors.kis.values import (
    KST,
    Row,
    date_of,
    decimal_of,
    integer_of,
    moment,
    required_integer,
    text_of,
    time_of,
    with_sign,
)
from broker_server.vendors.long_histories import read_back
from broker_server.vendors.parameters import ClockTime, Day, InOrder, TickerParameters
from broker_server.vendors.periods import Interval, candle_period
from broker_server.vendors.quote_models import Candle, MinuteCandle

_INTERVAL_CODES: dict[Interval, str] = {"day": "D", "week": "W", "month": "M", "year": "Y"}
_ADJUSTED, _UNADJUSTED = "0", "1"
"""The opposite of the overseas chart, where 1 is adjusted."""

_END_OF_DAY = time(23, 59, 59)


class DailyCandlesParameters(TickerParameters, InOrder):
    """Which candles.

    Attributes:
        interval: What one candle covers.
        start: The first day; left out, about a hundred candles before ``end``.
        end: The last day; today in Korea when left out.
        adjusted: Prices adjusted for splits and rights.
    """

    interval: Interval = "day"
    start: Day | None = None
    end: Day | None = None
    adjusted: bool = True


class MinuteCandlesParameters(TickerParameters, InOrder):
    """Which candles of one day.

    Attributes:
        interval: One minute is what KIS gives.
        date: The day; today in Korea when left out. Paper trading has today only.
        start: From this time of day, ``09:00``.
        end: Up to this time of day.
    """

    interval: Literal["minute"] = "minute"
    date: Day | None = None
    start: ClockTime | None = None
    end: ClockTime | None = None


class DomesticCharts:
    """The handlers.

    Args:
        client: The calls.
        clock: What today is.
    """

    def __init__(self, client: KisClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    def methods(self) -> list[Method[Any]]:
        """The declared methods."""
        return [
            Method(
                name="kis.get-daily-candles",
                vendor="kis",
                kind="read",
                lane=Lane.BULK,
                summary="Daily, weekly, monthly or yearly candles of a domestic stock, oldest first.",
                parameters=DailyCandlesParameters,
                result=Candle,
                handler=self.get_daily_candles,
                reference="domestic_stock.inquire_daily_itemchartprice",
                example={"ticker": "005930", "interval": "day"},
            ),
            Method(
                name="kis.get-minute-candles",
                vendor="kis",
                kind="read",
                lane=Lane.BULK,
                summary="One-minute candles of one day of a domestic stock, oldest first.",
                parameters=MinuteCandlesParameters,
                result=MinuteCandle,
                handler=self.get_minute_candles,
                reference="domestic_stock.inquire_time_itemchartprice",
                example={"ticker": "005930"},
            ),
        ]

    def get_daily_candles(self, parameters: DailyCandlesParameters, context: TaskContext) -> Outcome:
        """Candles of days and more; KIS gives 100 at a time, so the end date moves back page by page."""
        start, end = candle_period(parameters.start, parameters.end, parameters.interval, today=self._today())

        def fetch(page_end: date) -> dict[date, Row]:
            answer = self._client.read(
                "domestic_stock.inquire_daily_itemchartprice",
                {
                    "fid_cond_mrkt_div_code": MARKET_CODES[parameters.exchange],
                    "fid_input_iscd": parameters.ticker,
                    "fid_input_date_1": f"{start:%Y%m%d}",
                    "fid_input_date_2": f"{page_end:%Y%m%d}",
                    "fid_period_div_code": _INTERVAL_CODES[parameters.interval],
                    "fid_org_adj_prc": _ADJUSTED if parameters.adjusted else _UNADJUSTED,
                },
                context=context,
                lane=Lane.BULK,
            )
            summary = answer.required_row("output1")
            rows = _by_day(answer.rows("output2"))
            if not rows and not integer_of(summary, "stck_prpr"):
                raise unknown_ticker(parameters.ticker)
            return rows

        found, truncated = read_back(
            fetch,
            start=start,
            end=end,
            interval=parameters.interval,
            pages=CANDLE_PAGES,
            report_progress=context.report_progress,
        )
        candles = [_candle(row, day, parameters) for day, row in found.items()]
        return Outcome(candles, truncated)

    def get_minute_candles(self, parameters: MinuteCandlesParameters, context: TaskContext) -> Outcome:
        """Candles of a day's minutes; KIS gives 30 (today) or 120 (past days) back from an hour."""
        now = self._clock.now().astimezone(KST)
        day = parameters.date or now.date()
        if day > now.date():
            raise InvalidParameters(
                f"date: {day:%Y-%m-%d} is in the future (today in Korea is {now:%Y-%m-%d})"
            )
        latest = now.time().replace(microsecond=0) if day == now.date() else _END_OF_DAY
        hour = min(parameters.end, latest) if parameters.end else latest
        first = parameters.start or time.min
        if first > hour:
            raise InvalidParameters(
                f"start: {first:%H:%M} of {day:%Y-%m-%d} is in the future (it is {latest:%H:%M} in Korea)"
            )
        found: dict[datetime, Row] = {}
        pages = 0
        while True:
            rows, known = self._minute_page(parameters, day, hour, day == now.date(), context)
            if not known and not found:
                raise unknown_ticker(parameters.ticker)
            pages += 1
            context.report_progress(pages, None)
            fresh = {when: row for when, row in rows.items() if when not in found and when.date() == day}
            found |= fresh
            if not fresh or min(fresh).time() <= first:
                break
            before = min(fresh) - timedelta(minutes=1)
            if before.date() != day:
                break
            hour = before.time()
        this_minute = now.replace(second=0, microsecond=0)
        last = parameters.end or time.max
        candles = [
            _minute_candle(found[when], when, parameters, complete=when < this_minute)
            for when in sorted(found)
            if first <= when.time() <= last
        ]
        return Outcome(candles)

    def _minute_page(
        self, parameters: MinuteCandlesParameters, day: date, hour: time, today: bool, context: TaskContext
    ) -> tuple[dict[datetime, Row], bool]:
        """One page, and whether KIS knows the instrument."""
        arguments = {
            "fid_cond_mrkt_div_code": MARKET_CODES[parameters.exchange],
            "fid_input_iscd": parameters.ticker,
            "fid_input_hour_1": f"{hour:%H%M%S}",
            "fid_pw_data_incu_yn": "N",
        }
        if today:
            api = "domestic_stock.inquire_time_itemchartprice"
            arguments["fid_etc_cls_code"] = ""
        else:
            api = "domestic_stock.inquire_time_dailychartprice"
            arguments |= {"fid_input_date_1": f"{day:%Y%m%d}", "fid_fake_tick_incu_yn": ""}
        answer = self._client.read(api, arguments, context=context, lane=Lane.BULK)
        summary = answer.required_row("output1")
        rows = {}
        for row in answer.rows("output2"):
            when = moment(date_of(row, "stck_bsop_date"), time_of(row, "stck_cntg_hour"))
            if when is not None:
                rows[when.replace(second=0)] = row
        return rows, bool(rows) or bool(integer_of(summary, "stck_prpr"))

    def _today(self) -> date:
        return self._clock.now().astimezone(KST).date()


def _by_day(rows: Iterable[Row]) -> dict[date, Row]:
    """KIS fills a page that has no more candles with empty rows."""
    return {day: row for row in rows if (day := date_of(row, "stck_bsop_date")) is not None}


def _candle(row: Row, day: date, parameters: DailyCandlesParameters) -> Candle:
    change = with_sign(text_of(row, "prdy_vrss_sign"), decimal_of(row, "prdy_vrss"))
    return Candle(
        ticker=parameters.ticker,
        venue=parameters.exchange,
        interval=parameters.interval,
        date=day,
        open=required_integer(row, "stck_oprc"),
        high=required_integer(row, "stck_hgpr"),
        low=required_integer(row, "stck_lwpr"),
        close=required_integer(row, "stck_clpr"),
        volume=required_integer(row, "acml_vol"),
        value=integer_of(row, "acml_tr_pbmn"),
        change=None if change is None else int(change),
        adjusted=parameters.adjusted,
        raw=row if parameters.raw else None,
    )


def _minute_candle(
    row: Row, when: datetime, parameters: MinuteCandlesParameters, *, complete: bool
) -> MinuteCandle:
    return MinuteCandle(
        ticker=parameters.ticker,
        venue=parameters.exchange,
        time=when,
        open=required_integer(row, "stck_oprc"),
        high=required_integer(row, "stck_hgpr"),
        low=required_integer(row, "stck_lwpr"),
        close=required_integer(row, "stck_prpr"),
        volume=required_integer(row, "cntg_vol"),
        cumulative_value=integer_of(row, "acml_tr_pbmn"),
        complete=complete,
        raw=row if parameters.raw else None,
    )
