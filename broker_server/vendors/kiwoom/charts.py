"""Candles: days to years, and minutes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

from broker_client.errors import InvalidParameters
from broker_server.core.methods import Lane, Method, Outcome, TaskContext
from broker_server.vendors.clock import Clock
from broker_server.vendors.kiwoom.backend import Backend, Tr
from broker_server.vendors.kiwoom.normalised import MILLION
from broker_server.vendors.kiwoom.reading import (
    VENDOR,
    Row,
    about,
    day_of,
    readable,
    required_integer,
    symbol_of,
    unknown_ticker,
)
from broker_server.vendors.kiwoom.trs import (
    DAY_CANDLES,
    MINUTE_CANDLES,
    MONTH_CANDLES,
    WEEK_CANDLES,
    YEAR_CANDLES,
    trs,
)
from broker_server.vendors.kiwoom.values import integer_of
from broker_server.vendors.parameters import ClockTime, Day, InOrder, TickerParameters
from broker_server.vendors.periods import Interval, candle_period
from broker_server.vendors.quote_models import Candle, MinuteCandle
from broker_server.vendors.values import KST

_TRS: Mapping[Interval, str] = {
    "day": DAY_CANDLES,
    "week": WEEK_CANDLES,
    "month": MONTH_CANDLES,
    "year": YEAR_CANDLES,
}
_PRICES = ("opening", "high", "low", "closing")


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
        minutes: What one candle covers.
        date: The day; today in Korea when left out. Kiwoom gives pages from now on backwards, so a day long
            ago takes many.
        start: From this time of day, ``09:00``.
        end: Up to this time of day.
        adjusted: Prices adjusted for splits and rights.
    """

    minutes: Literal[1, 3, 5, 10, 15, 30, 45, 60] = 1
    date: Day | None = None
    start: ClockTime | None = None
    end: ClockTime | None = None
    adjusted: bool = True


