"""Live data from end to end: how many ticks a second, how late, and what many consumers cost the worker.

``python -m bench.live_data`` measures this alone. What is compared is measured in turn, round after round.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pika
import requests

from bench.processor_time import Stopwatch
from bench.realtime_codec import KEY
from bench.report import Report
from bench.servers import Talking, server, talking
from broker_client.protocol import REALTIME_EXCHANGE
from broker_server.amqp.private_node import PrivateNode
from broker_server.simulator.process import SimulatorProcess

TICKERS = ("005930", "000660", "035420", "005380", "051910", "035720", "068270", "105560", "055550", "012330")
TARGET_PER_SECOND = 10_000
OFFERED_PER_SECOND = 11_000
SUSTAINED_SECONDS = 10.0
WARM_UP_SECONDS = 2.0
PER_FRAME = (1, 4)

FORWARDED = "bench.forwarded"
LATENCY_RATE = 2_000
LATENCY_ROUNDS = 9
LATENCY_SECONDS = 0.8

CONSUMERS = 100
CONSUMER_RATE = 250
CONSUMER_ROUNDS = 5
CONSUMER_SECONDS = 1.5
SETTLE_SECONDS = 0.3
DRAIN_SECONDS = 1.0
"""Nothing more is on its way once nothing has come for so long."""
MOST_DRAINS = 15
ACK_SECONDS = 30.0
HOW = (
    f"Through: {OFFERED_PER_SECOND:,} trades a second of {len(TICKERS)} tickers from the simulated "
    f"WebSocket for {SUSTAINED_SECONDS:g} s, counted by sequence at a consumer of `broker.realtime`; "
    f"what the simulator sent and what came are compared. A tick's way: {LATENCY_RATE:,} a second at an "
    "even pace from our own source to a consumer, against a program that hands the frames from "
    f"`websockets` to pika as they are; {LATENCY_ROUNDS} rounds of {LATENCY_SECONDS:g} s in turn, "
    f"medians. Consumers: the worker's processor time for a tick with 1 and with {CONSUMERS} bound "
    f"queues, the least of {CONSUMER_ROUNDS} rounds each."
)
SELDOM = {"tick_interval": 60, "burst_every": 0}
"""The simulated market's own trades, which are no part of a load, come this rarely."""


@contextmanager
def live_worker(url: str, simulator: SimulatorProcess, ws_url: str, **settings: str) -> Iterator[int]:
    """A worker on a WebSocket server, with more settings; its process id."""
    keys = simulator.credentials["kis"]["real"]
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "BROKER_URL": url,
            "JOURNAL_URL": f"sqlite:///{folder}/journal.sqlite3",
            "LOG_LEVEL": "error",
            "KIS_ENVIRONMENT": "real",
            "KIS_REST_URL": simulator.kis_rest_url,
            "KIS_WS_URL": ws_url,
            "KIS_APP_KEY": keys["app_key"],
            "KIS_APP_SECRET": keys["app_secret"],
            "XDG_DATA_HOME": folder,
            **settings,
        }
        with server("broker_server", "run", environment=environment) as worker:
            yield worker.pid


def subscribe(url: str, tickers: tuple[str, ...]) -> pika.BlockingConnection:
    """Subscribe to trades, published to the exchange alone; returns what keeps the reply queue.

    Raises:
        RuntimeError: A subscription is not served live.
    """
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    for ticker in tickers:
        parameters = {"ticker": ticker, "copies": False, "snapshot": False, "polling": False}
        task = {
            "task_id": f"live-{ticker}",
            "method": "kis.subscribe-realtime-price",
            "parameters": parameters,
        }
        channel.basic_publish("", "tasks", json.dumps(task).encode(), pika.BasicProperties(reply_to=queue))
    acknowledged = 0
    for _, __, body in channel.consume(queue, auto_ack=True, inactivity_timeout=ACK_SECONDS):
        reply = json.loads(body or b"{}")
        if reply.get("kind") == "ack" and reply["result"][0]["mode"] == "realtime":
            acknowledged += 1
        elif reply.get("kind") != "status":
            raise RuntimeError(f"a subscription failed: {body!r}")
        if acknowledged == len(tickers):
            break
    channel.cancel()
    return connection


