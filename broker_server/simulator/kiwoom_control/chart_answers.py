"""Answers with candles, the newest first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time, timedelta
from functools import partial

from broker_server.simulator.candles import Period, combine, parse_date, traded_value, unadjusted
from broker_server.simulator.kiwoom_control.answer import Answer, Inputs, MakeAnswer, Row, instrument_of
from broker_server.simulator.kiwoom_control.text import directed
from broker_server.simulator.market import Market

_DAYS_OF_MINUTES = 60
_FIRST_DAY = date(2015, 1, 2)


class ChartAnswers:
    """Answers with candles.

    Args:
        market: Where they come from.
    """

    def __init__(self, market: Market) -> None:
        self._market = market
        self.by_code: Mapping[str, MakeAnswer] = {
            "OPT10080": self._minutes,
            "OPT10081": self._days,
            "OPT10082": partial(self._periods, "week"),
            "OPT10083": partial(self._periods, "month"),
            "OPT10094": partial(self._periods, "year"),
        }

    def _days(self, inputs: Inputs) -> Answer:
        instrument = instrument_of(self._market, inputs)
        last = parse_date(inputs.get("기준일자", "")) or self._market.local_date(instrument)
        bars = self._market.daily_bars(instrument, _FIRST_DAY, last)
        if inputs.get("수정주가구분", "0").strip() != "1":
            bars = [unadjusted(instrument, bar) for bar in bars]
        rows: list[Row] = []
        for bar in reversed(bars):
            rows.append(
                {
                    "종목코드": "" if rows else instrument.symbol,
                    "현재가": str(bar.close),
                    "거래량": str(bar.volume),
                    "거래대금": str(traded_value(bar) // 1_000_000),
                    "일자": f"{bar.day:%Y%m%d}",
                    "시가": str(bar.open),
                    "고가": str(bar.high),
                    "저가": str(bar.low),
                }
            )
        return Answer(rows=rows)

    def _periods(self, period: Period, inputs: Inputs) -> Answer:
        instrument = instrument_of(self._market, inputs)
        last = parse_date(inputs.get("기준일자", "")) or self._market.local_date(instrument)
        bars = combine(self._market.daily_bars(instrument, _FIRST_DAY, last), period)
        return Answer(
            rows=[
                {
                    "현재가": str(bar.close),
                    "거래량": str(bar.volume),
                    "거래대금": str(traded_value(bar) // 1_000_000),
                    "일자": f"{bar.day:%Y%m%d}",
                    "시가": str(bar.open),
                    "고가": str(bar.high),
                    "저가": str(bar.low),
                }
                for bar in reversed(bars)
            ]
        )

    def _minutes(self, inputs: Inputs) -> Answer:
        instrument = instrument_of(self._market, inputs)
        interval = int(inputs.get("틱범위", "1").split(":")[0] or 1)
        base, day = self._market.quote(instrument).base, self._market.local_date(instrument)
        rows = []
        for _ in range(_DAYS_OF_MINUTES):
            rows += [
                {
                    "현재가": directed(bar.close, base),
                    "거래량": str(bar.volume),
                    "체결시간": f"{bar.time:%Y%m%d%H%M%S}",
                    "시가": directed(bar.open, base),
                    "고가": directed(bar.high, base),
                    "저가": directed(bar.low, base),
                }
                for bar in self._market.minute_bars(instrument, day, time(23, 59, 59), 1440, interval)
            ]
            day -= timedelta(days=1)
        return Answer(rows=rows)
