"""Orders as the worker's journal has them: the rows of ``broker.get-order`` and ``broker.list-orders``."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from broker_client.errors import MalformedMessage
from broker_client.results import TaskResult
from broker_client.validation import describe_validation_error

__all__ = ["OrderRecord", "OrderStep", "read_order"]

_SETTLED = {"ACCEPTED", "REJECTED", "NOT_SENT", "REFUSED"}
_OPEN_STATUSES = {"working", "partially_filled"}


class OrderStep(BaseModel):
    """One step of an order's history.

    Attributes:
        at: When.
        event: What happened.
        by: The worker, or who settled it by hand.
        state: The order's state after it.
        status: Its status after it.
        filled_quantity: Its shares filled after it.
        reason: Why.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    at: datetime
    event: str
    by: str
    state: str
    status: str | None = None
    filled_quantity: int = 0
    reason: str | None = None


class OrderRecord(BaseModel):
    """What became of one order.

    Attributes:
        market: Whose list of orders it is in, such as ``domestic``.
        action: ``buy``, ``sell``, ``modify`` or ``cancel``.
        quantity: Shares asked for; ``None`` for all that were open.
        price: The limit; ``None`` without one.
        state: Of the attempt to send it: ``RECEIVED``, ``SENDING``, ``UNKNOWN``, ``ACCEPTED``, ``REJECTED``,
            ``NOT_SENT`` or ``REFUSED``.
        status: What the market did with an accepted order: ``working``, ``partially_filled``, ``filled``,
            ``cancelled`` or ``rejected_by_exchange``.
        order_no: The brokerage's number.
        original_order_no: Of the order that this one changes or cancels.
        remaining_quantity: Shares that can still be filled.
        average_price: Of the fills.
        reason: Why it is in this state.
        stuck: It cannot be settled without a person: ``broker.resolve-order``.
        user: The AMQP user that RabbitMQ verified.
        replied: RabbitMQ has taken the reply with this outcome.
        history: Every step, oldest first; ``None`` in a list of orders.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    task_id: str
    method: str
    vendor: str
    account: str
    market: str | None = None
    action: str
    ticker: str | None = None
    side: str | None = None
    quantity: int | None = None
    price: Decimal | None = None
    currency: str | None = None
    order_type: str | None = None
    venue: str | None = None
    state: str
    status: str | None = None
    order_no: str | None = None
    original_order_no: str | None = None
    filled_quantity: int = 0
    remaining_quantity: int | None = None
    average_price: Decimal | None = None
    reason: str | None = None
    vendor_code: str | None = None
    vendor_message: str | None = None
    stuck: bool = False
    user: str | None = None
    received_at: datetime
    sent_at: datetime | None = None
    settled_at: datetime | None = None
    replied: bool = False
    history: list[OrderStep] | None = Field(default=None)

    @property
    def is_settled(self) -> bool:
        """Whether it is known what became of the attempt to send it. Accepted is not filled."""
        return self.state in _SETTLED

    @property
    def is_open(self) -> bool:
        """Whether it may still change: not settled, or not filled to the end."""
        return not self.is_settled or (self.state == "ACCEPTED" and self.status in _OPEN_STATUSES)


def read_order(result: TaskResult) -> OrderRecord:
    """Read the answer of ``broker.get-order``.

    Raises:
        MalformedMessage: The row is another.
    """
    try:
        return OrderRecord.model_validate(result.first)
    except ValidationError as error:
        raise MalformedMessage(
            f"broker.get-order was answered with another row: {describe_validation_error(error)}",
            task_id=result.task_id,
        ) from None
