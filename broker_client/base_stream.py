"""What both faces of a stream share: subscribing, subscribing again, ending.

::

    open ──> queue consumed ──> subscribe task ──ack──> events and statuses ──> Inbox ──> the caller
                   ^                                       │
                   └──── the connection is lost ───────────┘

After every reconnect the subscribe task is sent again under its own task_id. To a worker that still has the
subscription this changes nothing. One that has given it up meanwhile, because the queue had expired or the
broker had lost it, takes it up again; this side cannot tell the two apart, so it always asks.
"""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from broker_client.address import backoff_delay
from broker_client.call import Call, Outcome, check_timeout, failure
from broker_client.calls import CallBook
from broker_client.errors import (
    BrokerError,
    BrokerUnreachable,
    MalformedMessage,
    NoAnswer,
    StreamEnded,
    TaskCancelled,
    TaskExpired,
    TaskFailed,
    TaskTimeout,
)
from broker_client.parameters import plain_parameters
from broker_client.protocol import MAX_TASK_ID_LENGTH, TaskReply, decode_reply, unsubscribe_method
from broker_client.results import TaskResult
from broker_client.streams import Inbox, Inlet, StreamStatus, Token

__all__ = ["UNSUBSCRIBE_SECONDS", "BaseStream", "Owner", "StatusCallback", "StreamLink"]

logger = logging.getLogger("broker_client")

UNSUBSCRIBE_SECONDS = 3.0
"""How long leaving a stream waits for a worker that may be gone."""

StatusCallback = Callable[[StreamStatus], object]

_FIRST_RETRY = 1.0
_LONGEST_RETRY = 30.0


class _Consumers(Protocol):
    def add(self, inlet: Inlet) -> None:
        """Consume its queue, now and after each reconnect."""


class StreamLink(Protocol):
    """What a stream needs of its client's connection."""

    @property
    def trouble(self) -> str | None:
        """Why the connection is down, if it is."""

    @property
    def streams(self) -> _Consumers:
        """What is consumed."""

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Run ``action`` in the connection's thread."""


class Owner(Protocol):
    """What a stream needs of its client."""

    _book: CallBook
    _clock: Callable[[], datetime]

    def _open_call(
        self,
        method: str,
        parameters: dict[str, Any],
        timeout: float,
        task_id: str,
        on_settled: Callable[[Outcome], None],
        *,
        reply_to: str,
    ) -> Call: ...

    def _abandon(self, call: Call) -> None: ...


