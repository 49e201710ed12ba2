"""Confirmed publishing on a channel of its own, from callbacks and without waiting.

Every message ends in exactly one `Fate`. ``basic.return`` comes before the confirm of the same message and
is matched to it by ``message_id``. When a message makes the broker close the channel, the channel is opened
again and what was in flight is published one by one, so that only the culprit fails.

What a queue does not take is sent to it a few times more, by another channel: the queue may have had no
leader for a moment, and a channel that met it then may have everything refused later (RabbitMQ before 3.11.23
and 3.12.5). Not so what goes to an exchange, where other queues have taken it already.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
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

_RETRY_DELAYS = (0.25, 0.5, 1.0, 2.0, 4.0)
_FULL_SECONDS = 30.0
"""So long a queue that took nothing for all those delays is taken for full."""
_RENEW_SECONDS = 1.0
"""A channel that has something refused is replaced, but no more often than that."""


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
    refused: int = 0


class _Line:
    """One channel, and what was published on it without a verdict yet, by delivery tag."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.in_flight: dict[int, _Outgoing] = {}
        self._published = 0

    def send(self, outgoing: _Outgoing) -> None:
        """Publish a message.

        Raises:
            Exception: It cannot be written as AMQP; it is not in flight then.
        """
        self._published += 1
        self.in_flight[self._published] = outgoing
        try:
            _write(self.channel, outgoing)
        except Exception:
            if not self.channel.is_open:
                log.debug("publishing channel is closing; the message goes the way of the others in flight")
                return
            # The broker has not seen it: the number is that of the next one.
            self.in_flight.pop(self._published)
            self._published -= 1
            raise

    def judged(self, frame: Any) -> list[_Outgoing]:
        """The messages that a verdict is about; they are not in flight any more."""
        tag = frame.method.delivery_tag
        tags = [known for known in self.in_flight if known <= tag] if frame.method.multiple else [tag]
        return [judged for known in tags if (judged := self.in_flight.pop(known, None)) is not None]

    def close_if_idle(self) -> None:
        """Close it once nothing is in flight."""
        if not self.in_flight and self.channel.is_open:
            self.channel.close()


