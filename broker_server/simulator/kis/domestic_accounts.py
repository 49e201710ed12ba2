"""Domestic account queries: balance, what may be bought and sold, orders and executions."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from broker_server.simulator.accounts import COMMISSION, Account, costs
from broker_server.simulator.candles import parse_date
from broker_server.simulator.instruments import Instrument
from broker_server.simulator.kis.calls import VENDOR, Answer, Call
from broker_server.simulator.kis.domestic_account_rows import (
    MARGIN_PERCENT,
    SIDE_CODES,
    average_price,
    balance_totals,
    execution_row,
    execution_totals,
    holding_row,
    open_row,
    unfilled,
)
from broker_server.simulator.kis.errors import business_error, invalid_field
from broker_server.simulator.kis.paging import order_row_key, paginate
from broker_server.simulator.kis.tables import order_divisions, template
from broker_server.simulator.kis.text import percent, yyyymmdd
from broker_server.simulator.matching import Exchange
from broker_server.simulator.orders import Order, Side

BALANCE_ROWS = {"real": 50, "paper": 20}
EXECUTION_ROWS = {"real": 100, "paper": 15}
OPEN_ORDER_ROWS = 50
WITHIN = timedelta(days=92)
"""How far back the "within three months" TR ids see; the others see what is older."""


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
                "output1": [
                    holding_row(holding, self._market.quote(holding.instrument)) for holding in page.rows
                ],
                "output2": [balance_totals(self._market, account, holdings, day)],
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
            pchs_avg_pric=average_price(holding),
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
            and first <= order.day <= last
            and _is_wanted(order, call)
        ]
        if call.get("INQR_DVSN") != "01":
            rows.reverse()
        page = paginate(rows, call, EXECUTION_ROWS[call.environment], "100", order_row_key)
        return Answer(
            {
                **page.keys,
                "output1": [execution_row(order) for order in page.rows],
                "output2": execution_totals(rows),
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
        page = paginate(rows, call, OPEN_ORDER_ROWS, "100", order_row_key)
        return Answer({**page.keys, "output": [open_row(order) for order in page.rows]}, page.tr_cont)

    def _account(self, call: Call) -> Account:
        number = call.account
        self._exchange.advance()
        return self._exchange.account(VENDOR, number)

    def _today(self) -> date:
        return parse_date(yyyymmdd(self._market.clock.now())) or date.min


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
        side in ("", "00", SIDE_CODES[request.side])
        and (filled != "01" or order.filled > 0)
        and (filled != "02" or unfilled(order) > 0)
        and call.get("PDNO") in ("", request.instrument.symbol)
        and (not number or (number.isdigit() and int(number) == order.number))
        and (call.tr.older or venue in ("", "ALL", request.venue))
    )
