"""Overseas quotations: price, detail, order book, daily and minute charts."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from decimal import Decimal

from broker_server.simulator.accounts import won_per_minor_unit
from broker_server.simulator.amounts import decimal
from broker_server.simulator.candles import Period, combine, parse_date, unadjusted
from broker_server.simulator.clock import KST
from broker_server.simulator.instruments import KRW_PER_UNIT, Instrument
from broker_server.simulator.kis.calls import Answer, Call
from broker_server.simulator.kis.errors import invalid_field
from broker_server.simulator.kis.tables import template
from broker_server.simulator.kis.text import percent, sign, sign_of
from broker_server.simulator.market import Market
from broker_server.simulator.price_path import DayBar
from broker_server.simulator.quotes import MinuteBar, Quote
from broker_server.simulator.sessions import MINUTES_PER_DAY
from broker_server.simulator.ticks import tick_size

EXCHANGES = {
    "NAS": "NASD",
    "NYS": "NYSE",
    "AMS": "AMEX",
    "BAQ": "NASD",
    "BAY": "NYSE",
    "BAA": "AMEX",
    "HKS": "SEHK",
    "SHS": "SHAA",
    "SZS": "SZAA",
    "TSE": "TKSE",
    "HNX": "HASE",
    "HSX": "VNSE",
}
"""EXCD of the quotations to the four letters of trading."""

INDEX_EXCHANGES = ("SHI", "SZI")
PLACES = {"US": 4, "JP": 1, "CN": 3, "HK": 3, "VN": 0}
"""``zdiv``: decimals shown per country."""

DAILY_ROWS = 100
MINUTE_ROWS = 120
_PERIODS: dict[str, Period] = {"0": "day", "1": "week", "2": "month"}
_OLDEST_MINUTES = timedelta(days=30)


class OverseasQuotes:
    """Quotations of foreign instruments.

    Args:
        market: Where prices come from.
    """

    def __init__(self, market: Market) -> None:
        self._market = market

    def price(self, call: Call) -> Answer:
        """``price``; an unknown symbol answers with blanks, not with an error."""
        row, instrument = self._start(call, "output")
        if instrument is not None:
            quote = self._market.quote(instrument)
            row.update(
                _change(quote),
                base=_shown(instrument, quote.base),
                pvol=str(quote.previous_volume),
                last=_shown(instrument, quote.price),
                tvol=str(quote.volume),
                tamt=decimal(quote.value, instrument.decimals, 0),
                ordy="매도불가" if self._market.is_suspended(instrument) else "매수가능",
            )
        return Answer({"output": row})

    def detail(self, call: Call) -> Answer:
        """``price-detail``: with company figures and won."""
        row, instrument = self._start(call, "output")
        if instrument is None:
            return Answer({"output": row})
        quote = self._market.quote(instrument)
        today = self._market.local_date(instrument)
        bars = self._market.daily_bars(instrument, today - timedelta(days=365), today)
        high, low = max(bars, key=lambda bar: bar.high), min(bars, key=lambda bar: bar.low)
        rate = KRW_PER_UNIT[instrument.currency]
        won, won_before = _won(instrument, quote.price), _won(instrument, quote.base)
        limited = instrument.limit_percent is not None
        row.update(
            pvol=str(quote.previous_volume),
            open=_shown(instrument, quote.open),
            high=_shown(instrument, quote.high),
            low=_shown(instrument, quote.low),
            last=_shown(instrument, quote.price),
            base=_shown(instrument, quote.base),
            tomv=decimal(instrument.shares * quote.price, instrument.decimals, 0),
            pamt=decimal(quote.previous_volume * quote.base, instrument.decimals, 0),
            uplp=_shown(instrument, quote.upper) if limited else "0",
            dnlp=_shown(instrument, quote.lower) if limited else "0",
            h52p=_shown(instrument, high.high),
            h52d=f"{high.day:%Y%m%d}",
            l52p=_shown(instrument, low.low),
            l52d=f"{low.day:%Y%m%d}",
            perx=f"{quote.price / instrument.eps:.2f}" if instrument.eps else "0.00",
            pbrx=f"{quote.price / instrument.bps:.2f}" if instrument.bps else "0.00",
            epsx=decimal(instrument.eps, instrument.decimals),
            bpsx=decimal(instrument.bps, instrument.decimals),
            shar=str(instrument.shares),
            mcap=str(instrument.shares * instrument.par_value),
            curr=instrument.currency,
            vnit=str(instrument.lot),
            t_xprc=str(won),
            t_xdif=str(abs(won - won_before)),
            t_xrat=percent(won - won_before, won_before),
            p_xprc=str(won_before),
            p_xdif="0",
            p_xrat="0.00",
            t_rate=rate,
            p_rate=rate,
            t_xsgn=sign(won, won_before),
            p_xsng="3",
            e_ordyn="거래정지" if self._market.is_suspended(instrument) else "매매 가능",
            e_hogau=decimal(tick_size(instrument.tick_table, quote.price), instrument.decimals, 4),
            e_icod=instrument.sector,
            tvol=str(quote.volume),
            tamt=decimal(quote.value, instrument.decimals, 0),
            etyp_nm="ETF" if instrument.kind == "etf" else "",
        )
        return Answer({"output": row})

    def order_book(self, call: Call) -> Answer:
        """``inquire-asking-price``: ten levels in the US, one elsewhere."""
        summary, instrument = self._start(call, "output1")
        operation = call.operation.name
        levels, auction = template(operation, "output2"), template(operation, "output3")
        if instrument is None:
            return Answer({"output1": summary, "output2": dict.fromkeys(levels, ""), "output3": auction})
        quote, book = self._market.quote(instrument), self._market.order_book(instrument)
        depth = 10 if instrument.country == "US" else 1
        for side, stem in ((book.bids[:depth], "bid"), (book.asks[:depth], "ask")):
            for i, level in enumerate(side, 1):
                levels[f"p{stem}{i}"] = _shown(instrument, level.price)
                levels[f"v{stem}{i}"] = str(level.quantity)
        local = quote.time.astimezone(self._market.session(instrument).zone)
        summary.update(
            curr=instrument.currency,
            base=_shown(instrument, quote.base),
            open=_shown(instrument, quote.open),
            high=_shown(instrument, quote.high),
            low=_shown(instrument, quote.low),
            last=_shown(instrument, quote.price),
            dymd=f"{local:%Y%m%d}",
            dhms=f"{local:%H%M%S}",
            bvol=str(sum(level.quantity for level in book.bids[:depth])),
            avol=str(sum(level.quantity for level in book.asks[:depth])),
            code=instrument.symbol,
            ropen=percent(quote.open - quote.base, quote.base),
            rhigh=percent(quote.high - quote.base, quote.base),
            rlow=percent(quote.low - quote.base, quote.base),
            rclose=percent(quote.price - quote.base, quote.base),
        )
        return Answer({"output1": summary, "output2": levels, "output3": auction})

    def daily(self, call: Call) -> Answer:
        """``dailyprice``: at most 100 rows, newest first; MODP 0 raw, 1 adjusted."""
        period = _PERIODS.get(call.get("GUBN"))
        if period is None:
            raise invalid_field("GUBN")
        if call.get("MODP") not in ("0", "1"):
            raise invalid_field("MODP")
        wanted = call.get("BYMD").strip()
        last = parse_date(wanted)
        if wanted and last is None:
            raise invalid_field("BYMD")
        summary, instrument = self._start(call, "output1")
        if instrument is None:
            return Answer({"output1": summary, "output2": []})
        last = last or self._market.local_date(instrument)
        span = {"day": 200, "week": 800, "month": 3_300, "year": 0}[period]
        bars = self._market.daily_bars(instrument, last - timedelta(days=span), last)
        if call.get("MODP") == "0":
            bars = [unadjusted(instrument, bar) for bar in bars]
        rows = combine(bars, period)[-DAILY_ROWS:]
        summary["nrec"] = str(len(rows))
        output = [self._daily_row(instrument, bar) for bar in reversed(rows)]
        return Answer({"output1": summary, "output2": output})

    def minutes(self, call: Call) -> Answer:
        """``inquire-time-itemchartprice``: at most 120 rows, newest first, back from KEYB."""
        interval, wanted = call.get("NMIN"), call.get("NREC")
        if not interval.isdigit() or not 1 <= int(interval) <= MINUTES_PER_DAY:
            raise invalid_field("NMIN")
        if not wanted.isdigit() or int(wanted) < 1:
            raise invalid_field("NREC")
        summary, instrument = self._start(call, "output1")
        if instrument is None:
            return Answer({"output1": summary, "output2": []})
        zone = self._market.session(instrument).zone
        now = self._market.clock.now().astimezone(zone)
        until = _key(call.get("KEYB").strip(), now) if call.get("NEXT") == "1" else now
        count = min(int(wanted), MINUTE_ROWS)
        bars: list[MinuteBar] = []
        day, moment, more = until.date(), until.time(), False
        while len(bars) < count:
            bars += self._market.minute_bars(instrument, day, moment, count - len(bars), int(interval))
            day, moment = day - timedelta(days=1), time(23, 59, 59)
            if call.get("PINC") != "1" or now.date() - day > _OLDEST_MINUTES:
                break
        else:
            more = True
        session = self._market.session(instrument)
        opens = session.start(now.date())
        closes = opens + timedelta(minutes=session.minutes)
        summary.update(
            stim=f"{opens:%H%M%S}",
            etim=f"{closes:%H%M%S}",
            sktm=f"{opens.astimezone(KST):%H%M%S}",
            ektm=f"{closes.astimezone(KST):%H%M%S}",
            next="1" if more else "0",
            more="1" if more else "0",
            nrec=str(len(bars)),
        )
        return Answer({"output1": summary, "output2": [_minute_row(instrument, bar) for bar in bars]})

    def _start(self, call: Call, output: str) -> tuple[dict[str, str], Instrument | None]:
        """The row with its head, blank for an unknown symbol."""
        code, symbol = call.get("EXCD"), call.get("SYMB").strip()
        if code not in EXCHANGES and code not in INDEX_EXCHANGES:
            raise invalid_field("EXCD")
        instrument = self._market.instruments.find(symbol, EXCHANGES.get(code, ""))
        row = template(call.operation.name, output)
        if instrument is None:
            return dict.fromkeys(row, ""), None
        row["rsym"] = f"{'R' if code in ('BAQ', 'BAY', 'BAA') else 'D'}{code}{symbol}"
        row["zdiv"] = str(PLACES[instrument.country])
        return row, instrument

    def _daily_row(self, instrument: Instrument, bar: DayBar) -> dict[str, str]:
        row = template("overseas_dailyprice", "output2")
        tick = tick_size(instrument.tick_table, bar.close)
        row.update(
            xymd=f"{bar.day:%Y%m%d}",
            clos=_shown(instrument, bar.close),
            sign=sign(bar.close, bar.base),
            diff=_shown(instrument, abs(bar.close - bar.base)),
            rate=percent(bar.close - bar.base, bar.base),
            open=_shown(instrument, bar.open),
            high=_shown(instrument, bar.high),
            low=_shown(instrument, bar.low),
            tvol=str(bar.volume),
            tamt=decimal(bar.volume * (bar.open + bar.close) // 2, instrument.decimals, 0),
            pbid=_shown(instrument, bar.close),
            vbid=str(max(instrument.lot, bar.volume // 10_000)),
            pask=_shown(instrument, bar.close + tick),
            vask=str(max(instrument.lot, bar.volume // 9_000)),
        )
        return row


def _key(text: str, now: datetime) -> datetime:
    if len(text) != 14 or not text.isdigit():
        raise invalid_field("KEYB")
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=now.tzinfo)
    except ValueError:
        raise invalid_field("KEYB") from None


def _minute_row(instrument: Instrument, bar: MinuteBar) -> dict[str, str]:
    korean = bar.time.astimezone(KST)
    row = template("overseas_inquire_time_itemchartprice", "output2")
    row.update(
        tymd=f"{bar.time:%Y%m%d}",
        xymd=f"{bar.time:%Y%m%d}",
        xhms=f"{bar.time:%H%M%S}",
        kymd=f"{korean:%Y%m%d}",
        khms=f"{korean:%H%M%S}",
        open=_shown(instrument, bar.open),
        high=_shown(instrument, bar.high),
        low=_shown(instrument, bar.low),
        last=_shown(instrument, bar.close),
        evol=str(bar.volume),
        eamt=decimal(bar.value, instrument.decimals, 0),
    )
    return row


def _change(quote: Quote) -> dict[str, str]:
    return {
        "sign": sign_of(quote),
        "diff": _shown(quote.instrument, abs(quote.price - quote.base)),
        "rate": percent(quote.price - quote.base, quote.base),
    }


def _shown(instrument: Instrument, price: int) -> str:
    return decimal(price, instrument.decimals, PLACES[instrument.country])


def _won(instrument: Instrument, price: int) -> int:
    return int(Decimal(price) * won_per_minor_unit(instrument.currency))
