"""One task on its way: what is sent, how far it got, what came of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from broker_client.errors import BrokerError, OrderOutcomeIsUnknown
from broker_client.protocol import TaskReply, decode_error, names_its_user
from broker_client.tracing import CallSpan

__all__ = ["LONGEST_TIMEOUT", "Answer", "Call", "CallState", "Outcome", "check_timeout", "failure"]

LONGEST_TIMEOUT = timedelta(days=7)
"""Longer than any worker has a task, and short enough for every timer."""


class CallState(Enum):
    """How far a call got."""

    QUEUED = "queued"
    PUBLISHED = "published"
    CONFIRMED = "confirmed"
    DONE = "done"


LAST_WORD = 0.5
"""Seconds behind a deadline until it is here what a worker says then: that the task has expired."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply and the bytes it came in."""

    reply: TaskReply
    body: bytes


Outcome = Answer | BrokerError
Settled = Callable[[Outcome], None]
Progressed = Callable[[TaskReply], None]


@dataclass(slots=True, eq=False)
class Call:
    """One task on its way.

    Attributes:
        body: The request message, the same bytes on every attempt.
        queue: The routing key: ``tasks``, or ``tasks.orders`` for an order.
        correlation_id: New for every call, so that a late reply to an earlier copy of a task can be told.
        timeout: Seconds from `CallBook.open` to the deadline.
        request_time: When the task was first made; a resumed order keeps it.
        resumed: An earlier call sent the same task, so this one cannot tell that it never ran.
        repeats: What that call sent under this id was the same, as far as this client knows.
        attempts: How often it was handed to a connection.
        reply_to: Where the answer goes; the client's own reply queue, if absent.
        span: The call in the trace of the program that makes it, where that has one.
    """

    task_id: str
    method: str
    parameters: dict[str, Any]
    body: bytes
    queue: str
    correlation_id: str
    is_order: bool
    timeout: float
    request_time: datetime
    resumed: bool
    repeats: bool
    on_settled: Settled
    on_progress: Progressed | None = None
    state: CallState = CallState.QUEUED
    attempts: int = 0
    reply_to: str | None = None
    span: CallSpan | None = None

    @property
    def headers(self) -> dict[str, str] | None:
        """The message's headers: where its trace comes from."""
        return None if self.span is None else self.span.headers

    @property
    def expiration(self) -> str | None:
        """The AMQP ``expiration`` in milliseconds; an order carries none, or it could vanish unanswered."""
        return None if self.is_order else str(max(1, math.ceil(self.timeout * 1000)))

    @property
    def patience(self) -> float:
        """Seconds to wait for its answer: what is said at the deadline needs a moment to arrive."""
        return self.timeout + LAST_WORD

    @property
    def names_its_user(self) -> bool:
        """Whether the message carries the AMQP ``user_id``."""
        return names_its_user(self.method)

    @property
    def may_have_left(self) -> bool:
        """Whether a worker may have the task."""
        return self.attempts > 0 or self.resumed

    def is_answered_by_another(self, reply: TaskReply) -> bool:
        """Whether the reply to an earlier copy of the task tells what became of the task.

        A success does. A failure may only be that copy's: too late, say, while the new one still runs. But
        what a worker has on record of an order is final, unless it says that nobody knows: the outcome that
        is found out later comes in this way.
        """
        if not self.repeats:
            return False
        if reply.status == "TASK_SUCCEED":
            return True
        unknown = reply.error is not None and reply.error.code == OrderOutcomeIsUnknown.code
        return self.is_order and reply.replayed and not unknown


def check_timeout(seconds: float) -> float:
    """Return ``seconds`` if a call can wait that long.

    Raises:
        ValueError: It is not more than 0, more than `LONGEST_TIMEOUT`, or no number.
    """
    if not 0 < seconds <= LONGEST_TIMEOUT.total_seconds():
        raise ValueError(
            f"timeout must be more than 0 s and at most {LONGEST_TIMEOUT.days} days "
            f"({LONGEST_TIMEOUT.total_seconds():.0f} s), not {seconds:g}"
        )
    return seconds


def failure(answer: Answer) -> BrokerError | None:
    """The typed error of a failed reply, or ``None`` for one that succeeded."""
    return None if answer.reply.status == "TASK_SUCCEED" else decode_error(answer.reply)
