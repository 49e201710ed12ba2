"""The queues of streams on the asynchronous client's connection, each on a channel of its own.

The channels are aiormq's, on which aio-pika stands. One of aio-pika's leaves some kB with its connection when
it is closed (10.2 with aiormq 7: it takes its callback back from another future than it gave it to), and a
program may open and close streams for months.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

from aio_pika.abc import AbstractConnection
from aiormq.abc import AbstractChannel, DeliveredMessage
from aiormq.exceptions import AMQPConnectionError, AMQPError

from broker_client.address import backoff_delay
from broker_client.aio_task_channel import BROKER_TROUBLE
from broker_client.reasons import reason_of
from broker_client.streams import STREAM_PREFETCH, Inlet, Token

__all__ = ["AsyncStreamConsumer", "AsyncStreamConsumers"]

logger = logging.getLogger("broker_client")

_CLOSE_SECONDS = 5.0


class AsyncStreamConsumers:
    """The consumers of all streams of a client.

    Args:
        arguments: Of each queue.
    """

    def __init__(self, arguments: dict[str, Any]) -> None:
        self._arguments = arguments
        self._consumers: dict[Inlet, AsyncStreamConsumer] = {}
        self._connection: AbstractConnection | None = None

    def add(self, inlet: Inlet) -> None:
        """Consume a stream's queue, now and on each connection to come."""
        consumer = self._consumers[inlet] = AsyncStreamConsumer(inlet, self._arguments)
        if self._connection is not None:
            consumer.open(self._connection)

    def taken(self, inlet: Inlet, token: Token) -> None:
        """Acknowledge what came on the stream up to ``token``; in the order of arrival."""
        if (consumer := self._consumers.get(inlet)) is not None:
            consumer.taken(token)

    async def remove(self, inlet: Inlet) -> None:
        """Delete the stream's queue."""
        if (consumer := self._consumers.pop(inlet, None)) is not None:
            await consumer.close()

    def connected(self, connection: AbstractConnection) -> None:
        """A connection is up."""
        self._connection = connection
        for consumer in self._consumers.values():
            consumer.open(connection)

    async def lost(self, reason: str) -> None:
        """It is gone."""
        self._connection = None
        for consumer in list(self._consumers.values()):
            await consumer.lost(reason)

    async def close(self) -> None:
        """Delete all their queues; at the same time, for a broker that is silent takes its time for each."""
        self._connection = None
        await asyncio.gather(*map(self.remove, list(self._consumers)))


class AsyncStreamConsumer:
    """Feeds an inlet from its queue, on one connection after another: one task per connection.

    The channel may end while the connection lives, for example when the broker loses patience with a
    consumer that has not acknowledged anything for half an hour. Then another one is opened.

    Args:
        inlet: The stream.
        arguments: Of the queue.
    """

    def __init__(self, inlet: Inlet, arguments: dict[str, Any]) -> None:
        self._inlet = inlet
        self._arguments = arguments
        self._keeper: asyncio.Task[None] | None = None
        self._channel_number = 0
        self._taken: tuple[int, int] | None = None
        self._changed = asyncio.Event()
        self._closing = False

    def open(self, connection: AbstractConnection) -> None:
        """Declare and consume the queue on this connection."""
        self._keeper = asyncio.create_task(self._keep(connection), name=self._inlet.queue)

    async def lost(self, reason: str) -> None:
        """The connection is gone."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        self._inlet.detached(reason)

    def taken(self, token: tuple[int, int]) -> None:
        """Acknowledge everything up to ``token``; in the order of arrival."""
        self._taken = token
        self._changed.set()

    async def close(self) -> None:
        """Delete the queue."""
        self._closing = True
        self._changed.set()
        if self._keeper is not None:
            _, late = await asyncio.wait([self._keeper], timeout=_CLOSE_SECONDS)
            for keeper in late:
                keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)

    async def _keep(self, connection: AbstractConnection) -> None:
        failures = 0
        while not self._closing:
            try:
                await self._consume(connection)
                return
            except BROKER_TROUBLE as error:
                reason = reason_of(error)
            if connection.is_closed or self._closing:
                return
            failures += 1
            delay = backoff_delay(failures)
            logger.warning("a stream lost its channel (%s); opening another in %.1f s", reason, delay)
            self._inlet.detached(reason)
            await asyncio.sleep(delay)

    async def _consume(self, connection: AbstractConnection) -> None:
        """Hold one channel until the stream is closed.

        Raises:
            AMQPError: The channel or the queue is gone.
        """
        self._channel_number += 1
        number = self._channel_number
        self._taken, lost = None, list[str]()

        def end(reason: str) -> None:
            lost.append(reason)
            self._changed.set()

        async def receive(message: DeliveredMessage) -> None:
            tag = message.delivery_tag or 0
            if self._inlet.message(message.body, message.header.properties.correlation_id, (number, tag)):
                with contextlib.suppress(*BROKER_TROUBLE):
                    await channel.basic_ack(tag)

        channel = await _open_channel(connection)
        try:
            channel.closing.add_done_callback(lambda closing: end(_reason_of(closing)))
            # The broker ends a consumer without closing its channel when the queue goes.
            channel.on_consumer_cancel_callbacks.add(lambda _: end("the queue of the stream was deleted"))
            await channel.basic_qos(prefetch_count=STREAM_PREFETCH)
            queue = self._inlet.queue
            await channel.queue_declare(queue, durable=True, arguments=self._arguments)
            consumer = await channel.basic_consume(queue, receive)
            self._inlet.attached()
            await self._acknowledge(channel, number, lost)
            if lost:
                raise AMQPError(lost[0])
            await _delete(channel, queue, consumer.consumer_tag or "")
        finally:
            with contextlib.suppress(*BROKER_TROUBLE):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await channel.close()

    async def _acknowledge(self, channel: AbstractChannel, number: int, lost: list[str]) -> None:
        while not self._closing and not lost:
            await self._changed.wait()
            self._changed.clear()
            taken, self._taken = self._taken, None
            if taken is not None and taken[0] == number:
                await channel.basic_ack(taken[1], multiple=True)


async def _open_channel(connection: AbstractConnection) -> AbstractChannel:
    """Open a channel without confirms.

    Raises:
        AMQPError: The connection is lost.
    """
    if connection.transport is None:
        raise AMQPConnectionError("the connection is lost")
    try:
        return await connection.transport.connection.channel(publisher_confirms=False)
    except RuntimeError as error:  # so aiormq tells of a connection that is closed
        raise AMQPConnectionError(str(error)) from error


async def _delete(channel: AbstractChannel, queue: str, consumer_tag: str) -> None:
    with contextlib.suppress(*BROKER_TROUBLE):
        await channel.basic_cancel(consumer_tag, timeout=_CLOSE_SECONDS)
        await channel.queue_delete(queue, timeout=_CLOSE_SECONDS)


def _reason_of(closing: asyncio.Future[Any]) -> str:
    error = None if closing.cancelled() else closing.exception()
    return reason_of(error) if error is not None else "closed"
