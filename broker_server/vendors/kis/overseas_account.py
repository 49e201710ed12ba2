"""Overseas account reads: balance, buyable amount, open orders, order history."""

from __future__ import annotations

from typing import Any

from broker_server.core.methods import Lane, Method, Outcome, TaskContext
from broker_server.vendors.kis.account import account_arguments
from broker_server.vendors.kis.client import KisClient, Pages
from broker_server.vendors.kis.config import KisConfig
from broker_server.vendors.kis.errors import unknown_ticker_as_parameter
from broker_server.vendors.kis.order_types import overseas_exchanges
from broker_server.vendors.kis.overseas_models import (
    OverseasBalance,
    OverseasBuyableAmount,
    OverseasHolding,
    OverseasOrderRecord,
)
from broker_server.vendors.kis.overseas_orders import OverseasOrderList
from broker_server.vendors.kis.values import (
    Row,
    exact_of,
    integer_of,
    percent_of,
    required_integer,
    text_of,
)
from broker_server.vendors.parameters import (
    AccountParameters,
    AskedExchange,
    Day,
    DecimalText,
    InOrder,
    OverseasExchange,
    Symbol,
)
from broker_server.vendors.periods import check_period

_KEYS = ("FK200", "NK200")


class OverseasBalanceParameters(AccountParameters):
    """Which market.

    Attributes:
        exchange: One exchange; all American ones when left out.
    """

    exchange: AskedExchange | None = None


class OverseasBuyableParameters(AccountParameters):
    """What would be bought.

    Attributes:
        ticker: The symbol.
        exchange: Where it is listed.
        price: As decimal text.
    """

    ticker: Symbol
    exchange: AskedExchange
    price: DecimalText


class OverseasOpenOrdersParameters(OverseasBalanceParameters):
    """Which open orders.

    Attributes:
        ticker: Only this symbol.
    """

    ticker: Symbol | None = None


class OverseasHistoryParameters(OverseasOpenOrdersParameters, InOrder):
    """Which orders; dates are the exchange's.

    Attributes:
        start: The first day; left out, today at the exchange, or ``end`` if that is earlier. Without an
            exchange it is the earliest today of all of them, which is New York's.
        end: The last day; left out, today at the exchange, or the latest today of all of them.
        exchange: Only this exchange; all of them when left out.
    """

    start: Day | None = None
    end: Day | None = None


