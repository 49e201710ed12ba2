"""Domestic account reads: balance, buyable amount, open orders, order history."""

from __future__ import annotations

from typing import Any

from pydantic import model_validator

from broker_server.core.methods import Lane, Method, Outcome, TaskContext
from broker_server.vendors.account_models import Balance, BuyableAmount, Holding, OrderRecord
from broker_server.vendors.kis.account import account_arguments
from broker_server.vendors.kis.client import KisClient
from broker_server.vendors.kis.config import KisConfig
from broker_server.vendors.kis.domestic_orders import DomesticOrderBook
from broker_server.vendors.kis.errors import unknown_ticker_as_parameter
from broker_server.vendors.kis.order_types import OrderType, domestic_code, needs_price
from broker_server.vendors.kis.values import Row, exact_of, integer_of, percent_of, required_integer, text_of
from broker_server.vendors.parameters import AccountParameters, Day, InOrder, Ticker, WonPrice
from broker_server.vendors.periods import check_period


class BuyableParameters(AccountParameters):
    """What would be bought.

    Attributes:
        ticker: The instrument, whose margin rate counts.
        price: Won per share; left out, the quantity is what KIS counts at the price of a market order,
            which is the upper limit.
        order_type: ``limit`` when a price is given, else ``market``.
    """

    ticker: Ticker
    price: WonPrice | None = None
    order_type: OrderType | None = None

    @model_validator(mode="after")
    def _price_fits(self) -> BuyableParameters:
        if self.order_type and needs_price(self.order_type) != (self.price is not None):
            raise ValueError(f"a {self.order_type} order and this price do not go together")
        return self


class OrderHistoryParameters(AccountParameters, InOrder):
    """Which orders.

    Attributes:
        start: The first day; today in Korea when left out.
        end: The last day; today in Korea when left out.
        ticker: Only this instrument.
    """

    start: Day | None = None
    end: Day | None = None
    ticker: Ticker | None = None


class OpenOrdersParameters(AccountParameters):
    """Which open orders.

    Attributes:
        ticker: Only this instrument.
    """

    ticker: Ticker | None = None


