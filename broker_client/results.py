"""What a successful call returns."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from broker_client.errors import MalformedMessage
from broker_client.protocol import Environment, TaskReply

__all__ = ["MAX_SKEW", "Ping", "TaskResult", "read_ping"]

logger = logging.getLogger("broker_client")

MAX_SKEW = 1.0
"""Seconds between our clock and a worker's above which `read_ping` warns."""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """The answer of a task that succeeded.

    Attributes:
        task_id: The id that the task was sent under; for an order, keep it.
        result: One element for a look-up, one per row for tables.
        environment: ``simulated``, ``paper`` or ``real``; ``None`` from a worker that does not say.
        truncated: Why the rows stop before the end, or ``None`` when they are complete.
        response_time: When the worker answered; without an offset only from a worker that imitates the
            original server.
        replayed: This is the recorded outcome of an order that was answered before.
        warnings: What the worker finds odd about the task that it ran all the same.
        reply: The whole reply message.
    """

    task_id: str
    result: list[Any]
    environment: Environment | None
    truncated: str | None
    response_time: datetime
    replayed: bool
    warnings: tuple[str, ...]
    reply: TaskReply

    @classmethod
    def from_reply(cls, reply: TaskReply) -> TaskResult:
        """Read a succeeded reply; a bare ``result`` of the original server becomes a list of one."""
        return cls(
            task_id=reply.task_id,
            result=reply.result if isinstance(reply.result, list) else [reply.result],
            environment=reply.environment,
            truncated=reply.truncated,
            response_time=reply.response_time,
            replayed=reply.replayed,
            warnings=tuple(reply.warnings),
            reply=reply,
        )

    @property
    def first(self) -> Any:
        """The first element, or ``None`` when the result is empty."""
        return self.result[0] if self.result else None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The result as table rows; an element that is not an object becomes ``{"value": element}``."""
        return [element if isinstance(element, dict) else {"value": element} for element in self.result]


@dataclass(frozen=True, slots=True)
class Ping:
    """A round trip through the whole worker.

    Attributes:
        worker: The name of the worker that answered.
        server_time: The worker's clock when it answered.
        round_trip: Seconds from publishing to the reply.
        skew: Seconds that the worker's clock is ahead of ours, taken at the middle of the round trip; exact
            to half of ``round_trip``.
    """

    worker: str
    server_time: datetime
    round_trip: float
    skew: float


def read_ping(result: TaskResult, sent_at: datetime, received_at: datetime) -> Ping:
    """Read the answer of ``broker.ping`` and warn when the clocks differ by more than 1 s for certain.

    Args:
        result: With one row ``{"time": ISO 8601, "worker": name}``.
        sent_at: Our clock before the call.
        received_at: Our clock after it.

    Raises:
        MalformedMessage: The row is another.
    """
    try:
        worker = str(result.first["worker"])
        server_time = datetime.fromisoformat(result.first["time"])
        skew = (server_time - sent_at).total_seconds()
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedMessage(f"broker.ping was answered with {result.first!r}") from error
    round_trip = max(0.0, (received_at - sent_at).total_seconds())
    skew -= round_trip / 2
    if abs(skew) - round_trip / 2 > MAX_SKEW:
        logger.warning(
            "the clock of worker %s is %.1f s %s ours: set both by NTP, or tasks are refused as too old",
            worker,
            abs(skew),
            "ahead of" if skew > 0 else "behind",
        )
    return Ping(worker=worker, server_time=server_time, round_trip=round_trip, skew=skew)
