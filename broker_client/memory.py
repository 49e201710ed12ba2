"""What was sent under each task_id, so that a task can be repeated exactly."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

__all__ = ["MAX_REMEMBERED_ORDERS", "SentTask", "SentTasks"]

MAX_REMEMBERED_ORDERS = 1_000
"""Answered orders that stay known; a task without an answer is never forgotten."""


@dataclass(frozen=True, slots=True)
class SentTask:
    """A task as it was first sent.

    Attributes:
        request_time: Of the first message; with an offset.
    """

    method: str
    parameters: dict[str, Any]
    request_time: datetime


@dataclass(slots=True)
class SentTasks:
    """The tasks that may have to be repeated. Not locked: `CallBook` does that."""

    _unanswered: dict[str, SentTask] = field(default_factory=dict)
    _answered_orders: OrderedDict[str, SentTask] = field(default_factory=OrderedDict)

    def get(self, task_id: str) -> SentTask | None:
        """The task, or ``None`` if it was never sent or is not kept."""
        return self._unanswered.get(task_id) or self._answered_orders.get(task_id)

    def remember(self, task_id: str, task: SentTask) -> None:
        """Keep a task; the first one under an id stays."""
        if self.get(task_id) is None:
            self._unanswered[task_id] = task

    def answered(self, task_id: str, *, is_order: bool) -> None:
        """Forget a read; keep an order among the last `MAX_REMEMBERED_ORDERS`."""
        task = self._unanswered.pop(task_id, None)
        if task is not None and is_order:
            self._answered_orders[task_id] = task
            if len(self._answered_orders) > MAX_REMEMBERED_ORDERS:
                self._answered_orders.popitem(last=False)
