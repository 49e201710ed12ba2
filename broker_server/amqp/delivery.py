"""One message that this worker has not acked yet, and where its reply goes."""

from __future__ import annotations

from dataclasses import dataclass

from pika.channel import Channel
from pika.spec import BasicProperties

from broker_client.protocol import (
    DEFAULT_REPLY_QUEUE,
    DIRECT_REPLY_TO,
    MAX_ADDRESS_BYTES,
    REPLY_QUEUE_HEADER,
    TaskRequest,
)
from broker_server.amqp.acks import Acks
from broker_server.amqp.direct_reply import is_direct, looks_direct
from broker_server.amqp.topology import takes_replies
from broker_server.core.measuring import OTHER
from broker_server.core.reply_styles import ReplyStyle


@dataclass(slots=True, eq=False)
class Delivery:
    """A delivered message.

    Attributes:
        channel: The consuming channel; once it is closed the message belongs to the broker again.
        acks: The finished messages of that channel.
        queue: The queue it came from.
        arrived: Monotonic seconds.
        task_id: Once it was read.
        method: Of the registry, once that is known.
    """

    channel: Channel
    acks: Acks
    tag: int
    queue: str
    redelivered: bool
    properties: BasicProperties
    body: bytes
    arrived: float = 0.0
    task_id: str = ""
    method: str = OTHER

    @property
    def current(self) -> bool:
        """Whether the message is still ours to ack."""
        return bool(self.channel.is_open)

    def ack(self) -> None:
        """Take the message off the queue, soon; nothing happens when it is no longer ours."""
        if self.channel.is_open:
            self.acks.add(self.tag)

    def give_back(self) -> None:
        """Put the message back into its queue; nothing happens when it is no longer ours."""
        self.acks.give_back(self.tag)


@dataclass(slots=True)
class ReplyAddress:
    """Where a reply goes.

    Attributes:
        queue: The queue's name, or a direct reply-to address.
        refused: Why the address that the client asked for is not used; the reply then says so.
        deliverable: False when no message can be published to it at all.
        style: How the reply is written, where that is not as the contract says.
    """

    queue: str
    refused: str | None = None
    deliverable: bool = True
    style: ReplyStyle | None = None

    @property
    def direct(self) -> bool:
        """Whether it is RabbitMQ's direct reply-to pseudo queue."""
        return looks_direct(self.queue)


def reply_address(properties: BasicProperties, request: TaskRequest | None) -> ReplyAddress:
    """Find the reply address: the ``reply_to`` property, the header or key ``reply_queue``, the default.

    A task queue is refused as an address, because a worker would read its own reply as a task; so are the
    workers' other queues, where nobody would look for it.
    """
    asked = properties.reply_to
    if not asked and properties.headers:
        asked = properties.headers.get(REPLY_QUEUE_HEADER)
    if not asked and request is not None:
        asked = request.reply_queue
    if not asked:
        return ReplyAddress(DEFAULT_REPLY_QUEUE)
    if not isinstance(asked, str):
        return ReplyAddress(DEFAULT_REPLY_QUEUE, refused="the reply queue must be the name of a queue")
    if not takes_replies(asked):
        return ReplyAddress(
            DEFAULT_REPLY_QUEUE,
            refused=f"the reply queue {asked!r} is the workers' own; name a queue of yours",
        )
    if len(asked.encode("utf-8", "replace")) > MAX_ADDRESS_BYTES:
        return ReplyAddress(asked, refused="the reply queue's name is over 255 bytes", deliverable=False)
    if looks_direct(asked) and not is_direct(asked):
        return ReplyAddress(
            asked,
            refused=f"the reply queue {asked!r} is no address that RabbitMQ made; "
            f"put {DIRECT_REPLY_TO} into the reply_to property and nowhere else",
            deliverable=False,
        )
    return ReplyAddress(asked)
