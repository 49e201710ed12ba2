"""Domestic orders in every vendor's terms: what the journal records and the guards count."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

from broker_server.core.orders import OrderDetails, Side
from broker_server.vendors.account_models import OrderRecord
from broker_server.vendors.order_parameters import CancelParameters, OriginalParameters
from broker_server.vendors.order_receipts import WON

DOMESTIC = "domestic"

Padded = Callable[[str], str]
"""Writes an order number as the vendor does."""


class NewOrder(Protocol):
    """The parameters of a new order, of any vendor."""

    @property
    def ticker(self) -> str: ...
    @property
    def quantity(self) -> int: ...
    @property
    def price(self) -> int | None: ...
    @property
    def order_type(self) -> str | None: ...
    @property
    def exchange(self) -> str: ...


def domestic_order(side: Side, parameters: NewOrder) -> OrderDetails:
    """A new order."""
    return OrderDetails(
        action=side,
        market=DOMESTIC,
        ticker=parameters.ticker,
        side=side,
        quantity=parameters.quantity,
        price=None if parameters.price is None else Decimal(parameters.price),
        currency=WON,
        order_type=parameters.order_type or "limit",
        venue=parameters.exchange,
    )


def domestic_change_of(
    order: OrderRecord,
    parameters: OriginalParameters,
    *,
    quantity: int | None,
    price: int | None,
    order_type: str | None,
) -> OrderDetails:
    """A change of an order that was looked up.

    Args:
        order: The order.
        parameters: What the task wants.
        quantity: Of how many shares; of all that are open when left out.
        price: The new one.
        order_type: What the order will be.
    """
    return OrderDetails(
        action="modify",
        market=DOMESTIC,
        ticker=order.ticker,
        side=order.side,
        quantity=quantity or order.remaining_quantity,
        price=None if price is None else Decimal(price),
        currency=WON,
        order_type=order_type,
        venue=order.venue,
        original=order.order_no,
        original_task_id=parameters.order_task_id,
    )


def cancel(market: str, parameters: CancelParameters, padded: Padded) -> OrderDetails:
    """A cancel, as far as its parameters tell."""
    return OrderDetails(
        action="cancel",
        market=market,
        quantity=parameters.quantity,
        original=named(parameters, padded),
        original_task_id=parameters.order_task_id,
    )


def domestic_cancel_of(
    order: OrderRecord, parameters: CancelParameters, limit: Decimal | None
) -> OrderDetails:
    """A cancel of an order that was looked up; without a quantity it takes back whatever is open then.

    Args:
        order: The order.
        parameters: What the task wants.
        limit: The order's limit, where its type has one.
    """
    return OrderDetails(
        action="cancel",
        market=DOMESTIC,
        ticker=order.ticker,
        side=order.side,
        quantity=parameters.quantity,
        price=limit,
        currency=WON,
        order_type=order.order_type,
        venue=order.venue,
        original=order.order_no,
        original_task_id=parameters.order_task_id,
    )


def named(parameters: OriginalParameters, padded: Padded) -> str | None:
    """The number of the order that is meant, as the vendor writes it; ``None`` if its task names it."""
    return None if parameters.order_no is None else padded(parameters.order_no)
