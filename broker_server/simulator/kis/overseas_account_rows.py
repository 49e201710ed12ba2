"""The rows of the overseas account queries, as KIS writes them."""

from __future__ import annotations

from decimal import Decimal

from broker_server.simulator.accounts import MINOR_UNITS, Account, Holding, won_per_minor_unit
from broker_server.simulator.amounts import decimal
from broker_server.simulator.instruments import KRW_PER_UNIT, Instrument
from broker_server.simulator.kis.domestic_orders import BRANCH
from broker_server.simulator.kis.overseas_quotes import PLACES
from broker_server.simulator.kis.tables import template
from broker_server.simulator.kis.text import average, hhmmss, percent, yyyymmdd
from broker_server.simulator.market import Market
from broker_server.simulator.orders import Order, OrderState, Side

_COUNTRY_NAMES = {"US": "미국", "HK": "홍콩", "CN": "중국", "JP": "일본", "VN": "베트남"}
COUNTRY_CODES = {"US": "840", "HK": "344", "CN": "156", "JP": "392", "VN": "704"}
_MARKET_NAMES = {
    "NASD": "나스닥",
    "NYSE": "뉴욕거래소",
    "AMEX": "아멕스",
    "SEHK": "홍콩거래소",
    "SHAA": "상해거래소",
    "SZAA": "심천거래소",
    "TKSE": "도쿄거래소",
    "HASE": "하노이거래소",
    "VNSE": "호치민거래소",
}
_PRODUCT_TYPES = {
    "NASD": "512",
    "NYSE": "513",
    "AMEX": "529",
    "SEHK": "501",
    "SHAA": "551",
    "SZAA": "552",
    "TKSE": "515",
    "HASE": "507",
    "VNSE": "508",
}
SIDE_CODES = {Side.SELL: "01", Side.BUY: "02"}
_SIDE_NAMES = {Side.SELL: "매도", Side.BUY: "매수"}
_KIND_CODES = {"new": "00", "modify": "01", "cancel": "02"}
_KIND_NAMES = {"new": "", "modify": "정정", "cancel": "취소"}


