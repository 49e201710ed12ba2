"""What both faces of a stream share: subscribing, subscribing again, ending.

::

    open ──> queue consumed ──> subscribe task ──ack──> events and statuses ──> Inbox ──> the caller
                   ^                                       │
                   └── the connection is lost, or silence ─┘

After every reconnect, and after a minute in which nothing came, the subscribe task is sent again under its
own task_id. To a worker that still has the subscription this changes nothing. One that has given it up
meanwhile, because the queue had expired or the broker had lost it, or that never knew it, because it has
another journal, takes it up; this side cannot tell them apart, so it always asks. If no worker answers, the
program is told.
"""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any
from weakref import WeakMethod

from broker_client.call import Call, Outcome, check_timeout, failure
from broker_client.errors import (
    BrokerError,
    BrokerUnreachable,
    DuplicateTaskConflict,
    MalformedMessage,
    NoAnswer,
    StreamEnded,
    TaskCancelled,
    TaskExpired,
    TaskFailed,
    TaskTimeout,
)
from broker_client.parameters import plain_parameters
from broker_client.protocol import (
    MAX_TASK_ID_LENGTH,
    TaskReply,
    decode_reply,
    unsubscribe_method,
    unsubscribe_parameters,
)
from broker_client.results import TaskResult
from broker_client.silence import Silence
from broker_client.stream_owner import Owner, StreamLink
from broker_client.streams import Inbox, StreamStatus, Token

__all__ = ["UNSUBSCRIBE_SECONDS", "BaseStream", "StatusCallback"]

logger = logging.getLogger("broker_client")

UNSUBSCRIBE_SECONDS = 3.0
"""How long leaving a stream waits for a worker that may be gone."""

StatusCallback = Callable[[StreamStatus], object]

_LONGEST_REPEAT = 60.0
"""Seconds that a repeated subscribe task waits for its answer."""


class BaseStream(ABC):
    """One subscription. A face adds the waiting.

    Attributes:
        method: That subscribed.
        subscription: The task_id of the subscription.
        ack: The worker's acknowledgement, once there is one; the newest.
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
        self._unsubscribe_parameters = unsubscribe_parameters(method, self._parameters)
        self._timeout = check_timeout(timeout)
        self._client = client
        self._stream_link = link
        self._status_callback = on_status
        self.ack_message: bytes | None = None
        self._asking: Call | None = None
        self._asking_lock = threading.Lock()
        self._silence = Silence(client._stream_silence, time.monotonic)
        self._plans = 0
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
            self._silence.told = False  # what was told of the old connection is over
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
            self._heard()
            return self._inbox.event(reply, body, token)
        if reply.kind == "status" and _is_of_a_stream(reply):
            self._heard()
            return self._inbox.status(reply, body, token)
        self._client._book.message(body, correlation_id)
        return True

    def _start(self) -> None:
        if self._started_at is not None:
            raise RuntimeError("a stream can be opened once; make another")
        self._started_at = time.monotonic()
        self._stream_link.streams.add(self)
        self._stream_link.later(self._timeout, _unless_gone(self._give_up))

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
            self._silence.heard_since_asked = False
            if self.ack is not None:
                timeout = min(self._timeout, _LONGEST_REPEAT)
            else:
                waited = time.monotonic() - (self._started_at or time.monotonic())
                timeout = max(0.1, self._timeout - waited)
            try:
                self._asking = self._client._open_call(
                    self.method,
                    self._parameters,
                    timeout,
                    self.subscription,
                    self._answered,
                    reply_to=self.queue,
                )
            except DuplicateTaskConflict as error:
                if self.ack is None:
                    self._end(error)
                else:  # the program itself has a task under this id on its way
                    self._plan(self._silence.failed(answered=True))
            except BrokerError as error:
                self._end(error)

    def _answered(self, outcome: Outcome) -> None:
        self._asking = None
        error = outcome if isinstance(outcome, BrokerError) else failure(outcome)
        if not isinstance(outcome, BrokerError) and error is None:
            self.ack_message = outcome.body
            ack = TaskResult.from_reply(outcome.reply)
            self._inbox.subjects = max(1, len(ack.result))
            self.ack = ack
            self._heard()
            self._wake()
            self._plan(self._silence.remaining())
        elif error is not None and (self.ack is None or _is_for_good(error)):
            if not isinstance(outcome, BrokerError):
                self.ack_message = outcome.body
            self._end(error)
        elif error is not None:
            self._ask_later(error)

    def _ask_later(self, error: BrokerError) -> None:
        if isinstance(error, NoAnswer) and (self._silence.heard_since_asked or self._inbox.is_full):
            # Something came meanwhile, or nothing can come before something is taken: no reason to worry.
            self._plan(self._silence.remaining() or self._client._stream_silence)
            return
        delay = self._silence.failed(answered=isinstance(error, TaskFailed))
        logger.warning("subscribing again failed (%s); once more in %.1f s", error, delay)
        if self._attached and not self._silence.told:
            self._silence.told = True
            self._inbox.own_status("unanswered", str(error))
        self._plan(delay)

    def _heard(self) -> None:
        """A worker sent something."""
        if self._silence.heard():
            self._inbox.own_status("answered")

    def _plan(self, seconds: float) -> None:
        """Look after so many seconds whether to ask; that replaces an earlier plan."""
        self._plans += 1
        number = self._plans
        self._stream_link.later(seconds, _unless_gone(self._look, number))

    def _look(self, number: int) -> None:
        # What is not consumed asks as soon as it is, and what asks already plans anew with the answer.
        if number != self._plans or self._inbox.ended is not None or not self._attached:
            return
        if remaining := self._silence.remaining():
            self._plan(remaining)
        elif self._inbox.is_full:
            self._plan(self._client._stream_silence)
        else:
            self._ask()

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


def _unless_gone(method: Callable[..., None], *arguments: int) -> Callable[[], None]:
    """What calls the method as long as its object lives: a timer that outlasts a stream must not keep it."""
    kept = WeakMethod(method)

    def call() -> None:
        if (alive := kept()) is not None:
            alive(*arguments)

    return call
