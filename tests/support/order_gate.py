"""What stands in for the order desk in tests of an adapter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from broker_client.errors import InvalidParameters
from broker_server.core.orders import OrderDetails


@dataclass
class OrderGate:
    """Notes every question of an adapter, and refuses on demand.

    Attributes:
        events: ``before`` and ``not taken``, in their order; a test may add its own.
        details: What was about to be sent, once per attempt.
        refusals: What the next attempts are refused with; ``None`` lets one through.
        numbers: The order numbers of earlier tasks.
    """

    events: list[str] = field(default_factory=list)
    details: list[OrderDetails] = field(default_factory=list)
    refusals: list[Exception | None] = field(default_factory=list)
    numbers: dict[str, str] = field(default_factory=dict)

    def before_send(self, details: OrderDetails) -> None:
        self.events.append("before")
        self.details.append(details)
        refusal = self.refusals.pop(0) if self.refusals else None
        if refusal is not None:
            raise refusal

    def not_taken(self) -> None:
        self.events.append("not taken")

    def order_no_of(self, task_id: str) -> str:
        if task_id not in self.numbers:
            raise InvalidParameters(f"order_task_id: no order of the task {task_id} is known")
        return self.numbers[task_id]

    def callbacks(self) -> dict[str, Any]:
        """The part of a `TaskContext` that this is."""
        return {
            "before_send": self.before_send,
            "not_taken": self.not_taken,
            "order_no_of": self.order_no_of,
        }
