"""A task in flight, for the blocking client."""

from __future__ import annotations

from concurrent.futures import Future

from broker_client.call import Outcome, failure
from broker_client.errors import BrokerError
from broker_client.results import TaskResult

__all__ = ["PendingTask"]


class PendingTask(Future[TaskResult]):
    """A task in flight: a `concurrent.futures.Future` of its `TaskResult`, so ``as_completed`` takes it.

    It ends by itself at the time-out of the call, and cannot be cancelled: the task is at a worker.

    Attributes:
        task_id: Its id; for an order, what to resume.
        method: Its method.
        message: The reply message as it came, once there is one; also of a task that failed.
    """

    def __init__(self, task_id: str, method: str) -> None:
        super().__init__()
        self.task_id = task_id
        self.method = method
        self.message: bytes | None = None
        self.set_running_or_notify_cancel()

    def _settle(self, outcome: Outcome) -> None:
        if isinstance(outcome, BrokerError):
            self.set_exception(outcome)
            return
        self.message = outcome.body
        error = failure(outcome)
        if error is None:
            self.set_result(TaskResult.from_reply(outcome.reply))
        else:
            self.set_exception(error)
