"""Candles: days, weeks and months, and bars within a day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

from broker_client.errors import InvalidParameters
from broker_server.core.methods import Lane, Method, Outcome, TaskContext
from broker_server.vendors.clock import Clock
from broker_server.vendors.koscom.endpoints import Argument, tables
from broker_server.vendors.koscom.errors import VENDOR
from broker_server.vendors.koscom.fields import split
from broker_server.vendors.koscom.markets import MARKET, Markets, ensure_same_issue
from broker_server.vendors.koscom.quotes import StockParameters, change_of, readable
from broker_server.vendors.koscom.rows import by_day, by_label
from broker_server.vendors.koscom.values import NotReadable, whole_of
from broker_server.vendors.koscom.windows import WINDOWS, Row, read_times
from broker_server.vendors.long_histories import read_back
from broker_server.vendors.parameters import ClockTime, Day, InOrder
from broker_server.vendors.periods import Interval, candle_period
from broker_server.vendors.quote_models import Candle, MinuteCandle
from broker_server.vendors.values import KST

DailyInterval = Literal["day", "week", "month"]
BarInterval = Literal["10s", "1m", "10m"]

_CYCLES: Mapping[DailyInterval, str] = {"day": "D", "week": "W", "month": "M"}
_SECONDS: Mapping[BarInterval, int] = {"10s": 10, "1m": 60, "10m": 600}
_PRICES = ("opnprc", "hgprc", "lwprc", "trdPrc")
_BAR_PRICES = ("inddOpnprc", "inddHgprc", "inddLwprc", "inddClsprc")
_MIDNIGHT, _LAST_MINUTE = time(0, 0), time(23, 59)


class DailyCandlesParameters(StockParameters, InOrder):
    """Which candles.

    Attributes:
        interval: What one candle covers.
        start: The first day; left out, about a hundred candles before ``end``.
        end: The last day; today in Korea when left out. The day itself is there from 06:30 of the next.
    """

    interval: DailyInterval = "day"
    start: Day | None = None
    end: Day | None = None


class IntradayCandlesParameters(StockParameters, InOrder):
    """Which bars of one day.

    Attributes:
        interval: What one bar covers: 10 seconds, 1 minute or 10 minutes.
        date: The day; today in Korea when left out.
        start: From this time of day, ``09:00``.
        end: Up to this time of day.
    """

    interval: BarInterval = "1m"
    date: Day | None = None
    start: ClockTime | None = None
    end: ClockTime | None = None


class Candles:
    """The handlers.

    Args:
        markets: The reads.
        clock: What today is.
    """

    def __init__(self, markets: Markets, clock: Clock) -> None:
        self._markets = markets
        self._clock = clock

    def methods(self) -> list[Method[Any]]:
        """The declared methods."""
        return [
            Method(
                name="koscom.get-daily-candles",
                vendor=VENDOR,
                kind="read",
                lane=Lane.BULK,
                summary="Daily, weekly or monthly candles of a stock on KRX, adjusted, oldest first.",
                parameters=DailyCandlesParameters,
                result=Candle,
                handler=self.get_daily_candles,
                reference="table history",
                example={"ticker": "005930", "interval": "day"},
            ),
            Method(
                name="koscom.get-intraday-candles",
                vendor=VENDOR,
                kind="read",
                lane=Lane.BULK,
                summary="Bars of 10 seconds to 10 minutes of one day of a stock on KRX, oldest first.",
                parameters=IntradayCandlesParameters,
                result=MinuteCandle,
                handler=self.get_intraday_candles,
                reference="table intraday",
                example={"ticker": "005930", "interval": "1m"},
            ),
        ]

    def get_daily_candles(self, parameters: DailyCandlesParameters, context: TaskContext) -> Outcome:
        """Candles of days and more, by as many windows as they take."""
        interval: Interval = parameters.interval
        start, end = candle_period(parameters.start, parameters.end, interval, today=self._now().date())
        arguments: dict[str, Argument] = {
            "trnsmCycleTpCd": _CYCLES[parameters.interval],
            "inqStrtDd": f"{start:%Y%m%d}",
            "reqCnt": WINDOWS.rows,
        }
        stock = _Stock(self._markets, "history", parameters, arguments, context)
        found, truncated = read_back(
            lambda last: by_day(stock.rows({"inqEndDd": f"{last:%Y%m%d}"})),
            start=start,
            end=end,
            interval=interval,
            pages=WINDOWS,
            report_progress=context.report_progress,
        )
        with readable(parameters.ticker):
            candles = [_candle(row, day, parameters) for day, row in found.items()]
        return Outcome([each for each in candles if each is not None], truncated)

    def get_intraday_candles(self, parameters: IntradayCandlesParameters, context: TaskContext) -> Outcome:
        """Bars of a day. KOSCOM labels a bar with its end, and the running one with the time now."""
        now = self._now()
        day = parameters.date or now.date()
        if day > now.date():
            raise InvalidParameters(
                f"date: {day:%Y-%m-%d} is in the future (today in Korea is {now:%Y-%m-%d})"
            )
        arguments: dict[str, Argument] = {
            "inddCycleTpCd": str(_SECONDS[parameters.interval]),
            "inqStrtDd": f"{day:%Y%m%d}",
        }
        stock = _Stock(self._markets, "intraday", parameters, arguments, context)
        first, last = parameters.start or _MIDNIGHT, parameters.end or _LAST_MINUTE
        # A bar is labelled with its end.
        final = _later(last, max(1, _SECONDS[parameters.interval] // 60))
        rows, truncated = _bars_between(stock, first, final, context)
        if first > _MIDNIGHT and rows and not any(_counts_up(row) for row in rows.values()):
            # Only the old paths: their volume counts up from the opening, so the bars before are needed.
            before, stopped = _bars_between(stock, _MIDNIGHT, first, context)
            rows, truncated = {**before, **rows}, truncated or stopped
        with readable(parameters.ticker):
            bars = _bars(rows, day, parameters, now)
        return Outcome([each for each in bars if first <= each.time.time() <= last], truncated)

    def _now(self) -> datetime:
        return self._clock.now().astimezone(KST)


class _Stock:
    """Asks a table about one stock; once its market is found, only there."""

    def __init__(
        self,
        markets: Markets,
        table: str,
        parameters: StockParameters,
        arguments: Mapping[str, Argument],
        context: TaskContext,
    ) -> None:
        self._markets = markets
        self._table = tables()[table]
        self._ticker = parameters.ticker
        self._arguments = {**arguments, "code": parameters.ticker}
        if parameters.market is not None:
            self._arguments[MARKET] = parameters.market
        self._context = context

    def rows(self, changed: Mapping[str, Argument]) -> list[Row]:
        reading = self._markets.read(
            self._table, {**self._arguments, **changed}, context=self._context, lane=Lane.BULK
        )
        if reading.market is not None:
            self._arguments[MARKET] = reading.market
        ensure_same_issue(reading.answer, self._ticker)
        return list(reading.answer.rows(self._table.rows or ""))


def _bars_between(
    stock: _Stock, first: time, last: time, context: TaskContext
) -> tuple[dict[time, Row], str | None]:
    return read_times(
        lambda end: by_label(stock.rows({"strtTm": f"{first:%H%M}", "endTm": f"{end:%H%M}"})),
        start=first,
        end=last,
        report_progress=context.report_progress,
    )


def _later(moment: time, minutes: int) -> time:
    minutes = min(moment.hour * 60 + moment.minute + minutes, 24 * 60 - 1)
    return time(minutes // 60, minutes % 60)


def _counts_up(row: Row) -> bool:
    """Whether the row has the sums of the day beside its own figures."""
    return split(row).fields.get("inddAccTrdvol") is not None


def _volumes_add_up(rows: Iterable[Row]) -> bool:
    """Whether a bar's volume is the day's so far, as it seems to be where nothing else says the latter."""
    volumes = []
    for row in rows:
        if _counts_up(row):
            return False
        volumes.append(_required(split(row).fields, "inddTrdvol"))
    return volumes == sorted(volumes)


def _candle(row: Row, day: date, parameters: DailyCandlesParameters) -> Candle | None:
    """A candle; ``None`` of a row without any price, which is no day of trading."""
    fields = split(row).fields
    opening, high, low, close = (whole_of(fields.get(name)) for name in _PRICES)
    if not close:
        return None
    return Candle(
        ticker=parameters.ticker,
        venue="KRX",
        interval=parameters.interval,
        date=day,
        open=opening or close,  # 0 on a day without a trade
        high=high or close,
        low=low or close,
        close=close,
        volume=_required(fields, "accTrdvol"),
        value=whole_of(fields.get("accTrdval")),
        change=change_of(fields),
        adjusted=True,
        raw=dict(row) if parameters.raw else None,
    )


def _bars(
    rows: Mapping[time, Row], day: date, parameters: IntradayCandlesParameters, now: datetime
) -> list[MinuteCandle]:
    span = timedelta(seconds=_SECONDS[parameters.interval])
    bars: list[MinuteCandle] = []
    before, of_the_day = 0, _volumes_add_up(rows.values())
    for label, row in rows.items():
        fields = split(row).fields
        opening, high, low, close = (_required(fields, name) for name in _BAR_PRICES)
        volume, so_far = _required(fields, "inddTrdvol"), whole_of(fields.get("inddAccTrdval"))
        if of_the_day:
            volume, before, so_far = volume - before, volume, whole_of(fields.get("inddTrdval"))
        start = _start_of(datetime.combine(day, label, KST), span)
        bars.append(
            MinuteCandle(
                ticker=parameters.ticker,
                venue="KRX",
                time=start,
                open=opening,
                high=high,
                low=low,
                close=close,
                volume=volume,
                cumulative_value=so_far,
                complete=start + span <= now,
                raw=dict(row) if parameters.raw else None,
            )
        )
    return bars


def _start_of(label: datetime, span: timedelta) -> datetime:
    """When the bar with that label began: the label is its end, or a time within it while it runs."""
    midnight = label.replace(hour=0, minute=0, second=0, microsecond=0)
    whole, rest = divmod(label - midnight, span)
    return midnight + span * (whole if rest else whole - 1)


def _required(fields: Mapping[str, Any], name: str) -> int:
    number = whole_of(fields.get(name))
    if number is None:
        raise NotReadable(f"{name} is missing")
    return number
