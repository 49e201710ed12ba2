"""The tasks that a worker has finished last, for ``broker.get-status``."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Any, NamedTuple

from broker_client.protocol import utc_text

MOST = 50
MOST_CHARACTERS = 100
UNSHOWN = frozenset({"broker.get-status", "broker.ping"})
"""What a page asks every few seconds would push everything else out."""


class _Finished(NamedTuple):
    task_id: str
    method: str
    code: str | None
    seconds: float
    time: datetime


class RecentTasks:
    """The last `MOST` of them, without their parameters. One thread adds; any may read."""

    def __init__(self) -> None:
        self._tasks: deque[_Finished] = deque(maxlen=MOST)

    def add(self, task_id: str, method: str, code: str | None, seconds: float, time: datetime) -> None:
        """Remember one.

        Args:
            code: Of its error; ``None`` if it succeeded.
            seconds: From its admission to its outcome.
            time: Of its outcome, UTC.
        """
        if method not in UNSHOWN:
            self._tasks.append(_Finished(task_id, method, code, seconds, time))

    def rows(self) -> list[dict[str, Any]]:
        """As JSON values, the newest first."""
        return [
            {
                "task_id": task.task_id[:MOST_CHARACTERS],
                "method": task.method,
                "status": "TASK_SUCCEED" if task.code is None else "TASK_FAILED",
                "error": task.code,
                "seconds": round(task.seconds, 3),
                "time": utc_text(task.time),
            }
            for task in reversed(self._tasks.copy())
        ]
