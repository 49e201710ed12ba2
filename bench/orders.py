"""Orders: how long they take idle and behind saturating reads, and what the journal costs them."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pika
import requests

from bench import journal_cost
from bench.journal_cost import desk_median_ms
from bench.load import Measured
from bench.report import Report
from bench.servers import server
from broker_server.amqp.private_node import PrivateNode
from broker_server.simulator.process import SimulatorProcess

LIMIT = 18
"""Calls a second: what KIS allows a real key."""
SLOT_MS = 1000 / LIMIT
ORDERS = 200
WARM_UP = 10
PAUSE = 0.2
"""Seconds between two orders: slower than the limit, which is not what is measured here."""
READS = 5_000
ORDERS_QUEUE = "tasks.orders"
HOW = (
    f"A worker with the limit of a real KIS key, {LIMIT} calls a second, against a simulator without "
    f"one. {ORDERS} limit orders, one after another with {PAUSE:g} s between them, each from publishing "
    f"to the reply: first idle, then behind {READS:,} reads that wait in `tasks`. What the desk and its "
    "journal cost: orders of a vendor that answers at once, on SQLite with `synchronous=FULL`; the "
    f"median of 3 runs of {journal_cost.ORDERS}."
)


@contextmanager
def order_worker(node: PrivateNode) -> Iterator[SimulatorProcess]:
    """A worker that sends orders to a simulator, with the limit of a real key."""
    with SimulatorProcess.start() as simulator, tempfile.TemporaryDirectory() as folder:
        limits = {"limits": {"rest_per_second": 100_000, "token_interval": 0}}
        requests.post(f"{simulator.control_url}/faults", json=limits, timeout=10).raise_for_status()
        keys = simulator.credentials["kis"]["real"]
        environment = {
            "BROKER_URL": node.url,
            "JOURNAL_URL": f"sqlite:///{folder}/journal.sqlite3",
            "LOG_LEVEL": "error",
            "KIS_ENVIRONMENT": "real",
            "KIS_REST_URL": simulator.kis_rest_url,
            "KIS_APP_KEY": keys["app_key"],
            "KIS_APP_SECRET": keys["app_secret"],
            "KIS_ACCOUNT": keys["account"],
            "KIS_RATE_LIMIT": str(LIMIT),
            "ORDER_MAX_PER_DAY": "none",
            "ORDER_POLL_SECONDS": "600",
            "XDG_DATA_HOME": folder,
        }
        with server("broker_server", "run", "--simulate", environment=environment):
            yield simulator


class OrderBodies:
    """Makes orders that are all different.

    Args:
        prefix: Of their task_ids.
        price: A limit that is never reached, so that nothing is filled.
    """

    def __init__(self, prefix: str, price: int) -> None:
        self._prefix = prefix
        self._price = price

    def __call__(self, number: int) -> bytes:
        """The body of order number n."""
        return json.dumps(
            {
                "task_id": f"{self._prefix}-{number}",
                "method": "kis.buy-order",
                "parameters": {"ticker": "005930", "quantity": number, "price": self._price},
                "request_time": datetime.now(UTC).isoformat(),
            }
        ).encode()


def flood_with_reads(url: str, number: int) -> pika.BlockingConnection:
    """Put reads into ``tasks`` and return the connection that their replies go to."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    for n in range(number):
        body = {"task_id": f"read-{n}", "method": "kis.get-current-price", "parameters": {"ticker": "005930"}}
        channel.basic_publish("", "tasks", json.dumps(body).encode(), pika.BasicProperties(reply_to=queue))
    return connection


def lower_limit(simulator: SimulatorProcess) -> int:
    """A price of 005930 at which nobody sells."""
    answer: dict[str, Any] = requests.get(
        f"{simulator.control_url}/market", params={"ticker": "005930"}, timeout=10
    ).json()
    return int(answer["lower_limit"])


def latency(url: str, bodies: OrderBodies) -> Measured:
    """Orders one after another, slower than the limit allows, as a strategy sends them."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    latencies: list[float] = []
    for number in range(1, WARM_UP + ORDERS + 1):
        began = time.perf_counter()
        properties = pika.BasicProperties(reply_to=queue, delivery_mode=2)
        channel.basic_publish("", ORDERS_QUEUE, bodies(number), properties)
        _, _, reply = next(channel.consume(queue, auto_ack=True))
        latencies.append(time.perf_counter() - began)
        if json.loads(reply)["status"] != "TASK_SUCCEED":
            raise RuntimeError(f"an order failed: {reply[:300]!r}")
        connection.sleep(PAUSE)
    connection.close()
    ordered = sorted(latencies[WARM_UP:])
    return Measured(
        per_second=len(ordered) / sum(ordered),
        median_ms=statistics.median(ordered) * 1000,
        p99_ms=ordered[int(len(ordered) * 0.99) - 1] * 1000,
    )


def measure_orders(report: Report) -> None:
    """Measure, and add the lines to the report."""
    with PrivateNode.start() as node, order_worker(node) as simulator:
        price = lower_limit(simulator)
        idle = latency(node.url, OrderBodies("idle", price))
        reads = flood_with_reads(node.url, READS)
        time.sleep(2)
        loaded = latency(node.url, OrderBodies("loaded", price))
        reads.close()
    allowed = idle.p99_ms + 1.5 * SLOT_MS
    report.add(
        f"kis.buy-order behind {READS:,} reads, p50",
        f"{loaded.median_ms:.0f} ms",
        f"idle {idle.median_ms:.0f} ms",
        f"{loaded.median_ms - idle.median_ms:+.0f} ms",
        "",
        met=True,
    )
    report.add(
        f"kis.buy-order behind {READS:,} reads, p99",
        f"{loaded.p99_ms:.0f} ms",
        f"idle {idle.p99_ms:.0f} ms",
        f"{loaded.p99_ms - idle.p99_ms:+.0f} ms",
        f"≤ +{1.5 * SLOT_MS:.0f} ms (1.5 slots of {LIMIT}/s)",
        met=loaded.p99_ms <= allowed,
    )
    with tempfile.TemporaryDirectory() as folder:
        cost = statistics.median(desk_median_ms(Path(folder) / f"{n}.sqlite3") for n in range(3))
    report.add(
        "the order desk with its journal on SQLite",
        f"{cost:.2f} ms",
        "a handler that sends nothing",
        f"+{cost:.2f} ms",
        "≤ +5 ms",
        met=cost <= 5,
    )
