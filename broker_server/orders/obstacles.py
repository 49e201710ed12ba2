"""What an order has to wait for: orders of unknown outcome, and orders that wait for those since longer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from broker_client.errors import TaskExpired
from broker_server.core.orders import OrderDetails
from broker_server.journal.orders import OrderJournal
from broker_server.orders.task import OrderTask
from broker_server.results import Later

LAST_MOMENT = timedelta(seconds=1)
"""An order that waits is answered this long before its client stops waiting."""
MOST_LOOKED_UP = 1_000

Ahead = Callable[[str], Sequence[tuple[str, str]]]
"""Finds the put off orders of this worker that came before a task_id: their own, and what they wait as."""


def nobody_ahead(_: str) -> Sequence[tuple[str, str]]:
    """No order waits."""
    return ()


@dataclass(frozen=True, slots=True)
class Obstacle:
    """An order in the way.

    Attributes:
        why: In words.
        group: What waits for it; orders of one group keep the order of their arrival.
    """

    task_id: str
    why: str
    group: str

    def error(self) -> TaskExpired:
        """The answer to an order that cannot wait any longer."""
        return TaskExpired(
            f"an earlier order that looks the same, or is of the same ticker, is of unknown outcome "
            f"({self.task_id}: {self.why}); nothing was sent. Wait until it is settled "
            f"(broker.get-order), or settle it by broker.resolve-order, then send a new task",
            retryable=True,
        )


class Obstacles:
    """Finds them. Used by the threads of one lane; blocks, and may raise ``SQLAlchemyError``.

    Args:
        journal: Knows the unsettled orders.
        ahead: See `Ahead`.
        clock: UTC.
    """

    def __init__(self, journal: OrderJournal, ahead: Ahead, clock: Callable[[], datetime]) -> None:
        self._journal = journal
        self._ahead = ahead
        self._clock = clock
        self._looked_up: dict[str, OrderDetails] = {}

    def find(self, task: OrderTask, details: OrderDetails | None = None) -> Obstacle | None:
        """What an order has to wait for now.

        Args:
            details: What is known of the order by now; what was known when it last waited if left out.
        """
        details = details or self._looked_up.get(task.task_id) or task.details
        if details is None or task.is_cancel:
            return None
        equal = f"{task.vendor}/{task.account} equal {details.fingerprint}"
        ticker = f"{task.vendor}/{task.account} ticker {details.ticker}"
        found = self._journal.obstacle(task.vendor, task.account, details)
        if found is not None and found.task_id != task.task_id:
            why = found.reason or "it is being sent"
            return Obstacle(found.task_id, why, ticker if found.blocks_ticker else equal)
        for task_id, group in self._ahead(task.task_id):
            if group in (equal, ticker) and task_id != task.task_id:
                return Obstacle(task_id, "it waits for an order of unknown outcome", group)
        return None

    def ensure_free(self, task: OrderTask, details: OrderDetails | None = None) -> None:
        """Let an order pass, or make it wait.

        Raises:
            Later: It waits.
            TaskExpired: Its client is about to give up.
        """
        obstacle = self.find(task, details)
        if obstacle is None:
            self._looked_up.pop(task.task_id, None)
            return
        deadline = task.request.deadline
        if deadline is not None and deadline - self._clock() < LAST_MOMENT:
            raise obstacle.error()
        if details is not None:
            if len(self._looked_up) >= MOST_LOOKED_UP:
                self._looked_up.clear()  # they are looked up again
            self._looked_up[task.task_id] = details
        raise Later(f"waits for {obstacle.task_id}", obstacle.group)
