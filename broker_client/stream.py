"""The blocking client's stream: a block to subscribe in, and an iterator of events."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from broker_client.base_stream import UNSUBSCRIBE_SECONDS, BaseStream, StatusCallback
from broker_client.errors import BrokerError
from broker_client.streams import Item, StreamEvent, StreamStatus

if TYPE_CHECKING:
    from broker_client.client import Client

__all__ = ["Stream"]

_LONGEST_WAIT = 1.0
"""Seconds that a thread waits in one go: Windows delivers Ctrl-C only between two waits."""


class Stream(BaseStream):
    """A subscription: made by `Client.stream`, subscribed by its ``with`` block, iterated over.

    Iterating gives events only. ``StreamEvent.missed`` tells of gaps; what the worker and this client's own
    connection say of the stream is in `statuses`, goes to ``on_status``, and comes in order between the
    events with `messages`.

    No event comes twice, also after reconnects. Events that nobody takes wait at the broker, up to 500 of
    them here; ticks vanish there after some seconds, so a slow program gets fresh ones and a ``missed``.
    Several threads may take from one stream.

    Attributes:
        method: That subscribed.
        subscription: The task_id of the subscription.
        ack: The worker's acknowledgement; the newest.
        ack_message: That message as it came, or the refusal.
    """

    def __init__(
        self,
        client: Client,
        method: str,
        parameters: dict[str, Any],
        *,
        queue: str,
        timeout: float,
        task_id: str,
        is_new: bool,
        on_status: StatusCallback | None,
    ) -> None:
        self._condition = threading.Condition()
        self._owner = client
        super().__init__(
            client,
            client._link,
            method,
            parameters,
            queue=queue,
            timeout=timeout,
            task_id=task_id,
            is_new=is_new,
            on_status=on_status,
        )

    def __enter__(self) -> Stream:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> Stream:
        """Subscribe, and wait for the acknowledgement; a ``with`` block does it too.

        Raises:
            TaskFailed: The worker's refusal, as the class of its code.
            NoAnswer: No acknowledgement within the time-out.
            BrokerUnreachable: The subscription was not sent.
            DuplicateTaskConflict: This client has a stream under that ``task_id`` already.
            WrongEnvironment: A worker of another environment than ``expected_environment`` answered.
        """
        self._owner._refuse_to_wait_for_itself()
        self._owner._add_stream(self)
        try:
            self._start()
            with self._condition:
                while not self._is_open():
                    self._condition.wait(_LONGEST_WAIT)
        except BaseException:
            self._leave(wait=False)
            raise
        return self

    def close(self) -> None:
        """Unsubscribe and delete the stream's queue; leaving the ``with`` block does it too.

        A worker that is gone is no error here. A loop over the stream in another thread ends.
        """
        if not self._is_over:
            self._leave(wait=not self._owner._link.runs_here())

    def __iter__(self) -> Iterator[StreamEvent]:
        return self

    def __next__(self) -> StreamEvent:
        """The next event, however long it takes.

        Raises:
            StopIteration: The stream was closed by this program.
            StreamEnded: The worker dropped or refused the subscription.
            ClientClosed: The client was closed.
            TaskFailed, WrongEnvironment: Subscribing again, after a reconnect or a silence, was refused.
        """
        try:
            return self.get()
        except BrokerError:
            if self._was_closed_here:
                raise StopIteration from None
            raise

    def get(self, timeout: float | None = None) -> StreamEvent:
        """The next event.

        Args:
            timeout: Seconds to wait for it; without an end, if absent.

        Raises:
            TimeoutError: None came in time; the stream goes on.
            StreamEnded, ClientClosed, TaskFailed, WrongEnvironment: As iterating; also if it was closed.
        """
        item = self._take(timeout, only_events=True)
        assert isinstance(item, StreamEvent)  # noqa: S101 - for the type
        return item

    def messages(self) -> Iterator[StreamEvent | StreamStatus]:
        """Iterate over events and statuses alike, in the order in which they came.

        Raises:
            StreamEnded, ClientClosed, TaskFailed, WrongEnvironment: As iterating.
        """
        while True:
            try:
                item = self._take(None, only_events=False)
            except BrokerError:
                if self._was_closed_here:
                    return
                raise
            yield item

    def _take(self, timeout: float | None, *, only_events: bool) -> Item:
        if self._started_at is None:
            raise RuntimeError("subscribe first: with client.stream(…) as stream")
        self._owner._refuse_to_wait_for_itself()
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._condition:
            while True:
                item, token = self._inbox.pop(only_events=only_events)
                if token is not None:
                    self._owner._link.streams.taken(self, token)
                if item is not None:
                    return item
                if token is not None:
                    continue
                wait = _LONGEST_WAIT if deadline is None else min(_LONGEST_WAIT, deadline - time.monotonic())
                if wait <= 0:
                    raise TimeoutError(f"{self.method} ({self.subscription}): no event within {timeout:g} s")
                self._condition.wait(wait)

    def _wake(self) -> None:
        with self._condition:
            self._condition.notify_all()

    def _leave(self, *, wait: bool) -> None:
        self._is_over = True
        try:
            if self._end_closed():
                with contextlib.suppress(BrokerError):
                    task = self._owner._send(
                        self._unsubscribe_method,
                        self._unsubscribe_parameters,
                        UNSUBSCRIBE_SECONDS,
                        self.subscription,
                        None,
                    )
                    if wait:
                        task.result()
        finally:
            self._owner._streams.pop(self.subscription, None)
            self._owner._link.streams.remove(self)