@dataclass(frozen=True, slots=True)
class Flow:
    """What came through in one window.

    Attributes:
        per_second: Ticks.
        broken: Ticks that do not continue their sequence.
        lost: Of all that the simulator sent, those that never came.
        share: Processor time by process, in cores.
    """

    per_second: float
    broken: int
    lost: int
    share: dict[str, float]


def flow(simulator: SimulatorProcess, consumer: Talking, processes: dict[str, int], per_frame: int) -> Flow:
    """Order a load and count what comes out at the other end."""
    faults = f"{simulator.control_url}/faults"
    consumer.ask("take")
    load = {"fault": "load", "rate": OFFERED_PER_SECOND / per_frame, "records": per_frame}
    requests.post(faults, json=load, timeout=10).raise_for_status()
    time.sleep(WARM_UP_SECONDS)
    parts = [json.loads(consumer.ask("take"))]
    watch, began = Stopwatch(processes), time.monotonic()
    time.sleep(SUSTAINED_SECONDS)
    parts.append(json.loads(consumer.ask("take")))
    seconds, spent = time.monotonic() - began, watch.spent()
    # A mute load sends nothing more, and its count stands still.
    requests.post(faults, json={"fault": "mute"}, timeout=10).raise_for_status()
    parts += rest(consumer)
    sent = sum(
        one["hits"] for one in requests.get(faults, timeout=10).json()["faults"] if one["fault"] == "load"
    )
    requests.delete(faults, timeout=10).raise_for_status()
    return Flow(
        per_second=parts[1]["messages"] / seconds,
        broken=sum(part["broken"] for part in parts),
        lost=sent * per_frame - sum(part["messages"] for part in parts),
        share={name: used / seconds for name, used in spent.items()},
    )


def rest(consumer: Talking) -> list[dict[str, Any]]:
    """What was still on its way."""
    found: list[dict[str, Any]] = []
    while len(found) < MOST_DRAINS and (not found or found[-1]["messages"]):
        time.sleep(DRAIN_SECONDS)
        found.append(json.loads(consumer.ask("take")))
    return found


def measure_flow(report: Report, node: PrivateNode, simulator: SimulatorProcess) -> None:
    """Ticks a second from the simulator to a consumer."""
    with (
        live_worker(node.url, simulator, simulator.kis_ws_url) as worker,
        talking("bench.tick_consumer", node.url, REALTIME_EXCHANGE, "1") as consumer,
    ):
        keeping = subscribe(node.url, TICKERS)
        processes = {
            "worker": worker,
            "RabbitMQ": node.keeper_pid,
            "simulator": simulator.pid,
            "consumer": consumer.pid,
        }
        for per_frame in PER_FRAME:
            one = flow(simulator, consumer, processes, per_frame)
            cores = ", ".join(f"{name} {share:.2f}" for name, share in one.share.items())
            report.add(
                f"ticks to a consumer, {per_frame} a frame, {SUSTAINED_SECONDS:.0f} s",
                f"{one.per_second:,.0f}/s",
                f"offered {OFFERED_PER_SECOND:,}/s; cores: {cores}",
                f"{one.broken} broken, {one.lost} lost",
                f"≥ {TARGET_PER_SECOND:,}/s, none lost",
                met=one.per_second >= TARGET_PER_SECOND and not one.broken and not one.lost,
            )
        keeping.close()


def late(source: Talking, consumer: Talking) -> dict[str, Any]:
    """How late ticks are at an even pace."""
    source.ask(str(LATENCY_RATE))
    time.sleep(SETTLE_SECONDS)
    consumer.ask("take")
    time.sleep(LATENCY_SECONDS)
    found: dict[str, Any] = json.loads(consumer.ask("take"))
    source.ask("20")
    return found