class DomesticAccount:
    """The handlers.

    Args:
        config: The account.
        client: The calls.
        orders: The orders of the account.
    """

    def __init__(self, config: KisConfig, client: KisClient, orders: DomesticOrderBook) -> None:
        self._config = config
        self._client = client
        self._orders = orders

    def methods(self) -> list[Method[Any]]:
        """The declared methods."""
        return [
            Method(
                name="kis.get-balance",
                vendor="kis",
                kind="read",
                lane=Lane.ACCOUNT,
                summary="Cash and domestic positions of the account.",
                parameters=AccountParameters,
                result=Balance,
                handler=self.get_balance,
                reference="domestic_stock.inquire_balance",
                example={},
            ),
            Method(
                name="kis.get-buyable-amount",
                vendor="kis",
                kind="read",
                lane=Lane.ACCOUNT,
                summary="How much of a domestic stock the account can buy.",
                parameters=BuyableParameters,
                result=BuyableAmount,
                handler=self.get_buyable_amount,
                reference="domestic_stock.inquire_psbl_order",
                example={"ticker": "005930"},
            ),
            Method(
                name="kis.get-open-orders",
                vendor="kis",
                kind="read",
                lane=Lane.ACCOUNT,
                summary="Domestic orders that can still be filled, changed or cancelled.",
                parameters=OpenOrdersParameters,
                result=OrderRecord,
                handler=self.get_open_orders,
                reference="domestic_stock.inquire_psbl_rvsecncl",
                example={},
            ),
            Method(
                name="kis.get-order-history",
                vendor="kis",
                kind="read",
                lane=Lane.ACCOUNT,
                summary="Domestic orders of a period with their fills, newest first.",
                parameters=OrderHistoryParameters,
                result=OrderRecord,
                handler=self.get_order_history,
                reference="domestic_stock.inquire_daily_ccld",
                example={},
            ),
        ]

    def get_balance(self, parameters: AccountParameters, context: TaskContext) -> Outcome:
        """Cash and positions, all pages in one element."""
        pages = self._client.read_pages(
            "domestic_stock.inquire_balance",
            {
                **account_arguments(self._config),
                "afhr_flpr_yn": "N",
                "inqr_dvsn": "02",
                "unpr_dvsn": "01",
                "fund_sttl_icld_yn": "N",
                "fncg_amt_auto_rdpt_yn": "N",
                "prcs_dvsn": "00",
            },
            keys=("FK100", "NK100"),
            context=context,
            lane=Lane.ACCOUNT,
        )
        rows = list(pages.rows("output1"))
        total = pages.required_row("output2")
        balance = Balance(
            account=parameters.account,
            deposit=integer_of(total, "dnca_tot_amt"),
            deposit_next_day=integer_of(total, "nxdy_excc_amt"),
            deposit_settled=integer_of(total, "prvs_rcdl_excc_amt"),
            holdings_value=integer_of(total, "scts_evlu_amt"),
            total_value=integer_of(total, "tot_evlu_amt"),
            net_assets=integer_of(total, "nass_amt"),
            cost=integer_of(total, "pchs_amt_smtl_amt"),
            profit=integer_of(total, "evlu_pfls_smtl_amt"),
            holdings=[_holding(row) for row in rows if text_of(row, "pdno")],
            raw={"output1": rows, "output2": total} if parameters.raw else None,
        )
        return Outcome([balance], pages.truncated)

    def get_buyable_amount(self, parameters: BuyableParameters, context: TaskContext) -> Outcome:
        """What can be bought. KIS counts a plain limit order without the instrument's margin rate, so it
        is asked as for a market order. It then counts shares at the upper limit whatever the price, so the
        shares at a given price are counted here from the amount.
        """
        kind = parameters.order_type
        code = "01" if kind in (None, "limit") else domestic_code(kind, "KRX")
        with unknown_ticker_as_parameter(parameters.ticker):
            row = self._client.read(
                "domestic_stock.inquire_psbl_order",
                {
                    **account_arguments(self._config),
                    "pdno": parameters.ticker,
                    "ord_unpr": str(parameters.price or ""),
                    "ord_dvsn": code,
                    "cma_evlu_amt_icld_yn": "N",
                    "ovrs_icld_yn": "N",
                },
                context=context,
                lane=Lane.ACCOUNT,
            ).required_row("output")
        amount = required_integer(row, "nrcvb_buy_amt")
        counted = required_integer(row, "nrcvb_buy_qty")
        counted_price = exact_of(row, "psbl_qty_calc_unpr")
        price = parameters.price
        result = BuyableAmount(
            account=parameters.account,
            ticker=parameters.ticker,
            price=counted_price if price is None else str(price),
            cash=integer_of(row, "ord_psbl_cash"),
            amount=amount,
            quantity=counted if price is None else max(0, amount) // price,
            counted_price=counted_price,
            counted_quantity=counted,
            credit_amount=integer_of(row, "max_buy_amt"),
            credit_quantity=integer_of(row, "max_buy_qty"),
            raw=row if parameters.raw else None,
        )
        return Outcome([result])

    def get_open_orders(self, parameters: OpenOrdersParameters, context: TaskContext) -> Outcome:
        """Orders with a remainder."""
        found = self._orders.open_orders(context, Lane.ACCOUNT)
        return found.outcome(parameters.account, raw=parameters.raw, ticker=parameters.ticker)

    def get_order_history(self, parameters: OrderHistoryParameters, context: TaskContext) -> Outcome:
        """Orders of a period."""
        today = self._orders.today()
        end = parameters.end or today
        start = parameters.start or min(today, end)
        check_period(start, end)
        found = self._orders.history(start, end, context, Lane.ACCOUNT, ticker=parameters.ticker or "")
        return found.outcome(parameters.account, raw=parameters.raw, ticker=parameters.ticker)


def _holding(row: Row) -> Holding:
    return Holding(
        ticker=text_of(row, "pdno"),
        name=text_of(row, "prdt_name"),
        quantity=required_integer(row, "hldg_qty"),
        sellable_quantity=integer_of(row, "ord_psbl_qty"),
        average_price=exact_of(row, "pchs_avg_pric"),
        cost=integer_of(row, "pchs_amt"),
        price=integer_of(row, "prpr"),
        value=integer_of(row, "evlu_amt"),
        profit=integer_of(row, "evlu_pfls_amt"),
        profit_rate=percent_of(row, "evlu_pfls_rt"),
    )
