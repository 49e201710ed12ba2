"""What the arguments of order methods of every vendor have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from pydantic import model_validator

from broker_server.core.accounts import DEFAULT, AccountAlias
from broker_server.core.methods import Parameters, TaskContext
from broker_server.vendors.parameters import OrderNumber, Quantity, TaskId


def check_price(order_type: str | None, price: object, *, needs_price: Callable[[str], bool]) -> None:
    """Hold price and order type together.

    Args:
        order_type: As asked for, if it was.
        price: As given, if it was.
        needs_price: Whether an order of that type carries a limit price.

    Raises:
        ValueError: A price is missing or does not belong; the message says what to write.
    """
    if order_type is None and price is None:
        raise ValueError('give a price, or say order_type: "market" if a market order is meant')
    if order_type is not None and needs_price(order_type) != (price is not None):
        problem = "needs a price" if price is None else "takes no price"
        raise ValueError(f"a {order_type} order {problem}")


class OriginalParameters(Parameters):
    """Which order is changed or cancelled: either of the two names of it.

    Attributes:
        order_no: Of the order, as its receipt said.
        order_task_id: The task_id of the task that placed it.
        account: The alias of the account.
    """

    order_no: OrderNumber | None = None
    order_task_id: TaskId | None = None
    account: AccountAlias = DEFAULT

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if (self.order_no is None) == (self.order_task_id is None):
            problem = "not both" if self.order_no else "one of the two"
            raise ValueError(f"name the order by order_no or by order_task_id, {problem}")
        return self

    @property
    def named_by(self) -> str:
        """The parameter that names the order, for error messages."""
        return "order_no" if self.order_no is not None else "order_task_id"

    def number(self, context: TaskContext) -> str:
        """The order's number.

        Raises:
            InvalidParameters: There is no such task, or it has placed no order.
        """
        if self.order_task_id is not None:
            return context.order_no_of(self.order_task_id)
        return self.order_no or ""


class CancelParameters(OriginalParameters):
    """A cancel of an open order.

    Attributes:
        order_no: Of the order, as its receipt said.
        order_task_id: The task_id of the task that placed it.
        quantity: How many of the open shares; all of them when left out.
        account: The alias of the account.
    """

    quantity: Quantity | None = None