class OverseasRows:
    """Writes rows.

    Args:
        market: Where prices come from.
    """

    def __init__(self, market: Market) -> None:
        self._market = market

    def holding_row(self, account: Account, holding: Holding) -> dict[str, str]:
        """One holding of ``inquire-balance``."""
        instrument = holding.instrument
        value = holding.quantity * self._market.quote(instrument).price
        places = instrument.decimals
        row = template("overseas_inquire_balance", "output1")
        row.update(
            cano=account.number[:8],
            acnt_prdt_cd=account.number[-2:],
            prdt_type_cd=_PRODUCT_TYPES[instrument.exchange],
            ovrs_pdno=instrument.symbol,
            ovrs_item_name=instrument.name,
            frcr_evlu_pfls_amt=decimal(value - holding.cost, places, 6),
            evlu_pfls_rt=percent(value - holding.cost, holding.cost),
            pchs_avg_pric=_average(holding),
            ovrs_cblc_qty=str(holding.quantity),
            ord_psbl_qty=str(holding.sellable),
            frcr_pchs_amt1=decimal(holding.cost, places, 5),
            ovrs_stck_evlu_amt=decimal(value, places, 6),
            now_pric2=decimal(self._market.quote(instrument).price, places, 6),
            tr_crcy_cd=instrument.currency,
            ovrs_excg_cd=instrument.exchange,
            loan_type_cd="10",
        )
        return row

    def balance_totals(self, holdings: list[Holding]) -> dict[str, str]:
        """The totals of ``inquire-balance``."""
        places = holdings[0].instrument.decimals if holdings else 2
        cost = sum(holding.cost for holding in holdings)
        value = sum(holding.quantity * self._market.quote(holding.instrument).price for holding in holdings)
        realised = sum(holding.realised for holding in holdings)
        row = template("overseas_inquire_balance", "output2")
        row.update(
            frcr_pchs_amt1=decimal(cost, places, 5),
            ovrs_rlzt_pfls_amt=decimal(realised, places, 5),
            ovrs_tot_pfls=decimal(value - cost + realised, places, 5),
            rlzt_erng_rt=percent(realised, cost),
            tot_evlu_pfls_amt=decimal(value - cost, places, 8),
            tot_pftrt=f"{100 * (value - cost) / cost:.8f}" if cost else "0.00000000",
            frcr_buy_amt_smtl1=decimal(cost, places, 6),
            ovrs_rlzt_pfls_amt2=decimal(realised, places, 5),
            frcr_buy_amt_smtl2=decimal(cost, places, 6),
        )
        return row

    def _common(self, order: Order) -> dict[str, str]:
        request = order.request
        instrument = request.instrument
        local = order.time.astimezone(self._market.session(instrument).zone)
        places = instrument.decimals
        return {
            "ord_dt": f"{local:%Y%m%d}",
            "ord_tmd": f"{local:%H%M%S}",
            "ord_gno_brno": BRANCH,
            "odno": f"{order.number:010d}",
            "orgn_odno": f"{order.original:010d}" if order.original else "",
            "sll_buy_dvsn_cd": SIDE_CODES[request.side],
            "pdno": instrument.symbol,
            "ft_ord_qty": str(request.quantity),
            "ft_ord_unpr3": decimal(order.price or 0, places, 8),
            "ft_ccld_qty": str(order.filled),
            "ft_ccld_unpr3": average(order.amount, order.filled, places, 8),
            "ft_ccld_amt3": decimal(order.amount, places, 5),
            "nccs_qty": str(order.remaining if order.kind != "cancel" else 0),
            "rjct_rson": "",
            "tr_crcy_cd": instrument.currency,
            "ovrs_excg_cd": instrument.exchange,
            "loan_type_cd": "10",
            "usa_amk_exts_rqst_yn": "N",
        }

    def open_row(self, order: Order) -> dict[str, str]:
        """One order of ``inquire-nccs``."""
        row = template("overseas_inquire_nccs", "output")
        row.update(
            self._common(order),
            rvse_cncl_dvsn_cd=_KIND_CODES[order.kind],
            natn_cd=COUNTRY_CODES[order.request.instrument.country],
        )
        return row

    def execution_row(self, order: Order) -> dict[str, str]:
        """One order of ``inquire-ccnl``."""
        instrument = order.request.instrument
        row = template("overseas_inquire_ccnl", "output")
        row.update(
            self._common(order),
            sll_buy_dvsn_cd_name=_SIDE_NAMES[order.request.side],
            rvse_cncl_dvsn=_KIND_CODES[order.kind],
            rvse_cncl_dvsn_name=_KIND_NAMES[order.kind],
            prdt_name=instrument.name,
            prcs_stat_name="완료" if order.state is not OrderState.WORKING else "접수",
            rjct_rson_name="",
            tr_mket_name=_MARKET_NAMES[instrument.exchange],
            tr_natn=COUNTRY_CODES[instrument.country],
            tr_natn_name=_COUNTRY_NAMES[instrument.country],
            dmst_ord_dt=yyyymmdd(order.time),
            thco_ord_tmd=hhmmss(order.time),
            mdia_dvsn_name="OpenAPI",
        )
        return row

    def present_row(self, account: Account, holding: Holding) -> dict[str, str]:
        """One holding of ``inquire-present-balance``."""
        instrument = holding.instrument
        quote = self._market.quote(instrument)
        value, places = holding.quantity * quote.price, instrument.decimals
        holding.roll(self._market.local_date(instrument))
        row = template("overseas_inquire_present_balance", "output1")
        row.update(
            prdt_name=instrument.name,
            cblc_qty13=f"{holding.quantity}.00000000",
            thdt_buy_ccld_qty1=f"{holding.bought_today}.00000000",
            thdt_sll_ccld_qty1=f"{holding.sold_today}.00000000",
            ccld_qty_smtl1=f"{holding.quantity}.00000000",
            ord_psbl_qty1=f"{holding.sellable}.00000000",
            frcr_pchs_amt=decimal(holding.cost, places, 5),
            frcr_evlu_amt2=decimal(value, places, 6),
            evlu_pfls_amt2=decimal(value - holding.cost, places, 5),
            evlu_pfls_rt1=percent(value - holding.cost, holding.cost),
            pdno=instrument.symbol,
            bass_exrt=f"{Decimal(KRW_PER_UNIT[instrument.currency]):.8f}",
            buy_crcy_cd=instrument.currency,
            ovrs_now_pric1=decimal(quote.price, places, 6),
            avg_unpr3=_average(holding),
            tr_mket_name=_MARKET_NAMES[instrument.exchange],
            natn_kor_name=_COUNTRY_NAMES[instrument.country],
            pchs_rmnd_wcrc_amt=str(_won(instrument, holding.cost)),
            thdt_buy_ccld_frcr_amt=decimal(holding.bought_amount_today, places, 5),
            thdt_sll_ccld_frcr_amt=decimal(holding.sold_amount_today, places, 5),
            unit_amt="1",
            std_pdno=instrument.isin,
            prdt_type_cd=_PRODUCT_TYPES[instrument.exchange],
            ovrs_excg_cd=instrument.exchange,
        )
        return row

    def money_row(self, account: Account, currency: str) -> dict[str, str]:
        """One currency of ``inquire-present-balance``."""
        places = 2 if MINOR_UNITS[currency] == 100 else 0
        today = self._market.clock.now().date()
        free = max(0, account.free_cash(currency))
        row = template("overseas_inquire_present_balance", "output2")
        row.update(
            crcy_cd=currency,
            frcr_dncl_amt_2=decimal(account.deposit(currency, today), places, 6),
            frst_bltn_exrt=f"{Decimal(KRW_PER_UNIT[currency]):.8f}",
            frcr_buy_mgn_amt=decimal(account.reserved.get(currency, 0), places, 6),
            frcr_drwg_psbl_amt_1=decimal(free, places, 6),
            nxdy_frcr_drwg_psbl_amt=decimal(free, places, 6),
            acpl_cstd_crcy_yn="Y",
        )
        return row

    def present_totals(
        self, account: Account, holdings: list[Holding], currencies: list[str]
    ) -> dict[str, str]:
        """The totals of ``inquire-present-balance``."""
        cost = sum(_won(holding.instrument, holding.cost) for holding in holdings)
        value = sum(
            _won(holding.instrument, holding.quantity * self._market.quote(holding.instrument).price)
            for holding in holdings
        )
        money = sum(
            int(account.cash.get(currency, 0) * won_per_minor_unit(currency)) for currency in currencies
        )
        won = account.cash["KRW"]
        row = template("overseas_inquire_present_balance", "output3")
        row.update(
            pchs_amt_smtl=str(cost),
            evlu_amt_smtl=str(value),
            evlu_pfls_amt_smtl=str(value - cost),
            dncl_amt=str(won),
            tot_dncl_amt=str(won + money),
            wdrw_psbl_tot_amt=str(max(0, account.free_cash("KRW"))),
            frcr_evlu_tota=str(money),
            evlu_erng_rt1=percent(value - cost, cost),
            pchs_amt_smtl_amt=str(cost),
            evlu_amt_smtl_amt=str(value),
            tot_evlu_pfls_amt=str(value - cost),
            tot_asst_amt=str(value + money + won),
            frcr_use_psbl_amt=str(money),
            tot_frcr_cblc_smtl=str(money),
        )
        return row


def _average(holding: Holding) -> str:
    if not holding.quantity:
        return "0.0000"
    places = PLACES[holding.instrument.country] if holding.instrument.country == "US" else 4
    return f"{Decimal(holding.cost) / holding.quantity / 10**holding.instrument.decimals:.{places}f}"


def _won(instrument: Instrument, amount: int) -> int:
    return int(amount * won_per_minor_unit(instrument.currency))
