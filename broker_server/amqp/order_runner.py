"""Runs orders: recorded before they are sent, and never sent twice. Runs in a lane's thread."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from broker_client.errors import (
    DuplicateTaskConflict,
    InternalError,
    OrderOutcomeIsUnknown,
    OrdersDisabled,
    TaskFailed,
)
from broker_client.protocol import encode_reply
from broker_server.amqp.intake import (
    Rules,
    ensure_environment,
    ensure_in_time,
    internal_error,
    validate_parameters,
)
from broker_server.amqp.results import Result
from broker_server.amqp.running import RunningTask
from broker_server.journal.orders import OrderAttempts, payload_hash

log = structlog.get_logger(__name__)


class OrderRunner:
    """Sends an order once.

    A task_id that was seen before gets the recorded outcome; when its worker died before it knew, the
    honest answer is that the outcome is unknown. The record is looked up before any other check, so no
    later rule answers for an order that may have been placed. A cancel is recorded too, or a repeat of one
    that takes back a part would take back more; but neither age nor a broken journal holds it up.

    Args:
        refused: Why this worker takes no orders at all, if it does not.
    """

    def __init__(
        self, attempts: OrderAttempts, rules: Rules, refused: str | None, clock: Callable[[], datetime]
    ) -> None:
        self._attempts = attempts
        self._rules = rules
        self._refused = refused
        self._clock = clock

    def run(self, task: RunningTask, handle: Callable[[RunningTask], Result]) -> Result:
        """Run an order task; ``handle`` sends it.

        Raises:
            TaskFailed: The order was refused before anything was sent or recorded.
        """
        request = task.request
        payload = payload_hash(request.method, request.parameters)
        try:
            earlier = self._recorded(task, payload)
            if earlier is not None:
                return earlier
            if task.died is not None:
                return Result(error=task.died, poison=isinstance(task.died, InternalError))
            self._check(task)
            if not self._attempts.claim(request.task_id, payload, request.method, self._clock()):
                return self._recorded(task, payload) or Result(error=outcome_unknown(request.task_id))
        except SQLAlchemyError as error:
            reason = str(error).splitlines()[0]
            log.error("the journal cannot be used", task_id=request.task_id, reason=reason)
            if task.is_cancel:
                self._check(task)
                return self._send(task, handle)
            raise OrdersDisabled(
                "the journal cannot be read or written, so the order was not sent; on the worker's machine, "
                "broker-server check says why",
                retryable=True,
            ) from None
        return self._settle(task, self._send(task, handle))

    def _check(self, task: RunningTask) -> None:
        ensure_environment(task.request, self._rules)
        if not task.is_cancel:
            if self._refused is not None:
                raise OrdersDisabled(self._refused)
            ensure_in_time(task.request, self._clock())
        task.parameters = validate_parameters(task.method, task.request.parameters)

    def _send(self, task: RunningTask, handle: Callable[[RunningTask], Result]) -> Result:
        try:
            return handle(task)
        except TaskFailed as error:
            return Result(error=error)
        except BaseException as error:  # whatever it was, bytes may have left
            return _defect(task, error)

    def _recorded(self, task: RunningTask, payload: str) -> Result | None:
        attempt = self._attempts.find(task.request.task_id)
        if attempt is None:
            return None
        if attempt.payload_hash != payload:
            raise DuplicateTaskConflict(
                f"the task_id was used at {attempt.started_at.isoformat()} for another {attempt.method}; "
                f"a new order needs a new task_id, a repeat the same parameters to the letter"
            )
        if attempt.outcome is None:
            return Result(error=outcome_unknown(task.request.task_id))
        return Result(replay=attempt.outcome)

    def _encode(self, task: RunningTask, result: Result) -> bytes:
        return encode_reply(
            task.request.task_id,
            result.rows,
            now=self._clock(),
            environment=self._rules.environment,
            error=result.error,
            extra={"replayed": True},
        )

    def _settle(self, task: RunningTask, result: Result) -> Result:
        try:
            outcome = self._encode(task, result)
        except TypeError as error:
            result = _defect(task, error)
            outcome = self._encode(task, result)
        try:
            self._attempts.settle(task.request.task_id, outcome)
        except SQLAlchemyError as error:
            reason = str(error).splitlines()[0]
            log.error(
                "the journal cannot keep an order's outcome", task_id=task.request.task_id, reason=reason
            )
        return result


def _defect(task: RunningTask, error: BaseException) -> Result:
    defect = internal_error(error, task_id=task.request.task_id, method=task.request.method)
    return Result(
        error=OrderOutcomeIsUnknown(
            f"{defect.message}; the order may have been placed: look at the open orders"
        )
    )


def outcome_unknown(task_id: str) -> OrderOutcomeIsUnknown:
    """The answer for an order whose worker died, or ran out of time, before it knew the verdict."""
    return OrderOutcomeIsUnknown(
        f"the outcome of {task_id} is not recorded; the order may have been placed and is not sent again: "
        f"look at the open orders and the order history"
    )