class OverseasAccount:
    """The handlers.

    Args:
        config: The account.
        client: The calls.
        orders: The orders of the account.
    """

    def __init__(self, config: KisConfig, client: KisClient, orders: OverseasOrderList) -> None:
        self._config = config
        self._client = client
        self._orders = orders

    def methods(self) -> list[Method[Any]]:
        """The declared methods."""
        return [
            Method(
                name="kis.get-overseas-balance",
                vendor="kis",
                kind="read",
                lane=Lane.ACCOUNT,
                summary="Overseas positions of the account, by default the American ones.",
                parameters=OverseasBalanceParameters,
                result=OverseasBalance,
                handler=self.get_balance,
                reference="overseas_stock.inquire_balance",
                example={},
            ),
            Method(
                name="kis.get-overseas-buyable-amount",
                vendor="kis",
                kind="read",
                lane=Lane.ACCOUNT,
                summary="How much of an overseas stock the account can buy at a price.",
                parameters=OverseasBuyableParameters,
                result=OverseasBuyableAmount,
                handler=self.get_buyable_amount,
                reference="overseas_stock.inquire_psamount",
                example={"ticker": "AAPL", "exchange": "NASD", "price": "150.00"},
            ),
            Method(
                name="kis.get-overseas-open-orders",
                vendor="kis",
                kind="read",
                lane=Lane.ACCOUNT,
                summary="Overseas orders that can still be filled, by default the American ones.",
                parameters=OverseasOpenOrdersParameters,
                result=OverseasOrderRecord,
                handler=self.get_open_orders,
                reference="overseas_stock.inquire_nccs",
                example={},
            ),
            Method(
                name="kis.get-overseas-order-history",
                vendor="kis",
                kind="read",
                lane=Lane.ACCOUNT,
                summary="Overseas orders of a period with their fills, newest first.",
                parameters=OverseasHistoryParameters,
                result=OverseasOrderRecord,
                handler=self.get_order_history,
                reference="overseas_stock.inquire_ccnl",
                example={},
            ),
        ]

    def get_balance(self, parameters: OverseasBalanceParameters, context: TaskContext) -> Outcome:
        """Positions of one exchange, or of all American ones."""
        exchange = parameters.exchange or "NASD"
        currency = overseas_exchanges()[exchange]["currency"]
        pages = [self._balance_pages(code, currency, context) for code in self._balance_codes(parameters)]
        rows: dict[tuple[str, str], Row] = {}
        for part in pages:
            for row in part.rows("output1"):
                venue = text_of(row, "ovrs_excg_cd")
                if parameters.exchange in (None, venue) and text_of(row, "ovrs_pdno"):
                    rows[venue, text_of(row, "ovrs_pdno")] = row
            if not any(part.rows("output1")):
                part.required_row("output2")  # an account without positions still has totals
        total = pages[0].row("output2") if self._totals_fit(parameters) else {}
        balance = OverseasBalance(
            account=parameters.account,
            market=parameters.exchange or "US",
            currency=currency,
            cost=exact_of(total, "frcr_pchs_amt1", "frcr_buy_amt_smtl1"),
            profit=exact_of(total, "tot_evlu_pfls_amt"),
            profit_rate=percent_of(total, "tot_pftrt"),
            realized_profit=exact_of(total, "ovrs_rlzt_pfls_amt"),
            holdings=[_holding(row) for row in rows.values()],
            raw={"output1": list(rows.values()), "output2": total} if parameters.raw else None,
        )
        truncated = next((part.truncated for part in pages if part.truncated), None)
        return Outcome([balance], truncated)

    def get_buyable_amount(self, parameters: OverseasBuyableParameters, context: TaskContext) -> Outcome:
        """What can be bought."""
        with unknown_ticker_as_parameter(parameters.ticker):
            row = self._client.read(
                "overseas_stock.inquire_psamount",
                {
                    **account_arguments(self._config),
                    "ovrs_excg_cd": parameters.exchange,
                    "ovrs_ord_unpr": parameters.price,
                    "item_cd": parameters.ticker,
                },
                context=context,
                lane=Lane.ACCOUNT,
            ).required_row("output")
        result = OverseasBuyableAmount(
            account=parameters.account,
            ticker=parameters.ticker,
            venue=parameters.exchange,
            currency=text_of(row, "tr_crcy_cd") or overseas_exchanges()[parameters.exchange]["currency"],
            price=parameters.price,
            cash=exact_of(row, "ord_psbl_frcr_amt"),
            amount=exact_of(row, "ovrs_ord_psbl_amt"),
            quantity=integer_of(row, "max_ord_psbl_qty", "ord_psbl_qty"),
            amount_after_exchange=exact_of(row, "frcr_ord_psbl_amt1", "echm_af_ord_psbl_amt"),
            quantity_after_exchange=integer_of(row, "ovrs_max_ord_psbl_qty", "echm_af_ord_psbl_qty"),
            exchange_rate=exact_of(row, "exrt"),
            raw=row if parameters.raw else None,
        )
        return Outcome([result])

    def get_open_orders(self, parameters: OverseasOpenOrdersParameters, context: TaskContext) -> Outcome:
        """Orders with a remainder."""
        found = self._orders.open_orders(parameters.exchange or "NASD", context, Lane.ACCOUNT)
        return found.outcome(raw=parameters.raw, ticker=parameters.ticker, exchange=parameters.exchange)

    def get_order_history(self, parameters: OverseasHistoryParameters, context: TaskContext) -> Outcome:
        """Orders of a period. Paper trading cannot filter, so the rows are filtered here everywhere."""
        earliest, latest = self._orders.trading_days(parameters.exchange)
        end = parameters.end or latest
        start = parameters.start or min(earliest, end)
        check_period(start, end)
        found = self._orders.history(start, end, context, Lane.ACCOUNT)
        return found.outcome(raw=parameters.raw, ticker=parameters.ticker, exchange=parameters.exchange)

    def _balance_codes(self, parameters: OverseasBalanceParameters) -> list[OverseasExchange]:
        """The calls that cover what was asked for."""
        if parameters.exchange is not None:
            return [parameters.exchange]
        return ["NASD"] if self._config.environment == "real" else ["NASD", "NYSE", "AMEX"]

    def _totals_fit(self, parameters: OverseasBalanceParameters) -> bool:
        """``NASD`` means all American exchanges to real trading, and Nasdaq alone to paper trading."""
        if parameters.exchange not in (None, "NASD"):
            return True
        return (parameters.exchange == "NASD") == (self._config.environment == "paper")

    def _balance_pages(self, exchange: OverseasExchange, currency: str, context: TaskContext) -> Pages:
        return self._client.read_pages(
            "overseas_stock.inquire_balance",
            {**account_arguments(self._config), "ovrs_excg_cd": exchange, "tr_crcy_cd": currency},
            keys=_KEYS,
            context=context,
            lane=Lane.ACCOUNT,
        )


def _holding(row: Row) -> OverseasHolding:
    return OverseasHolding(
        ticker=text_of(row, "ovrs_pdno"),
        name=text_of(row, "ovrs_item_name"),
        venue=text_of(row, "ovrs_excg_cd"),
        currency=text_of(row, "tr_crcy_cd") or None,
        quantity=required_integer(row, "ovrs_cblc_qty"),
        sellable_quantity=integer_of(row, "ord_psbl_qty"),
        average_price=exact_of(row, "pchs_avg_pric"),
        price=exact_of(row, "now_pric2"),
        value=exact_of(row, "ovrs_stck_evlu_amt"),
        profit=exact_of(row, "frcr_evlu_pfls_amt"),
        profit_rate=percent_of(row, "evlu_pfls_rt"),
    )
