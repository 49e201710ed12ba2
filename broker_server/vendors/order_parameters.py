"""The arguments that change and cancel methods of every vendor share."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from broker_server.core.accounts import DEFAULT, AccountAlias
from broker_server.core.methods import Parameters, TaskContext
from broker_server.vendors.parameters import OrderNumber, Quantity, TaskId


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
