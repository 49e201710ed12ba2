"""A whole market of KOSCOM: from its WebSocket to events, and to RabbitMQ.

``python -m bench.koscom_feed`` measures this alone.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Hashable, Sequence
from datetime import datetime
from decimal import Decimal

import pika
from pydantic import SecretStr
from websockets.asyncio.client import connect

from bench.koscom_source import ISSUES, PER_MESSAGE
from bench.processor_time import Stopwatch
from bench.report import Report
from bench.servers import Talking, server, talking
from broker_client.protocol import REALTIME_EXCHANGE
from broker_server.amqp.private_node import PrivateNode
from broker_server.core.feeds import Incoming
from broker_server.core.stream_requests import Registration
from broker_server.vendors.clock import SystemClock
from broker_server.vendors.koscom.config import KoscomConfig
from broker_server.vendors.koscom.feed import KoscomFeed
from broker_server.vendors.koscom.live_timing import KoscomTiming
from broker_server.vendors.values import KST

DECODED_TARGET = 20_000
PUBLISHED_TARGET = 10_000
OFFERED_PER_SECOND = 12_000
ROUNDS = 5
SECONDS = 1.0
SUSTAINED_SECONDS = 10.0
WARM_UP_SECONDS = 2.0
DRAIN_SECONDS = 1.0
MOST_DRAINS = 15
ACK_SECONDS = 30.0
CLOSE_SECONDS = 0.1
HOW = (
    f"Decoding: the best of {ROUNDS} rounds of {SECONDS:g} s in one thread. Through: a market's arrays "
    f"from our own source over the WebSocket, {OFFERED_PER_SECOND:,} issue updates a second for "
    f"{SUSTAINED_SECONDS:g} s, each published by its own routing key and counted by sequence at a "
    "consumer."
)
KEY = f"l7xx{'0' * 32}"


class Counting:
    """A listener that turns everything into events, as publishing would, and counts them.

    Attributes:
        is_warm: Some have come.
    """

    def __init__(self) -> None:
        self.events = 0
        self.is_warm = asyncio.Event()

    def received(self, registration: Registration, incoming: Incoming) -> None:
        incoming.event()
        self.events += 1
        if self.events == 20 * PER_MESSAGE:
            self.is_warm.set()

    def registered(self, registration: Registration) -> None: ...

    def refused(self, registration: Registration, error: Exception, *, for_good: bool) -> None: ...

    def interrupted(self, registrations: Sequence[Registration], reason: str) -> None: ...

    def connected(self) -> None: ...

    def source_changed(self, channel: str, subject: str) -> None:
        return

    def failing(
        self, failures: int, reason: str, *, pause: float = 0.0, connection: Hashable = None
    ) -> None: ...


async def decoded(port: str) -> float:
    """Trades turned into events in a second of processor time, by the feed with all its checks."""
    config = KoscomConfig(
        simulated=True,
        api_key=SecretStr(KEY),
        member_name="bench",
        rest_url="http://127.0.0.1:1",
        ws_url=f"ws://127.0.0.1:{port}",
    )
    counting = Counting()
    feed = KoscomFeed(config, counting, clock=SystemClock(), timing=KoscomTiming(close=CLOSE_SECONDS))
    running = asyncio.get_running_loop().create_task(feed.run())
    feed.want([Registration("market", "kospi")])
    await counting.is_warm.wait()
    events, began = counting.events, time.process_time()
    await asyncio.sleep(SECONDS)
    figure = (counting.events - events) / (time.process_time() - began)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return figure


async def naive(port: str) -> float:
    """The same for what one writes first: the standard library, and nothing checked."""
    url, day = f"ws://127.0.0.1:{port}/ws_ksp", datetime.now(KST).date()
    async with connect(url, compression=None, close_timeout=CLOSE_SECONDS) as connection:
        await connection.send('{"jsonrpc":"2.0","id":1,"method":"init"}')
        await connection.recv()
        taken, began, until = 0, time.process_time(), time.monotonic() + SECONDS
        while time.monotonic() < until:
            for record in json.loads(await connection.recv()):
                clock = datetime.strptime(record["trdTm"][:6], "%H%M%S").time()  # noqa: DTZ007 - joined below
                event = {
                    "ticker": record["isuSrtCd"],
                    "price": Decimal(record["trdPrc"]),
                    "quantity": int(record["trdVol"]),
                    "time": datetime.combine(day, clock, KST).isoformat(),
                }
                taken += len(event) == 4
        return taken / (time.process_time() - began)


def measure_decoding(report: Report, source: Talking) -> None:
    """From the WebSocket to events, on one core."""
    source.ask("0")
    own, bare = [], []
    for _ in range(ROUNDS):
        own.append(asyncio.run(decoded(source.ready)))
        bare.append(asyncio.run(naive(source.ready)))
    source.ask("100")
    ratio = statistics.median(one / other for one, other in zip(own, bare, strict=True))
    report.add(
        f"KOSCOM's market to events, {PER_MESSAGE} a message",
        f"{max(own):,.0f}/s",
        f"websockets, json, strptime {max(bare):,.0f}/s",
        f"{ratio:,.2f}",
        f"≥ {DECODED_TARGET:,}/s",
        met=max(own) >= DECODED_TARGET,
    )


def subscribe(url: str) -> pika.BlockingConnection:
    """Subscribe to the market; returns what keeps the reply queue.

    Raises:
        RuntimeError: It is not served live.
    """
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    task = {"task_id": "market", "method": "koscom.subscribe-market", "parameters": {"market": "kospi"}}
    channel.basic_publish("", "tasks", json.dumps(task).encode(), pika.BasicProperties(reply_to=queue))
    for _, __, body in channel.consume(queue, auto_ack=True, inactivity_timeout=ACK_SECONDS):
        reply = json.loads(body or b"{}")
        if reply.get("kind") == "ack" and reply["result"][0]["mode"] == "realtime":
            break
        raise RuntimeError(f"the subscription failed: {body!r}")
    channel.cancel()
    return connection


def measure_publishing(report: Report, node: PrivateNode, source: Talking) -> None:
    """From the WebSocket to a consumer, each issue by its own routing key."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "BROKER_URL": node.url,
            "JOURNAL_URL": f"sqlite:///{folder}/journal.sqlite3",
            "LOG_LEVEL": "error",
            "VENDORS": "koscom",
            "KOSCOM_API_KEY": KEY,
            "KOSCOM_MEMBER_NAME": "bench",
            "KOSCOM_REST_URL": "http://127.0.0.1:1",
            "KOSCOM_WS_URL": f"ws://127.0.0.1:{source.ready}",
            "XDG_DATA_HOME": folder,
        }
        with (
            server("broker_server", "run", environment=environment) as worker,
            talking("bench.tick_consumer", node.url, REALTIME_EXCHANGE, "1") as consumer,
        ):
            keeping = subscribe(node.url)
            processes = {
                "worker": worker.pid,
                "RabbitMQ": node.keeper_pid,
                "source": source.pid,
                "consumer": consumer.pid,
            }
            _report_flow(report, source, consumer, processes)
            keeping.close()


