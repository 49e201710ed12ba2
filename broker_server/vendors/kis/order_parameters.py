"""The arguments of order methods."""

from __future__ import annotations

from pydantic import model_validator

from broker_server.core.accounts import DEFAULT, AccountAlias
from broker_server.core.methods import Parameters
from broker_server.vendors.kis.order_types import OrderType, OverseasOrderType, needs_price
from broker_server.vendors.order_parameters import OriginalParameters, check_price
from broker_server.vendors.parameters import (
    AskedExchange,
    DecimalText,
    OrderVenue,
    Quantity,
    Symbol,
    Ticker,
    WonPrice,
)


class OrderParameters(Parameters):
    """A new order.

    Attributes:
        ticker: The instrument.
        quantity: Shares.
        price: Won per share, for the order types that have a limit.
        order_type: ``limit`` when a price is given. An order without a price must say what it is, for
            example ``market``: a forgotten price is refused.
        exchange: Where it goes.
        account: The alias of the account.
    """

    ticker: Ticker
    quantity: Quantity
    price: WonPrice | None = None
    order_type: OrderType | None = None
    exchange: OrderVenue = "KRX"
    account: AccountAlias = DEFAULT

    @model_validator(mode="after")
    def _price_fits(self) -> OrderParameters:
        check_price(self.order_type, self.price, needs_price=needs_price)
        return self


class ModifyParameters(OriginalParameters):
    """A change of an open order.

    Attributes:
        order_no: Of the order, as its receipt said.
        order_task_id: The task_id of the task that placed it.
        price: The new price in won.
        quantity: How many of the open shares get it; all of them when left out.
        order_type: The new type; as it was when left out.
        account: The alias of the account.
    """

    price: WonPrice | None = None
    quantity: Quantity | None = None
    order_type: OrderType | None = None

    @model_validator(mode="after")
    def _price_fits(self) -> ModifyParameters:
        check_price(self.order_type, self.price, needs_price=needs_price)
        return self


class OverseasOrderParameters(Parameters):
    """A new overseas order.

    Attributes:
        ticker: The symbol.
        exchange: Where it is listed.
        quantity: Shares.
        price: In the instrument's currency, as decimal text.
        order_type: ``limit`` when a price is given; overseas exchanges take no plain market order.
        account: The alias of the account.
    """

    ticker: Symbol
    exchange: AskedExchange
    quantity: Quantity
    price: DecimalText | None = None
    order_type: OverseasOrderType | None = None
    account: AccountAlias = DEFAULT

    @model_validator(mode="after")
    def _price_fits(self) -> OverseasOrderParameters:
        if self.order_type is None and self.price is None:
            raise ValueError("give a price: overseas exchanges take no plain market order")
        check_price(self.order_type, self.price, needs_price=needs_price)
        return self


class OverseasModifyParameters(OriginalParameters):
    """A change of an open overseas order.

    Attributes:
        order_no: Of the order, as its receipt said.
        order_task_id: The task_id of the task that placed it.
        price: The new price as decimal text.
        quantity: The new number of shares; what is still open when left out.
        account: The alias of the account.
    """

    price: DecimalText
    quantity: Quantity | None = None
