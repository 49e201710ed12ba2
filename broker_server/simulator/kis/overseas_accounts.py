"""Overseas account queries: balance, what may be bought, orders and executions."""

from __future__ import annotations

from decimal import Decimal

from broker_server.simulator.accounts import MINOR_UNITS, Account, Holding, won_per_minor_unit
from broker_server.simulator.candles import parse_date
from broker_server.simulator.instruments import KRW_PER_UNIT, Instrument
from broker_server.simulator.kis.calls import VENDOR, Answer, Call
from broker_server.simulator.kis.domestic_accounts import affordable
from broker_server.simulator.kis.domestic_orders import BRANCH
from broker_server.simulator.kis.errors import business_error, invalid_field, order_refused
from broker_server.simulator.kis.overseas_orders import EXCHANGES, check_exchange, minor_units
from broker_server.simulator.kis.overseas_quotes import PLACES
from broker_server.simulator.kis.paging import paginate
from broker_server.simulator.kis.tables import template
from broker_server.simulator.kis.text import average, decimal, hhmmss, percent, yyyymmdd
from broker_server.simulator.matching import Exchange
from broker_server.simulator.orders import Order, OrderRefused, OrderState, Side

BALANCE_ROWS = 100
OPEN_ORDER_ROWS = 40
EXECUTION_ROWS = {"real": 20, "paper": 15}
_US = ("NASD", "NYSE", "AMEX")
_COUNTRY_NAMES = {"US": "미국", "HK": "홍콩", "CN": "중국", "JP": "일본", "VN": "베트남"}
_COUNTRY_CODES = {"US": "840", "HK": "344", "CN": "156", "JP": "392", "VN": "704"}
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
_SIDE_CODES = {Side.SELL: "01", Side.BUY: "02"}
_SIDE_NAMES = {Side.SELL: "매도", Side.BUY: "매수"}
_KIND_CODES = {"new": "00", "modify": "01", "cancel": "02"}
_KIND_NAMES = {"new": "", "modify": "정정", "cancel": "취소"}


