"""A worker's control queue on one connection: where commands and answers arrive, and how they leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import structlog
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel
from pika.spec import Basic, BasicProperties

from broker_server.amqp.channels import AsyncChannel
from broker_server.amqp.control_messages import Answer, Command, NotUnderstood, decode
from broker_server.amqp.gathering import Gathering
from broker_server.amqp.publisher import ConfirmedPublisher, Fate
from broker_server.amqp.topology import CONTROL_EXCHANGE

log = structlog.get_logger(__name__)

PREFETCH = 100
"""Commands in work at once; an answer is taken off the queue at once."""
TRANSIENT = 1
NAMED_BY_THE_BROKER = "amq.gen-"


class Receiver(Protocol):
    """What handles the messages of a link, on the event loop."""

    def on_command(self, link: ControlLink, command: Command, envelope: Envelope) -> None:
        """Do what is asked, and call `ControlLink.answer` when it is done."""

    def on_answer(self, link: ControlLink, answer: Answer, envelope: Envelope) -> None:
        """Take the answer of a worker."""

    def on_lost(self, link: ControlLink, reason: str) -> None:
        """The queue is gone."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """How one message came.

    Attributes:
        address: The control queue of the worker that sent it.
        correlation_id: The name of the question.
        tag: Of the delivery, to ack it.
    """

    address: str
    correlation_id: str
    tag: int


class ControlLink:
    """One session's exclusive control queue, with channels of its own. Only the event loop uses it.

    Attributes:
        connection: The session's.
        address: The queue's name.
        gatherings: The broadcasts of this link that wait for answers, by correlation id.
    """

    def __init__(self, connection: AsyncioConnection, name: str, receiver: Receiver) -> None:
        self.connection = connection
        self.address = ""
        self.gatherings: dict[str, Gathering] = {}
        self._receiver = receiver
        self._channel: Channel | None = None
        self._publisher = ConfirmedPublisher(connection, f"{name}-control")

    async def open(self) -> None:
        """Declare, bind and consume the queue.

        Raises:
            AMQPError: The connection was lost.
        """
        await self._publisher.open()
        channel = await AsyncChannel.open(self.connection)
        channel.raw.add_on_cancel_callback(lambda frame: self._lost(f"its consumer was cancelled: {frame}"))
        channel.raw.add_on_close_callback(lambda _, reason: self._lost(str(reason)))
        await channel.set_prefetch(PREFETCH)
        self._channel = channel.raw
        self.address = await channel.declare_private_queue()
        await channel.bind_queue(self.address, CONTROL_EXCHANGE)
        await channel.consume(self.address, self._on_message, exclusive=True)

    def broadcast(self, body: bytes, correlation_id: str) -> None:
        """Publish a command; its gathering fails when the broker refuses it."""

        def on_fate(fate: Fate) -> None:
            if fate is not Fate.CONFIRMED and (gathering := self.gatherings.get(correlation_id)):
                gathering.fail(f"RabbitMQ does not take messages for {CONTROL_EXCHANGE}; the log says why")

        properties = BasicProperties(
            content_type="application/json",
            delivery_mode=TRANSIENT,
            correlation_id=correlation_id,
            reply_to=self.address,
        )
        self._publisher.publish("", body, properties, on_fate, mandatory=False, exchange=CONTROL_EXCHANGE)

    def answer(self, envelope: Envelope, body: bytes) -> None:
        """Answer a command, if its worker is still there, and take it off the queue."""
        if self._channel is None or not self._channel.is_open:
            return
        properties = BasicProperties(
            content_type="application/json",
            delivery_mode=TRANSIENT,
            correlation_id=envelope.correlation_id,
            reply_to=self.address,
        )
        self._publisher.publish(envelope.address, body, properties, lambda _: None, mandatory=False)
        self._channel.basic_ack(envelope.tag)

    def done(self, envelope: Envelope) -> None:
        """Take a command off the queue without an answer."""
        if self._channel is not None and self._channel.is_open:
            self._channel.basic_ack(envelope.tag)

    def _on_message(
        self, channel: Channel, deliver: Basic.Deliver, properties: BasicProperties, body: bytes
    ) -> None:
        try:
            message = decode(body)
            envelope = _envelope(properties, deliver)
        except NotUnderstood as error:
            log.warning("control message ignored", reason=str(error)[:300], bytes=len(body))
            channel.basic_ack(deliver.delivery_tag)
            return
        if isinstance(message, Answer):
            channel.basic_ack(deliver.delivery_tag)
            self._receiver.on_answer(self, message, envelope)
        else:
            self._receiver.on_command(self, message, envelope)

    def _lost(self, reason: str) -> None:
        self._channel = None
        self._receiver.on_lost(self, reason)


def _envelope(properties: BasicProperties, deliver: Basic.Deliver) -> Envelope:
    """Who sent a message, and about what.

    Raises:
        NotUnderstood: The message has none, or its address is no worker's control queue.
    """
    address, correlation_id = properties.reply_to, properties.correlation_id
    if not isinstance(address, str) or not address.startswith(NAMED_BY_THE_BROKER):
        raise NotUnderstood("reply_to: must be the control queue of the worker that asks")
    if not isinstance(correlation_id, str) or not correlation_id:
        raise NotUnderstood("correlation_id: field required")
    return Envelope(address, correlation_id, deliver.delivery_tag)
