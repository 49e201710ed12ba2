"""Results of domestic account methods."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from broker_server.core.orders import Side
from broker_server.vendors.parameters import OrderVenue
from broker_server.vendors.results import Part, Result

OrderAction = Literal["new", "modify", "cancel", "modify_or_cancel"]
OrderState = Literal["working", "partially_filled", "filled", "cancelled", "rejected"]


class Holding(Part):
    """One position. Won, shares and percent; the average price is exact text.

    Attributes:
        quantity: Held; 0 on the day of a full sale.
        sellable_quantity: Not bound by open orders.
        profit: Valuation against cost.
    """

    ticker: str
    name: str
    quantity: int
    sellable_quantity: int | None
    average_price: str | None
    cost: int | None
    price: int | None
    value: int | None
    profit: int | None
    profit_rate: float | None


class Balance(Result):
    """Cash and positions of an account, in won.

    Attributes:
        deposit: Cash today.
        deposit_next_day: After the settlements of tomorrow (D+1).
        deposit_settled: After all settlements (D+2).
        holdings_value: Of all positions.
        total_value: Cash and positions.
        net_assets: After debts.
    """

    account: str
    deposit: int | None
    deposit_next_day: int | None
    deposit_settled: int | None
    holdings_value: int | None
    total_value: int | None
    net_assets: int | None
    cost: int | None
    profit: int | None
    holdings: list[Holding]


class BuyableAmount(Result):
    """What can be bought, in won and shares.

    Attributes:
        price: The task's price, or ``counted_price`` if it named none; exact text.
        cash: Orderable cash.
        amount: What can be spent without margin credit.
        quantity: Shares that ``amount`` buys at ``price``, without fees.
        counted_price: What the vendor itself counts shares with: for a limit or market order the upper
            limit, so that the order is covered wherever it is filled; exact text.
        counted_quantity: Shares without margin credit at ``counted_price``.
        credit_amount: With margin credit.
        credit_quantity: With margin credit, at ``counted_price``.
    """

    account: str
    ticker: str
    price: str | None
    cash: int | None
    amount: int
    quantity: int
    counted_price: str | None
    counted_quantity: int
    credit_amount: int | None
    credit_quantity: int | None


class OrderRecord(Result):
    """One order of the account.

    Attributes:
        order_no: The vendor's number; a change or a cancel has one of its own and names the original.
        action: ``new``, or what was done to ``original_order_no``; ``modify_or_cancel`` where the
            vendor does not tell which.
        order_type: One of the order types of the vendor's ``buy-order``, or its own code if it is another.
        price: The limit, in won; null for an order without one.
        average_price: Of the fills, exact text.
        time: When it was received, in Korea.
    """

    account: str
    order_no: str
    original_order_no: str | None
    action: OrderAction
    ticker: str
    name: str | None
    side: Side
    order_type: str | None
    venue: OrderVenue
    quantity: int
    price: int | None
    filled_quantity: int
    average_price: str | None
    cancelled_quantity: int | None
    rejected_quantity: int | None
    remaining_quantity: int
    state: OrderState
    time: datetime | None
