"""Overseas account queries: balance, what may be bought, orders and executions."""

from __future__ import annotations

from decimal import Decimal

from broker_server.simulator.accounts import Account
from broker_server.simulator.amounts import decimal
from broker_server.simulator.candles import parse_date
from broker_server.simulator.instruments import KRW_PER_UNIT
from broker_server.simulator.kis.calls import VENDOR, Answer, Call
from broker_server.simulator.kis.domestic_accounts import affordable
from broker_server.simulator.kis.errors import business_error, invalid_field, order_refused
from broker_server.simulator.kis.overseas_account_rows import COUNTRY_CODES, SIDE_CODES, OverseasRows
from broker_server.simulator.kis.overseas_orders import EXCHANGES, check_exchange, minor_units
from broker_server.simulator.kis.paging import order_row_key, paginate
from broker_server.simulator.kis.tables import template
from broker_server.simulator.matching import Exchange
from broker_server.simulator.orders import Order, OrderRefused

BALANCE_ROWS = 100
OPEN_ORDER_ROWS = 40
EXECUTION_ROWS = {"real": 20, "paper": 15}
_US = ("NASD", "NYSE", "AMEX")


class OverseasAccounts:
    """Queries about one account.

    Args:
        exchange: Accounts and orders.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._market = exchange.market
        self._rows = OverseasRows(exchange.market)

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
                "output1": [self._rows.holding_row(account, holding) for holding in page.rows],
                "output2": self._rows.balance_totals(holdings),
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
        page = paginate(rows, call, OPEN_ORDER_ROWS, "200", order_row_key)
        return Answer(
            {**page.keys, "output": [self._rows.open_row(order) for order in page.rows]}, page.tr_cont
        )

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
            order for order in self._orders(account) if first <= order.day <= last and _is_wanted(order, call)
        ]
        if call.get("SORT_SQN") == "AS" and not call.paper:
            rows.reverse()
        page = paginate(rows, call, EXECUTION_ROWS[call.environment], "200", order_row_key)
        output = [self._rows.execution_row(order) for order in page.rows]
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
        if nation not in ("000", *COUNTRY_CODES.values()):
            raise invalid_field("NATN_CD")
        holdings = [
            holding
            for _, holding in sorted(account.holdings.items())
            if holding.quantity
            and holding.instrument.country != "KR"
            and nation in ("000", COUNTRY_CODES[holding.instrument.country])
        ]
        currencies = sorted({"USD"} | {currency for currency, cash in account.cash.items() if cash} - {"KRW"})
        return Answer(
            {
                "output1": [self._rows.present_row(account, holding) for holding in holdings],
                "output2": [self._rows.money_row(account, currency) for currency in currencies],
                "output3": self._rows.present_totals(account, holdings, currencies),
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


def _covered(code: str) -> tuple[str, ...]:
    return _US if code == "NASD" else (code,)


def _is_wanted(order: Order, call: Call) -> bool:
    request = order.request
    exchange, filled = call.get("OVRS_EXCG_CD"), call.get("CCLD_NCCS_DVSN")
    return (
        call.get("PDNO") in ("", "%", request.instrument.symbol)
        and (exchange in ("", "%") or request.instrument.exchange in _covered(exchange))
        and call.get("SLL_BUY_DVSN") in ("00", SIDE_CODES[request.side])
        and (filled != "01" or order.filled > 0)
        and (filled != "02" or order.is_open)
    )
