"""Charts and histories: ticks, minutes, days and what is made of them; newest rows first."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta

from broker_server.simulator.candles import Period, combine, parse_date, traded_value, unadjusted
from broker_server.simulator.clock import KST
from broker_server.simulator.instruments import Instrument
from broker_server.simulator.kiwoom.calls import Answer, Call
from broker_server.simulator.kiwoom.codes import Listed, find
from broker_server.simulator.kiwoom.errors import malformed
from broker_server.simulator.kiwoom.paging import paginate
from broker_server.simulator.kiwoom.text import MILLION, directed, percent, sign_code, signed, signed_percent
from broker_server.simulator.market import Market
from broker_server.simulator.price_path import DayBar
from broker_server.simulator.quotes import MinuteBar
from broker_server.simulator.trading_calendar import FIRST_DAY

DAY_ROWS, MINUTE_ROWS, TICK_ROWS, SHORT_SALE_ROWS, HISTORY_ROWS = 600, 900, 900, 100, 20
MINUTE_SCOPES = ("1", "3", "5", "10", "15", "30", "45", "60")
TICK_SCOPES = ("1", "3", "5", "10", "30")
MINUTE_HISTORY = timedelta(days=365)
_PERIODS: dict[str, Period] = {"ka10081": "day", "ka10082": "week", "ka10083": "month", "ka10094": "year"}
_LAST_SECOND = time(23, 59, 59)

Row = Mapping[str, str]


class Charts:
    """The TRs of the past.

    Args:
        market: Where prices come from.
    """

    def __init__(self, market: Market) -> None:
        self._market = market

    def days(self, call: Call) -> Answer:
        """``ka10081``, ``ka10082``, ``ka10083``, ``ka10094``: back from a date, prices without signs."""
        listed = find(self._market, call.get("stk_cd"))
        raw = call.choice("upd_stkpc_tp", "0", "1") == "0"
        bars = self._bars(listed.instrument, FIRST_DAY, _day(call, "base_dt"), raw=raw)
        rows = combine(bars, _PERIODS[call.api.id], by_first_day=True)[::-1]
        page, next_key = paginate(rows, call, DAY_ROWS, lambda bar: f"{listed.code}{bar.day:%Y%m%d}")
        return _answer(call, listed, [_day_row(listed.instrument, bar) for bar in page], next_key)

    def minutes(self, call: Call) -> Answer:
        """``ka10080``: back from the newest minute, or from the end of ``base_dt``."""
        listed = find(self._market, call.get("stk_cd"))
        interval = int(call.choice("tic_scope", *MINUTE_SCOPES))
        raw = call.choice("upd_stkpc_tp", "0", "1") == "0"
        today = self._market.local_date(listed.instrument)
        newest = min(today, _day(call, "base_dt")) if call.get("base_dt") else today
        until = _LAST_SECOND
        before = _moment(call.next_key.removeprefix(listed.code))
        if before is not None:
            newest, until = before.date(), (before - timedelta(seconds=1)).time()
            if before.time() == time(0):
                newest -= timedelta(days=1)
        bars = self._minutes(listed.instrument, newest, until, interval, MINUTE_ROWS + 1)
        page = bars[:MINUTE_ROWS]
        more = f"{listed.code}{page[-1].time:%Y%m%d%H%M%S}" if len(bars) > len(page) else ""
        return _answer(call, listed, self._minute_rows(listed.instrument, page, raw=raw), more)

    def ticks(self, call: Call) -> Answer:
        """``ka10079``: trades of the present day, one in each second, put together by ``tic_scope``."""
        listed = find(self._market, call.get("stk_cd"))
        step = timedelta(seconds=int(call.choice("tic_scope", *TICK_SCOPES)))
        before = _moment(call.next_key.removeprefix(listed.code))
        now = self._market.clock.now().astimezone(KST).replace(microsecond=0)
        end = before.replace(tzinfo=KST) if before is not None else now
        instrument, rows, more = listed.instrument, list[Row](), ""
        later = self._market.quote(instrument, end)
        while len(rows) < TICK_ROWS and later.volume:
            end -= step
            earlier = self._market.quote(instrument, end)
            if later.volume > earlier.volume:
                prices = (earlier.price or later.price, later.price)
                bar = MinuteBar(later.time, prices[0], max(prices), min(prices), prices[1], 0, 0, 0)
                rows.append(_minute_row(bar, later.base, later.volume - earlier.volume))
            later = earlier
        if later.volume:
            more = f"{listed.code}{end:%Y%m%d%H%M%S}"
        outputs = {
            "stk_cd": listed.code,
            "last_tic_cnt": str(len(rows)),
            call.api.rows.key: _only(call, rows),
        }
        return Answer(outputs, more)

    def short_sales(self, call: Call) -> Answer:
        """``ka10014``: invented short sales on the simulated days between two dates."""
        listed = find(self._market, call.get("stk_cd"))
        first, last = _day(call, "strt_dt"), _day(call, "end_dt")
        bars = self._bars(listed.instrument, first, last, raw=False)[::-1]
        total = 0
        rows: list[Row] = []
        for bar in bars[::-1]:
            part = (
                0.01 + 0.07 * zlib.crc32(f"{self._market.seed}/{listed.code}/{bar.day}".encode()) / 0xFFFFFFFF
            )
            shares = int(bar.volume * part)
            total += shares
            average = (bar.high + bar.low + bar.close) // 3
            rows.append(
                {
                    **_history_row(bar),
                    "shrts_qty": str(shares),
                    "ovr_shrts_qty": str(total),
                    "trde_wght": signed_percent(shares, bar.volume),
                    "shrts_trde_prica": str(shares * average // 1000),
                    "shrts_avg_pric": str(average),
                }
            )
        page, next_key = paginate(rows[::-1], call, SHORT_SALE_ROWS, lambda row: f"{listed.code}{row['dt']}")
        return Answer({call.api.rows.key: _only(call, page)}, next_key)

    def history(self, call: Call) -> Answer:
        """``ka10005``, ``ka10086``: days back from today, or from ``qry_dt``."""
        listed = find(self._market, call.get("stk_cd"))
        today = self._market.local_date(listed.instrument)
        last = _day(call, "qry_dt") if call.get("qry_dt") else today
        bars = self._bars(listed.instrument, FIRST_DAY, last, raw=False)[::-1]
        page, next_key = paginate(bars, call, HISTORY_ROWS, lambda bar: f"{listed.code}{bar.day:%Y%m%d}")
        return Answer({call.api.rows.key: _only(call, [_history_row(bar) for bar in page])}, next_key)

    def _bars(self, instrument: Instrument, first: date, last: date, *, raw: bool) -> list[DayBar]:
        bars = self._market.daily_bars(instrument, first, last)
        return [unadjusted(instrument, bar) for bar in bars] if raw else bars

    def _minutes(
        self, instrument: Instrument, newest: date, until: time, interval: int, count: int
    ) -> list[MinuteBar]:
        oldest = max(FIRST_DAY, self._market.local_date(instrument) - MINUTE_HISTORY)
        bars: list[MinuteBar] = []
        day = newest
        while day >= oldest and len(bars) < count:
            bars += self._market.minute_bars(instrument, day, until, count - len(bars), interval)
            day, until = day - timedelta(days=1), _LAST_SECOND
        return bars

    def _minute_rows(self, instrument: Instrument, bars: Sequence[MinuteBar], *, raw: bool) -> list[Row]:
        bases: dict[date, int] = {}
        rows = []
        for bar in bars:
            day = bar.time.date()
            ratio = instrument.adjustment(day) if raw else 1
            if day not in bases:
                daily = self._market.daily_bars(instrument, day, day)
                bases[day] = daily[0].base if daily else bar.open
            moved = replace(
                bar,
                open=bar.open * ratio,
                high=bar.high * ratio,
                low=bar.low * ratio,
                close=bar.close * ratio,
            )
            rows.append(_minute_row(moved, bases[day] * ratio, max(1, bar.volume // ratio)))
        return rows


def _day_row(instrument: Instrument, bar: DayBar) -> Row:
    return {
        "dt": f"{bar.day:%Y%m%d}",
        "cur_prc": str(bar.close),
        "open_pric": str(bar.open),
        "high_pric": str(bar.high),
        "low_pric": str(bar.low),
        "trde_qty": str(bar.volume),
        "trde_prica": str(traded_value(bar) // MILLION),
        "pred_pre": signed(bar.close - bar.base),
        "pred_pre_sig": sign_code(bar.close, bar.base),
        "trde_tern_rt": signed_percent(bar.volume, instrument.shares),
    }


def _minute_row(bar: MinuteBar, base: int, volume: int) -> Row:
    return {
        "cntr_tm": bar.time.astimezone(KST).strftime("%Y%m%d%H%M%S"),
        "cur_prc": directed(bar.close, base),
        "open_pric": directed(bar.open, base),
        "high_pric": directed(bar.high, base),
        "low_pric": directed(bar.low, base),
        "trde_qty": str(volume),
        "pred_pre": signed(bar.close - base),
        "pred_pre_sig": sign_code(bar.close, base),
    }


def _history_row(bar: DayBar) -> Row:
    """A day of the TRs that write signs before prices; the shares of investors are invented."""
    foreign = bar.volume // 7 * (1 if bar.close >= bar.base else -1)
    return {
        "dt": f"{bar.day:%Y%m%d}",
        "date": f"{bar.day:%Y%m%d}",
        "close_pric": directed(bar.close, bar.base),
        "open_pric": directed(bar.open, bar.base),
        "high_pric": directed(bar.high, bar.base),
        "low_pric": directed(bar.low, bar.base),
        "pred_pre": signed(bar.close - bar.base),
        "pre": signed(bar.close - bar.base),
        "pred_rt": signed(bar.close - bar.base),
        "pred_pre_sig": sign_code(bar.close, bar.base),
        "flu_rt": signed_percent(bar.close - bar.base, bar.base),
        "trde_qty": str(bar.volume),
        "trde_prica": str(traded_value(bar) // MILLION),
        "amt_mn": str(traded_value(bar) // MILLION),
        # Net amounts carry the sign twice where they are negative.
        "for_netprps": f"-{foreign}" if foreign < 0 else signed(foreign),
        "orgn_netprps": f"-{-foreign // 2}" if foreign > 0 else signed(-foreign // 2),
        "ind_netprps": signed(-foreign // 2),
        "for_poss": "0",
        "for_wght": percent(1, 2),
        "for_rt": percent(1, 2),
    }


def _only(call: Call, rows: Sequence[Row]) -> list[dict[str, str]]:
    """The rows with the keys of the TR, and no others."""
    neutral = call.api.row()
    return [{key: row.get(key, value) for key, value in neutral.items()} for row in rows]


def _answer(call: Call, listed: Listed, rows: Sequence[Row], next_key: str) -> Answer:
    return Answer({"stk_cd": listed.code, call.api.rows.key: _only(call, rows)}, next_key)


def _day(call: Call, key: str) -> date:
    day = parse_date(call.get(key))
    if day is None:
        raise malformed(key)
    return day


def _moment(text: str) -> datetime | None:
    """``YYYYMMDDHHMMSS`` of a next-key, Korean time without an offset; None when it is none."""
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S")  # noqa: DTZ007 - minutes are looked up by date and wall time
    except ValueError:
        return None
