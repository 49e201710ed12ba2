"""The load of every AMQP measurement: one client on pika's asyncio adapter, the same for all servers."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pika
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run gave.

    Attributes:
        per_second: Round trips a second.
        median_ms: Median round trip in milliseconds.
        p99_ms: 99th percentile in milliseconds.
    """

    per_second: float
    median_ms: float
    p99_ms: float


def ping_body(number: int) -> bytes:
    """A ``broker.ping`` task."""
    return json.dumps(
        {
            "task_id": f"bench-{number}",
            "method": "broker.ping",
            "parameters": {},
            "request_time": "2026-11-20T09:00:00.000+09:00",
        }
    ).encode()


class RoundTrips:
    """Keeps a number of requests in flight and measures the time to each reply.

    Args:
        url: The broker.
        queue: Where the requests go.
        body: Makes the body of request number n.
        in_flight: How many requests wait for a reply at any time.
        total: How many round trips are measured, after a tenth as many to warm up.
        properties: More properties of the request that has this correlation id.
    """

    def __init__(
        self,
        url: str,
        queue: str,
        body: Callable[[int], bytes],
        *,
        in_flight: int,
        total: int,
        properties: Callable[[str], dict[str, Any]] | None = None,
    ) -> None:
        self._properties = properties or (lambda _: {})
        self._url = url
        self._queue = queue
        self._body = body
        self._in_flight = in_flight
        self._total = total
        self._warm_up = max(in_flight, total // 10)
        self._sent_at: dict[str, float] = {}
        self._latencies: list[float] = []
        self._number = 0
        self._began = 0.0

    def run(self) -> Measured:
        """Measure; blocks until every reply is there."""
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            return runner.run(self._measure())

    async def _measure(self) -> Measured:
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        opened: asyncio.Future[AsyncioConnection] = asyncio.get_running_loop().create_future()
        AsyncioConnection(pika.URLParameters(self._url), on_open_callback=opened.set_result)
        connection = await opened
        channel_opened: asyncio.Future[Channel] = asyncio.get_running_loop().create_future()
        connection.channel(on_open_callback=channel_opened.set_result)
        channel = await channel_opened
        declared: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        channel.queue_declare("", exclusive=True, callback=declared.set_result)
        self._reply_to = (await declared).method.queue  # type: ignore[attr-defined]
        channel.basic_consume(self._reply_to, self._on_reply, auto_ack=True)
        for _ in range(self._in_flight):
            self._send(channel)
        await asyncio.wait_for(self._done, 300)
        seconds = time.perf_counter() - self._began
        connection.close()
        ordered = sorted(self._latencies)
        return Measured(
            per_second=len(ordered) / seconds,
            median_ms=statistics.median(ordered) * 1000,
            p99_ms=ordered[int(len(ordered) * 0.99) - 1] * 1000,
        )

    def _send(self, channel: Channel) -> None:
        self._number += 1
        correlation_id = str(self._number)
        self._sent_at[correlation_id] = time.perf_counter()
        properties = pika.BasicProperties(
            reply_to=self._reply_to,
            correlation_id=correlation_id,
            delivery_mode=2,
            **self._properties(correlation_id),
        )
        channel.basic_publish("", self._queue, self._body(self._number), properties)

    def _on_reply(self, channel: Channel, _: object, properties: pika.BasicProperties, body: bytes) -> None:
        now = time.perf_counter()
        latency = now - self._sent_at.pop(properties.correlation_id)
        answered = self._number - len(self._sent_at)
        if answered == self._warm_up:
            self._began = now
        elif answered > self._warm_up:
            self._latencies.append(latency)
        if len(self._latencies) == self._total:
            if not self._done.done():
                self._done.set_result(None)
        elif self._number < self._warm_up + self._total:
            self._send(channel)
