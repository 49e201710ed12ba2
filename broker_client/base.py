"""What both faces of the client share: how a task is made and sent."""

from __future__ import annotations

import itertools
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from broker_client.address import login_user, reply_prefix
from broker_client.base_stream import BaseStream
from broker_client.call import Call, Outcome, Progressed, check_timeout
from broker_client.calls import CallBook
from broker_client.errors import ClientClosed, DuplicateTaskConflict
from broker_client.parameters import plain_parameters
from broker_client.protocol import Environment, is_order_method, is_subscription
from broker_client.silence import check_silence

__all__ = ["BaseClient", "connection_name"]

logger = logging.getLogger("broker_client")

MAX_NAME_BYTES = 255
"""Of a client's name: AMQP's short strings, as one of which each message carries it."""


class _Link(Protocol):
    def submit(self, call: Call) -> None:
        """Send a call that the book has queued, and expire it at its time-out."""

    def settled(self, correlation_id: str) -> None:
        """Forget the call's timer."""


class _Task(Protocol):
    def _settle(self, outcome: Outcome) -> None: ...


TaskT = TypeVar("TaskT", bound=_Task)


class BaseClient(ABC, Generic[TaskT]):
    """Sends tasks; a face adds the connection and the waiting."""

    _link: _Link

    def __init__(
        self,
        *,
        urls: Sequence[str],
        timeout: float,
        expected_environment: Environment | None,
        on_task_id: Callable[[str, str], None] | None,
        stream_silence: float,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._timeout = check_timeout(timeout)
        self._on_task_id = on_task_id
        self._stream_silence = check_silence(stream_silence)
        self._clock = clock
        self._new_id = new_id
        self._book = CallBook(expected_environment)
        self._reply_queue = f"{reply_prefix(login_user(urls[0]))}{new_id()}"
        self._streams: dict[str, BaseStream] = {}
        self._stream_numbers = itertools.count(1)

    @abstractmethod
    def _new_task(self, task_id: str, method: str) -> TaskT:
        """A task that nobody has settled."""

    def send(
        self,
        method: str,
        /,
        *,
        timeout: float | None = None,
        task_id: str | None = None,
        on_progress: Progressed | None = None,
        **parameters: Any,
    ) -> TaskT:
        """Start one task, as `call` does, and return at once with a future of its answer: many can be in
        flight.

        Raises:
            DuplicateTaskConflict: This client waits for that ``task_id`` already.
            ValueError: A parameter has no JSON form, ``timeout`` is out of range, or the method is a
                subscription: those take `Client.stream`.
        """
        return self.send_parameters(
            method, parameters, timeout=timeout, task_id=task_id, on_progress=on_progress
        )

    def send_parameters(
        self,
        method: str,
        parameters: dict[str, Any],
        *,
        timeout: float | None = None,
        task_id: str | None = None,
        on_progress: Progressed | None = None,
    ) -> TaskT:
        """The same with the arguments in a dictionary, so that one may be called ``timeout``."""
        return self._send(
            method,
            plain_parameters(parameters),
            timeout,
            self._new_id() if task_id is None else task_id,
            on_progress,
        )

    def _send_again(
        self, task_id: str, method: str | None, timeout: float | None, parameters: dict[str, Any]
    ) -> TaskT:
        if method is None:
            if parameters:
                raise ValueError("resume takes parameters only together with the method")
            method, plain = self._book.recall(task_id)
        else:
            plain = plain_parameters(parameters)
        return self._send(method, plain, timeout, task_id, None, resumed=True)

    def _send(
        self,
        method: str,
        parameters: dict[str, Any],
        timeout: float | None,
        task_id: str,
        on_progress: Progressed | None,
        *,
        resumed: bool = False,
    ) -> TaskT:
        if is_subscription(method):
            raise ValueError(
                f"{method} goes on after its answer, and nobody would read what comes: use Client.stream"
            )
        task = self._new_task(task_id, method)
        correlation_id = self._new_id()

        def settle(outcome: Outcome) -> None:
            self._link.settled(correlation_id)
            task._settle(outcome)

        # Before the book has it: from then on it may leave with another task.
        if is_order_method(method):
            logger.info("order %s: task_id %s", method, task_id)
            if self._on_task_id is not None:
                self._on_task_id(task_id, method)
        call = self._book.open(
            method,
            parameters,
            task_id=task_id,
            correlation_id=correlation_id,
            now=self._clock(),
            timeout=self._timeout if timeout is None else timeout,
            on_settled=settle,
            on_progress=on_progress,
            resumed=resumed,
        )
        self._link.submit(call)
        return task

    def _open_call(
        self,
        method: str,
        parameters: dict[str, Any],
        timeout: float,
        task_id: str,
        on_settled: Callable[[Outcome], None],
        *,
        reply_to: str,
    ) -> Call:
        """Send a task for a stream, whose queue gets the answer."""
        correlation_id = self._new_id()

        def settle(outcome: Outcome) -> None:
            self._link.settled(correlation_id)
            on_settled(outcome)

        call = self._book.open(
            method,
            parameters,
            task_id=task_id,
            correlation_id=correlation_id,
            now=self._clock(),
            timeout=timeout,
            on_settled=settle,
            reply_to=reply_to,
        )
        self._link.submit(call)
        return call

    def _abandon(self, call: Call) -> None:
        self._book.abandon(call)
        self._link.settled(call.correlation_id)

    def _new_stream_queue(self) -> str:
        return f"{self._reply_queue}.{next(self._stream_numbers)}"

    def _add_stream(self, stream: BaseStream) -> None:
        if stream.subscription in self._streams:
            raise DuplicateTaskConflict(
                "this client has a stream under that task_id already", task_id=stream.subscription
            )
        self._streams[stream.subscription] = stream
        if self._book.closed:  # looked at only now, so that a `close` meanwhile ends this one too
            self._streams.pop(stream.subscription, None)
            raise ClientClosed("this client is closed")

    def _end_streams(self) -> None:
        for stream in list(self._streams.values()):
            stream._end(ClientClosed(f"{stream.method} ({stream.subscription}): the client was closed"))


def connection_name(name: str | None) -> str:
    """What RabbitMQ's list of connections shows.

    Raises:
        ValueError: It is longer than a message may carry it.
    """
    name = name or "broker-client"
    if len(name.encode()) > MAX_NAME_BYTES:
        raise ValueError(f"the name of a client has at most {MAX_NAME_BYTES} bytes in UTF-8: {name[:40]!r}…")
    return name