class Charts:
    """The handlers.

    Args:
        backend: The way to Kiwoom.
        clock: What today is.
        paper: It is the server of paper trading.
    """

    def __init__(self, backend: Backend, clock: Clock, *, paper: bool) -> None:
        self._backend = backend
        self._clock = clock
        self._paper = paper

    def methods(self) -> list[Method[Any]]:
        """The declared methods."""
        return [
            Method(
                name="kiwoom.get-daily-candles",
                vendor=VENDOR,
                kind="read",
                lane=Lane.BULK,
                summary="Daily, weekly, monthly or yearly candles of a stock, oldest first.",
                parameters=DailyCandlesParameters,
                result=Candle,
                handler=self.get_daily_candles,
                reference="opt10081 / ka10081",
                example={"ticker": "005930", "interval": "day"},
            ),
            Method(
                name="kiwoom.get-minute-candles",
                vendor=VENDOR,
                kind="read",
                lane=Lane.BULK,
                summary="Candles of the minutes of one day of a stock, oldest first.",
                parameters=MinuteCandlesParameters,
                result=MinuteCandle,
                handler=self.get_minute_candles,
                reference="opt10080 / ka10080",
                example={"ticker": "005930"},
            ),
        ]

    def get_daily_candles(self, parameters: DailyCandlesParameters, context: TaskContext) -> Outcome:
        """Candles of days and more; Kiwoom gives them newest first, page by page."""
        start, end = candle_period(
            parameters.start, parameters.end, parameters.interval, today=self._now().date()
        )
        inputs = {"to": f"{end:%Y%m%d}"}
        name = _TRS[parameters.interval]
        found: dict[date, Row] = {}
        with readable(parameters.ticker):
            for row in self._rows(trs()[name], inputs, parameters, f"{start:%Y%m%d}", "day", context):
                found.setdefault(day_of(row["day"]), row)
            if not found:
                self._ensure_known(parameters, context)
            days = sorted(found)
            candles = [
                _candle(found[day], day, found.get(before) if before else None, parameters)
                for before, day in zip([None, *days], days, strict=False)
                if start <= day <= end
            ]
        return Outcome(candles)

    def get_minute_candles(self, parameters: MinuteCandlesParameters, context: TaskContext) -> Outcome:
        """Candles of a day's minutes."""
        now = self._now()
        day = parameters.date or now.date()
        if day > now.date():
            raise InvalidParameters(
                f"date: {day:%Y-%m-%d} is in the future (today in Korea is {now:%Y-%m-%d})"
            )
        first, last = parameters.start or time.min, parameters.end or time.max
        inputs = {"tick": str(parameters.minutes)}
        oldest = f"{datetime.combine(day, first):%Y%m%d%H%M%S}"
        found: dict[datetime, Row] = {}
        with readable(parameters.ticker):
            known = False
            for row in self._rows(trs()[MINUTE_CANDLES], inputs, parameters, oldest, "timestamp", context):
                known = True
                when = datetime.strptime(row["timestamp"].strip(), "%Y%m%d%H%M%S").replace(tzinfo=KST)
                if when.date() == day and first <= when.time() <= last:
                    found.setdefault(when, row)
            if not known:
                self._ensure_known(parameters, context)
            span = timedelta(minutes=parameters.minutes)
            candles = [
                _minute_candle(found[when], when, parameters, complete=when + span <= now)
                for when in sorted(found)
            ]
        return Outcome(candles)

    def _rows(
        self,
        tr: Tr,
        inputs: Mapping[str, str],
        parameters: DailyCandlesParameters | MinuteCandlesParameters,
        oldest: str,
        column: str,
        context: TaskContext,
    ) -> list[Row]:
        symbol = symbol_of(self._backend, parameters.ticker, parameters.exchange, paper=self._paper)
        given = {"stock_code": symbol, "is_adjusted": "1" if parameters.adjusted else "0", **inputs}
        if "end" in tr.inputs:
            given["end"] = ""
        asked = {name: given[name] for name in tr.inputs}
        rows: list[Row] = []
        after: str | None = None
        pages = 0
        while True:
            with about(self._backend, parameters.ticker, context):
                page = self._backend.request(tr, asked, context, Lane.BULK, after=after)
            # A page may end in empty rows.
            fresh = [row for row in page.rows if row[column].strip()]
            rows += fresh
            pages += 1
            context.report_progress(pages, None)
            if page.more is None or not fresh or fresh[-1][column].strip() < oldest:
                return rows
            after = page.more

    def _ensure_known(self, parameters: TickerParameters, context: TaskContext) -> None:
        """A stock that did not trade in the period is no error; one that does not exist is."""
        if not self._backend.stock_name(parameters.ticker, context):
            raise unknown_ticker(parameters.ticker)

    def _now(self) -> datetime:
        return self._clock.now().astimezone(KST)


def _candle(row: Row, day: date, before: Row | None, parameters: DailyCandlesParameters) -> Candle:
    prices = [abs(required_integer(row, name)) for name in _PRICES]
    value = integer_of(row["tr_amount"])
    return Candle(
        ticker=parameters.ticker,
        venue=parameters.exchange,
        interval=parameters.interval,
        date=day,
        open=prices[0],
        high=prices[1],
        low=prices[2],
        close=prices[3],
        volume=required_integer(row, "volume"),
        value=None if value is None else value * MILLION,
        change=None if before is None else prices[3] - abs(required_integer(before, "closing")),
        adjusted=parameters.adjusted,
        raw=dict(row) if parameters.raw else None,
    )


def _minute_candle(
    row: Row, when: datetime, parameters: MinuteCandlesParameters, *, complete: bool
) -> MinuteCandle:
    prices = [abs(required_integer(row, name)) for name in _PRICES]
    return MinuteCandle(
        ticker=parameters.ticker,
        venue=parameters.exchange,
        time=when,
        open=prices[0],
        high=prices[1],
        low=prices[2],
        close=prices[3],
        volume=abs(required_integer(row, "volume")),
        cumulative_value=None,
        complete=complete,
        raw=dict(row) if parameters.raw else None,
    )