class OverseasAccounts:
    """Queries about one account.

    Args:
        exchange: Accounts and orders.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._market = exchange.market

    def balance(self, call: Call) -> Answer:
        """``inquire-balance``: holdings of one exchange, or of the whole US for NASD with a real key."""
        account = self._account(call)
        code = call.get("OVRS_EXCG_CD")
        if code not in EXCHANGES and not (code == "NAS" and not call.paper):
            raise invalid_field("OVRS_EXCG_CD")
        wanted: tuple[str, ...] = _US if code == "NASD" and not call.paper else (code,)
        wanted = ("NASD",) if code == "NAS" else wanted
        holdings = [
            holding
            for key, holding in sorted(account.holdings.items())
            if key[0] in wanted
            and holding.quantity
            and call.get("TR_CRCY_CD") in ("", holding.instrument.currency)
        ]
        page = paginate(holdings, call, BALANCE_ROWS, "200", lambda item: item.instrument.symbol)
        return Answer(
            {
                **page.keys,
                "output1": [self._holding_row(account, holding) for holding in page.rows],
                "output2": self._totals(holdings),
            },
            page.tr_cont,
        )

    def open_orders(self, call: Call) -> Answer:
        """``inquire-nccs``: orders still in the market; NASD means the whole US."""
        account = self._account(call)
        code = call.get("OVRS_EXCG_CD")
        if code and code not in EXCHANGES:
            raise invalid_field("OVRS_EXCG_CD")
        rows = [
            order
            for order in self._orders(account)
            if order.is_open and (not code or order.request.instrument.exchange in _covered(code))
        ]
        if call.get("SORT_SQN") != "DS":
            rows.reverse()
        page = paginate(rows, call, OPEN_ORDER_ROWS, "200", lambda order: f"{order.number:010d}")
        return Answer({**page.keys, "output": [self._open_row(order) for order in page.rows]}, page.tr_cont)

    def executions(self, call: Call) -> Answer:
        """``inquire-ccnl``: by the exchange's local dates; paper keys may not filter."""
        account = self._account(call)
        first, last = parse_date(call.get("ORD_STRT_DT")), parse_date(call.get("ORD_END_DT"))
        if first is None or last is None:
            raise invalid_field("ORD_DT")
        if call.paper:
            self._check_paper_filters(call)
        if call.get("ODNO").strip():
            raise invalid_field("ODNO")
        rows = [
            order
            for order in self._orders(account)
            if first <= self._market.local_date(order.request.instrument, order.time) <= last
            and _is_wanted(order, call)
        ]
        if call.get("SORT_SQN") == "AS" and not call.paper:
            rows.reverse()
        page = paginate(
            rows, call, EXECUTION_ROWS[call.environment], "200", lambda order: f"{order.number:010d}"
        )
        output = [self._execution_row(order) for order in page.rows]
        return Answer({**page.keys, "output": output}, page.tr_cont)

    def buyable(self, call: Call) -> Answer:
        """``inquire-psamount``: in the currency itself, and with won exchanged into it.

        The developer portal has ``ovrs_ord_psbl_amt`` and ``max_ord_psbl_qty`` for "외화" of the app's order
        page, ``frcr_ord_psbl_amt1`` and ``ovrs_max_ord_psbl_qty`` for "통합"; ``echm_af_…`` are unused, 0.
        """
        account, exchange = self._account(call), check_exchange(call)
        instrument = self._market.instruments.find(call.get("ITEM_CD").strip(), exchange)
        if instrument is None:
            raise business_error("APBK0656", "해당종목정보가 없습니다.")
        try:
            price = minor_units(call.get("OVRS_ORD_UNPR"), instrument)
        except OrderRefused as error:
            raise order_refused(error, overseas=True) from None
        price = price or self._market.quote(instrument).price
        currency, places = instrument.currency, instrument.decimals
        cash, power = max(0, account.free_cash(currency)), account.buying_power(currency)
        own, most = affordable(instrument, cash, price), affordable(instrument, power, price)
        row = template("overseas_inquire_psamount", "output")
        row.update(
            tr_crcy_cd=currency,
            ord_psbl_frcr_amt=decimal(cash, places, 2),
            sll_ruse_psbl_amt="0.00",
            ovrs_ord_psbl_amt=decimal(cash, places, 2),
            max_ord_psbl_qty=str(own),
            echm_af_ord_psbl_amt="0.00",
            echm_af_ord_psbl_qty="0",
            ord_psbl_qty=str(own),
            exrt=f"{Decimal(KRW_PER_UNIT[currency]):.2f}",
            frcr_ord_psbl_amt1=decimal(power, places, 6),
            ovrs_max_ord_psbl_qty=str(most),
        )
        return Answer({"output": row})

    def present_balance(self, call: Call) -> Answer:
        """``inquire-present-balance``: holdings, money per currency, totals in won."""
        account = self._account(call)
        if call.get("WCRC_FRCR_DVSN_CD") not in ("01", "02"):
            raise invalid_field("WCRC_FRCR_DVSN_CD")
        nation = call.get("NATN_CD")
        if nation not in ("000", *_COUNTRY_CODES.values()):
            raise invalid_field("NATN_CD")
        holdings = [
            holding
            for _, holding in sorted(account.holdings.items())
            if holding.quantity
            and holding.instrument.country != "KR"
            and nation in ("000", _COUNTRY_CODES[holding.instrument.country])
        ]
        currencies = sorted({"USD"} | {currency for currency, cash in account.cash.items() if cash} - {"KRW"})
        return Answer(
            {
                "output1": [self._present_row(account, holding) for holding in holdings],
                "output2": [self._money_row(account, currency) for currency in currencies],
                "output3": self._present_totals(account, holdings, currencies),
            }
        )

    def _account(self, call: Call) -> Account:
        number = call.account
        self._exchange.advance()
        return self._exchange.account(VENDOR, number)

    def _orders(self, account: Account) -> list[Order]:
        orders = self._exchange.orders_of(VENDOR, account.number)
        return [order for order in orders if order.request.instrument.country != "KR"]

    def _check_paper_filters(self, call: Call) -> None:
        for name, value in (
            ("PDNO", ""),
            ("OVRS_EXCG_CD", ""),
            ("SLL_BUY_DVSN", "00"),
            ("CCLD_NCCS_DVSN", "00"),
        ):
            if call.get(name) != value:
                raise invalid_field(name)

    def _holding_row(self, account: Account, holding: Holding) -> dict[str, str]:
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

    def _totals(self, holdings: list[Holding]) -> dict[str, str]:
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
            "sll_buy_dvsn_cd": _SIDE_CODES[request.side],
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

    def _open_row(self, order: Order) -> dict[str, str]:
        row = template("overseas_inquire_nccs", "output")
        row.update(
            self._common(order),
            rvse_cncl_dvsn_cd=_KIND_CODES[order.kind],
            natn_cd=_COUNTRY_CODES[order.request.instrument.country],
        )
        return row

    def _execution_row(self, order: Order) -> dict[str, str]:
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
            tr_natn=_COUNTRY_CODES[instrument.country],
            tr_natn_name=_COUNTRY_NAMES[instrument.country],
            dmst_ord_dt=yyyymmdd(order.time),
            thco_ord_tmd=hhmmss(order.time),
            mdia_dvsn_name="OpenAPI",
        )
        return row

    def _present_row(self, account: Account, holding: Holding) -> dict[str, str]:
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

    def _money_row(self, account: Account, currency: str) -> dict[str, str]:
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

    def _present_totals(
        self, account: Account, holdings: list[Holding], currencies: list[str]
    ) -> dict[str, str]:
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


def _covered(code: str) -> tuple[str, ...]:
    return _US if code == "NASD" else (code,)


def _is_wanted(order: Order, call: Call) -> bool:
    request = order.request
    exchange, filled = call.get("OVRS_EXCG_CD"), call.get("CCLD_NCCS_DVSN")
    return (
        call.get("PDNO") in ("", "%", request.instrument.symbol)
        and (exchange in ("", "%") or request.instrument.exchange in _covered(exchange))
        and call.get("SLL_BUY_DVSN") in ("00", _SIDE_CODES[request.side])
        and (filled != "01" or order.filled > 0)
        and (filled != "02" or order.is_open)
    )


def _average(holding: Holding) -> str:
    if not holding.quantity:
        return "0.0000"
    places = PLACES[holding.instrument.country] if holding.instrument.country == "US" else 4
    return f"{Decimal(holding.cost) / holding.quantity / 10**holding.instrument.decimals:.{places}f}"


def _won(instrument: Instrument, amount: int) -> int:
    return int(amount * won_per_minor_unit(instrument.currency))