class ConfirmedPublisher:
    """Publishes, by default to the default exchange, and reports the fate of every message.

    Messages without a fate when the connection ends get none: their tasks are unacked and come again.
    """

    def __init__(self, connection: AsyncioConnection, prefix: str) -> None:
        self._connection = connection
        self._prefix = prefix
        self._line: _Line | None = None
        self._renewed = -math.inf
        self._named = 0
        self._by_id: dict[str, _Outgoing] = {}
        self._held: list[_Outgoing] = []
        self._suspects: deque[_Outgoing] = deque()
        self._unsettled = 0
        self._full: dict[str, float] = {}
        self._reopening: asyncio.Task[None] | None = None

    @property
    def in_flight(self) -> int:
        """Messages whose fate is not known yet."""
        return self._unsettled

    async def open(self) -> None:
        """Open the channel."""
        self._line = await self._open_line()

    async def _open_line(self) -> _Line:
        channel = await AsyncChannel.open(self._connection)
        line = _Line(channel.raw)
        await channel.enable_confirms(lambda frame: self._on_confirm(line, frame))
        channel.raw.add_on_return_callback(self._on_return)
        channel.raw.add_on_close_callback(lambda _, reason: self._on_close(line, reason))
        return line

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
        self._unsettled += 1
        self._send(_Outgoing(exchange, routing_key, body, properties, mandatory, on_fate))

    def _send(self, outgoing: _Outgoing) -> None:
        if self._line is None:
            self._held.append(outgoing)
            return
        if outgoing.mandatory:
            self._by_id[outgoing.properties.message_id] = outgoing
        try:
            self._line.send(outgoing)
        except Exception:
            log.exception("a message cannot be written as AMQP", routing_key=outgoing.routing_key)
            asyncio.get_running_loop().call_soon(self._settle, outgoing, Fate.REFUSED)

    def _settle(self, outgoing: _Outgoing, fate: Fate) -> None:
        if outgoing.mandatory:
            self._by_id.pop(outgoing.properties.message_id, None)
        self._unsettled -= 1
        outgoing.on_fate(fate)

    def _on_return(self, _: Channel, __: Basic.Return, properties: BasicProperties, ___: bytes) -> None:
        outgoing = self._by_id.get(properties.message_id)
        if outgoing is not None:
            outgoing.returned = True

    def _on_confirm(self, line: _Line, frame: Any) -> None:
        refused = isinstance(frame.method, Basic.Nack)
        for outgoing in line.judged(frame):
            if refused:
                self._on_refused(outgoing, line)
            else:
                self._settle(outgoing, Fate.RETURNED if outgoing.returned else Fate.CONFIRMED)
        if line is not self._line:
            line.close_if_idle()

    def _on_refused(self, outgoing: _Outgoing, line: _Line | None) -> None:
        loop = asyncio.get_running_loop()
        now, queue = loop.time(), outgoing.routing_key
        if outgoing.exchange or now < self._full.get(queue, now):
            self._renew(line)  # the queue may take things again, and not by this channel
            self._settle(outgoing, Fate.REFUSED)
        elif outgoing.refused >= len(_RETRY_DELAYS):
            self._full = {each: until for each, until in self._full.items() if now < until}
            self._full[queue] = now + _FULL_SECONDS
            self._settle(outgoing, Fate.REFUSED)
        else:
            delay = _RETRY_DELAYS[outgoing.refused]
            outgoing.refused += 1
            log.info("a queue did not take a message, trying again", queue=queue, seconds=delay)
            loop.call_later(delay, self._send_again, outgoing, line)

    def _send_again(self, outgoing: _Outgoing, line: _Line | None) -> None:
        if self._connection.is_open:
            self._renew(line)
            self._send(outgoing)

    def _renew(self, line: _Line | None) -> None:
        """Go on by another channel, if that one is still in use."""
        now = asyncio.get_running_loop().time()
        if line is None or line is not self._line or now < self._renewed + _RENEW_SECONDS:
            return
        self._renewed = now
        self._line = None
        line.close_if_idle()
        self._start_reopening()

    def _on_close(self, line: _Line, reason: BaseException) -> None:
        current = line is self._line
        if current:
            self._line = None
        if self._connection.is_open and (current or line.in_flight):
            log.warning("publishing channel closed by the broker, opening another", reason=str(reason))
            self._suspects.extend(line.in_flight.values())
            line.in_flight.clear()
            self._start_reopening()

    def _start_reopening(self) -> None:
        if self._reopening is None:
            self._reopening = asyncio.get_running_loop().create_task(self._reopen())
            self._reopening.add_done_callback(self._reopened)

    def _reopened(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("publishing channel lost with the connection", reason=str(error))

    async def _reopen(self) -> None:
        try:
            while self._suspects or self._line is None:
                if not self._suspects:
                    self._line = await self._open_line()
                    continue
                outgoing = self._suspects.popleft()
                outgoing.returned = False
                if not await self._publish_alone(outgoing):
                    self._settle(outgoing, Fate.REFUSED)
            held, self._held = self._held, []
            for outgoing in held:
                self._send(outgoing)
        finally:
            self._reopening = None

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
        try:
            _write(channel.raw, outgoing)
        except Exception:
            if not channel.raw.is_open:
                raise
            log.exception("a message cannot be written as AMQP", routing_key=outgoing.routing_key)
            answered.cancel()
            channel.close()
            return False
        try:
            verdict = await answered
        except AMQPError:
            if not self._connection.is_open:
                raise
            return False
        channel.close()
        if isinstance(verdict, Basic.Nack):
            self._on_refused(outgoing, None)
        else:
            self._settle(outgoing, Fate.RETURNED if returned else Fate.CONFIRMED)
        return True


def _write(channel: Channel, outgoing: _Outgoing) -> None:
    channel.basic_publish(
        outgoing.exchange,
        outgoing.routing_key,
        outgoing.body,
        outgoing.properties,
        mandatory=outgoing.mandatory,
    )