class BaseStream(ABC):
    """One subscription. A face adds the waiting.

    Attributes:
        method: That subscribed.
        subscription: The task_id of the subscription.
        ack: The worker's acknowledgement, once there is one; the newest after a reconnect.
        ack_message: That message as it came, or the refusal.
    """

    def __init__(
        self,
        client: Owner,
        link: StreamLink,
        method: str,
        parameters: dict[str, Any],
        *,
        queue: str,
        timeout: float,
        task_id: str,
        is_new: bool,
        on_status: StatusCallback | None,
    ) -> None:
        if not 1 <= len(task_id) <= MAX_TASK_ID_LENGTH:
            raise ValueError(f"task_id must have 1 to {MAX_TASK_ID_LENGTH} characters")
        self.method = method
        self.subscription = task_id
        self.ack: TaskResult | None = None
        self.queue = queue
        self._unsubscribe_method = unsubscribe_method(method)
        self._parameters = plain_parameters(parameters)
        self._timeout = check_timeout(timeout)
        self._client = client
        self._stream_link = link
        self._status_callback = on_status
        self.ack_message: bytes | None = None
        self._asking: Call | None = None
        self._asking_lock = threading.Lock()
        self._refusals = 0
        self._is_over = False
        self._attached = False
        self._was_attached = False
        self._started_at: float | None = None
        self._inbox = Inbox(
            task_id,
            method,
            clock=client._clock,
            from_the_start=is_new,
            expected_environment=client._book.expected_environment,
            wake=self._wake,
            on_status=self._tell,
        )

    @property
    def statuses(self) -> tuple[StreamStatus, ...]:
        """The last hundred statuses, oldest first, also those that the iterator has not reached."""
        return self._inbox.statuses

    @property
    def ended(self) -> BrokerError | None:
        """Why nothing comes any more: `StreamEnded`, `ClientClosed`, or the error of the subscription.

        ``None`` while something may come. What came before the end can still be taken.
        """
        return self._inbox.ended

    @abstractmethod
    def _wake(self) -> None:
        """Something came, or the stream is acknowledged or ended."""

    def attached(self) -> None:
        """The queue is consumed: subscribe."""
        self._attached = True
        if self._was_attached:
            self._inbox.own_status("connected")
        self._was_attached = True
        self._ask()

    def detached(self, reason: str) -> None:
        """The queue is not consumed for now."""
        if self._attached:
            self._attached = False
            self._inbox.own_status("disconnected", reason)

    def message(self, body: bytes, correlation_id: str | None, token: Token) -> bool:
        """Take one message from the stream's queue."""
        try:
            reply = decode_reply(body)
        except MalformedMessage as error:
            logger.warning("a message of stream %s is unreadable: %s", self.subscription, error.message)
            return True
        if reply.kind == "event":
            return self._inbox.event(reply, body, token)
        if reply.kind == "status" and _is_of_a_stream(reply):
            return self._inbox.status(reply, body, token)
        self._client._book.message(body, correlation_id)
        return True

    def _start(self) -> None:
        if self._started_at is not None:
            raise RuntimeError("a stream can be opened once; make another")
        self._started_at = time.monotonic()
        self._stream_link.streams.add(self)
        self._stream_link.later(self._timeout, self._give_up)

    def _is_open(self) -> bool:
        """Whether the subscription is acknowledged.

        Raises:
            BrokerError: It cannot be any more.
        """
        if self.ack is None and self._inbox.ended is not None:
            raise self._inbox.ended
        return self.ack is not None

    def _give_up(self) -> None:
        if self.ack is None and self._asking is None:
            trouble = self._stream_link.trouble or "no connection to RabbitMQ"
            self._end(
                BrokerUnreachable(
                    f"{self.method} ({self.subscription}) was not sent within {self._timeout:g} s: {trouble}"
                )
            )

    def _ask(self) -> None:
        """Send the subscribe task, unless it is on its way: then the call book sees to it."""
        with self._asking_lock:
            if self._asking is not None or self._inbox.ended is not None or not self._attached:
                return
            timeout = self._timeout
            if self.ack is None and self._started_at is not None:
                timeout = max(0.1, timeout - (time.monotonic() - self._started_at))
            try:
                self._asking = self._client._open_call(
                    self.method,
                    self._parameters,
                    timeout,
                    self.subscription,
                    self._answered,
                    reply_to=self.queue,
                )
            except BrokerError as error:
                self._end(error)

    def _answered(self, outcome: Outcome) -> None:
        self._asking = None
        error = outcome if isinstance(outcome, BrokerError) else failure(outcome)
        if not isinstance(outcome, BrokerError) and error is None:
            self._refusals = 0
            self.ack_message = outcome.body
            ack = TaskResult.from_reply(outcome.reply)
            self._inbox.subjects = max(1, len(ack.result))
            self.ack = ack
            self._wake()
        elif error is not None and (self.ack is None or _is_for_good(error)):
            if not isinstance(outcome, BrokerError):
                self.ack_message = outcome.body
            self._end(error)
        elif error is not None:
            self._refusals += 1
            delay = backoff_delay(self._refusals, first=_FIRST_RETRY, longest=_LONGEST_RETRY)
            logger.warning("subscribing again failed (%s); once more in %.1f s", error, delay)
            self._stream_link.later(delay, self._ask)

    def _end(self, error: BrokerError) -> None:
        self._inbox.end(error)

    def _end_closed(self) -> bool:
        """End it by this side. Returns whether a worker may have the subscription."""
        self._end(StreamEnded(self.subscription, self.method, state="closed"))
        with self._asking_lock:
            asking, self._asking = self._asking, None
            if asking is not None:
                self._client._abandon(asking)
        return asking is not None or self.ack is not None or isinstance(self._inbox.ended, NoAnswer)

    @property
    def _was_closed_here(self) -> bool:
        ended = self._inbox.ended
        return isinstance(ended, StreamEnded) and ended.state == "closed"

    def _tell(self, status: StreamStatus) -> None:
        if self._status_callback is None:
            return
        try:
            self._status_callback(status)
        except Exception:
            # The caller's own code, in the connection's thread: it must not take the connection down.
            logger.exception("on_status of stream %s failed", self.subscription)


def _is_of_a_stream(reply: TaskReply) -> bool:
    """Whether a status is of a subscription; the others tell of a task's progress."""
    first = reply.result[0] if isinstance(reply.result, list) and reply.result else None
    return isinstance(first, dict) and first.get("type") == "status"


def _is_for_good(error: BrokerError) -> bool:
    """Whether asking again would not help."""
    if isinstance(error, TaskFailed):
        return not error.retryable and not isinstance(error, (TaskExpired, TaskTimeout, TaskCancelled))
    return not isinstance(error, (NoAnswer, BrokerUnreachable))
