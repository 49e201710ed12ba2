"""The live part of `kis.KisClient`: the streams of its subscriptions, and one queue for its callback."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from broker_client.aio import AsyncClient
from broker_client.aio_stream import AsyncStream
from broker_client.errors import BrokerError, NotSubscribed, StreamEnded
from broker_client.streams import StreamEvent

__all__ = ["KisLive"]

_METHOD = "kis.subscribe-realtime-price"
_WAITING_EVENTS = 500
"""Events between the streams and a callback that is slower; the others wait at the broker."""


class KisLive:
    """Prices of any number of instruments over one connection. Belongs to the running event loop.

    Args:
        url: Of the broker, as for `AsyncClient`.
        timeout: Seconds to wait for an answer.
    """

    def __init__(self, url: str | Sequence[str] | None, *, timeout: float) -> None:
        self._client = AsyncClient(url, timeout=timeout, name="broker-client kis")
        self._connecting: asyncio.Task[None] | None = None
        self._subscribing = asyncio.Lock()
        self._streams: dict[str, AsyncStream] = {}
        self._readers: dict[AsyncStream, asyncio.Task[None]] = {}
        self._waiting: asyncio.Queue[tuple[AsyncStream, StreamEvent | BrokerError] | None] = asyncio.Queue(
            _WAITING_EVENTS
        )

    async def connect(self) -> None:
        """Connect, once however often it is called.

        Raises:
            BrokerUnreachable: RabbitMQ cannot be reached.
        """
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._client.connect())
        await asyncio.shield(self._connecting)

    async def subscribe(self, ticker: str, parameters: dict[str, Any]) -> None:
        """Subscribe, unless that is done already.

        Raises:
            TaskFailed, NoAnswer, BrokerUnreachable: As `AsyncStream.open`.
        """
        async with self._subscribing:
            if ticker in self._streams:
                return
            stream = self._client.stream_parameters(_METHOD, {**parameters, "ticker": ticker})
            await stream.open()
            self._streams[ticker] = stream
            self._readers[stream] = asyncio.create_task(self._read(ticker, stream))

    async def unsubscribe(self, ticker: str) -> None:
        """End a subscription; its events that wait here are dropped.

        Raises:
            NotSubscribed: There is none.
        """
        stream = self._streams.pop(ticker, None)
        if stream is None:
            raise NotSubscribed(f"{ticker} is not subscribed here")
        await self._end(stream)

    async def listen(self, callback: Callable[[dict[str, Any]], Awaitable[object] | object]) -> None:
        """Hand the events to ``callback``, one after the other, until `close`.

        Raises:
            BrokerError: A subscription has ended.
            RuntimeError: There is none.
        """
        if not self._streams and not self._subscribing.locked() and self._waiting.empty():
            raise RuntimeError("nothing is subscribed: call subscribe_realtime_price first")
        while (waiting := await self._waiting.get()) is not None:
            stream, item = waiting
            if isinstance(item, BrokerError):
                raise item
            if isinstance(stream.ended, StreamEnded) and stream.ended.state == "closed":
                continue
            result = callback(item.data)
            if inspect.isawaitable(result):
                await result
        self._waiting.put_nowait(None)  # for another listener

    async def close(self) -> None:
        """End every subscription, and the listening."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        self._streams.clear()
        await asyncio.gather(*(self._end(stream) for stream in list(self._readers)))
        await self._client.close()
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)

    async def _read(self, ticker: str, stream: AsyncStream) -> None:
        try:
            async for event in stream:
                await self._waiting.put((stream, event))
        except BrokerError as error:
            await self._waiting.put((stream, error))
            self._streams.pop(ticker, None)  # so that it can be subscribed again
            self._readers.pop(stream, None)
            await stream.close()

    async def _end(self, stream: AsyncStream) -> None:
        if (reader := self._readers.pop(stream, None)) is not None:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
        await stream.close()