def measure_latency(report: Report, url: str, source: Talking) -> None:
    """From the sending of a frame to its receipt by a consumer, against the least that can bring it there."""
    with (
        talking("bench.tick_source") as bare_source,
        server("bench.tick_forwarder", url, f"ws://127.0.0.1:{bare_source.ready}", FORWARDED),
        talking("bench.tick_consumer", url, FORWARDED, "1") as bare_consumer,
        talking("bench.tick_consumer", url, REALTIME_EXCHANGE, "1") as consumer,
    ):
        own, bare = (source, consumer), (bare_source, bare_consumer)
        rounds = []
        for number in range(LATENCY_ROUNDS):
            order = (own, bare) if number % 2 else (bare, own)  # so that neither always goes first
            found = {pair: late(*pair) for pair in order}
            rounds.append((found[own], found[bare]))
    for name, figure, target in (("median", "median_us", 1.5), ("p99", "p99_us", 2.0)):
        ours = statistics.median(one[figure] for one, _ in rounds) / 1000
        theirs = statistics.median(other[figure] for _, other in rounds) / 1000
        ratio = statistics.median(one[figure] / other[figure] for one, other in rounds)
        came = min(
            statistics.median(one["messages"] for one in side) / LATENCY_SECONDS
            for side in zip(*rounds, strict=True)
        )
        report.add(
            f"a tick's way at {LATENCY_RATE:,}/s, {name}",
            f"{ours:.2f} ms",
            f"websockets to pika {theirs:.2f} ms; both ≥ {came:,.0f}/s",
            f"{ratio:.2f}",
            f"≤ {target}",
            met=ratio <= target and came >= 0.95 * LATENCY_RATE,
        )


def cost(worker: int, source: Talking, consumer: Talking) -> float:
    """Microseconds of the worker's processor time for a tick."""
    queues = int(consumer.ready)
    source.ask(str(CONSUMER_RATE))
    time.sleep(SETTLE_SECONDS)
    consumer.ask("take")
    watch = Stopwatch({"worker": worker})
    time.sleep(CONSUMER_SECONDS)
    ticks = json.loads(consumer.ask("take"))["messages"] / queues
    spent = watch.spent()["worker"]
    source.ask("20")
    return spent / ticks * 1e6


def measure_consumers(report: Report, url: str, worker: int, source: Talking) -> None:
    """What many consumers cost the worker; it publishes once for all of them.

    A figure is the least of its rounds: what else the machine does makes a tick dearer, nothing cheaper.
    """
    costs: dict[int, list[float]] = {1: [], CONSUMERS: []}
    for number in range(CONSUMER_ROUNDS):
        for queues in sorted(costs, reverse=number % 2 == 0):  # so that neither always goes first
            with talking("bench.tick_consumer", url, REALTIME_EXCHANGE, str(queues)) as consumer:
                costs[queues].append(cost(worker, source, consumer))
    one, many = min(costs[1]), min(costs[CONSUMERS])
    report.add(
        f"the worker's CPU for a tick, {CONSUMERS} consumers",
        f"{many:.0f} µs",
        f"1 consumer {one:.0f} µs",
        f"{many / one:.2f}",
        "≤ 1.1",
        met=many / one <= 1.1,
    )


def measure_live_data(report: Report) -> None:
    """Add the lines of live data to a `Report`."""
    with PrivateNode.start() as node, SimulatorProcess.start() as simulator:
        limits = {"limits": {"rest_per_second": 100_000, "token_interval": 0}}
        requests.post(f"{simulator.control_url}/faults", json=limits, timeout=10).raise_for_status()
        requests.post(f"{simulator.control_url}/stream", json=SELDOM, timeout=10).raise_for_status()
        measure_flow(report, node, simulator)
        with (
            talking("bench.tick_source") as source,
            live_worker(node.url, simulator, f"ws://127.0.0.1:{source.ready}") as worker,
        ):
            keeping = subscribe(node.url, (KEY,))
            measure_latency(report, node.url, source)
            measure_consumers(report, node.url, worker, source)
            keeping.close()


def main() -> int:
    """Measure this alone."""
    report = Report()
    measure_live_data(report)
    return report.show()


if __name__ == "__main__":
    raise SystemExit(main())
