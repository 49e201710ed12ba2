"""Waiting until it is known what became of an order: asks for its record, less and less often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from broker_client.address import backoff_delay
from broker_client.call import check_timeout
from broker_client.errors import (
    BrokerError,
    BrokerUnreachable,
    InvalidParameters,
    NoAnswer,
    OrderNotSettled,
    TaskExpired,
    TaskFailed,
    TaskQueueMissing,
)
from broker_client.order_records import OrderRecord

__all__ = ["ASK_SECONDS", "SETTLE_SECONDS", "wait_settled", "wait_settled_async"]

ASK_SECONDS = 10.0
"""The longest wait for one answer: a worker that is being replaced answers the next question."""

SETTLE_SECONDS = 120.0
"""A worker needs a minute (``RECONCILE_SETTLE``) to be sure that an order never arrived."""

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0


class _Wait:
    """When to ask, and what an answer means."""

    def __init__(self, task_id: str, seconds: float, monotonic: Callable[[], float]) -> None:
        self._task_id = task_id
        self._seconds = check_timeout(seconds)
        self._monotonic = monotonic
        self._ends_at = monotonic() + seconds
        self._asked = 0
        self._last: OrderRecord | None = None
        self._trouble: BrokerError | None = None

    def patience(self) -> float:
        """Seconds to wait for the next answer.

        Raises:
            OrderNotSettled: The time is up.
        """
        remaining = self._ends_at - self._monotonic()
        if remaining <= 0:
            last, trouble = self._last, self._trouble
            reason = None if last is None else last.reason
            raise OrderNotSettled(
                self._task_id,
                self._seconds,
                state=None if last is None else last.state,
                reason=reason if trouble is None else str(trouble),
                stuck=last is not None and last.stuck,
            ) from trouble
        return min(remaining, ASK_SECONDS)

    def told(self, order: OrderRecord) -> bool:
        """Take an answer; whether it ends the wait."""
        self._last, self._trouble = order, None
        return order.is_settled

    def failed(self, error: BrokerError) -> None:
        """Take a failure; one that asking again cannot mend is raised."""
        if not _may_pass(error):
            raise error
        # A task that no worker has on record may still be in the queue, on its way to one.
        self._trouble = error

    def pause(self) -> float:
        """Seconds until the next question."""
        delay = backoff_delay(self._asked, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE)
        self._asked += 1
        return max(0.0, min(delay, self._ends_at - self._monotonic()))


def _may_pass(error: BrokerError) -> bool:
    if isinstance(error, TaskQueueMissing):
        return False
    if isinstance(error, (NoAnswer, BrokerUnreachable, InvalidParameters, TaskExpired)):
        return True
    return isinstance(error, TaskFailed) and error.retryable


def wait_settled(
    ask: Callable[[float], OrderRecord],
    task_id: str,
    seconds: float,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> OrderRecord:
    """Ask until the order is settled.

    Args:
        ask: Asks for the record once, and waits at most the seconds it is given.
        task_id: Of the order, for the error.
        seconds: How long to go on, at most 7 days.
        monotonic: A clock that only goes forward, in seconds.
        pause: Waits.

    Raises:
        OrderNotSettled: It was not settled in time.
        BrokerError: What ``ask`` raised, if asking again cannot help.
        ValueError: ``seconds`` is out of range.
    """
    wait = _Wait(task_id, seconds, monotonic)
    while True:
        try:
            order = ask(wait.patience())
            if wait.told(order):
                return order
        except OrderNotSettled:
            raise
        except BrokerError as error:
            wait.failed(error)
        pause(wait.pause())


async def wait_settled_async(
    ask: Callable[[float], Awaitable[OrderRecord]],
    task_id: str,
    seconds: float,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> OrderRecord:
    """The same for the asynchronous client."""
    wait = _Wait(task_id, seconds, monotonic)
    while True:
        try:
            order = await ask(wait.patience())
            if wait.told(order):
                return order
        except OrderNotSettled:
            raise
        except BrokerError as error:
            wait.failed(error)
        await pause(wait.pause())
