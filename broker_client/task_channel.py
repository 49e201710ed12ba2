"""A channel in confirm mode, on which the blocking client publishes tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pika

from broker_client.call import Call
from broker_client.calls import CallBook

__all__ = ["TaskChannel"]


class TaskChannel:
    """Publishes calls, and tells what RabbitMQ says of each.

    A channel whose first message for a quorum queue comes while the node of the queue's leader dies may have
    everything refused that it publishes there later, as long as that node is down (RabbitMQ before 3.11.23
    and 3.12.5). So what one channel had refused goes by another one.

    Args:
        raw: pika's channel, open.
        book: Told what was confirmed and what had no queue.
        on_confirmed: Called when RabbitMQ took something.
        on_refused: Called with this channel and the calls that RabbitMQ did not take.

    Attributes:
        raw: As given.
    """

    def __init__(
        self,
        raw: Any,
        book: CallBook,
        on_confirmed: Callable[[], None],
        on_refused: Callable[[TaskChannel, list[Call]], None],
    ) -> None:
        self.raw = raw
        self._book = book
        self._on_confirmed = on_confirmed
        self._on_refused = on_refused
        self._last_tag = 0
        self._unconfirmed: dict[int, Call] = {}
        self._retired = False
        raw.confirm_delivery(self._on_verdict)
        raw.add_on_return_callback(lambda _channel, _method, properties, _body: self._returned(properties))

    def publish(self, call: Call, properties: pika.BasicProperties) -> None:
        """Send a call to its queue."""
        self._last_tag += 1
        self._unconfirmed[self._last_tag] = call
        self.raw.basic_publish(
            exchange="", routing_key=call.queue, body=call.body, properties=properties, mandatory=True
        )

    def retire(self) -> None:
        """Close once RabbitMQ has said something of everything that was published."""
        self._retired = True
        if not self._unconfirmed and self.raw.is_open:
            self.raw.close()

    def _returned(self, properties: pika.BasicProperties) -> None:
        self._book.returned(properties.message_id)

    def _on_verdict(self, frame: Any) -> None:
        verdict = frame.method
        tags = [verdict.delivery_tag]
        if verdict.multiple:
            tags = [tag for tag in self._unconfirmed if tag <= verdict.delivery_tag]
        calls = [call for tag in tags if (call := self._unconfirmed.pop(tag, None)) is not None]
        if isinstance(verdict, pika.spec.Basic.Ack):
            for call in calls:
                self._book.confirmed(call)
            self._on_confirmed()
        elif calls:
            self._on_refused(self, calls)
        if self._retired:
            self.retire()
