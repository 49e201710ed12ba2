"""What a lane's thread brings back to the event loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from broker_client.errors import TaskFailed
from broker_client.protocol import Kind


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a task.

    Attributes:
        rows: JSON values.
        error: Makes the reply ``TASK_FAILED``.
        truncated: Why the rows stop before the end.
        warnings: What the client should know although the task succeeded.
        replay: The encoded reply of an earlier attempt, sent as it is.
        poison: Keep a copy of the message in ``tasks.rejected``.
        recorded: The journal keeps the outcome, and wants to know when its reply has arrived.
        outcome: That outcome as it is kept; a replay is its own.
        kind: What the reply is: ``ack`` for the first message of a stream.
        on_arrived: Called on the event loop once the reply is where it belongs, or is kept; what it announces
            may follow then.
    """

    rows: list[Any] = field(default_factory=list)
    error: TaskFailed | None = None
    truncated: str | None = None
    warnings: tuple[str, ...] = ()
    replay: bytes | None = None
    poison: bool = False
    recorded: bool = False
    outcome: bytes | None = None
    kind: Kind = "reply"
    on_arrived: Callable[[], None] | None = None


class Later(Exception):
    """The task cannot be decided yet; it is to be run again in a moment.

    Args:
        reason: In words.
        group: What it waits as; `broker_server.orders.obstacles` keeps the tasks of a group in order.
    """

    def __init__(self, reason: str, group: str = "") -> None:
        super().__init__(reason)
        self.group = group


class LaterInOrder(Later):
    """The same, and what came after it must not overtake it."""


class Elsewhere(Exception):
    """The task is no longer this worker's: its message goes back to the broker unanswered."""