def _report_flow(report: Report, source: Talking, consumer: Talking, processes: dict[str, int]) -> None:
    source.ask(str(OFFERED_PER_SECOND))
    time.sleep(WARM_UP_SECONDS)
    parts = [json.loads(consumer.ask("take"))]
    watch, began = Stopwatch(processes), time.monotonic()
    sent = int(source.ask(str(OFFERED_PER_SECOND)))
    time.sleep(SUSTAINED_SECONDS)
    parts.append(json.loads(consumer.ask("take")))
    seconds, spent = time.monotonic() - began, watch.spent()
    sent = int(source.ask("1")) - sent
    for _ in itertools.repeat(None, MOST_DRAINS):
        time.sleep(DRAIN_SECONDS)
        parts.append(json.loads(consumer.ask("take")))
        if parts[-1]["messages"] <= PER_MESSAGE:
            break
    per_second = parts[1]["messages"] / seconds
    broken = sum(part["broken"] for part in parts)
    cores = ", ".join(f"{name} {used / seconds:.2f}" for name, used in spent.items())
    report.add(
        f"KOSCOM's market to a consumer, {ISSUES:,} issues, {SUSTAINED_SECONDS:.0f} s",
        f"{per_second:,.0f}/s",
        f"offered {sent / seconds:,.0f}/s; cores: {cores}",
        f"{broken} broken",
        f"≥ {PUBLISHED_TARGET:,}/s, none broken",
        met=per_second >= PUBLISHED_TARGET and not broken,
    )


def measure_koscom(report: Report) -> None:
    """Add the lines of KOSCOM to a `Report`."""
    with PrivateNode.start() as node, talking("bench.koscom_source") as source:
        measure_decoding(report, source)
        measure_publishing(report, node, source)


def main() -> int:
    """Measure this alone."""
    report = Report()
    measure_koscom(report)
    return report.show()


if __name__ == "__main__":
    raise SystemExit(main())
