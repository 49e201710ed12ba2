"""What a failed order says: never that the same task may be tried again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from broker_client.errors import TaskFailed
from broker_server.core.methods import Method, Outcome, TaskContext

_ADVICE = "nothing was sent to the market; this task_id keeps this answer, so a new order needs a new task_id"


def answered_once(method: Method[Any]) -> Method[Any]:
    """The order method with failures that no repetition of the task can change.

    The outcome of an order task is recorded, and the record answers whoever sends the same task_id again.
    A failure that would be worth a retry in a read (no connection, rate limit, no token) is therefore final
    here. An unknown outcome is not retryable to begin with, so whatever is means that KIS took nothing.
    """
    handler: Callable[[Any, TaskContext], Outcome] = method.handler

    def handle(parameters: Any, context: TaskContext) -> Outcome:
        try:
            return handler(parameters, context)
        except TaskFailed as error:
            if error.retryable:
                error.retryable = False
                error.message = f"{error.message}; {_ADVICE}"
                error.args = (error.message,)
            raise

    return replace(method, handler=handle)
