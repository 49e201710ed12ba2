"""Finds the read that kills its worker again and again. Runs in a lane's thread.

The broker's own delivery count is shared by all messages a crashing worker had prefetched. So the start of
a redelivered task is recorded in the journal, and forgotten when it ends. A task whose start is on record
runs alone, which leaves a healthy one in peace after the crash of its neighbour.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from broker_client.errors import InternalError
from broker_server.amqp.running import RunningTask
from broker_server.journal.starts import TaskStarts, message_key
from broker_server.results import Result

log = structlog.get_logger(__name__)

STARTS_WITHOUT_END = 3


class RedeliveryGuard:
    """Runs reads, and sets aside those that never end."""

    def __init__(self, starts: TaskStarts, clock: Callable[[], datetime]) -> None:
        self._starts = starts
        self._clock = clock

    def is_suspect(self, task: RunningTask) -> bool:
        """Whether a start of this task is on record without an end."""
        key = _redelivered_key(task)
        if key is None:
            return False
        try:
            return self._starts.count(key) > 0
        except SQLAlchemyError as error:
            _warn(error)
            return False

    def run(self, task: RunningTask, handle: Callable[[RunningTask], Result]) -> Result:
        """Run a task with its start on record while it runs, if it was redelivered."""
        key = _redelivered_key(task)
        if key is None:
            return handle(task)
        request = task.request
        try:
            earlier = self._starts.record(key, request.task_id, request.method, self._clock())
        except SQLAlchemyError as error:
            _warn(error)
            return handle(task)
        if earlier >= STARTS_WITHOUT_END:
            # Its record stays, in case the connection is lost before the copy is kept.
            return Result(
                error=InternalError(
                    f"the task began {earlier} times and its worker died each time; "
                    f"it is kept in tasks.rejected"
                ),
                poison=True,
            )
        try:
            return handle(task)
        finally:
            try:
                self._starts.end(key)
            except SQLAlchemyError as error:
                _warn(error)


def _redelivered_key(task: RunningTask) -> str | None:
    delivery = task.recipients[-1].delivery
    return message_key(task.request.task_id, delivery.body) if delivery.redelivered else None


def _warn(error: SQLAlchemyError) -> None:
    log.warning("the journal cannot record the start of a task", reason=str(error).splitlines()[0])
