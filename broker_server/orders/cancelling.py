"""What came of cancelling everything, on one worker and on all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from broker_client.errors import ERRORS_BY_CODE, TaskFailed
from broker_server.core.methods import Outcome
from broker_server.orders.admin_models import CancelledOrder

_PROBLEM, _FAILURE = "problem", "failure"


@dataclass(slots=True)
class Cancelled:
    """What came of it so far.

    Attributes:
        rows: A cancel each.
        problems: What could not be looked at, in words.
        failure: The first reason for that.
    """

    rows: list[CancelledOrder] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    failure: TaskFailed | None = None

    def outcome(self) -> Outcome:
        """The answer.

        Raises:
            TaskFailed: Nothing was cancelled, and not everything could be looked at.
        """
        if self.failure is not None and not self.rows:
            raise self.failure
        return Outcome(self.rows, "; ".join(self.problems) or None)

    def told(self) -> list[dict[str, Any]]:
        """For the worker that was asked, as JSON values."""
        told = [row.model_dump(mode="json") for row in self.rows]
        told += [{_PROBLEM: each} for each in self.problems]
        if self.failure is not None:
            told.append({_FAILURE: {"code": self.failure.code, "message": self.failure.message}})
        return told

    def add(self, row: dict[str, Any]) -> None:
        """Take one row of what another worker told."""
        if _PROBLEM in row:
            self.problems.append(row[_PROBLEM])
        elif _FAILURE in row:
            failure = row[_FAILURE]
            self.failure = self.failure or ERRORS_BY_CODE[failure["code"]](failure["message"])
        else:
            self.rows.append(CancelledOrder.model_validate(row))
