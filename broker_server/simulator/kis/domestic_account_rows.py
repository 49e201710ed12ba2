"""The rows of the domestic account queries, as KIS writes them."""

from __future__ import annotations

from datetime import date, timedelta

from broker_server.simulator.accounts import Account, Holding, costs
from broker_server.simulator.kis.domestic_orders import BRANCH
from broker_server.simulator.kis.tables import order_divisions, template
from broker_server.simulator.kis.text import hhmmss, percent, yyyymmdd
from broker_server.simulator.market import Market
from broker_server.simulator.orders import Order, OrderState, Side
from broker_server.simulator.quotes import Quote

MARGIN_PERCENT = 20
SIDE_CODES = {Side.SELL: "01", Side.BUY: "02"}
_SIDE_NAMES = {Side.SELL: "현금매도", Side.BUY: "현금매수"}
_VENUE_CODES = {"KRX": "02", "NXT": "81", "SOR": "91"}


def holding_row(holding: Holding, quote: Quote) -> dict[str, str]:
    """One holding of ``inquire-balance``."""
    instrument = holding.instrument
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
        pchs_avg_pric=average_price(holding),
        pchs_amt=str(holding.cost),
        prpr=str(quote.price),
        evlu_amt=str(value),
        evlu_pfls_amt=str(value - holding.cost),
        evlu_pfls_rt=percent(value - holding.cost, holding.cost),
        evlu_erng_rt=f"{100 * (value - holding.cost) / holding.cost:.8f}" if holding.cost else "0.00000000",
        fltt_rt=f"{100 * (quote.price - quote.base) / quote.base:.8f}",
        bfdy_cprs_icdc=str(quote.price - quote.base),
        item_mgna_rt_name=f"{MARGIN_PERCENT}%",
        sbst_pric=str(quote.base * 7 // 10),
        stck_loan_unpr="0.0000",
    )
    return row


def balance_totals(market: Market, account: Account, holdings: list[Holding], day: date) -> dict[str, str]:
    """The totals of ``inquire-balance``."""
    quotes = [(holding, market.quote(holding.instrument)) for holding in holdings]
    value = sum(holding.quantity * quote.price for holding, quote in quotes)
    before = sum(holding.quantity * quote.base for holding, quote in quotes)
    cost = sum(holding.cost for holding in holdings)
    cash = account.cash["KRW"]
    calendar = market.session(holdings[0].instrument).calendar if holdings else None
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


def execution_row(order: Order) -> dict[str, str]:
    """One order of ``inquire-daily-ccld``."""
    request = order.request
    row = template("inquire_daily_ccld", "output1")
    row.update(
        ord_dt=yyyymmdd(order.time),
        ord_gno_brno=BRANCH,
        odno=f"{order.number:010d}",
        orgn_odno=f"{order.original:010d}" if order.original else "",
        ord_dvsn_name=_division_name(order),
        sll_buy_dvsn_cd=SIDE_CODES[request.side],
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
        rmn_qty=str(unfilled(order)),
        rjct_qty=str(order.rejected),
        ccld_cndt_name=str(request.time_in_force).upper() if request.time_in_force != "day" else "없음",
        infm_tmd=hhmmss(order.fills[-1].time) if order.fills else "",
        prdt_type_cd="300",
        excg_dvsn_cd=_VENUE_CODES[request.venue],
        ord_orgno=BRANCH,
        excg_id_dvsn_Cd=request.venue,
        stpm_cndt_pric=str(request.trigger or 0),
    )
    return row


def unfilled(order: Order) -> int:
    """``rmn_qty``: shares neither filled nor taken back; an expired order keeps them."""
    if order.state is OrderState.EXPIRED:
        return order.request.quantity - order.filled - order.cancelled
    return order.remaining


def execution_totals(orders: list[Order]) -> dict[str, str]:
    """The totals of ``inquire-daily-ccld``."""
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


def open_row(order: Order) -> dict[str, str]:
    """One order of ``inquire-psbl-rvsecncl``."""
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
        sll_buy_dvsn_cd=SIDE_CODES[request.side],
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


def average_price(holding: Holding) -> str:
    """What a share of the holding cost."""
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
