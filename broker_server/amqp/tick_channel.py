"""A channel in confirm mode for many small messages: written once per turn of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, Self

from pika.channel import Channel
from pika.spec import Basic, BasicProperties

from broker_server.amqp.channels import AsyncChannel
from broker_server.amqp.frames import TolerantConnection
from broker_server.amqp.tick_frames import Label, MessageEncoder
from broker_server.core.conflation import Keep

RENEW_SECONDS = 30.0
"""A younger channel does not end when a queue refuses a message: a full queue must not hold up the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where messages of one kind go and how; made once, used for all of them.

    Attributes:
        exchange: The empty text is the default exchange.
        slot: Messages of one slot stay in order, and the newer replace the older ones if ``keep`` says so.
        expiration: How long they live, in milliseconds, as text; ``None`` for ever.
        mandatory: For the copy to a queue: it comes back when there is no such queue.
        on_returned: Called with the slot, once for each message that came back.
        on_refused: Called with the slot, once for each message that a full queue or the broker refused.
        lifetime: ``expiration`` in seconds.
        label: The same for the encoder.
    """

    exchange: str
    routing_key: str
    slot: str
    keep: Keep
    expiration: str | None = None
    persistent: bool = False
    mandatory: bool = False
    correlation_id: str | None = None
    on_returned: Callable[[str], None] | None = None
    on_refused: Callable[[str], None] | None = None
    lifetime: float | None = field(init=False)
    label: Label = field(init=False)

    def __post_init__(self) -> None:
        """Fill in what follows from the rest."""
        lifetime = None if self.expiration is None else int(self.expiration) / 1000
        object.__setattr__(self, "lifetime", lifetime)
        label = Label(
            self.exchange,
            self.routing_key,
            self.persistent,
            self.expiration,
            self.correlation_id,
            self.mandatory,
        )
        object.__setattr__(self, "label", label)

    @property
    def barred_with(self) -> tuple[Hashable, Hashable]:
        """What the broker may refuse: the exchange, or messages like these."""
        return self.exchange, self.label


class Tick(NamedTuple):
    """A message to publish.

    Attributes:
        make_body: Called once, when the message is really sent, with the number of older ones that it
            replaces: there the sequence number is drawn, so that what was skipped is no hole in it.
    """

    route: Route
    make_body: Callable[[int], bytes]


@dataclass(slots=True)
class Sent:
    """A message that has its final form.

    Attributes:
        expires: On the publisher's clock; ``None`` for never.
        skipped: How many older ones it stands for besides itself.
    """

    route: Route
    body: bytes
    expires: float | None
    skipped: int = 0
    returned: bool = False


class ChannelEvents(Protocol):
    """What a channel tells."""

    def on_returned(self, sent: Sent) -> None:
        """There is no queue for it; told once."""

    def on_nacked(self, sent: Sent) -> None:
        """A queue refused it."""

    def on_settled(self) -> None:
        """There are fewer outstanding messages than before."""

    def on_closed(self, channel: TickChannel, reason: BaseException) -> None:
        """It ended; `TickChannel.outstanding` are those that it leaves."""


class TickChannel:
    """Sends messages and keeps account of those without a confirm.

    It ends itself when a queue refuses a message: a channel that met a queue without a leader may have
    everything refused that it sends there later (RabbitMQ before 3.11.23 and 3.12.5).

    Attributes:
        outstanding: Those, by delivery tag, in the order in which they were sent.
        closed: Ends with the reason when the channel does.
    """

    def __init__(self, channel: Channel, encoder: MessageEncoder, sent_before: int, events: ChannelEvents):
        self.outstanding: dict[int, Sent] = {}
        self._channel = channel
        self._connection: TolerantConnection = channel.connection
        self._encoder = encoder
        self._sent_before = sent_before
        self._events = events
        self._tag = 0
        self._renewal = asyncio.get_running_loop().time() + RENEW_SECONDS
        self._unwritten: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[BaseException] = self._loop.create_future()
        channel.add_on_return_callback(self._on_return)
        channel.add_on_close_callback(self._on_close)

    @classmethod
    async def open(
        cls, connection: TolerantConnection, prefix: str, sent_before: int, events: ChannelEvents
    ) -> Self:
        """Open a channel and put it in confirm mode.

        Args:
            prefix: Begins the ``message_id`` of mandatory messages.
            sent_before: By earlier channels with this prefix.

        Raises:
            AMQPError: The broker refuses, or the connection is lost.
        """
        channel = await AsyncChannel.open(connection)
        encoder = MessageEncoder(channel.raw.channel_number, connection.longest_body, prefix)
        made = cls(channel.raw, encoder, sent_before, events)
        await channel.enable_confirms(made._on_confirm)
        return made

    @property
    def sent(self) -> int:
        """Messages sent with this prefix so far."""
        return self._sent_before + self._tag

    @property
    def settled(self) -> int:
        """Messages of this channel that the broker has confirmed or refused."""
        return self._tag - len(self.outstanding)

    def send(self, sent: Sent) -> None:
        """Send a message at the end of this turn of the event loop.

        Raises:
            Exception: It cannot be encoded.
        """
        tag = self._tag + 1
        encoded = self._encoder.encode(sent.route.label, sent.body, self._sent_before + tag)
        self._tag = tag
        self.outstanding[tag] = sent
        if not self._unwritten:
            self._loop.call_soon(self._write)
        self._unwritten.append(encoded)

    def _write(self) -> None:
        unwritten, self._unwritten = self._unwritten, []
        # Frames on a channel that is not open would end the connection.
        if unwritten and self._channel.is_open:
            self._connection.write_frames(b"".join(unwritten))

    def _on_return(self, _: Channel, __: Basic.Return, properties: BasicProperties, ___: bytes) -> None:
        number = self._encoder.number_of(properties)
        sent = None if number is None else self.outstanding.get(number - self._sent_before)
        if sent is not None and not sent.returned:
            sent.returned = True
            self._events.on_returned(sent)

    def _on_confirm(self, frame: Any) -> None:
        method: Basic.Ack | Basic.Nack = frame.method
        tag: int = method.delivery_tag
        refused = isinstance(method, Basic.Nack)
        first = next(iter(self.outstanding), tag) if method.multiple else tag
        for known in range(first, tag + 1):
            sent = self.outstanding.pop(known, None)
            if refused and sent is not None:
                self._events.on_nacked(sent)
        self._events.on_settled()
        if refused and self._channel.is_open and self._loop.time() >= self._renewal:
            self._channel.close()

    def _on_close(self, _: Channel, reason: BaseException) -> None:
        self._unwritten.clear()
        if not self.closed.done():
            self.closed.set_result(reason)
        self._events.on_closed(self, reason)
