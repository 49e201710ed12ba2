"""A caller by direct reply-to, which keeps its one channel as that wants it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel

from tests.support.waiting import PATIENCE

DIRECT = "amq.rabbitmq.reply-to"


class DirectCaller:
    """Sends tasks, and gets their replies by direct reply-to.

    Args:
        channel: Its own.
        patience: Seconds that a reply may take.
    """

    def __init__(self, channel: BlockingChannel, patience: float) -> None:
        self._channel = channel
        self._replies = channel.consume(DIRECT, auto_ack=True, inactivity_timeout=patience)

    def send(self, method: str, parameters: Mapping[str, Any]) -> str:
        """Publish a task; returns its id."""
        task_id = f"direct-{uuid.uuid4()}"
        document = {"task_id": task_id, "method": method, "parameters": dict(parameters)}
        properties = pika.BasicProperties(reply_to=DIRECT, delivery_mode=2)
        self._channel.basic_publish("", "tasks", json.dumps(document).encode(), properties)
        return task_id

    def reply(self) -> dict[str, Any]:
        """The next reply; an empty one when none has come in time."""
        _, _, body = next(self._replies)
        document: dict[str, Any] = json.loads(body or b"{}")
        return document


@contextmanager
def direct_caller(url: str, patience: float = 2 * PATIENCE) -> Iterator[DirectCaller]:
    """A caller with a connection of its own."""
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        # Consumed before the first task is sent, as RabbitMQ wants it.
        next(channel.consume(DIRECT, auto_ack=True, inactivity_timeout=0))
        yield DirectCaller(channel, patience)
        channel.cancel()
