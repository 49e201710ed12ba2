"""Counts live data from RabbitMQ cheaply: ``python -m bench.tick_consumer URL EXCHANGE QUEUES``.

So many queues are bound to the exchange and consumed without acknowledgements. Each line on the standard
input is answered with what came in since the one before, as JSON. Messages do not go through pika's decoder,
which would cost nearly as much as the worker that is measured.
"""

from __future__ import annotations

import asyncio
import json
import re
import struct
import sys
import time
from typing import Any

import pika
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.spec import FRAME_BODY, FRAME_HEADER, FRAME_METHOD, Basic

from broker_server.amqp.channels import AsyncChannel

_FRAME = struct.Struct(">BHI")
_DELIVER = struct.pack(">I", Basic.Deliver.INDEX)
_TAIL = re.compile(rb'"key":"([^"]+)","epoch":"([^"]+)","sequence":([0-9]+)}$')
_STAMPS = (re.compile(rb'"volume":([0-9]+)'), re.compile(rb"^0\|(?:[^|]*\|){2}(?:[^^]*\^){13}([0-9]+)"))
"""Where a send time is found, in microseconds: in an event, and in a frame of KIS as it is."""


class Counts:
    """What came in.

    Attributes:
        messages: All.
        broken: Messages that do not continue their sequence, or say that others were skipped.
    """

    def __init__(self) -> None:
        self.messages = 0
        self.broken = 0
        self._latencies: list[int] = []
        self._last: dict[tuple[bytes, bytes], tuple[bytes, int]] = {}

    def add(self, consumer: bytes, body: bytes) -> None:
        """Take a message."""
        self.messages += 1
        at = body.rfind(b'"key":')
        tail = _TAIL.search(body, at) if at >= 0 else None
        if tail is not None:
            key, epoch, sequence = tail.groups()
            number = int(sequence)
            last = self._last.get((consumer, key))
            if b'"conflated":' in body or (last is not None and last != (epoch, number - 1)):
                self.broken += 1
            self._last[consumer, key] = (epoch, number)
        stamp = _STAMPS[tail is None].search(body)
        if stamp is not None:
            self._latencies.append(time.monotonic_ns() // 1000 - int(stamp[1]))

    def take(self) -> dict[str, Any]:
        """What came in since the last time."""
        ordered = sorted(self._latencies)
        found = {
            "messages": self.messages,
            "broken": self.broken,
            "median_us": ordered[len(ordered) // 2] if ordered else 0,
            "p99_us": ordered[int(len(ordered) * 0.99)] if ordered else 0,
        }
        self.messages = self.broken = 0
        self._latencies.clear()
        return found


class CountingConnection(AsyncioConnection):  # type: ignore[misc]  # pika has no types
    """pika's connection, which hands messages of one frame to a `Counts` and does not decode them."""

    counts: Counts
    _unread = b""
    _consumer = b""

    def _on_data_available(self, data_in: bytes) -> None:
        data = self._unread + data_in if self._unread else data_in
        at, size = 0, len(data)
        while size - at >= _FRAME.size:
            kind, _, length = _FRAME.unpack_from(data, at)
            begin = at + _FRAME.size
            end = begin + length
            if end >= size:
                break
            if kind == FRAME_BODY:
                self.counts.add(self._consumer, data[begin:end])
            elif kind == FRAME_METHOD and data.startswith(_DELIVER, begin):
                self._consumer = data[begin + 5 : begin + 5 + data[begin + 4]]
            elif kind != FRAME_HEADER:
                super()._on_data_available(data[at : end + 1])
            at = end + 1
        self._unread = data[at:]


async def consume(url: str, exchange: str, queues: int) -> None:
    """Count until the standard input ends."""
    loop = asyncio.get_running_loop()
    opened: asyncio.Future[CountingConnection] = loop.create_future()
    connection = CountingConnection(pika.URLParameters(url), on_open_callback=opened.set_result)
    counts = connection.counts = Counts()
    channel = await AsyncChannel.open(await opened)
    for _ in range(queues):
        queue = await channel.declare_private_queue()
        await channel.bind_queue(queue, exchange, "#")
        consuming: asyncio.Future[object] = loop.create_future()
        channel.raw.basic_consume(queue, lambda *_: None, auto_ack=True, callback=consuming.set_result)
        await consuming
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print("ready", queues, flush=True)
    while await reader.readline():
        print(json.dumps(counts.take()), flush=True)
    connection.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(consume(sys.argv[1], sys.argv[2], int(sys.argv[3])))
