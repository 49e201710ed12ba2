"""Look-ups of the ledger and the product master; real keys only."""

from __future__ import annotations

from datetime import timedelta

from broker_server.simulator.candles import parse_date
from broker_server.simulator.instruments import KRX, Instrument
from broker_server.simulator.kis.calls import Answer, Call
from broker_server.simulator.kis.errors import business_error, invalid_field
from broker_server.simulator.kis.paging import paginate
from broker_server.simulator.kis.tables import template
from broker_server.simulator.market import Market
from broker_server.simulator.sessions import SETTLEMENT_COUNTRY
from broker_server.simulator.trading_calendar import TradingCalendar

HOLIDAY_ROWS = 24
_HOLIDAY_DAYS = 365
_PRODUCT_TYPES = {"300": KRX, "512": "NASD", "513": "NYSE", "529": "AMEX", "515": "TKSE", "501": "SEHK"}
_PRODUCT_TYPES |= {"551": "SHAA", "552": "SZAA", "507": "HASE", "508": "VNSE"}
_SECURITY_GROUPS = {"stock": "ST", "preferred": "ST", "etf": "EF", "etn": "EN"}


class Reference:
    """``chk-holiday``, ``search-stock-info`` and ``search-info``.

    Args:
        market: The instruments and the clock.
    """

    def __init__(self, market: Market) -> None:
        self._market = market
        self._calendar = TradingCalendar(SETTLEMENT_COUNTRY)

    def holidays(self, call: Call) -> Answer:
        """``chk-holiday``: the days from BASS_DT on; ``opnd_yn`` says whether the exchange opens."""
        first = parse_date(call.get("BASS_DT"))
        if first is None:
            raise invalid_field("BASS_DT")
        rows = []
        for offset in range(_HOLIDAY_DAYS):
            day = first + timedelta(days=offset)
            opens = "Y" if self._calendar.is_business_day(day) else "N"
            row = template("chk_holiday", "output")
            row.update(
                bass_dt=f"{day:%Y%m%d}",
                wday_dvsn_cd=f"{(day.isoweekday() % 7) + 1:02d}",
                bzdy_yn=opens,
                tr_day_yn=opens,
                opnd_yn=opens,
                sttl_day_yn=opens,
            )
            rows.append(row)
        page = paginate(rows, call, HOLIDAY_ROWS, "", lambda row: row["bass_dt"])
        return Answer({**page.keys, "output": list(page.rows)}, page.tr_cont)

    def stock(self, call: Call) -> Answer:
        """``search-stock-info``: the stock master's row."""
        if call.get("PRDT_TYPE_CD") != "300":
            raise invalid_field("PRDT_TYPE_CD")
        instrument = self._find(call)
        quote = self._market.quote(instrument)
        listed_on_kospi = instrument.segment == "KOSPI"
        suspended = self._market.is_suspended(instrument)
        row = template("search_stock_info", "output")
        row.update(
            _names(instrument),
            mket_id_cd="STK" if listed_on_kospi else "KSQ",
            scty_grp_id_cd=_SECURITY_GROUPS[instrument.kind],
            excg_dvsn_cd="02" if listed_on_kospi else "03",
            setl_mmdd="1231",
            lstg_stqt=str(instrument.shares),
            lstg_cptl_amt=str(instrument.shares * instrument.par_value),
            cpta=str(instrument.shares * instrument.par_value),
            papr=str(instrument.par_value),
            issu_pric="0",
            kospi200_item_yn="Y" if listed_on_kospi and instrument.kind == "stock" else "N",
            scts_mket_lstg_dt=f"{instrument.listed_on:%Y%m%d}" if listed_on_kospi else "",
            kosdaq_mket_lstg_dt="" if listed_on_kospi else f"{instrument.listed_on:%Y%m%d}",
            idx_bztp_mcls_cd_name=instrument.sector,
            std_idst_clsf_cd_name=instrument.sector,
            stck_kind_cd="201" if instrument.kind == "preferred" else "101",
            std_pdno=instrument.isin,
            sbst_pric=str(quote.base * 7 // 10),
            thco_sbst_pric=str(quote.base * 7 // 10),
            tr_stop_yn="Y" if suspended else "N",
            admn_item_yn="Y" if instrument.administrative else "N",
            thdt_clpr=str(quote.price),
            bfdy_clpr=str(quote.base),
            clpr_chng_dt=f"{quote.time:%Y%m%d}",
            elec_scty_yn="Y",
            cptt_trad_tr_psbl_yn="Y" if instrument.nxt else "N",
            nxt_tr_stop_yn="Y" if suspended or not instrument.nxt else "N",
        )
        return Answer({"output": row})

    def product(self, call: Call) -> Answer:
        """``search-info``: names of a product of any market, by its type code."""
        instrument = self._find(call)
        row = template("search_info", "output")
        row.update(
            _names(instrument),
            std_pdno=instrument.isin,
            shtn_pdno=instrument.symbol,
            prdt_clsf_cd="101210" if instrument.exchange == KRX else "101310",
            prdt_clsf_name="주권",
            ivst_prdt_type_cd="0100",
            ivst_prdt_type_cd_name="국내주식" if instrument.exchange == KRX else "해외주식",
            frst_erlm_dt="20000101",
        )
        row["prdt_type_cd"] = call.get("PRDT_TYPE_CD")
        return Answer({"output": row})

    def _find(self, call: Call) -> Instrument:
        exchange = _PRODUCT_TYPES.get(call.get("PRDT_TYPE_CD"))
        if exchange is None:
            raise invalid_field("PRDT_TYPE_CD")
        symbol = call.get("PDNO").strip()
        for instrument in self._market.instruments:
            if instrument.exchange == exchange and symbol in (instrument.symbol, instrument.isin or None):
                return instrument
        raise business_error("APBK0656", "해당종목정보가 없습니다.")


def _names(instrument: Instrument) -> dict[str, str]:
    padded = instrument.symbol
    if instrument.exchange == KRX:
        padded = f"00000{'' if instrument.kind == 'etn' else 'A'}{instrument.symbol}"
    return {
        "pdno": padded,
        "prdt_type_cd": "300",
        "prdt_name": instrument.name,
        "prdt_name120": instrument.name,
        "prdt_abrv_name": instrument.name,
        "prdt_eng_name": instrument.english_name,
        "prdt_eng_name120": instrument.english_name,
        "prdt_eng_abrv_name": instrument.english_name,
    }
