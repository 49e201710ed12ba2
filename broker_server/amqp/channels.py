"""Awaitable faces of pika's callback API, for the set-up work that is not on the hot path."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel
from pika.exceptions import AMQPError, ChannelClosedByBroker, ConnectionWrongStateError
from pika.spec import Basic, BasicProperties

RESOURCE_LOCKED = 405
"""The broker's reply code for the exclusive queue of another connection."""

MessageCallback = Callable[[Channel, Basic.Deliver, BasicProperties, bytes], None]


class AsyncChannel:
    """A channel whose requests can be awaited; all of them fail when it closes.

    Raises:
        AMQPError: From every awaited request, when the channel or the connection closes first.
    """

    def __init__(self, channel: Channel) -> None:
        self.raw = channel
        self._waiting: set[asyncio.Future[Any]] = set()
        channel.add_on_close_callback(self._fail_waiting)

    @classmethod
    async def open(cls, connection: AsyncioConnection) -> AsyncChannel:
        """Open a channel on an open connection; it closes at once if nobody waits for it any more."""
        opened: asyncio.Future[Channel] = asyncio.get_running_loop().create_future()

        def on_open(channel: Channel) -> None:
            if not opened.done():
                opened.set_result(channel)
            elif opened.cancelled():
                channel.close()

        def on_closed(_: Channel, reason: BaseException) -> None:
            if not opened.done():
                opened.set_exception(reason)

        if not connection.is_open:
            raise ConnectionWrongStateError("the connection is closed")
        connection.channel(on_open_callback=on_open).add_on_close_callback(on_closed)
        try:
            return cls(await opened)
        except asyncio.CancelledError:
            if opened.done() and not opened.cancelled() and opened.exception() is None:
                opened.result().close()  # it opened in the very moment
            raise

    async def declare_queue(
        self,
        name: str,
        *,
        passive: bool = False,
        durable: bool = False,
        exclusive: bool = False,
        auto_delete: bool = False,
        arguments: dict[str, Any] | None = None,
    ) -> int:
        """Declare a queue and return how many consumers it has."""
        frame = await self._request(
            lambda done: self.raw.queue_declare(
                name,
                passive=passive,
                durable=durable,
                exclusive=exclusive,
                auto_delete=auto_delete,
                arguments=arguments,
                callback=done,
            )
        )
        return int(frame.method.consumer_count)

    async def declare_private_queue(self) -> str:
        """Declare a queue that goes with this connection; returns the name that the broker gave it."""
        frame = await self._request(lambda done: self.raw.queue_declare("", exclusive=True, callback=done))
        return str(frame.method.queue)

    async def bind_queue(self, queue: str, exchange: str, routing_key: str = "") -> None:
        """Let a queue get what is published to an exchange."""
        await self._request(lambda done: self.raw.queue_bind(queue, exchange, routing_key, callback=done))

    async def declare_exchange(self, name: str, kind: str, *, passive: bool = False) -> None:
        """Declare a durable exchange, or only make sure that there is one of that name."""
        await self._request(
            lambda done: self.raw.exchange_declare(
                name, exchange_type=kind, passive=passive, durable=True, callback=done
            )
        )

    async def set_prefetch(self, count: int) -> None:
        """Set the prefetch of the consumers that this channel starts from now on."""
        await self._request(
            lambda done: self.raw.basic_qos(prefetch_count=count, global_qos=False, callback=done)
        )

    async def enable_confirms(self, on_confirm: Callable[[Any], None]) -> None:
        """Put the channel in confirm mode; ``on_confirm`` gets every ack and nack frame."""
        await self._request(lambda done: self.raw.confirm_delivery(on_confirm, callback=done))

    async def consume(self, queue: str, on_message: MessageCallback, *, exclusive: bool = False) -> str:
        """Start a consumer with manual acks and return its tag once the broker has confirmed it."""
        tag = ""

        def start(done: Callable[[Any], None]) -> None:
            nonlocal tag
            tag = self.raw.basic_consume(queue, on_message, exclusive=exclusive, callback=done)

        await self._request(start)
        return tag

    async def get(self, queue: str) -> tuple[int, bytes] | None:
        """Take one message off a queue, unacked: its delivery tag and body; ``None`` when there is none."""
        got = await self.get_message(queue)
        return None if got is None else (got[0].delivery_tag, got[2])

    async def get_message(self, queue: str) -> tuple[Basic.GetOk, BasicProperties, bytes] | None:
        """Take one message off a queue, unacked, as it came; ``None`` when there is none."""

        def start(done: Callable[[Any], None]) -> None:
            self.raw.add_callback(lambda _: done(None), [Basic.GetEmpty])
            self.raw.basic_get(queue, lambda _, got, properties, body: done((got, properties, body)))

        answer: tuple[Basic.GetOk, BasicProperties, bytes] | None = await self._request(start)
        return answer

    async def cancel(self, consumer_tag: str) -> None:
        """Stop a consumer; messages it already got stay unacked."""
        await self._request(lambda done: self.raw.basic_cancel(consumer_tag, callback=done))

    def close(self) -> None:
        """Close the channel if it is still open."""
        if self.raw.is_open:
            self.raw.close()

    async def _request(self, start: Callable[[Callable[[Any], None]], Any]) -> Any:
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def done(frame: Any) -> None:
            if not answered.done():
                answered.set_result(frame)

        self._waiting.add(answered)
        try:
            start(done)
            return await answered
        finally:
            self._waiting.discard(answered)

    def _fail_waiting(self, _: Channel, reason: BaseException) -> None:
        for waiting in tuple(self._waiting):
            if not waiting.done():
                waiting.set_exception(reason)


def is_refusal(error: AMQPError, code: int) -> bool:
    """Whether the broker closed the channel with that reply code (404, 406, 403 …)."""
    return isinstance(error, ChannelClosedByBroker) and error.reply_code == code
