"""Domestic charts: daily to yearly bars, minutes of today and of past days.

There is no ``tr_cont`` here: clients page by moving the date or hour.
"""

from __future__ import annotations

from datetime import time, timedelta

from broker_server.simulator.candles import Period, combine, parse_date, unadjusted
from broker_server.simulator.instruments import Instrument
from broker_server.simulator.kis.calls import Answer, Call
from broker_server.simulator.kis.domestic_quotes import find_quoted
from broker_server.simulator.kis.errors import invalid_field
from broker_server.simulator.kis.tables import template
from broker_server.simulator.kis.text import percent, sign, sign_of
from broker_server.simulator.market import Market
from broker_server.simulator.price_path import DayBar
from broker_server.simulator.quotes import MinuteBar, Quote

DAILY_ROWS = 100
MINUTE_ROWS = 30
PAST_MINUTE_ROWS = 120
PAST_MINUTE_DAYS = 365

_PERIODS: dict[str, Period] = {"D": "day", "W": "week", "M": "month", "Y": "year"}


class DomesticCharts:
    """Charts of KRX instruments.

    Args:
        market: Where prices come from.
    """

    def __init__(self, market: Market) -> None:
        self._market = market

    def daily(self, call: Call) -> Answer:
        """``inquire-daily-itemchartprice``: at most 100 rows, newest first; 0 adjusted, 1 raw."""
        first, last = parse_date(call.get("FID_INPUT_DATE_1")), parse_date(call.get("FID_INPUT_DATE_2"))
        period = _PERIODS.get(call.get("FID_PERIOD_DIV_CODE"))
        if first is None or last is None:
            raise invalid_field("INPUT_DATE")
        if period is None:
            raise invalid_field("PERIOD_DIV_CODE")
        if call.get("FID_ORG_ADJ_PRC") not in ("0", "1"):
            raise invalid_field("ORG_ADJ_PRC")
        instrument = find_quoted(self._market, call)
        summary = template("inquire_daily_itemchartprice", "output1")
        if instrument is None:
            return Answer({"output1": summary, "output2": []})
        self._fill_summary(summary, instrument)
        bars = self._market.daily_bars(instrument, first, last)
        raw = call.get("FID_ORG_ADJ_PRC") == "1"
        if raw:
            bars = [unadjusted(instrument, bar) for bar in bars]
        rows = combine(bars, period)[-DAILY_ROWS:]
        return Answer(
            {"output1": summary, "output2": [_daily_row(instrument, bar, raw=raw) for bar in reversed(rows)]}
        )

    def today(self, call: Call) -> Answer:
        """``inquire-time-itemchartprice``: 30 minutes back from an hour of today; the newest still forms."""
        until = _hour(call)
        instrument = find_quoted(self._market, call)
        summary = template("inquire_time_itemchartprice", "output1")
        if instrument is None:
            return Answer({"output1": summary, "output2": []})
        _fill_minute_summary(summary, self._market.quote(instrument))
        today = self._market.local_date(instrument)
        bars = self._market.minute_bars(instrument, today, until, MINUTE_ROWS)
        return Answer({"output1": summary, "output2": [_minute_row(call, bar) for bar in bars]})

    def past(self, call: Call) -> Answer:
        """``inquire-time-dailychartprice``: 120 minutes back from a day's hour, a year back at most."""
        until, day = _hour(call), parse_date(call.get("FID_INPUT_DATE_1"))
        if day is None:
            raise invalid_field("INPUT_DATE")
        instrument = find_quoted(self._market, call)
        summary = template("inquire_time_dailychartprice", "output1")
        if instrument is None:
            return Answer({"output1": summary, "output2": []})
        _fill_minute_summary(summary, self._market.quote(instrument))
        oldest = self._market.local_date(instrument) - timedelta(days=PAST_MINUTE_DAYS)
        bars: list[MinuteBar] = []
        while day >= oldest and len(bars) < PAST_MINUTE_ROWS:
            bars += self._market.minute_bars(instrument, day, until, PAST_MINUTE_ROWS - len(bars))
            if call.get("FID_PW_DATA_INCU_YN") != "Y":
                break
            day, until = day - timedelta(days=1), time(23, 59, 59)
        return Answer({"output1": summary, "output2": [_minute_row(call, bar) for bar in bars]})

    def _fill_summary(self, row: dict[str, str], instrument: Instrument) -> None:
        quote, book = self._market.quote(instrument), self._market.order_book(instrument)
        today = self._market.local_date(instrument)
        before = self._market.daily_bars(instrument, today - timedelta(days=20), today - timedelta(days=1))
        previous = before[-1]
        _fill_minute_summary(row, quote)
        row.update(
            stck_shrn_iscd=instrument.symbol,
            prdy_vol=str(quote.previous_volume),
            stck_mxpr=str(quote.upper),
            stck_llam=str(quote.lower),
            stck_oprc=str(quote.open),
            stck_hgpr=str(quote.high),
            stck_lwpr=str(quote.low),
            stck_prdy_oprc=str(previous.open),
            stck_prdy_hgpr=str(previous.high),
            stck_prdy_lwpr=str(previous.low),
            askp=str(book.asks[0].price) if book.asks else "0",
            bidp=str(book.bids[0].price) if book.bids else "0",
            prdy_vrss_vol=str(quote.volume - quote.previous_volume),
            vol_tnrt=percent(quote.volume, instrument.shares),
            stck_fcam=str(instrument.par_value),
            lstn_stcn=str(instrument.shares),
            cpfn=str(instrument.shares * instrument.par_value // 100_000_000),
            hts_avls=str(instrument.shares * quote.price // 100_000_000),
            per=f"{quote.price / instrument.eps:.2f}" if instrument.eps else "0.00",
            eps=f"{instrument.eps}.00",
            pbr=f"{quote.price / instrument.bps:.2f}" if instrument.bps else "0.00",
            itewhol_loan_rmnd_ratem="0.00",
        )


def _daily_row(instrument: Instrument, bar: DayBar, *, raw: bool) -> dict[str, str]:
    split = next((split for split in instrument.splits if split.date == bar.day), None)
    row = template("inquire_daily_itemchartprice", "output2")
    row.update(
        stck_bsop_date=f"{bar.day:%Y%m%d}",
        stck_clpr=str(bar.close),
        stck_oprc=str(bar.open),
        stck_hgpr=str(bar.high),
        stck_lwpr=str(bar.low),
        acml_vol=str(bar.volume),
        acml_tr_pbmn=str(bar.volume * (bar.open + bar.high + bar.low + bar.close) // 4),
        flng_cls_code="00",
        prtt_rate=f"{split.ratio:.2f}" if split else "0.00",
        mod_yn="Y" if not raw and instrument.adjustment(bar.day) != 1 else "N",
        prdy_vrss_sign=sign(bar.close, bar.base),
        prdy_vrss=str(bar.close - bar.base),
    )
    return row


def _fill_minute_summary(row: dict[str, str], quote: Quote) -> None:
    row.update(
        prdy_vrss=str(quote.price - quote.base),
        prdy_vrss_sign=sign_of(quote),
        prdy_ctrt=percent(quote.price - quote.base, quote.base),
        stck_prdy_clpr=str(quote.base),
        acml_vol=str(quote.volume),
        acml_tr_pbmn=str(quote.value),
        hts_kor_isnm=quote.instrument.name,
        stck_prpr=str(quote.price),
    )


def _minute_row(call: Call, bar: MinuteBar) -> dict[str, str]:
    row = template(call.operation.name, "output2")
    row.update(
        stck_bsop_date=bar.time.strftime("%Y%m%d"),
        stck_cntg_hour=bar.time.strftime("%H%M%S"),
        stck_prpr=str(bar.close),
        stck_oprc=str(bar.open),
        stck_hgpr=str(bar.high),
        stck_lwpr=str(bar.low),
        cntg_vol=str(bar.volume),
        acml_tr_pbmn=str(bar.total_value),
    )
    return row


def _hour(call: Call) -> time:
    text = call.get("FID_INPUT_HOUR_1")
    if len(text) != 6 or not text.isdigit():
        raise invalid_field("INPUT_HOUR_1")
    hour, minute, second = int(text[:2]), int(text[2:4]), int(text[4:])
    if minute > 59 or second > 59:
        raise invalid_field("INPUT_HOUR_1")
    return time(hour, minute, second) if hour < 24 else time(23, 59, 59)
