"""The floor: pika's asyncio adapter, confirmed mandatory persistent replies, an ack after each confirm.

Usage: ``python -m bench.bare_echo URL QUEUE``; prints ``ready`` once it consumes.
"""

from __future__ import annotations

import asyncio
import sys

import pika
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel


class BareEcho:
    """Sends every message back to its reply queue."""

    def __init__(self, queue: str) -> None:
        self._queue = queue
        self._published = 0
        self._unconfirmed: dict[int, int] = {}

    def on_open(self, connection: AsyncioConnection) -> None:
        """Open one channel to consume from and one to publish on."""
        connection.channel(on_open_callback=lambda replies: self._open_tasks(connection, replies))

    def _open_tasks(self, connection: AsyncioConnection, replies: Channel) -> None:
        self._replies = replies
        replies.confirm_delivery(self._on_confirm)
        connection.channel(on_open_callback=self._consume)

    def _consume(self, tasks: Channel) -> None:
        self._tasks = tasks
        tasks.basic_qos(prefetch_count=1000)
        tasks.basic_consume(self._queue, self._on_task, callback=lambda _: print("ready", flush=True))

    def _on_task(
        self, _: Channel, deliver: pika.spec.Basic.Deliver, asked: pika.BasicProperties, body: bytes
    ) -> None:
        properties = pika.BasicProperties(correlation_id=asked.correlation_id, delivery_mode=2)
        self._published += 1
        self._unconfirmed[self._published] = deliver.delivery_tag
        self._replies.basic_publish("", asked.reply_to, body, properties, mandatory=True)

    def _on_confirm(self, frame: pika.frame.Method) -> None:
        tag, multiple = frame.method.delivery_tag, frame.method.multiple
        for known in [one for one in self._unconfirmed if one <= tag] if multiple else [tag]:
            self._tasks.basic_ack(self._unconfirmed.pop(known))


def main(url: str, queue: str) -> None:
    """Serve until killed."""
    loop = asyncio.SelectorEventLoop()
    asyncio.set_event_loop(loop)
    AsyncioConnection(pika.URLParameters(url), on_open_callback=BareEcho(queue).on_open, custom_ioloop=loop)
    loop.run_forever()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
