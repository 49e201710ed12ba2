"""Results of overseas methods. Prices and amounts are exact decimal text in the instrument's currency."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from broker_server.vendors.account_models import OrderAction, OrderState
from broker_server.vendors.kis.order_types import Side
from broker_server.vendors.results import Part, Result

Processing = Literal["received", "sent", "completed", "rejected"]


class OverseasPrice(Result):
    """The last price.

    Attributes:
        venue: The exchange, as in the parameter.
        change: Against the previous close, signed; ``change_rate`` in percent.
        value: Traded today.
        decimals: Digits behind the point in prices of this instrument.
        orderable: Whether it can be bought now; null where KIS's word on it is neither yes nor no.
    """

    ticker: str
    venue: str
    currency: str
    price: str
    previous_close: str | None
    change: str | None
    change_rate: float | None
    volume: int | None
    previous_volume: int | None
    value: str | None
    decimals: int | None
    orderable: bool | None


class OverseasLevel(Part):
    """One price level."""

    price: str
    quantity: int


class OverseasOrderBook(Result):
    """Up to ten levels a side for the US, fewer elsewhere; the best first.

    Attributes:
        time: When the exchange made the book, written in Korean time.
    """

    ticker: str
    venue: str
    currency: str
    time: datetime | None
    price: str
    asks: list[OverseasLevel]
    bids: list[OverseasLevel]
    total_ask_quantity: int | None
    total_bid_quantity: int | None


class OverseasCandle(Result):
    """One bar of a day, week or month.

    Attributes:
        date: Of the exchange's own calendar.
    """

    ticker: str
    venue: str
    interval: str
    date: date
    open: str
    high: str
    low: str
    close: str
    volume: int | None
    value: str | None
    change: str | None
    change_rate: float | None
    adjusted: bool


class OverseasHolding(Part):
    """One position."""

    ticker: str
    name: str
    venue: str
    currency: str | None
    quantity: int
    sellable_quantity: int | None
    average_price: str | None
    price: str | None
    value: str | None
    profit: str | None
    profit_rate: float | None


class OverseasBalance(Result):
    """Positions of one market in its currency. Totals are null where KIS gives none for just that market.

    Attributes:
        market: The exchange that was asked for, or ``US`` for all American ones.
        cost: Of all positions; ``profit`` what they gain or lose now; ``realized_profit`` what was sold.
    """

    account: str
    market: str
    currency: str
    cost: str | None
    profit: str | None
    profit_rate: float | None
    realized_profit: str | None
    holdings: list[OverseasHolding]


class OverseasBuyableAmount(Result):
    """What can be bought at a price.

    Attributes:
        cash: In the instrument's currency.
        amount: What an order may cost that is paid in the currency itself; ``quantity`` the shares.
        amount_after_exchange: Won that KIS would exchange included; ``quantity_after_exchange`` the shares.
        exchange_rate: Won for one unit of the currency.
    """

    account: str
    ticker: str
    venue: str
    currency: str | None
    price: str
    cash: str | None
    amount: str | None
    quantity: int | None
    amount_after_exchange: str | None
    quantity_after_exchange: int | None
    exchange_rate: str | None


class OverseasOrderRecord(Result):
    """One order of the account.

    Attributes:
        action: ``new``, or what was done to ``original_order_no``.
        local_date: The exchange's date of the order.
        time: When KIS received it, in Korea.
        status: How far KIS has processed it; null for a word that is not known.
        rejection: Why the exchange refused it, in KIS's words.
    """

    account: str
    order_no: str
    original_order_no: str | None
    action: OrderAction
    ticker: str
    name: str | None
    side: Side
    venue: str
    currency: str | None
    quantity: int
    price: str | None
    filled_quantity: int
    average_price: str | None
    remaining_quantity: int
    state: OrderState
    status: Processing | None
    rejection: str | None
    local_date: date | None
    time: datetime | None
