"""Account reads: balance, open orders, order history."""

from __future__ import annotations

from typing import Any

from broker_client.errors import InvalidParameters
from broker_server.core.methods import Lane, Method, Outcome, TaskContext
from broker_server.vendors.account_models import Balance, Holding, OrderRecord
from broker_server.vendors.kiwoom.backend import Backend
from broker_server.vendors.kiwoom.orders import OrderBook, account_inputs
from broker_server.vendors.kiwoom.reading import VENDOR, Row, readable, required_integer
from broker_server.vendors.kiwoom.trs import BALANCE, DEPOSIT, trs
from broker_server.vendors.kiwoom.values import decimal_of, integer_of, price_of, ticker_of
from broker_server.vendors.parameters import AccountParameters, Day, InOrder, Ticker
from broker_server.vendors.periods import check_period
from broker_server.vendors.values import decimal_text

_ESTIMATED, _SINGLY = "3", "2"
_MOST_PAGES = 100
_MOST_DAYS = 100


class OpenOrdersParameters(AccountParameters):
    """Which open orders.

    Attributes:
        ticker: Only this instrument.
    """

    ticker: Ticker | None = None


class OrderHistoryParameters(AccountParameters, InOrder):
    """Which orders.

    Attributes:
        start: The first day; today in Korea when left out.
        end: The last day; today in Korea when left out. Each day is a request of its own.
        ticker: Only this instrument.
    """

    start: Day | None = None
    end: Day | None = None
    ticker: Ticker | None = None


class Account:
    """The handlers.

    Args:
        backend: The way to Kiwoom.
        account: Ten digits, where the control must be told.
        orders: The orders of the account.
    """

    def __init__(self, backend: Backend, account: str | None, orders: OrderBook) -> None:
        self._backend = backend
        self._account = account
        self._orders = orders

    def methods(self) -> list[Method[Any]]:
        """The declared methods."""
        return [
            Method(
                name="kiwoom.get-balance",
                vendor=VENDOR,
                kind="read",
                lane=Lane.ACCOUNT,
                summary="Cash and positions of the account.",
                parameters=AccountParameters,
                result=Balance,
                handler=self.get_balance,
                reference="opw00001 / kt00001, opw00018 / kt00018",
                example={},
            ),
            Method(
                name="kiwoom.get-open-orders",
                vendor=VENDOR,
                kind="read",
                lane=Lane.ACCOUNT,
                summary="Orders that can still be filled, changed or cancelled.",
                parameters=OpenOrdersParameters,
                result=OrderRecord,
                handler=self.get_open_orders,
                reference="opt10075 / ka10075",
                example={},
            ),
            Method(
                name="kiwoom.get-order-history",
                vendor=VENDOR,
                kind="read",
                lane=Lane.ACCOUNT,
                summary="Orders of a period with their fills, newest first.",
                parameters=OrderHistoryParameters,
                result=OrderRecord,
                handler=self.get_order_history,
                reference="opw00007 / kt00007",
                example={},
            ),
        ]

    def get_balance(self, parameters: AccountParameters, context: TaskContext) -> Outcome:
        """Cash and positions, all pages in one element."""
        inputs = account_inputs(self._account)
        deposits = self._backend.request(
            trs()[DEPOSIT], {**inputs, "query_type": _ESTIMATED}, context, Lane.ACCOUNT
        )
        rows, summary, truncated = self._positions(inputs, context)
        with readable("the balance"):
            deposit = deposits.rows[0] if deposits.rows else dict.fromkeys(trs()[DEPOSIT].columns, "")
            holdings = [_holding(row) for row in rows if row["stock_code"].strip()]
            settled = integer_of(deposit["deposit_settled"])
            value = _total(summary, "value", [each.value for each in holdings])
            assets = integer_of(summary.get("assets", ""))
            if assets is None and settled is not None and value is not None:
                assets = settled + value
            balance = Balance(
                account=parameters.account,
                deposit=integer_of(deposit["deposit"]),
                deposit_next_day=integer_of(deposit["deposit_next_day"]),
                deposit_settled=settled,
                holdings_value=value,
                total_value=assets,
                net_assets=assets,
                cost=_total(summary, "cost", [each.cost for each in holdings]),
                profit=_total(summary, "profit", [each.profit for each in holdings]),
                holdings=holdings,
                raw={"deposit": deposit, "summary": summary, "rows": rows} if parameters.raw else None,
            )
        return Outcome([balance], truncated)

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
        if (end - start).days >= _MOST_DAYS:
            raise InvalidParameters(
                f"start: Kiwoom is asked for each day by itself, so a period has at most {_MOST_DAYS} days"
            )
        found = self._orders.history(start, end, context, Lane.ACCOUNT)
        return found.outcome(parameters.account, raw=parameters.raw, ticker=parameters.ticker)

    def _positions(
        self, inputs: dict[str, str], context: TaskContext
    ) -> tuple[list[Row], dict[str, str], str | None]:
        rows: list[Row] = []
        summary: dict[str, str] = {}
        after: str | None = None
        for _ in range(_MOST_PAGES):
            page = self._backend.request(
                trs()[BALANCE], {**inputs, "query_type": _SINGLY}, context, Lane.ACCOUNT, after=after
            )
            rows += page.rows
            summary = summary or dict(page.summary)
            if page.more is None:
                return rows, summary, None
            after = page.more
        return rows, summary, f"Kiwoom had more than {_MOST_PAGES} pages"


def _total(summary: dict[str, str], name: str, parts: list[int | None]) -> int | None:
    """The vendor's own total; the sum of the positions where it tells none."""
    told = integer_of(summary.get(name, ""))
    return sum(each or 0 for each in parts) if told is None else told


def _holding(row: Row) -> Holding:
    rate = decimal_of(row["profit_rate"])
    return Holding(
        ticker=ticker_of(row["stock_code"]),
        name=row["name"].strip(),
        quantity=required_integer(row, "quantity"),
        sellable_quantity=integer_of(row["sellable_quantity"]),
        average_price=decimal_text(decimal_of(row["average_price"])),
        cost=integer_of(row["cost"]),
        price=price_of(row["price"]),
        value=integer_of(row["value"]),
        profit=integer_of(row["profit"]),
        profit_rate=None if rate is None else float(rate),
    )
