"""Domestic quotations: current price, order book, many symbols at once."""

from __future__ import annotations

from datetime import date, timedelta

from broker_server.simulator.instruments import Instrument
from broker_server.simulator.kis.calls import Answer, Call
from broker_server.simulator.kis.errors import invalid_field
from broker_server.simulator.kis.tables import template
from broker_server.simulator.kis.text import hhmmss, percent, sign, sign_of
from broker_server.simulator.market import Market
from broker_server.simulator.price_path import DayBar
from broker_server.simulator.quotes import Quote
from broker_server.simulator.ticks import tick_size

MARKET_CODES = ("J", "NX", "UN")
MAX_SYMBOLS = 30
_SEGMENT_NAMES = {"KOSPI": "KOSPI", "KOSDAQ": "KOSDAQ"}


def find_quoted(market: Market, call: Call) -> Instrument | None:
    """The instrument that a quotation is asked for, if it trades at the venue that is asked for.

    Raises:
        KisError: There is no such venue.
    """
    if call.get("FID_COND_MRKT_DIV_CODE") not in MARKET_CODES:
        raise invalid_field("MRKT_DIV_CODE")
    instrument = market.instruments.find(call.get("FID_INPUT_ISCD"))
    if instrument is not None and call.get("FID_COND_MRKT_DIV_CODE") == "NX" and not instrument.nxt:
        return None
    return instrument


