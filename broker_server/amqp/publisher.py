"""Confirmed publishing on a channel of its own, from callbacks and without waiting.

Every message ends in exactly one `Fate`. ``basic.return`` comes before the confirm of the same message and
is matched to it by ``message_id``. When a message makes the broker close the channel, the channel is opened
again and what was in flight is published one by one, so that only the culprit fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import structlog
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel
from pika.exceptions import AMQPError
from pika.spec import Basic, BasicProperties

from broker_server.amqp.channels import AsyncChannel

log = structlog.get_logger(__name__)


class Fate(Enum):
    """What became of a published message."""

    CONFIRMED = "confirmed"
    RETURNED = "returned"
    """No such queue."""
    REFUSED = "refused"
    """The queue is full, or the message cannot be published at all."""


@dataclass(slots=True)
class _Outgoing:
    exchange: str
    routing_key: str
    body: bytes
    properties: BasicProperties
    mandatory: bool
    on_fate: Callable[[Fate], None]
    returned: bool = False


class ConfirmedPublisher:
    """Publishes, by default to the default exchange, and reports the fate of every message.

    Messages without a fate when the connection ends get none: their tasks are unacked and come again.
    """

    def __init__(self, connection: AsyncioConnection, prefix: str) -> None:
        self._connection = connection
        self._prefix = prefix
        self._channel: Channel | None = None
        self._published = 0
        self._named = 0
        self._in_flight: dict[int, _Outgoing] = {}
        self._by_id: dict[str, _Outgoing] = {}
        self._held: list[_Outgoing] = []
        self._reopening: asyncio.Task[None] | None = None

    @property
    def in_flight(self) -> int:
        """Messages whose fate is not known yet."""
        return len(self._in_flight) + len(self._held)

    async def open(self) -> None:
        """Open the channel."""
        channel = await AsyncChannel.open(self._connection)
        await channel.enable_confirms(self._on_confirm)
        channel.raw.add_on_return_callback(self._on_return)
        channel.raw.add_on_close_callback(self._on_close)
        self._published = 0
        self._channel = channel.raw

    def publish(
        self,
        routing_key: str,
        body: bytes,
        properties: BasicProperties,
        on_fate: Callable[[Fate], None],
        *,
        mandatory: bool = True,
        exchange: str = "",
    ) -> None:
        """Publish a message; ``on_fate`` is called once, later, on the event loop."""
        if properties.message_id is None or properties.message_id in self._by_id:
            self._named += 1
            properties.message_id = f"{self._prefix}-{self._named}"
        outgoing = _Outgoing(exchange, routing_key, body, properties, mandatory, on_fate)
        if self._channel is None:
            self._held.append(outgoing)
        else:
            self._send(self._channel, outgoing)

    def _send(self, channel: Channel, outgoing: _Outgoing) -> None:
        self._published += 1
        self._in_flight[self._published] = outgoing
        if outgoing.mandatory:
            self._by_id[outgoing.properties.message_id] = outgoing
        try:
            _write(channel, outgoing)
        except AMQPError:
            log.debug("publishing channel is closing; the message goes the way of the others in flight")
        except Exception:
            log.exception("a message cannot be written as AMQP", routing_key=outgoing.routing_key)
            self._in_flight.pop(self._published)
            self._published -= 1
            asyncio.get_running_loop().call_soon(outgoing.on_fate, Fate.REFUSED)

    def _on_return(self, _: Channel, __: Basic.Return, properties: BasicProperties, ___: bytes) -> None:
        outgoing = self._by_id.get(properties.message_id)
        if outgoing is not None:
            outgoing.returned = True

    def _on_confirm(self, frame: Any) -> None:
        method: Basic.Ack | Basic.Nack = frame.method
        tag = method.delivery_tag
        tags = [known for known in self._in_flight if known <= tag] if method.multiple else [tag]
        for known in tags:
            outgoing = self._in_flight.pop(known, None)
            if outgoing is None:
                continue
            if outgoing.mandatory:
                self._by_id.pop(outgoing.properties.message_id, None)
            if isinstance(method, Basic.Nack):
                outgoing.on_fate(Fate.REFUSED)
            else:
                outgoing.on_fate(Fate.RETURNED if outgoing.returned else Fate.CONFIRMED)

    def _on_close(self, channel: Channel, reason: BaseException) -> None:
        if channel is not self._channel:
            return
        self._channel = None
        if self._connection.is_open and self._reopening is None:
            log.warning("publishing channel closed by the broker, opening another", reason=str(reason))
            self._reopening = asyncio.get_running_loop().create_task(self._reopen())
            self._reopening.add_done_callback(self._reopened)

    def _reopened(self, task: asyncio.Task[None]) -> None:
        self._reopening = None
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("publishing channel lost with the connection", reason=str(error))

    async def _reopen(self) -> None:
        suspects = [*self._in_flight.values()]
        self._in_flight.clear()
        self._by_id.clear()
        for outgoing in suspects:
            if not await self._publish_alone(outgoing):
                outgoing.on_fate(Fate.REFUSED)
        await self.open()
        held, self._held = self._held, []
        for outgoing in held:
            assert self._channel is not None  # noqa: S101 - just opened, nothing was awaited since
            self._send(self._channel, outgoing)

    async def _publish_alone(self, outgoing: _Outgoing) -> bool:
        """Publish one message on a channel of its own; False when the broker closes the channel for it."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[object] = loop.create_future()
        channel = await AsyncChannel.open(self._connection)
        returned = False

        def on_return(*_: object) -> None:
            nonlocal returned
            returned = True

        def on_close(_: Channel, reason: BaseException) -> None:
            if not answered.done():
                answered.set_exception(reason)

        def on_confirm(frame: Any) -> None:
            if not answered.done():
                answered.set_result(frame.method)

        await channel.enable_confirms(on_confirm)
        channel.raw.add_on_return_callback(on_return)
        channel.raw.add_on_close_callback(on_close)
        _write(channel.raw, outgoing)
        try:
            verdict = await answered
        except AMQPError:
            if not self._connection.is_open:
                raise
            return False
        channel.close()
        if isinstance(verdict, Basic.Nack):
            outgoing.on_fate(Fate.REFUSED)
        else:
            outgoing.on_fate(Fate.RETURNED if returned else Fate.CONFIRMED)
        return True


def _write(channel: Channel, outgoing: _Outgoing) -> None:
    channel.basic_publish(
        outgoing.exchange,
        outgoing.routing_key,
        outgoing.body,
        outgoing.properties,
        mandatory=outgoing.mandatory,
    )
