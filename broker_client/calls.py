"""The calls in flight, as a state machine without a socket: both faces of the client are driven by it.

::

    open ──> QUEUED ──sent──> PUBLISHED ──confirmed──> CONFIRMED ──answered──> DONE
                ^                 │ connection lost, or the broker refused it
                └─────────────────┘ (the same task_id again: a worker knows an order by it)

A task leaves this state machine exactly once: with a reply, or with the error that fits how far it got. An
order that may have reached the broker never ends as "not sent", and one that never left never ends as
"unknown".
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from broker_client.call import Answer, Call, CallState, Outcome, Progressed, Settled, check_timeout
from broker_client.errors import (
    BrokerError,
    BrokerUnreachable,
    ClientClosed,
    DuplicateTaskConflict,
    MalformedMessage,
    NoAnswer,
    OrderOutcomeUnknown,
    TaskQueueMissing,
    WrongEnvironment,
)
from broker_client.memory import SentTask, SentTasks
from broker_client.protocol import (
    MAX_TASK_ID_LENGTH,
    ORDERS_QUEUE,
    TASKS_QUEUE,
    Environment,
    TaskReply,
    TaskRequest,
    decode_reply,
    encode_request,
    is_order_method,
)
from broker_client.tracing import begin_call

__all__ = ["CallBook"]

logger = logging.getLogger("broker_client")


@dataclass(slots=True)
class CallBook:
    """Every call in flight, and the payload of every task that may have to be repeated.

    Usable from several threads. Callbacks run in the thread that brings the news, outside the lock.

    Args:
        expected_environment: Sent with every task: a worker of another environment refuses it. A success that
            comes from another all the same ends its call with `WrongEnvironment`.
    """

    expected_environment: Environment | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _by_task: dict[str, Call] = field(default_factory=dict)
    _by_correlation: dict[str, Call] = field(default_factory=dict)
    _queued: deque[Call] = field(default_factory=deque)
    _sent: SentTasks = field(default_factory=SentTasks)
    _closed: bool = False

    @property
    def closed(self) -> bool:
        """Whether it takes no more calls."""
        return self._closed

    def __len__(self) -> int:
        return len(self._by_task)

    def open(
        self,
        method: str,
        parameters: dict[str, Any],
        *,
        task_id: str,
        correlation_id: str,
        now: datetime,
        timeout: float,
        on_settled: Settled,
        on_progress: Progressed | None = None,
        resumed: bool = False,
        reply_to: str | None = None,
    ) -> Call:
        """Take a task in; it waits to be sent.

        Args:
            parameters: JSON values, as `plain_parameters` makes them.
            task_id: 1 to 255 characters.
            correlation_id: Never used before.
            now: With an offset; the ``deadline`` is ``timeout`` seconds later.
            on_settled: Called once, with the answer or with an error.
            on_progress: Called with each ``status`` message; asks the worker to send them.
            resumed: The task was sent before under this id.
            reply_to: The queue for the answer; the client's own, if absent.

        Raises:
            ClientClosed: The client is closed.
            DuplicateTaskConflict: The id is in flight already.
            ValueError: An argument is out of range.
        """
        if not 1 <= len(task_id) <= MAX_TASK_ID_LENGTH:
            raise ValueError(f"task_id must have 1 to {MAX_TASK_ID_LENGTH} characters")
        check_timeout(timeout)
        is_order = is_order_method(method)
        with self._lock:
            earlier = self._sent.get(task_id)
            request_time = now
            # A resumed order keeps its age: one that never arrived must not run minutes later as if new.
            if earlier is not None and is_order:
                request_time = earlier.request_time
            body = encode_request(
                TaskRequest(
                    task_id=task_id,
                    method=method,
                    parameters=parameters,
                    request_time=request_time,
                    deadline=now + timedelta(seconds=timeout),
                    expected_environment=self.expected_environment,
                    progress=on_progress is not None,
                )
            )
            call = Call(
                task_id=task_id,
                method=method,
                parameters=parameters,
                body=body,
                queue=ORDERS_QUEUE if is_order else TASKS_QUEUE,
                correlation_id=correlation_id,
                is_order=is_order,
                timeout=timeout,
                request_time=request_time,
                resumed=resumed or earlier is not None,
                # An old acknowledgement, delivered again after a reconnect, does not answer a new task.
                repeats=reply_to is None
                and (earlier is None or (earlier.method, earlier.parameters) == (method, parameters)),
                on_settled=on_settled,
                on_progress=on_progress,
                reply_to=reply_to,
            )
            if self._closed:
                raise ClientClosed("this client is closed")
            if task_id in self._by_task:
                raise DuplicateTaskConflict("this client already waits for that task_id", task_id=task_id)
            self._by_task[task_id] = call
            self._by_correlation[correlation_id] = call
            self._sent.remember(task_id, SentTask(method, parameters, request_time))
            call.span = begin_call(method, task_id, call.queue)
            self._queued.append(call)
        return call

    def recall(self, task_id: str) -> tuple[str, dict[str, Any]]:
        """The method and parameters that this client sent under ``task_id``.

        Raises:
            LookupError: It did not, or the answer of a read came already.
        """
        with self._lock:
            task = self._sent.get(task_id)
        if task is None:
            raise LookupError(
                f"this client did not send the task {task_id}; "
                "give the method and the same parameters: resume(task_id, method, **parameters)"
            )
        return task.method, task.parameters

    def take_queued(self) -> list[Call]:
        """The calls to send now, orders first; each counts as sent from here on."""
        with self._lock:
            calls = [call for call in self._queued if call.state is CallState.QUEUED]
            self._queued.clear()
            for call in calls:
                call.state = CallState.PUBLISHED
                call.attempts += 1
        calls.sort(key=lambda call: not call.is_order)
        return calls

    def confirmed(self, call: Call) -> None:
        """The broker has the message on disk."""
        with self._lock:
            if call.state is CallState.PUBLISHED:
                call.state = CallState.CONFIRMED

    def refused(self, call: Call) -> None:
        """The broker did not take the message: it waits to be sent again."""
        with self._lock:
            self._requeue(call)

    def connection_lost(self) -> None:
        """What was not confirmed waits to be sent again, under its own task_id."""
        with self._lock:
            for call in self._by_task.values():
                self._requeue(call)

    def _requeue(self, call: Call) -> None:
        if call.state is CallState.PUBLISHED:
            call.state = CallState.QUEUED
            self._queued.append(call)

    def returned(self, correlation_id: str | None) -> None:
        """The broker has no queue for the message."""
        call = self._by_correlation.get(correlation_id or "")
        if call is None:
            return
        error: BrokerError
        if call.is_order and (call.attempts > 1 or call.resumed):
            error = OrderOutcomeUnknown(call.task_id, call.method, call.timeout)
        else:
            error = TaskQueueMissing(call.task_id, call.method, call.queue, is_order=call.is_order)
        self._settle(call, error, answered=not call.is_order or isinstance(error, TaskQueueMissing))

    def forbidden(self, reason: str) -> None:
        """The broker closed the channel because the user may not send: what was not confirmed ends.

        Only of a message that was alone it is certain that it was the refused one.
        """
        with self._lock:
            calls = [call for call in self._by_task.values() if call.state is CallState.PUBLISHED]
        for call in calls:
            certain = len(calls) == 1 and call.attempts == 1 and not call.resumed
            error: BrokerError
            if call.is_order and not certain:
                error = OrderOutcomeUnknown(call.task_id, call.method, call.timeout)
            else:
                error = BrokerUnreachable(f"{call.method} ({call.task_id}) was not sent: {reason}")
            self._settle(call, error, answered=isinstance(error, BrokerUnreachable))

    def expire(self, call: Call, *, trouble: str | None = None) -> None:
        """The time-out has passed.

        Args:
            trouble: Why the connection is down, if it is.
        """
        error: BrokerError
        with self._lock:
            may_have_left = call.may_have_left
        if not may_have_left:
            error = BrokerUnreachable(
                f"{call.method} ({call.task_id}) was not sent within {call.timeout:g} s: "
                f"{trouble or 'no connection to RabbitMQ'}"
            )
        elif call.is_order:
            error = OrderOutcomeUnknown(call.task_id, call.method, call.timeout)
        else:
            error = NoAnswer(call.task_id, call.method, call.timeout)
        self._settle(call, error, only_unsent=not may_have_left)

    def abandon(self, call: Call) -> None:
        """Nobody waits for it any more, and its id is free: it ends without a word. Never an order."""
        with self._lock:
            if call.state is not CallState.DONE:
                call.state = CallState.DONE
                self._by_task.pop(call.task_id, None)
                self._by_correlation.pop(call.correlation_id, None)
                self._sent.answered(call.task_id, is_order=False)
                if call.span is not None:
                    call.span.end("abandoned")

    def close(self) -> None:
        """End every call in flight; an order that may have left ends as `OrderOutcomeUnknown`."""
        with self._lock:
            self._closed = True
            calls = list(self._by_task.values())
        for call in calls:
            if call.is_order and call.may_have_left:
                self._settle(call, OrderOutcomeUnknown(call.task_id, call.method, call.timeout))
            else:
                closed = ClientClosed(f"{call.method} ({call.task_id}): the client was closed")
                self._settle(call, closed, only_unsent=call.is_order)

    def message(self, body: bytes, correlation_id: str | None) -> None:
        """Take a message from the reply queue; one that no call waits for is dropped."""
        try:
            reply = decode_reply(body)
        except MalformedMessage as error:
            self._malformed(error, correlation_id)
            return
        call = self._find(reply, correlation_id)
        if call is None:
            logger.debug("dropped a %s message: nobody waits for task %s", reply.kind, reply.task_id)
        elif reply.kind == "status":
            _report(call, reply)
        elif reply.kind != "event":
            self._settle(call, self._outcome(call, reply, body), answered=True)

    def _outcome(self, call: Call, reply: TaskReply, body: bytes) -> Outcome:
        expected = self.expected_environment
        succeeded = reply.status == "TASK_SUCCEED"
        if expected is None or not succeeded or reply.environment in (None, expected):
            return Answer(reply, body)
        return WrongEnvironment(
            call.task_id,
            call.method,
            environment=str(reply.environment),
            expected_environment=expected,
            result=reply.result,
            is_order=call.is_order,
        )

    def _find(self, reply: TaskReply, correlation_id: str | None) -> Call | None:
        with self._lock:
            call = self._by_correlation.get(correlation_id or "")
            if call is not None:
                return call
            call = self._by_task.get(reply.task_id)
            if call is None or correlation_id is None:
                return call
            return call if call.is_answered_by_another(reply) else None

    def _malformed(self, error: MalformedMessage, correlation_id: str | None) -> None:
        call = self._by_correlation.get(correlation_id or "")
        if call is None or call.is_order:
            logger.warning("a message on the reply queue is unreadable: %s", error.message)
            return
        error.task_id = call.task_id
        self._settle(call, error, answered=True)

    def _settle(
        self, call: Call, outcome: Outcome, *, answered: bool = False, only_unsent: bool = False
    ) -> None:
        with self._lock:
            if call.state is CallState.DONE:
                return
            if only_unsent and call.attempts:
                # It left between the look and the verdict.
                outcome = (OrderOutcomeUnknown if call.is_order else NoAnswer)(
                    call.task_id, call.method, call.timeout
                )
            call.state = CallState.DONE
            self._by_task.pop(call.task_id, None)
            self._by_correlation.pop(call.correlation_id, None)
            if answered:
                self._sent.answered(call.task_id, is_order=call.is_order)
        if call.span is not None:
            call.span.end(_trouble_of(outcome))
        call.on_settled(outcome)


def _trouble_of(outcome: Outcome) -> str | None:
    if isinstance(outcome, BrokerError):
        return type(outcome).__name__
    return None if outcome.reply.error is None else outcome.reply.error.code


def _report(call: Call, reply: TaskReply) -> None:
    if call.on_progress is None:
        return
    try:
        call.on_progress(reply)
    except Exception:
        # The caller's own code, in the connection's thread: it must not take the connection down.
        logger.exception("on_progress of task %s failed", call.task_id)
