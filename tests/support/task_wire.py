"""A client of the bare wire contract: what it sends is what the test says, byte for byte."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from broker_client.protocol import is_order_method
from tests.support.waiting import PATIENCE, wait_until


@dataclass(frozen=True)
class Message:
    """A message as it came: its bytes and properties, and the key that it was published with."""

    body: bytes
    properties: pika.BasicProperties
    routing_key: str = ""

    @property
    def json(self) -> dict[str, Any]:
        """The body as a JSON object."""
        document = json.loads(self.body)
        assert isinstance(document, dict)
        return document


class TaskWire:
    """Publishes tasks and collects their replies on a queue of its own.

    Attributes:
        replies: Every message that came so far, by ``task_id``.
        queue: The reply queue; it goes with the connection.
        channel: For everything else a test wants to do; confirms are on.
    """

    _ids = itertools.count(1)

    def __init__(self, url: str) -> None:
        parameters = pika.URLParameters(url)
        parameters.heartbeat = 0
        self.connection = pika.BlockingConnection(parameters)
        self.channel: BlockingChannel = self.connection.channel()
        self.channel.confirm_delivery()
        self.replies: dict[str, list[Message]] = defaultdict(list)
        self.queue: str = self.channel.queue_declare("", exclusive=True).method.queue
        self.channel.basic_consume(self.queue, self._on_reply, auto_ack=True)

    def _on_reply(self, _: object, __: object, properties: pika.BasicProperties, body: bytes) -> None:
        message = Message(body, properties)
        self.replies[message.json["task_id"]].append(message)

    def publish(self, body: bytes, *, to: str = "tasks", **properties: Any) -> None:
        """Publish bytes; the reply goes to the queue of this client unless ``reply_to`` says otherwise."""
        properties.setdefault("reply_to", self.queue)
        properties.setdefault("delivery_mode", 2)
        self.channel.basic_publish("", to, body, pika.BasicProperties(**properties), mandatory=True)

    def send(
        self,
        method: str,
        parameters: dict[str, Any] | None = None,
        *,
        task_id: str | None = None,
        to: str = "tasks",
        keys: dict[str, Any] | None = None,
        **properties: Any,
    ) -> str:
        """Publish a task and return its id; ``keys`` are more keys of the body.

        An order says when it was made, unless ``keys`` do.
        """
        task_id = task_id or f"wire-{next(self._ids)}"
        document: dict[str, Any] = {"task_id": task_id, "method": method, "parameters": parameters or {}}
        if is_order_method(method):
            document["request_time"] = datetime.now(UTC).isoformat()
        document |= keys or {}
        self.publish(json.dumps(document).encode(), to=to, **properties)
        return task_id

    def wait(self, task_id: str, timeout: float = PATIENCE, *, count: int = 1) -> Message:
        """The newest reply of a task, once there are ``count`` of them."""

        def arrived() -> bool:
            self.connection.process_data_events(0)
            return len(self.replies[task_id]) >= count

        wait_until(arrived, timeout, f"reply {count} of {task_id}")
        return self.replies[task_id][-1]

    def wait_all(self, task_ids: list[str], timeout: float = 2 * PATIENCE) -> None:
        """Wait until every one of these tasks has a reply."""

        def missing() -> list[str]:
            self.connection.process_data_events(0)
            return [task_id for task_id in task_ids if not self.replies[task_id]]

        try:
            wait_until(lambda: not missing(), timeout)
        except AssertionError:
            raise AssertionError(f"{len(missing())} tasks without a reply: {missing()[:5]}") from None

    def call(self, method: str, parameters: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        """Publish a task and return its reply."""
        return self.wait(self.send(method, parameters, **options)).json

    def error(self, method: str, parameters: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        """Publish a task that must fail and return the reply's error."""
        reply = self.call(method, parameters, **options)
        assert reply["status"] == "TASK_FAILED", reply
        error = reply["error"]
        assert isinstance(error, dict)
        return error

    def take(self, queue: str, timeout: float = PATIENCE) -> Message:
        """Take one message off a queue, once there is one."""

        def get() -> Message | None:
            method, properties, body = self.channel.basic_get(queue, auto_ack=True)
            return Message(body, properties) if method is not None else None

        message = wait_until(get, timeout, f"a message in {queue}")
        assert message is not None
        return message

    def take_all(self, queue: str) -> list[Message]:
        """Take everything that is in a queue now."""
        taken = []
        while True:
            method, properties, body = self.channel.basic_get(queue, auto_ack=True)
            if method is None:
                return taken
            taken.append(Message(body, properties, method.routing_key))

    def depth(self, queue: str) -> int | None:
        """How many messages are ready in a queue; ``None`` when there is no such queue."""
        declared = self._look(queue)
        return None if declared is None else declared[0]

    def consumers(self, queue: str) -> int | None:
        """How many consumers the broker shows on a queue; ``None`` when there is no such queue."""
        declared = self._look(queue)
        return None if declared is None else declared[1]

    def _look(self, queue: str) -> tuple[int, int] | None:
        channel = self.connection.channel()
        try:
            frame = channel.queue_declare(queue, passive=True)
        except ChannelClosedByBroker as closed:
            if closed.reply_code == 404:
                return None
            raise
        channel.close()
        return frame.method.message_count, frame.method.consumer_count

    def close(self) -> None:
        """Close the connection, and the reply queue with it."""
        if self.connection.is_open:
            self.connection.close()

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()
