"""A moment of one instrument, and what of it stands under each key of an answer.

Kiwoom names the same thing alike in most TRs, so one table of writers serves all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import cached_property

from broker_server.simulator.kiwoom.codes import Listed
from broker_server.simulator.kiwoom.tables import Field, neutral
from broker_server.simulator.kiwoom.text import (
    HUNDRED_MILLION,
    MILLION,
    directed,
    hhmmss,
    percent,
    sign_code,
    signed,
    signed_percent,
    yyyymmdd,
)
from broker_server.simulator.market import Market
from broker_server.simulator.price_path import DayBar
from broker_server.simulator.quotes import Level, OrderBook, Quote

_YEAR = timedelta(days=366)
_DAYS = 250


class Snapshot:
    """How an instrument stands at a moment.

    Args:
        market: Where prices come from.
        listed: Which instrument.
        at: The moment; now when absent.
    """

    def __init__(self, market: Market, listed: Listed, at: datetime | None = None) -> None:
        self._market = market
        self._at = at
        self.listed = listed
        self.instrument = listed.instrument

    @cached_property
    def quote(self) -> Quote:
        """Price and volume."""
        return self._market.quote(self.instrument, self._at)

    @cached_property
    def book(self) -> OrderBook:
        """The order book."""
        return self._market.order_book(self.instrument, self.quote.time)

    @cached_property
    def _previous_book(self) -> OrderBook:
        return self.before.book

    @cached_property
    def days(self) -> list[DayBar]:
        """The last 250 days, oldest first."""
        today = self._market.local_date(self.instrument)
        return self._market.daily_bars(self.instrument, today - _YEAR, today)[-_DAYS:]

    @property
    def before(self) -> Snapshot:
        """A second before."""
        return Snapshot(self._market, self.listed, self.quote.time - timedelta(seconds=1))

    def price(self, price: int) -> str:
        """A price with its direction."""
        return directed(price, self.quote.base)

    def level(self, side: str, number: int, *, previous: bool = False) -> Level:
        """The n-th level of ``sel`` or ``buy``; nothing where the book has no more."""
        book = self._previous_book if previous else self.book
        levels = book.asks if side == "sel" else book.bids
        return levels[number - 1] if number <= len(levels) else Level(0, 0)

    def change(self, side: str, number: int) -> int:
        """By how many shares a level differs from a second before."""
        return self.level(side, number).quantity - self.level(side, number, previous=True).quantity

    def total(self, side: str, *, previous: bool = False) -> int:
        """Shares at all levels of a side."""
        return sum(self.level(side, number, previous=previous).quantity for number in range(1, 11))


Writer = Callable[[Snapshot], str]


def filled(fields: Iterable[Field], snapshot: Snapshot) -> dict[str, str]:
    """The values of an answer or of a row; lists in it are left out."""
    return {field.key: write(field.key, snapshot) for field in fields if not field.is_list}


def write(key: str, snapshot: Snapshot) -> str:
    """The value of a key; neutral where the simulated market has none."""
    writer = _WRITERS.get(key)
    if writer is not None:
        return writer(snapshot)
    for pattern, level_writer in _LEVELS:
        match = pattern.fullmatch(key)
        if match is not None:
            side, number = match.groups()
            return level_writer(snapshot, side, int(number))
    return neutral(key)


def market_cap(snapshot: Snapshot) -> int:
    """In hundred millions of won."""
    return snapshot.instrument.shares * snapshot.quote.price // HUNDRED_MILLION


def _difference(s: Snapshot) -> str:
    return signed(s.quote.price - s.quote.base)


def _rate(s: Snapshot) -> str:
    return signed_percent(s.quote.price - s.quote.base, s.quote.base)


def _sign(s: Snapshot) -> str:
    return sign_code(s.quote.price, s.quote.base, s.quote.lower, s.quote.upper)


def _volume_change(s: Snapshot) -> str:
    return signed_percent(s.quote.volume - s.quote.previous_volume, s.quote.previous_volume)


def _ratio(value: str) -> Writer:
    return lambda s: (
        f"{s.quote.price / getattr(s.instrument, value):.2f}" if getattr(s.instrument, value) else ""
    )


def _of_year(pick: Callable[[list[DayBar]], DayBar], price: str, shown: str) -> Writer:
    """The highest or lowest day of the last 250: its price, its date, or the way from it to now."""

    def writer(s: Snapshot) -> str:
        if not s.days:
            return neutral("250hgst")
        bar = pick(s.days)
        value: int = getattr(bar, price)
        if shown == "date":
            return f"{bar.day:%Y%m%d}"
        return s.price(value) if shown == "price" else signed_percent(s.quote.price - value, value)

    return writer


def _highest(days: list[DayBar]) -> DayBar:
    return max(days, key=lambda bar: bar.high)


def _lowest(days: list[DayBar]) -> DayBar:
    return min(days, key=lambda bar: bar.low)


def _cap(s: Snapshot) -> str:
    return str(s.instrument.shares * s.instrument.par_value // HUNDRED_MILLION)


def _roe(s: Snapshot) -> str:
    return f"{100 * s.instrument.eps / s.instrument.bps:.2f}" if s.instrument.bps else ""


_WRITERS: dict[str, Writer] = {
    "stk_cd": lambda s: s.listed.code,
    "stk_nm": lambda s: s.instrument.name,
    "cur_prc": lambda s: s.price(s.quote.price),
    "base_pric": lambda s: str(s.quote.base),
    "pred_close_pric": lambda s: str(s.quote.base),
    "pred_pre": _difference,
    "pred_pre_sig": _sign,
    "pre_sig": _sign,
    "sign": _sign,
    "pre_rt": _rate,
    "acc_trde_qty": lambda s: str(s.quote.volume),
    "acc_trde_prica": lambda s: str(s.quote.value // MILLION),
    "stex_tp": lambda s: s.listed.venue,
    "smbol": _sign,
    "flu_rt": _rate,
    "trde_qty": lambda s: str(s.quote.volume),
    "trde_pre": _volume_change,
    "pred_trde_qty_pre": _volume_change,
    "pred_rt": _volume_change,
    "pred_trde_qty": lambda s: str(s.quote.previous_volume),
    "pred_trde_prica": lambda s: str(s.quote.previous_volume * s.quote.base // MILLION),
    "trde_prica": lambda s: str(s.quote.value // MILLION),
    "trde_amt": lambda s: str(s.quote.value // MILLION),
    "trde_tern_rt": lambda s: signed_percent(s.quote.volume, s.instrument.shares),
    "open_pric": lambda s: s.price(s.quote.open),
    "high_pric": lambda s: s.price(s.quote.high),
    "low_pric": lambda s: s.price(s.quote.low),
    "close_pric": lambda s: s.price(s.quote.price),
    "upl_pric": lambda s: s.price(s.quote.upper),
    "lst_pric": lambda s: s.price(s.quote.lower),
    "250hgst": _of_year(_highest, "high", "price"),
    "250lwst": _of_year(_lowest, "low", "price"),
    "250hgst_pric_dt": _of_year(_highest, "high", "date"),
    "250lwst_pric_dt": _of_year(_lowest, "low", "date"),
    "250hgst_pric_pre_rt": _of_year(_highest, "high", "rate"),
    "250lwst_pric_pre_rt": _of_year(_lowest, "low", "rate"),
    "setl_mm": lambda s: "12",
    "fav": lambda s: str(s.instrument.par_value),
    "fav_unit": lambda s: "원",
    "cap": _cap,
    "flo_stk": lambda s: str(s.instrument.shares // 1000),
    "flo_stkcnt": lambda s: str(s.instrument.shares // 1000),
    "dstr_stk": lambda s: str(s.instrument.shares * 3 // 4000),
    "dstr_rt": lambda s: "75.0",
    "stkcnt": lambda s: str(s.instrument.shares // 1000),
    "mac": lambda s: str(market_cap(s)),
    "mac_wght": lambda s: "",
    "repl_pric": lambda s: str(s.quote.base * 7 // 10),
    "eps": lambda s: str(s.instrument.eps) if s.instrument.eps else "",
    "bps": lambda s: str(s.instrument.bps) if s.instrument.bps else "",
    "per": _ratio("eps"),
    "pbr": _ratio("bps"),
    "roe": _roe,
    "ev": lambda s: "",
    "date": lambda s: yyyymmdd(s.quote.time),
    "dt": lambda s: yyyymmdd(s.quote.time),
    "tm": lambda s: hhmmss(s.quote.time),
    "cntr_tm": lambda s: hhmmss(s.quote.time),
    "bid_tm": lambda s: hhmmss(s.quote.time),
    "bid_req_base_tm": lambda s: hhmmss(s.quote.time),
    "cntr_qty": lambda s: signed(max(1, s.level("buy", 1).quantity // 10)),
    "cntr_str": lambda s: percent(47, 53),
    "stk_infr": lambda s: "0",
    "cnt": lambda s: "1",
    "sel_bid": lambda s: s.price(s.level("sel", 1).price),
    "buy_bid": lambda s: s.price(s.level("buy", 1).price),
    "sel_fpr_bid": lambda s: s.price(s.level("sel", 1).price),
    "buy_fpr_bid": lambda s: s.price(s.level("buy", 1).price),
    "sel_fpr_req": lambda s: str(s.level("sel", 1).quantity),
    "buy_fpr_req": lambda s: str(s.level("buy", 1).quantity),
    "pri_sel_bid_unit": lambda s: s.price(s.level("sel", 1).price),
    "pri_buy_bid_unit": lambda s: s.price(s.level("buy", 1).price),
    "pri_sel_req": lambda s: str(s.level("sel", 1).quantity),
    "pri_buy_req": lambda s: str(s.level("buy", 1).quantity),
    "sel_req": lambda s: str(s.level("sel", 1).quantity),
    "buy_req": lambda s: str(s.level("buy", 1).quantity),
    "tot_sel_req": lambda s: str(s.total("sel")),
    "tot_buy_req": lambda s: str(s.total("buy")),
    "tot_sel_req_jub_pre": lambda s: signed(s.total("sel") - s.total("sel", previous=True)),
    "tot_buy_req_jub_pre": lambda s: signed(s.total("buy") - s.total("buy", previous=True)),
    "sel_bid_tot_req": lambda s: str(s.total("sel")),
    "buy_bid_tot_req": lambda s: str(s.total("buy")),
    "sel_bid_tot_req_jub_pre": lambda s: signed(s.total("sel") - s.total("sel", previous=True)),
    "buy_bid_tot_req_jub_pre": lambda s: signed(s.total("buy") - s.total("buy", previous=True)),
    "ovt_sigpric_cur_prc": lambda s: s.price(s.quote.price),
    "ovt_sigpric_pred_pre_sig": _sign,
    "ovt_sigpric_pred_pre": _difference,
    "ovt_sigpric_flu_rt": _rate,
    "ovt_sigpric_acc_trde_qty": lambda s: str(s.quote.volume // 1000),
    "ovt_sigpric_sel_bid_tot_req": lambda s: str(_after_hours_total(s, "sel")),
    "ovt_sigpric_buy_bid_tot_req": lambda s: str(_after_hours_total(s, "buy")),
}


def _after_hours_total(s: Snapshot, side: str) -> int:
    return sum(s.level(side, number).quantity // 100 for number in range(1, 6))


_LEVELS: tuple[tuple[re.Pattern[str], Callable[[Snapshot, str, int], str]], ...] = (
    (re.compile(r"(sel|buy)_(\d+)(?:th_pre_|th_)?bid"), lambda s, side, n: s.price(s.level(side, n).price)),
    (re.compile(r"(sel|buy)_(\d+)(?:th_pre|bid)_req"), lambda s, side, n: str(s.level(side, n).quantity)),
    (
        re.compile(r"(sel|buy)_(\d+)(?:th_pre_req_pre|bid_jub_pre)"),
        lambda s, side, n: signed(s.change(side, n)),
    ),
    (re.compile(r"(sel|buy)_(\d+)bid_cnt"), lambda s, side, n: str(-(-s.level(side, n).quantity // 10))),
    (
        re.compile(r"ovt_sigpric_(sel|buy)_bid_(\d+)"),
        lambda s, side, n: s.price(s.level(side, n).price),
    ),
    (
        re.compile(r"ovt_sigpric_(sel|buy)_bid_qty_(\d+)"),
        lambda s, side, n: str(s.level(side, n).quantity // 100),
    ),
)
