"""KIS orders in every vendor's terms: what the journal records and the guards count."""

from __future__ import annotations

from decimal import Decimal

from broker_server.core.orders import OrderDetails, Side
from broker_server.vendors import order_details
from broker_server.vendors.account_models import OrderRecord
from broker_server.vendors.kis.order_parameters import (
    ModifyParameters,
    OverseasModifyParameters,
    OverseasOrderParameters,
)
from broker_server.vendors.kis.order_types import overseas_exchanges, takes_no_price
from broker_server.vendors.kis.overseas_models import OverseasOrderRecord
from broker_server.vendors.kis.values import order_number
from broker_server.vendors.order_details import DOMESTIC
from broker_server.vendors.order_parameters import CancelParameters
from broker_server.vendors.order_receipts import WON

OVERSEAS = "overseas"


def domestic_change(parameters: ModifyParameters) -> OrderDetails:
    """A change, as far as its parameters tell."""
    return OrderDetails(
        action="modify",
        market=DOMESTIC,
        quantity=parameters.quantity,
        price=None if parameters.price is None else Decimal(parameters.price),
        currency=WON,
        order_type=parameters.order_type,
        original=order_details.named(parameters, order_number),
        original_task_id=parameters.order_task_id,
    )


def domestic_change_of(
    order: OrderRecord, parameters: ModifyParameters, order_type: str | None
) -> OrderDetails:
    """A change of an order that was looked up.

    Args:
        order: The order. Its open shares are the change's unless the task says fewer.
        parameters: What the task wants.
        order_type: What the order will be.
    """
    return order_details.domestic_change_of(
        order,
        parameters,
        quantity=parameters.quantity,
        price=parameters.price,
        order_type=order_type,
    )


def overseas_order(side: Side, parameters: OverseasOrderParameters) -> OrderDetails:
    """A new order."""
    return OrderDetails(
        action=side,
        market=OVERSEAS,
        ticker=parameters.ticker,
        side=side,
        quantity=parameters.quantity,
        price=None if parameters.price is None else Decimal(parameters.price),
        currency=overseas_exchanges()[parameters.exchange]["currency"],
        order_type=parameters.order_type or "limit",
        venue=parameters.exchange,
    )


def overseas_change(parameters: OverseasModifyParameters) -> OrderDetails:
    """A change, as far as its parameters tell."""
    return OrderDetails(
        action="modify",
        market=OVERSEAS,
        quantity=parameters.quantity,
        price=Decimal(parameters.price),
        original=order_details.named(parameters, order_number),
        original_task_id=parameters.order_task_id,
    )


def overseas_change_of(
    order: OverseasOrderRecord, parameters: OverseasModifyParameters, quantity: int
) -> OrderDetails:
    """A change of an order that was looked up; KIS does not tell, and does not ask for, its type."""
    return OrderDetails(
        action="modify",
        market=OVERSEAS,
        ticker=order.ticker,
        side=order.side,
        quantity=quantity,
        price=Decimal(parameters.price),
        currency=order.currency,
        venue=order.venue,
        original=order.order_no,
        original_task_id=parameters.order_task_id,
    )


def cancel(market: str, parameters: CancelParameters) -> OrderDetails:
    """A cancel, as far as its parameters tell."""
    return order_details.cancel(market, parameters, order_number)


def domestic_cancel_of(order: OrderRecord, parameters: CancelParameters) -> OrderDetails:
    """A cancel of an order that was looked up; without a quantity it takes back whatever is open then."""
    return order_details.domestic_cancel_of(order, parameters, limit_of(order))


def overseas_cancel_of(
    order: OverseasOrderRecord, parameters: CancelParameters, quantity: int
) -> OrderDetails:
    """A cancel of an order that was looked up."""
    return OrderDetails(
        action="cancel",
        market=OVERSEAS,
        ticker=order.ticker,
        side=order.side,
        quantity=quantity,
        price=None if order.price is None else Decimal(order.price),
        currency=order.currency,
        venue=order.venue,
        original=order.order_no,
        original_task_id=parameters.order_task_id,
    )


def limit_of(order: OrderRecord) -> Decimal | None:
    """The limit of a listed order: KIS also shows a price for types that find theirs themselves."""
    if order.price is None or takes_no_price(order.order_type):
        return None
    return Decimal(order.price)
