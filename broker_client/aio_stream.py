"""The asynchronous client's stream: the blocking one's surface with ``await``."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from broker_client.base_stream import UNSUBSCRIBE_SECONDS, BaseStream, StatusCallback
from broker_client.errors import BrokerError
from broker_client.streams import Item, StreamEvent, StreamStatus

if TYPE_CHECKING:
    from broker_client.aio import AsyncClient

__all__ = ["AsyncStream"]


class AsyncStream(BaseStream):
    """A subscription: made by `AsyncClient.stream`, subscribed by its ``async with`` block, iterated over.

    Iterating gives events only. ``StreamEvent.missed`` tells of gaps; what the worker and this client's own
    connection say of the stream is in `statuses`, goes to ``on_status``, and comes in order between the
    events with `messages`.

    No event comes twice, also after reconnects. Events that nobody takes wait at the broker, up to 500 of
    them here; ticks vanish there after some seconds, so a slow program gets fresh ones and a ``missed``.

    Attributes:
        method: That subscribed.
        subscription: The task_id of the subscription.
        ack: The worker's acknowledgement; the newest.
        ack_message: That message as it came, or the refusal.
    """

    def __init__(
        self,
        client: AsyncClient,
        method: str,
        parameters: dict[str, Any],
        *,
        queue: str,
        timeout: float,
        task_id: str,
        is_new: bool,
        on_status: StatusCallback | None,
    ) -> None:
        self._changes: set[asyncio.Future[None]] = set()
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

    async def __aenter__(self) -> AsyncStream:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> AsyncStream:
        """Subscribe, and wait for the acknowledgement; an ``async with`` block does it too.

        Raises:
            TaskFailed: The worker's refusal, as the class of its code.
            NoAnswer: No acknowledgement within the time-out.
            BrokerUnreachable: The subscription was not sent.
            DuplicateTaskConflict: This client has a stream under that ``task_id`` already.
            WrongEnvironment: A worker of another environment than ``expected_environment`` answered.
        """
        self._owner._add_stream(self)
        try:
            self._start()
            while not self._is_open():
                await self._change()
        except BaseException:
            await self._leave(wait=False)
            raise
        return self

    async def close(self) -> None:
        """Unsubscribe and delete the stream's queue; leaving the ``async with`` block does it too.

        A worker that is gone is no error here. A loop over the stream in another task ends.
        """
        if not self._is_over:
            await self._leave(wait=True)

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        return self

    async def __anext__(self) -> StreamEvent:
        """The next event, however long it takes.

        Raises:
            StopAsyncIteration: The stream was closed by this program.
            StreamEnded: The worker dropped or refused the subscription.
            ClientClosed: The client was closed.
            TaskFailed, WrongEnvironment: Subscribing again, after a reconnect or a silence, was refused.
        """
        try:
            return await self.get()
        except BrokerError:
            if self._was_closed_here:
                raise StopAsyncIteration from None
            raise

    async def get(self, timeout: float | None = None) -> StreamEvent:  # noqa: ASYNC109 - as the blocking face
        """The next event. Cancelling this loses none.

        Args:
            timeout: Seconds to wait for it; without an end, if absent.

        Raises:
            TimeoutError: None came in time; the stream goes on.
            StreamEnded, ClientClosed, TaskFailed, WrongEnvironment: As iterating; also if it was closed.
        """
        try:
            async with asyncio.timeout(timeout):
                item = await self._take(only_events=True)
        except TimeoutError:
            raise TimeoutError(
                f"{self.method} ({self.subscription}): no event within {timeout:g} s"
            ) from None
        assert isinstance(item, StreamEvent)  # noqa: S101 - for the type
        return item

    async def messages(self) -> AsyncIterator[StreamEvent | StreamStatus]:
        """Iterate over events and statuses alike, in the order in which they came.

        Raises:
            StreamEnded, ClientClosed, TaskFailed, WrongEnvironment: As iterating.
        """
        while True:
            try:
                item = await self._take(only_events=False)
            except BrokerError:
                if self._was_closed_here:
                    return
                raise
            yield item

    async def _take(self, *, only_events: bool) -> Item:
        if self._started_at is None:
            raise RuntimeError("subscribe first: async with client.stream(…) as stream")
        while True:
            # Nothing is awaited between taking an event and returning it, or a cancel would lose it.
            item, token = self._inbox.pop(only_events=only_events)
            if token is not None:
                self._owner._link.streams.taken(self, token)
            if item is not None:
                return item
            if token is None:
                await self._change()

    async def _change(self) -> None:
        change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._changes.add(change)
        try:
            await change
        finally:
            self._changes.discard(change)

    def _wake(self) -> None:
        for change in self._changes:
            if not change.done():
                change.set_result(None)

    async def _leave(self, *, wait: bool) -> None:
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
                        await task
        finally:
            self._owner._streams.pop(self.subscription, None)
            await self._owner._link.streams.remove(self)
