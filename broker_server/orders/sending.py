"""Runs the vendor's handler for an order, and reads the verdict off how it ends."""

from __future__ import annotations

import uuid
from dataclasses import replace

import structlog
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from broker_client.errors import (
    InternalError,
    InvalidParameters,
    OrderOutcomeIsUnknown,
    OrdersDisabled,
    TaskExpired,
    TaskFailed,
    Unsupported,
    VendorRejected,
)
from broker_server.account_errors import ensure_same_account
from broker_server.core.methods import Outcome, TaskContext
from broker_server.core.orders import Accepted, Event, Lost, NotSent, Order, OrderDetails, Refused, Rejected
from broker_server.journal.order_rows import trading_day
from broker_server.orders.attempt import Attempt
from broker_server.orders.gate import Gate
from broker_server.orders.outcomes import final
from broker_server.orders.ownership import Grant, Ownership
from broker_server.orders.task import OrderTask
from broker_server.results import Elsewhere, Later, Result

log = structlog.get_logger(__name__)


class _Unrefused(Ownership):
    """The leases as a cancel sees them: what stops new orders of an owner does not stop it."""

    def __init__(self, ownership: Ownership) -> None:
        self._ownership = ownership

    def grant(self, vendor: str, account: str) -> Grant | None:
        grant = self._ownership.grant(vendor, account)
        return None if grant is None else replace(grant, refused=None)

    def adopted(self, vendor: str, account: str) -> bool:
        return self._ownership.adopted(vendor, account)


class OrderSending:
    """Sends what the desk has let through.

    Args:
        gate: What an order has to get past.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._gate_for_cancels = replace(gate, ownership=_Unrefused(gate.ownership))

    def attempt(self, task: OrderTask, order: Order | None) -> Attempt:
        """Prepare to send.

        Args:
            order: Its record; ``None`` for a cancel that leaves without one.
        """
        return Attempt(task, order, self._gate_for_cancels if task.is_cancel else self._gate)

    def context(self, task: OrderTask, attempt: Attempt | None = None) -> TaskContext:
        """What the vendor may know of the task; without an attempt nothing can be sent."""

        def before_send(details: OrderDetails) -> None:
            if attempt is None:
                raise RuntimeError("a check tried to send an order")
            attempt.before_send(details, context)

        def not_taken() -> None:
            if attempt is not None:
                attempt.not_taken()

        def order_no_of(task_id: str) -> str:
            order = self._named(task_id, task)
            if attempt is not None:
                attempt.name(order)
            return order.order_no or ""

        context = TaskContext(
            task_id=task.task_id,
            received_at=self._gate.clock(),
            ensure_in_time=lambda: self._gate.checks.ensure_in_time(task),
            report_progress=lambda done, total: None,
            deadline=None if task.is_cancel else task.request.deadline,
            user=task.user,
            before_send=before_send,
            not_taken=not_taken,
            order_no_of=order_no_of,
        )
        return context

    def send(self, task: OrderTask, attempt: Attempt) -> tuple[Result, Event]:
        """Run the handler.

        Returns:
            What the client is told, and what the record is told.

        Raises:
            Later, Elsewhere, SQLAlchemyError: Nothing was sent, and nothing is settled.
        """
        try:
            outcome: Outcome = task.method.handler(task.parameters, self.context(task, attempt))
            rows = [
                row.model_dump(mode="json") if isinstance(row, BaseModel) else row for row in outcome.rows
            ]
        except Later:
            raise
        except (Elsewhere, SQLAlchemyError) as error:
            if not attempt.began:
                raise
            return failed(attempt, OrdersDisabled(f"it could not be sent again: {type(error).__name__}"))
        except TaskFailed as error:
            return failed(attempt, error)
        except BaseException as error:  # whatever it was, bytes may have left
            return failed(attempt, defect(task, error))
        result = Result(rows, truncated=outcome.truncated, warnings=tuple(task.warnings), recorded=True)
        return result, Accepted(outcome.order_no)

    def _named(self, task_id: str, task: OrderTask) -> Order:
        """The order that an earlier task placed, if it can still be cancelled or changed by this one."""
        record = self._gate.journal.find(task_id)
        if record is None:
            raise InvalidParameters(f"order_task_id: no order {task_id} is on record")
        order = record.order
        ensure_same_account(order.key, task.key, task_id)
        if order.order_no is None:
            raise InvalidParameters(f"order_task_id: the order {task_id} has no number ({order.state})")
        if task.details is not None and order.details.market != task.details.market:
            raise InvalidParameters(
                f"order_task_id: {task_id} is of the market {order.details.market}, not {task.details.market}"
            )
        if self._gate.checks.is_of_another_day(order.vendor, order.details.market, order.received_at):
            raise InvalidParameters(
                f"order_task_id: {task_id} is of {trading_day(order.received_at)}, and its number may be "
                f"another order's by now"
            )
        return order


def failed(attempt: Attempt, error: TaskFailed) -> tuple[Result, Event]:
    """What an error means: that depends on whether anything may have left before it."""
    code, text = error.vendor_code, error.vendor_message
    if not attempt.began:
        told = error if isinstance(error, TaskExpired) else final(error)
        return Result(error=told, recorded=True), Refused(error.message)
    if not attempt.may_be_taken:
        return Result(error=final(error), recorded=True), NotSent(error.message, code, text)
    if isinstance(error, (VendorRejected, Unsupported)):
        return Result(error=error, recorded=True), Rejected(error.message, code, text)
    if not isinstance(error, OrderOutcomeIsUnknown):
        error = OrderOutcomeIsUnknown(
            f"{error.message}; {attempt.possible_effect}: see broker.get-order",
            vendor=error.vendor,
            vendor_code=code,
            vendor_message=text,
        )
    return Result(error=error, recorded=True), Lost(error.message, code, text)


def defect(task: OrderTask, error: BaseException) -> TaskFailed:
    """Log a defect and make its answer; both carry the same id."""
    error_id = uuid.uuid4().hex[:12]
    log.error("order failed unexpectedly", error_id=error_id, task_id=task.task_id, exc_info=error)
    return InternalError(f"unexpected failure {error_id}; the worker's log has its details under this id")
