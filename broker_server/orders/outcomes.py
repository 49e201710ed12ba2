"""The replies that are made from an order's record, without the vendor's answer at hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from broker_client.errors import (
    DuplicateTaskConflict,
    OrderOutcomeIsUnknown,
    TaskExpired,
    TaskFailed,
    VendorRejected,
    VendorUnavailable,
)
from broker_client.protocol import Environment, encode_reply
from broker_server.core.orders import Order, State

FINAL = "this task_id keeps this answer, so a new order needs a new task_id"


def encode_outcome(
    task_id: str,
    rows: Sequence[Any],
    error: TaskFailed | None,
    *,
    environment: str,
    now: datetime,
    warnings: Sequence[str] = (),
    truncated: str | None = None,
) -> bytes:
    """The JSON of an outcome as it is kept: whoever gets it gets it again.

    Raises:
        TypeError: A row is no JSON value.
    """
    extra: dict[str, Any] = {"replayed": True}
    if warnings:
        extra["warnings"] = list(warnings)
    if truncated:
        extra["truncated"] = truncated
    return encode_reply(
        task_id, list(rows), now=now, environment=cast("Environment", environment), error=error, extra=extra
    )


def receipt(order: Order) -> dict[str, Any]:
    """What an accepted order's client gets when only the record is left; the keys are those of a receipt."""
    details = order.details
    price: int | str | None = None
    if details.price is not None:
        price = int(details.price) if details.currency == "KRW" else f"{details.price:f}"
    return {
        "account": order.account,
        "action": details.action,
        "order_no": order.order_no,
        "original_order_no": details.original,
        "ticker": details.ticker,
        "quantity": details.quantity,
        "price": price,
        "order_type": details.order_type,
        "venue": details.venue,
        "time": None,
        "already_done": False,
        "state": "accepted",
    }


def settled_outcome(order: Order, *, environment: str, now: datetime) -> bytes:
    """The JSON of the outcome of an order that was settled after its answer was lost."""
    if order.state is State.ACCEPTED:
        return encode_outcome(order.task_id, [receipt(order)], None, environment=environment, now=now)
    return encode_outcome(order.task_id, [], error_of(order), environment=environment, now=now)


def error_of(order: Order) -> TaskFailed:
    """The error of an order that was not accepted."""
    if order.state is State.REJECTED:
        error: TaskFailed = VendorRejected(f"the order was refused: {order.reason}")
    elif order.state is State.NOT_SENT:
        error = VendorUnavailable(f"the order was not sent: {order.reason}; {FINAL}", retryable=False)
    elif order.state is State.REFUSED:
        error = TaskExpired(f"{order.reason}; {FINAL}")
    else:
        return outcome_unknown(order)
    error.vendor = order.vendor
    error.vendor_code = order.vendor_code
    error.vendor_message = order.vendor_message
    return error


def outcome_unknown(order: Order) -> OrderOutcomeIsUnknown:
    """The answer while nobody knows."""
    reason = order.reason or "no answer was recorded"
    return OrderOutcomeIsUnknown(
        f"the outcome of {order.task_id} is not known yet ({reason}); it is not sent again. The worker asks "
        f"the brokerage, and the answer comes to the same reply queue: see broker.get-order",
        vendor=order.vendor,
        vendor_code=order.vendor_code,
        vendor_message=order.vendor_message,
    )


def final(error: TaskFailed) -> TaskFailed:
    """What failed before anything was taken is recorded: repeating the same task_id does not help."""
    if error.retryable:
        error.retryable = False
        error.message = f"{error.message}; nothing was sent, and {FINAL}"
        error.args = (error.message,)
    return error


def conflict(order: Order, why: str) -> DuplicateTaskConflict:
    """The answer to a task_id that was used before."""
    number = f", number {order.order_no}" if order.order_no else ""
    return DuplicateTaskConflict(
        f"the task_id was used at {order.received_at.isoformat()} for {why}: {order.method}, "
        f"{order.state}{number}; a new order needs a new task_id, a repeat the same parameters to the letter"
    )
