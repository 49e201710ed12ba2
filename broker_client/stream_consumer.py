"""The queues of streams on the blocking client's connection, each on a channel of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from broker_client.address import backoff_delay
from broker_client.reasons import reason_of
from broker_client.streams import STREAM_PREFETCH, Inlet, Token

__all__ = ["StreamConsumer", "StreamConsumers"]

logger = logging.getLogger("broker_client")

CallLater = Callable[[float, Callable[[], None]], object]
CallSoon = Callable[[Callable[[], None]], object]


class StreamConsumers:
    """The consumers of all streams of a client.

    Args:
        call_later: Runs something after so many seconds; in the connection's thread only.
        call_soon: Runs something in the connection's thread; may be called from any.
        arguments: Of each queue.
    """

    def __init__(self, call_later: CallLater, call_soon: CallSoon, arguments: dict[str, Any]) -> None:
        self._call_later = call_later
        self._call_soon = call_soon
        self._arguments = arguments
        self._consumers: dict[Inlet, StreamConsumer] = {}
        self._connection: Any = None

    def add(self, inlet: Inlet) -> None:
        """Consume a stream's queue, now and on each connection to come; from any thread."""
        self._call_soon(lambda: self._add(inlet))

    def taken(self, inlet: Inlet, token: Token) -> None:
        """Acknowledge what came on the stream up to ``token``; in the order of arrival, from any thread."""
        if (consumer := self._consumers.get(inlet)) is not None:
            consumer.taken(token)

    def remove(self, inlet: Inlet) -> None:
        """Delete the stream's queue; from any thread."""
        self._call_soon(lambda: self._remove(inlet))

    def connected(self, connection: Any) -> None:
        """A connection is up."""
        self._connection = connection
        for consumer in list(self._consumers.values()):
            consumer.open(connection)

    def lost(self, reason: str) -> None:
        """It is gone."""
        self._connection = None
        for consumer in list(self._consumers.values()):
            consumer.lost(reason)

    def close(self) -> None:
        """Delete all their queues."""
        for consumer in self._consumers.values():
            consumer.close()

    def _add(self, inlet: Inlet) -> None:
        consumer = self._consumers[inlet] = StreamConsumer(
            inlet, self._call_later, self._call_soon, self._arguments
        )
        if self._connection is not None:
            consumer.open(self._connection)

    def _remove(self, inlet: Inlet) -> None:
        if (consumer := self._consumers.pop(inlet, None)) is not None:
            consumer.close()


class StreamConsumer:
    """Feeds an inlet from its queue, on one connection after another. Lives in the connection's thread.

    The channel may end while the connection lives, for example when the broker loses patience with a
    consumer that has not acknowledged anything for half an hour. Then another one is opened.

    Args:
        inlet: The stream.
        call_later: Runs something after so many seconds.
        call_soon: Runs something in the connection's thread; may be called from any.
        arguments: Of the queue.
    """

    def __init__(
        self, inlet: Inlet, call_later: CallLater, call_soon: CallSoon, arguments: dict[str, Any]
    ) -> None:
        self._inlet = inlet
        self._arguments = arguments
        self._call_later = call_later
        self._call_soon = call_soon
        self._connection: Any = None
        self._channel: Any = None
        self._closing = False
        self._failures = 0
        self._taken: tuple[Any, int] | None = None
        self._ack_is_due = False

    def open(self, connection: Any) -> None:
        """Declare and consume the queue on this connection."""
        self._connection = connection
        connection.channel(on_open_callback=self._on_channel_open)

    def lost(self, reason: str) -> None:
        """The connection is gone."""
        self._connection = self._channel = None
        self._inlet.detached(reason)

    def taken(self, token: tuple[Any, int]) -> None:
        """Acknowledge everything up to ``token``; in the order of arrival, from any thread."""
        self._taken = token
        if not self._ack_is_due:
            self._ack_is_due = True  # one wake-up of the thread for all that is taken before it runs
            self._call_soon(self._acknowledge)

    def close(self) -> None:
        """Delete the queue."""
        self._closing = True
        channel, self._channel = self._channel, None
        if channel is not None and channel.is_open:
            channel.queue_delete(self._inlet.queue, callback=lambda _: channel.is_open and channel.close())

    def _acknowledge(self) -> None:
        self._ack_is_due = False
        if self._taken is None:
            return
        channel, tag = self._taken
        if channel is self._channel and channel.is_open:
            channel.basic_ack(tag, multiple=True)

    def _on_channel_open(self, channel: Any) -> None:
        if self._closing:
            channel.close()
            return
        self._channel = channel
        queue = self._inlet.queue
        channel.add_on_close_callback(self._on_channel_closed)
        channel.add_on_cancel_callback(lambda _: self._on_cancelled(channel))
        channel.basic_qos(prefetch_count=STREAM_PREFETCH)
        channel.queue_declare(
            queue,
            durable=True,
            arguments=self._arguments,
            callback=lambda _: channel.basic_consume(
                queue, self._on_message, callback=lambda _: self._on_consuming()
            ),
        )

    def _on_consuming(self) -> None:
        if not self._closing:
            self._failures = 0
            self._inlet.attached()

    def _on_message(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        done = self._inlet.message(body, properties.correlation_id, (channel, method.delivery_tag))
        if done and channel.is_open:
            channel.basic_ack(method.delivery_tag)

    def _on_cancelled(self, channel: Any) -> None:
        if not self._closing and channel.is_open:
            channel.close(reply_text="the queue of the stream was deleted")

    def _on_channel_closed(self, channel: Any, error: Exception) -> None:
        connection = self._connection
        if self._closing or channel is not self._channel or connection is None or not connection.is_open:
            return
        self._channel = None
        self._failures += 1
        reason, delay = reason_of(error), backoff_delay(self._failures)
        logger.warning("a stream lost its channel (%s); opening another in %.1f s", reason, delay)
        self._inlet.detached(reason)
        self._call_later(delay, lambda: self._reopen(connection))

    def _reopen(self, connection: Any) -> None:
        if not self._closing and connection is self._connection and connection.is_open:
            self.open(connection)
