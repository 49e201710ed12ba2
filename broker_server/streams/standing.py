"""What a subscribe task learns of what it asked for, before it is acknowledged."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from broker_client.errors import TaskFailed
from broker_server.core.subscription_changes import Mode, Subscription
from broker_server.streams.audience import Receiver


@dataclass(frozen=True, slots=True)
class Asked:
    """What a task has asked for.

    Attributes:
        answers: What to wait for before it is acknowledged: done when the vendor has answered. Nothing while
            the feed cannot be reached anyway.
    """

    receivers: Sequence[Receiver]
    answers: Sequence[Future[None]]


@dataclass(frozen=True, slots=True)
class Standing:
    """How one subscription is served.

    Attributes:
        key: The ``key`` of its messages.
        failure: Why there is no such subscription after all.
        market: Of executions, whose they are.
        reason: Why it is not live, where that is known.
    """

    subscription: Subscription
    key: str
    mode: Mode
    failure: TaskFailed | None = None
    market: str | None = None
    reason: str | None = None
