"""Domestic account queries: balance, what may be bought and sold, orders and executions."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from broker_server.simulator.accounts import COMMISSION, Account, Holding, costs
from broker_server.simulator.candles import parse_date
from broker_server.simulator.instruments import Instrument
from broker_server.simulator.kis.calls import VENDOR, Answer, Call
from broker_server.simulator.kis.domestic_orders import BRANCH
from broker_server.simulator.kis.errors import business_error, invalid_field
from broker_server.simulator.kis.paging import paginate
from broker_server.simulator.kis.tables import order_divisions, template
from broker_server.simulator.kis.text import hhmmss, percent, yyyymmdd
from broker_server.simulator.matching import Exchange
from broker_server.simulator.orders import Order, OrderState, Side

BALANCE_ROWS = {"real": 50, "paper": 20}
EXECUTION_ROWS = {"real": 100, "paper": 15}
OPEN_ORDER_ROWS = 50
WITHIN = timedelta(days=92)
"""How far back the "within three months" TR ids see; the others see what is older."""

MARGIN_PERCENT = 20
_SIDE_CODES = {Side.SELL: "01", Side.BUY: "02"}
_SIDE_NAMES = {Side.SELL: "현금매도", Side.BUY: "현금매수"}
_VENUE_CODES = {"KRX": "02", "NXT": "81", "SOR": "91"}


class DomesticAccounts:
    """Queries about one account.

    Args:
        exchange: Accounts and orders.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._market = exchange.market

    def balance(self, call: Call) -> Answer:
        """``inquire-balance``: holdings, and an array of one with the totals."""
        account = self._account(call)
        if call.get("INQR_DVSN") not in ("01", "02"):
            raise invalid_field("INQR_DVSN")
        today = yyyymmdd(self._market.clock.now())
        day = parse_date(today) or date.min
        holdings = [
            holding
            for _, holding in sorted(account.holdings.items())
            if holding.instrument.country == "KR"
            and (holding.quantity or (holding.day == day and holding.sold_today))
        ]
        for holding in holdings:
            holding.roll(day)
        page = paginate(
            holdings, call, BALANCE_ROWS[call.environment], "100", lambda item: item.instrument.symbol
        )
        return Answer(
            {
                **page.keys,
                "output1": [self._holding_row(holding) for holding in page.rows],
                "output2": [self._totals(account, holdings, day)],
            },
            page.tr_cont,
        )

    def buyable(self, call: Call) -> Answer:
        """``inquire-psbl-order``: what cash alone and cash with margin credit would buy."""
        account = self._account(call)
        division = order_divisions()["domestic"].get(call.get("ORD_DVSN"))
        if division is None:
            raise invalid_field("ORD_DVSN")
        cash = max(0, account.free_cash("KRW"))
        row = template("inquire_psbl_order", "output")
        credit = cash if division["type"] == "limit" else cash * 100 // MARGIN_PERCENT
        row.update(ord_psbl_cash=str(cash), nrcvb_buy_amt=str(cash), max_buy_amt=str(credit))
        instrument = self._market.instruments.find(call.get("PDNO"))
        if instrument is not None:
            price = call.get("ORD_UNPR").strip()
            unit = int(price) if price.isdigit() else 0
            if division["type"] != "limit" or not unit:
                unit = self._market.quote(instrument).upper
            row.update(
                psbl_qty_calc_unpr=str(unit),
                nrcvb_buy_qty=str(affordable(instrument, cash, unit)),
                max_buy_qty=str(affordable(instrument, credit, unit)),
            )
        return Answer({"output": row})

    def sellable(self, call: Call) -> Answer:
        """``inquire-psbl-sell``: one holding, less what open sell orders hold."""
        account = self._account(call)
        instrument = self._market.instruments.find(call.get("PDNO"))
        if instrument is None:
            raise business_error("APBK0656", "해당종목정보가 없습니다.")
        holding = account.holding(instrument)
        quote = self._market.quote(instrument)
        value = holding.quantity * quote.price
        row = template("inquire_psbl_sell", "output")
        row.update(
            pdno=instrument.symbol,
            buy_qty=str(holding.bought_today),
            sll_qty=str(holding.sold_today),
            cblc_qty=str(holding.quantity),
            nsvg_qty=str(holding.quantity),
            ord_psbl_qty=str(holding.sellable),
            pchs_avg_pric=_average(holding),
            pchs_amt=str(holding.cost),
            now_pric=str(quote.price),
            evlu_amt=str(value),
            evlu_pfls_amt=str(value - holding.cost),
            evlu_pfls_rt=percent(value - holding.cost, holding.cost),
        )
        return Answer({"output": row})

    def executions(self, call: Call) -> Answer:
        """``inquire-daily-ccld``: orders, modifications and cancellations between two dates."""
        account = self._account(call)
        first, last = parse_date(call.get("INQR_STRT_DT")), parse_date(call.get("INQR_END_DT"))
        if first is None or last is None:
            raise invalid_field("INQR_DT")
        border = self._today() - WITHIN
        first, last = (
            (max(first, border), last)
            if call.tr.period == "within"
            else (first, min(last, border - timedelta(days=1)))
        )
        rows = [
            order
            for order in self._exchange.orders_of(VENDOR, account.number)
            if order.request.instrument.country == "KR"
            and f"{first:%Y%m%d}" <= yyyymmdd(order.time) <= f"{last:%Y%m%d}"
            and _is_wanted(order, call)
        ]
        if call.get("INQR_DVSN") != "01":
            rows.reverse()
        page = paginate(
            rows, call, EXECUTION_ROWS[call.environment], "100", lambda order: f"{order.number:010d}"
        )
        return Answer(
            {
                **page.keys,
                "output1": [self._execution_row(order) for order in page.rows],
                "output2": _execution_totals(rows),
            },
            page.tr_cont,
        )

    def open_orders(self, call: Call) -> Answer:
        """``inquire-psbl-rvsecncl``: what may still be modified or cancelled."""
        account = self._account(call)
        side = {"1": Side.SELL, "2": Side.BUY}.get(call.get("INQR_DVSN_2"))
        rows = [
            order
            for order in self._exchange.orders_of(VENDOR, account.number)
            if order.is_open
            and order.request.instrument.country == "KR"
            and side in (None, order.request.side)
        ]
        rows.reverse()
        page = paginate(rows, call, OPEN_ORDER_ROWS, "100", lambda order: f"{order.number:010d}")
        return Answer({**page.keys, "output": [_open_row(order) for order in page.rows]}, page.tr_cont)

    def _account(self, call: Call) -> Account:
        number = call.account
        self._exchange.advance()
        return self._exchange.account(VENDOR, number)

    def _today(self) -> date:
        return parse_date(yyyymmdd(self._market.clock.now())) or date.min

    def _holding_row(self, holding: Holding) -> dict[str, str]:
        instrument = holding.instrument
        quote = self._market.quote(instrument)
        value = holding.quantity * quote.price
        row = template("inquire_balance", "output1")
        row.update(
            pdno=instrument.symbol,
            prdt_name=instrument.name,
            trad_dvsn_name="현금",
            bfdy_buy_qty="0",
            bfdy_sll_qty="0",
            thdt_buyqty=str(holding.bought_today),
            thdt_sll_qty=str(holding.sold_today),
            hldg_qty=str(holding.quantity),
            ord_psbl_qty=str(holding.sellable),
            pchs_avg_pric=_average(holding),
            pchs_amt=str(holding.cost),
            prpr=str(quote.price),
            evlu_amt=str(value),
            evlu_pfls_amt=str(value - holding.cost),
            evlu_pfls_rt=percent(value - holding.cost, holding.cost),
            evlu_erng_rt=f"{100 * (value - holding.cost) / holding.cost:.8f}"
            if holding.cost
            else "0.00000000",
            fltt_rt=f"{100 * (quote.price - quote.base) / quote.base:.8f}",
            bfdy_cprs_icdc=str(quote.price - quote.base),
            item_mgna_rt_name=f"{MARGIN_PERCENT}%",
            sbst_pric=str(quote.base * 7 // 10),
            stck_loan_unpr="0.0000",
        )
        return row

    def _totals(self, account: Account, holdings: list[Holding], day: date) -> dict[str, str]:
        quotes = [(holding, self._market.quote(holding.instrument)) for holding in holdings]
        value = sum(holding.quantity * quote.price for holding, quote in quotes)
        before = sum(holding.quantity * quote.base for holding, quote in quotes)
        cost = sum(holding.cost for holding in holdings)
        cash = account.cash["KRW"]
        calendar = self._market.session(holdings[0].instrument).calendar if holdings else None
        tomorrow = calendar.add(day, 1) if calendar else day + timedelta(days=1)
        row = template("inquire_balance", "output2")
        row.update(
            dnca_tot_amt=str(account.deposit("KRW", day)),
            nxdy_excc_amt=str(account.deposit("KRW", tomorrow)),
            prvs_rcdl_excc_amt=str(cash),
            thdt_buy_amt=str(sum(holding.bought_amount_today for holding in holdings)),
            thdt_sll_amt=str(sum(holding.sold_amount_today for holding in holdings)),
            thdt_tlex_amt=str(sum(_costs_today(holding) for holding in holdings)),
            scts_evlu_amt=str(value),
            tot_evlu_amt=str(value + cash),
            nass_amt=str(value + cash),
            pchs_amt_smtl_amt=str(cost),
            evlu_amt_smtl_amt=str(value),
            evlu_pfls_smtl_amt=str(value - cost),
            bfdy_tot_asst_evlu_amt=str(before + cash),
            asst_icdc_amt=str(value - before),
            asst_icdc_erng_rt=f"{100 * (value - before) / (before + cash):.8f}",
        )
        return row

    def _execution_row(self, order: Order) -> dict[str, str]:
        request = order.request
        row = template("inquire_daily_ccld", "output1")
        row.update(
            ord_dt=yyyymmdd(order.time),
            ord_gno_brno=BRANCH,
            odno=f"{order.number:010d}",
            orgn_odno=f"{order.original:010d}" if order.original else "",
            ord_dvsn_name=_division_name(order),
            sll_buy_dvsn_cd=_SIDE_CODES[request.side],
            sll_buy_dvsn_cd_name=_order_name(order),
            pdno=request.instrument.symbol,
            prdt_name=request.instrument.name,
            ord_qty=str(request.quantity),
            ord_unpr=str(order.price or 0),
            ord_tmd=hhmmss(order.time),
            tot_ccld_qty=str(order.filled),
            avg_prvs=_average_fill(order),
            cncl_yn="Y" if order.state is OrderState.CANCELLED else "N",
            tot_ccld_amt=str(order.amount),
            ord_dvsn_cd=request.code or "00",
            cnc_cfrm_qty=str(order.cancelled),
            rmn_qty=str(_unfilled(order)),
            rjct_qty="0",
            ccld_cndt_name=str(request.time_in_force).upper() if request.time_in_force != "day" else "없음",
            infm_tmd=hhmmss(order.fills[-1].time) if order.fills else "",
            prdt_type_cd="300",
            excg_dvsn_cd=_VENUE_CODES[request.venue],
            ord_orgno=BRANCH,
            excg_id_dvsn_Cd=request.venue,
            stpm_cndt_pric=str(request.trigger or 0),
        )
        return row


def affordable(instrument: Instrument, cash: int, price: int) -> int:
    """The largest quantity that cash pays for, commission included."""
    if price <= 0:
        return 0
    quantity = int(Decimal(cash) / (price * (1 + COMMISSION)))
    while quantity and quantity * price + costs(instrument, Side.BUY, quantity * price) > cash:
        quantity -= 1
    return quantity - quantity % instrument.lot


def _is_wanted(order: Order, call: Call) -> bool:
    request = order.request
    side, filled = call.get("SLL_BUY_DVSN_CD"), call.get("CCLD_DVSN")
    number, venue = call.get("ODNO").strip(), call.get("EXCG_ID_DVSN_CD")
    return (
        side in ("", "00", _SIDE_CODES[request.side])
        and (filled != "01" or order.filled > 0)
        and (filled != "02" or _unfilled(order) > 0)
        and call.get("PDNO") in ("", request.instrument.symbol)
        and (not number or (number.isdigit() and int(number) == order.number))
        and (call.tr.older or venue in ("", "ALL", request.venue))
    )


def _unfilled(order: Order) -> int:
    """``rmn_qty``: shares neither filled nor taken back; an expired order keeps them."""
    if order.state is OrderState.EXPIRED:
        return order.request.quantity - order.filled - order.cancelled
    return order.remaining


def _execution_totals(orders: list[Order]) -> dict[str, str]:
    real = [order for order in orders if order.kind != "cancel"]
    filled, amount = sum(order.filled for order in real), sum(order.amount for order in real)
    fees = sum(
        costs(order.request.instrument, order.request.side, fill.price * fill.quantity)
        for order in real
        for fill in order.fills
    )
    row = template("inquire_daily_ccld", "output2")
    row.update(
        tot_ord_qty=str(sum(order.request.quantity for order in real)),
        tot_ccld_qty=str(filled),
        tot_ccld_amt=str(amount),
        prsm_tlex_smtl=str(fees),
        pchs_avg_pric=f"{amount / filled:.4f}" if filled else "0.0000",
    )
    return row


def _open_row(order: Order) -> dict[str, str]:
    request = order.request
    row = template("inquire_psbl_rvsecncl", "output")
    row.update(
        ord_gno_brno=BRANCH,
        odno=f"{order.number:010d}",
        orgn_odno=f"{order.original:010d}" if order.original else "",
        ord_dvsn_name=_division_name(order),
        pdno=request.instrument.symbol,
        prdt_name=request.instrument.name,
        rvse_cncl_dvsn_name=_order_name(order),
        ord_qty=str(request.quantity),
        ord_unpr=str(order.price or 0),
        ord_tmd=hhmmss(order.time),
        tot_ccld_qty=str(order.filled),
        tot_ccld_amt=str(order.amount),
        psbl_qty=str(order.remaining),
        sll_buy_dvsn_cd=_SIDE_CODES[request.side],
        ord_dvsn_cd=request.code or "00",
        excg_dvsn_cd=_VENUE_CODES[request.venue],
        excg_id_dvsn_cd=request.venue,
        excg_id_dvsn_name=request.venue,
        stpm_cndt_pric=str(request.trigger or 0),
        stpm_efct_occr_yn="Y" if request.trigger and order.triggered else "N",
    )
    return row


def _division_name(order: Order) -> str:
    name: str = order_divisions()["domestic"].get(order.request.code, {}).get("name", "지정가")
    return name


def _order_name(order: Order) -> str:
    suffix = {"modify": "정정", "cancel": "취소"}.get(order.kind)
    name = _SIDE_NAMES[order.request.side]
    return f"{name}{suffix}" if suffix else name


def _average(holding: Holding) -> str:
    return f"{holding.cost / holding.quantity:.4f}" if holding.quantity else "0.0000"


def _average_fill(order: Order) -> str:
    if not order.filled:
        return "0"
    whole, rest = divmod(order.amount, order.filled)
    return str(whole) if not rest else f"{order.amount / order.filled:.4f}"


def _costs_today(holding: Holding) -> int:
    return costs(holding.instrument, Side.BUY, holding.bought_amount_today) + costs(
        holding.instrument, Side.SELL, holding.sold_amount_today
    )