class DomesticQuotes:
    """Quotations of KRX instruments.

    Args:
        market: Where prices come from.
    """

    def __init__(self, market: Market) -> None:
        self._market = market
        self._ranges: dict[str, tuple[date, _Range]] = {}

    def current_price(self, call: Call) -> Answer:
        """``inquire-price``; an unknown symbol answers with price "0", not with an error."""
        instrument = find_quoted(self._market, call)
        row = template("inquire_price", "output")
        if instrument is None:
            return Answer({"output": row})
        quote = self._market.quote(instrument)
        row.update(_price_fields(quote))
        row.update(_company_fields(instrument, quote.price))
        row.update(self._status_fields(instrument))
        row.update(self._range_fields(instrument, quote))
        return Answer({"output": row})

    def order_book(self, call: Call) -> Answer:
        """``inquire-asking-price-exp-ccn``: ten levels, and the expected match."""
        instrument = find_quoted(self._market, call)
        levels = template("inquire_asking_price_exp_ccn", "output1")
        expected = template("inquire_asking_price_exp_ccn", "output2")
        if instrument is None:
            return Answer({"output1": levels, "output2": expected})
        quote, book = self._market.quote(instrument), self._market.order_book(instrument)
        for names, side in ((("askp", "askp_rsqn"), book.asks), (("bidp", "bidp_rsqn"), book.bids)):
            for i, level in enumerate(side, 1):
                levels[f"{names[0]}{i}"] = str(level.price)
                levels[f"{names[1]}{i}"] = str(level.quantity)
        asks, bids = sum(level.quantity for level in book.asks), sum(level.quantity for level in book.bids)
        levels.update(
            aspr_acpt_hour=hhmmss(quote.time),
            total_askp_rsqn=str(asks),
            total_bidp_rsqn=str(bids),
            ntby_aspr_rsqn=str(bids - asks),
            new_mkop_cls_code="20" if self._market.is_open(instrument) else "31",
        )
        expected.update(
            antc_mkop_cls_code="311",
            stck_prpr=str(quote.price),
            stck_oprc=str(quote.open),
            stck_hgpr=str(quote.high),
            stck_lwpr=str(quote.low),
            stck_sdpr=str(quote.base),
            antc_cntg_vrss_sign="3",
            stck_shrn_iscd=instrument.symbol,
            vi_cls_code="N",
        )
        return Answer({"output1": levels, "output2": expected})

    def many_prices(self, call: Call) -> Answer:
        """``intstock-multprice``: up to 30 symbols; empty slots are skipped."""
        rows = []
        for i in range(1, MAX_SYMBOLS + 1):
            symbol = call.get(f"FID_INPUT_ISCD_{i}")
            if not symbol:
                continue
            if call.get(f"FID_COND_MRKT_DIV_CODE_{i}") not in MARKET_CODES:
                raise invalid_field("MRKT_DIV_CODE")
            instrument = self._market.instruments.find(symbol)
            row = template("intstock_multprice", "output")
            if instrument is not None:
                self._fill_many(row, instrument)
            rows.append(row)
        return Answer({"output": rows})

    def _status_fields(self, instrument: Instrument) -> dict[str, str]:
        suspended = self._market.is_suspended(instrument)
        status = "58" if suspended else "51" if instrument.administrative else "55"
        if instrument.kind in ("etf", "etn"):
            status = "58" if suspended else "00"
        return {
            "iscd_stat_cls_code": status,
            "temp_stop_yn": "Y" if suspended else "N",
            "crdt_able_yn": "Y" if status == "55" else "N",
            "marg_rate": "100.00" if suspended or instrument.administrative else "20.00",
            "mang_issu_cls_code": "Y" if instrument.administrative else "N",
            "vi_cls_code": "N",
            "ovtm_vi_cls_code": "N",
            "mrkt_warn_cls_code": "00",
            "short_over_yn": "N",
        }

    def _range_fields(self, instrument: Instrument, quote: Quote) -> dict[str, str]:
        span = self._range(instrument)
        fields: dict[str, str] = {}
        for prefix, days, middle in (
            ("d250", span.year, "rate"),
            ("w52", span.year, "ctrt"),
            ("dryy", span.this_year, "rate"),
        ):
            high, high_day, low, low_day = days
            stem = "stck_dryy" if prefix == "dryy" else prefix
            if quote.price > high:
                high, high_day = quote.price, quote.time.date()
            if quote.price < low:
                low, low_day = quote.price, quote.time.date()
            fields |= {
                f"{stem}_hgpr": str(high),
                f"{prefix}_hgpr_date": f"{high_day:%Y%m%d}",
                f"{prefix}_hgpr_vrss_prpr_{middle}": percent(quote.price - high, high),
                f"{stem}_lwpr": str(low),
                f"{prefix}_lwpr_date": f"{low_day:%Y%m%d}",
                f"{prefix}_lwpr_vrss_prpr_{middle}": percent(quote.price - low, low),
            }
        previous = span.previous
        pivot = (previous.high + previous.low + previous.close) // 3
        return fields | {
            "pvt_pont_val": str(pivot),
            "pvt_frst_dmrs_prc": str(2 * pivot - previous.low),
            "pvt_scnd_dmrs_prc": str(pivot + previous.high - previous.low),
            "pvt_frst_dmsp_prc": str(2 * pivot - previous.high),
            "pvt_scnd_dmsp_prc": str(pivot - previous.high + previous.low),
            "dmrs_val": str((previous.high + pivot) // 2),
            "dmsp_val": str((previous.low + pivot) // 2),
        }

    def _range(self, instrument: Instrument) -> _Range:
        today = self._market.local_date(instrument)
        cached = self._ranges.get(instrument.symbol)
        if cached is None or cached[0] != today:
            yesterday = today - timedelta(days=1)
            bars = self._market.daily_bars(instrument, today - timedelta(days=365), yesterday)
            cached = self._ranges[instrument.symbol] = (today, _Range(bars, today))
        return cached[1]

    def _fill_many(self, row: dict[str, str], instrument: Instrument) -> None:
        quote, book = self._market.quote(instrument), self._market.order_book(instrument)
        ask, bid = book.asks[:1], book.bids[:1]
        row.update(
            kospi_kosdaq_cls_name=_SEGMENT_NAMES[instrument.segment],
            mrkt_trtm_cls_name="거래정지" if self._market.is_suspended(instrument) else "",
            hour_cls_code="0",
            inter_shrn_iscd=instrument.symbol,
            inter_kor_isnm=instrument.name,
            inter2_prpr=str(quote.price),
            inter2_prdy_vrss=str(quote.price - quote.base),
            prdy_vrss_sign=sign_of(quote),
            prdy_ctrt=percent(quote.price - quote.base, quote.base),
            acml_vol=str(quote.volume),
            inter2_oprc=str(quote.open),
            inter2_hgpr=str(quote.high),
            inter2_lwpr=str(quote.low),
            inter2_llam=str(quote.lower),
            inter2_mxpr=str(quote.upper),
            inter2_askp=str(ask[0].price) if ask else "0",
            inter2_bidp=str(bid[0].price) if bid else "0",
            seln_rsqn=str(ask[0].quantity) if ask else "0",
            shnu_rsqn=str(bid[0].quantity) if bid else "0",
            total_askp_rsqn=str(sum(level.quantity for level in book.asks)),
            total_bidp_rsqn=str(sum(level.quantity for level in book.bids)),
            acml_tr_pbmn=str(quote.value),
            inter2_prdy_clpr=str(quote.base),
            oprc_vrss_hgpr_rate=percent(quote.high - quote.open, quote.open),
            intr_antc_cntg_vrss_sign=sign(quote.base, quote.base),
            inter2_sdpr=str(quote.base),
        )


class _Range:
    """The extremes of the last year and of this calendar year, up to yesterday."""

    def __init__(self, bars: list[DayBar], today: date) -> None:
        self.previous = bars[-1]
        self.year = _extremes(bars)
        self.this_year = _extremes([bar for bar in bars if bar.day.year == today.year] or bars[-1:])


def _extremes(bars: list[DayBar]) -> tuple[int, date, int, date]:
    high, low = max(bars, key=lambda bar: bar.high), min(bars, key=lambda bar: bar.low)
    return high.high, high.day, low.low, low.day


def _price_fields(quote: Quote) -> dict[str, str]:
    instrument = quote.instrument
    return {
        "stck_prpr": str(quote.price),
        "prdy_vrss": str(quote.price - quote.base),
        "prdy_vrss_sign": sign_of(quote),
        "prdy_ctrt": percent(quote.price - quote.base, quote.base),
        "acml_tr_pbmn": str(quote.value),
        "acml_vol": str(quote.volume),
        "prdy_vrss_vol_rate": percent(quote.volume, quote.previous_volume),
        "stck_oprc": str(quote.open),
        "stck_hgpr": str(quote.high),
        "stck_lwpr": str(quote.low),
        "stck_mxpr": str(quote.upper),
        "stck_llam": str(quote.lower),
        "stck_sdpr": str(quote.base),
        "wghn_avrg_stck_prc": f"{quote.value / quote.volume:.2f}" if quote.volume else "0.00",
        "rstc_wdth_prc": str(quote.upper - quote.base),
        "stck_sspr": str(quote.base * 7 // 10),
        "aspr_unit": str(tick_size(instrument.tick_table, quote.price)),
        "vol_tnrt": percent(quote.volume, instrument.shares),
    }


def _company_fields(instrument: Instrument, price: int) -> dict[str, str]:
    foreign = instrument.shares * 3 // 10
    return {
        "rprs_mrkt_kor_name": "KOSPI200" if instrument.segment == "KOSPI" else "KOSDAQ",
        "bstp_kor_isnm": instrument.sector,
        "hts_frgn_ehrt": "30.00",
        "frgn_hldn_qty": str(foreign),
        "cpfn": str(instrument.shares * instrument.par_value // 100_000_000),
        "stck_fcam": str(instrument.par_value),
        "hts_deal_qty_unit_val": str(instrument.lot),
        "lstn_stcn": str(instrument.shares),
        "hts_avls": str(instrument.shares * price // 100_000_000),
        "per": f"{price / instrument.eps:.2f}" if instrument.eps else "0.00",
        "pbr": f"{price / instrument.bps:.2f}" if instrument.bps else "0.00",
        "eps": f"{instrument.eps}.00",
        "bps": f"{instrument.bps}.00",
        "stac_month": "12",
        "stck_shrn_iscd": instrument.symbol,
        "fcam_cnnm": f"{instrument.par_value:,}",
        "cpfn_cnnm": f"{instrument.shares * instrument.par_value // 100_000_000:,} 억",
        "ssts_yn": "Y",
        "new_hgpr_lwpr_cls_code": "",
        "elw_pblc_yn": "N",
    }
