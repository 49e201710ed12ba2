"""How fast live data is published, confirmed: ``python -m bench.tick_publishing``.

Each round publishes the same events to the topic exchange, through `TickPublisher` and through pika's own
``basic_publish`` on the same kind of channel with the same bound, and takes the time until the last confirm.
The processor time is that of the publishing process alone; the broker runs in another one.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import pika
from pika.spec import BasicProperties

from bench.report import Report
from broker_client.protocol import REALTIME_EXCHANGE
from broker_server.amqp.channels import AsyncChannel
from broker_server.amqp.connection import connect
from broker_server.amqp.private_node import PrivateNode
from broker_server.amqp.ticks import Keep, Route, Tick, TickPublisher

MESSAGES = 40_000
ROUNDS = 5
MOST_OUTSTANDING = 2_000
TICKERS = 200
PER_TURN = 20
"""Events of one WebSocket frame, more or less: what comes in one turn of the event loop."""
A_LITTLE = 0.001
"""Seconds between looks whether there is room again: looking without a pause would be measured, too."""
TARGET = 25_000
TTL = "5000"
BODY = orjson.dumps(
    {
        "task_id": "broker.realtime",
        "result": [
            {"type": "trade", "vendor": "kis", "ticker": "005930", "price": "71900", "pad": "x" * 300}
        ],
        "response_time": "2026-11-20T00:00:00.000Z",
        "status": "TASK_SUCCEED",
        "kind": "event",
        "environment": "simulated",
        "epoch": "1",
        "sequence": 1,
    }
)


@dataclass(frozen=True)
class Cost:
    """Of one round: messages per second of time, and of processor time."""

    per_second: float
    per_cpu_second: float

    @classmethod
    def since(cls, began: float, cpu_began: float) -> Cost:
        """What `MESSAGES` have cost."""
        return cls(MESSAGES / (time.perf_counter() - began), MESSAGES / (time.process_time() - cpu_began))


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is measured has no event for this
        await asyncio.sleep(A_LITTLE)


async def publish_ticks(url: str) -> Cost:
    """Through `TickPublisher`."""
    publisher = TickPublisher(url, "bench", run_id="1", on_gap=lambda *_: None)
    routes = [
        Route(
            exchange=REALTIME_EXCHANGE,
            routing_key=f"kis.trade.{ticker:06}",
            slot=f"kis.trade.{ticker:06}",
            keep=Keep.BOUNDED,
            expiration=TTL,
        )
        for ticker in range(TICKERS)
    ]
    running = asyncio.create_task(publisher.run())
    publisher.publish(Tick(routes[0], lambda _: BODY))
    await _until(lambda: publisher.counts()["published"] == 1 and not publisher.counts()["outstanding"])
    began, cpu_began = time.perf_counter(), time.process_time()
    for number in range(MESSAGES):
        publisher.publish(Tick(routes[number % TICKERS], lambda _: BODY))
        if number % PER_TURN == 0:
            await asyncio.sleep(0)
            await _until(lambda: publisher.counts()["outstanding"] <= MOST_OUTSTANDING - PER_TURN)
    await _until(lambda: not publisher.counts()["outstanding"])
    cost = Cost.since(began, cpu_began)
    assert publisher.counts()["dropped"] == 0
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return cost


async def publish_plainly(url: str) -> Cost:
    """Through pika's ``basic_publish``."""
    connection = await connect(url, name="bench-plain")
    channel = await AsyncChannel.open(connection)
    outstanding: dict[int, bool] = {}
    oldest = 1

    def on_confirm(frame: Any) -> None:
        nonlocal oldest
        tag = frame.method.delivery_tag
        first = oldest if frame.method.multiple else tag
        for known in range(first, tag + 1):
            outstanding.pop(known, None)
        if frame.method.multiple:
            oldest = tag + 1

    await channel.enable_confirms(on_confirm)
    keys = [f"kis.trade.{ticker:06}" for ticker in range(TICKERS)]
    began, cpu_began = time.perf_counter(), time.process_time()
    for number in range(MESSAGES):
        properties = BasicProperties(content_type="application/json", delivery_mode=1, expiration=TTL)
        outstanding[number + 1] = True
        channel.raw.basic_publish(REALTIME_EXCHANGE, keys[number % TICKERS], BODY, properties)
        if number % PER_TURN == 0:
            await asyncio.sleep(0)
            await _until(lambda: len(outstanding) <= MOST_OUTSTANDING - PER_TURN)
    await _until(lambda: not outstanding)
    cost = Cost.since(began, cpu_began)
    connection.close()
    return cost


def _set_up(url: str, *, queue: bool) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.exchange_declare(REALTIME_EXCHANGE, "topic", durable=True)
    if queue:
        channel.queue_declare("bench.ticks", arguments={"x-max-length": 1_000, "x-message-ttl": 1_000})
        channel.queue_bind("bench.ticks", REALTIME_EXCHANGE, "kis.trade.#")
    connection.close()


def measure_ticks(report: Report) -> None:
    """Add the lines of publishing ticks to a `Report`."""
    ways = (publish_ticks, publish_plainly)
    with PrivateNode.start() as node:
        for queue in (False, True):
            _set_up(node.url, queue=queue)
            rounds = []
            for _ in range(ROUNDS):
                order = random.sample(ways, 2)  # so that neither always goes first
                rounds.append({way: asyncio.run(way(node.url)) for way in order})
            where = "one bound queue" if queue else "no queue"
            for what, figures in (
                ("a second", lambda cost: cost.per_second),
                ("a CPU second", lambda cost: cost.per_cpu_second),
            ):
                ours = statistics.median(figures(one[publish_ticks]) for one in rounds)
                plain = statistics.median(figures(one[publish_plainly]) for one in rounds)
                report.add(
                    f"ticks published {what}, {where}",
                    f"{ours:,.0f}",
                    f"pika's basic_publish {plain:,.0f}",
                    f"{ours / plain:.2f}",
                    f"≥ {TARGET:,}" if what == "a CPU second" else "",
                    met=what != "a CPU second" or ours >= TARGET,
                )


def main() -> int:
    """Measure this alone."""
    report = Report()
    measure_ticks(report)
    return report.show()


if __name__ == "__main__":
    raise SystemExit(main())
