"""A worker's round trips against the bare floor and against other libraries, on one RabbitMQ node."""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass

import requests

from bench.celery_echo import task_message, task_properties
from bench.direct_price import DirectPrice
from bench.load import Measured, RoundTrips, ping_body
from bench.report import Report
from bench.servers import declare_quorum_queue, resident_mb, server
from broker_server.amqp.private_node import PrivateNode
from broker_server.simulator.process import SimulatorProcess

ROUNDS = 5
IN_FLIGHT = 64
MANY = 8_000
ONE_BY_ONE = 600
PRICE_CALLS = 300
UNLIMITED = 100_000


@dataclass(frozen=True, slots=True)
class Served:
    """What answers round trips.

    Attributes:
        name: In the report.
        module: What serves it, given the broker and the queue; none for the worker itself.
        queue: Where its requests go.
        share: Its round trips in a round, as a share of the worker's: it is given as long, not as many.
        target: The least ratio of the worker's rate to its own.
        is_celery: It is asked in Celery's own protocol.
    """

    name: str
    module: str
    queue: str
    share: float
    target: float
    is_celery: bool = False

    def round_trips(self, url: str, in_flight: int, total: int) -> Measured:
        """Measure so many."""
        return RoundTrips(
            url,
            self.queue,
            task_message if self.is_celery else ping_body,
            in_flight=in_flight,
            total=max(in_flight, int(total * self.share)),
            properties=task_properties if self.is_celery else None,
        ).run()


OURS = Served("broker.ping", "", "tasks", 1, 1)
FLOOR = Served("bare pika-asyncio echo", "bench.bare_echo", "bench.echo", 1, 0.75)
PEERS = (
    FLOOR,
    Served("bare pika blocking echo", "bench.blocking_echo", "bench.blocking", 0.4, 1.0),
    Served("FastStream echo", "bench.faststream_echo", "bench.faststream", 0.25, 2.0),
    Served("Celery echo, rpc, prefork 2", "bench.celery_echo", "bench.celery", 0.1, 4.0, is_celery=True),
)
HOW = (
    "A quorum queue each on one private RabbitMQ node, one client on pika's asyncio adapter for all. "
    f"The servers are measured in turn, {ROUNDS} rounds; a ratio is the median of the rounds' ratios, "
    f"so that a busy moment of the machine hits both sides. Of the worker and the floor {MANY:,} round "
    f"trips with {IN_FLIGHT} in flight (fewer of slower servers), then {ONE_BY_ONE} one at a time. The "
    "worker checks, validates and confirms its replies; the floor confirms its replies too; the "
    "blocking echo does not, and takes one message at a time; FastStream and Celery have their "
    "defaults, but for a prefetch of 1,000 (FastStream) and two processes (Celery). A price is asked "
    f"{PRICE_CALLS} times in each of {ROUNDS} rounds, by a task and by `requests` straight at the "
    "simulator."
)


def price_body(number: int) -> bytes:
    """A ``kis.get-current-price`` task."""
    task = {
        "task_id": f"price-{number}",
        "method": "kis.get-current-price",
        "parameters": {"ticker": "005930"},
    }
    return json.dumps(task).encode()


def interleaved(
    url: str, servers: Iterable[Served], *, in_flight: int, total: int
) -> list[dict[Served, Measured]]:
    """Measure the servers in turn, round after round."""
    return [{each: each.round_trips(url, in_flight, total) for each in servers} for _ in range(ROUNDS)]


def measure_peers(report: Report) -> None:
    """Start everything, and measure."""
    with (
        PrivateNode.start() as node,
        SimulatorProcess.start() as simulator,
        tempfile.TemporaryDirectory() as folder,
        ExitStack() as running,
    ):
        limits = {"limits": {"rest_per_second": UNLIMITED, "token_interval": 0}}
        requests.post(f"{simulator.control_url}/faults", json=limits, timeout=10).raise_for_status()
        keys = simulator.credentials["kis"]["real"]
        worker_environment = {
            "BROKER_URL": node.url,
            "JOURNAL_URL": f"sqlite:///{folder}/journal.sqlite3",
            "LOG_LEVEL": "warning",
            "KIS_ENVIRONMENT": "real",
            "KIS_REST_URL": simulator.kis_rest_url,
            "KIS_APP_KEY": keys["app_key"],
            "KIS_APP_SECRET": keys["app_secret"],
            "KIS_RATE_LIMIT": "1000",
            "XDG_DATA_HOME": folder,
        }
        for peer in PEERS:
            declare_quorum_queue(node.url, peer.queue)
            running.enter_context(server(peer.module, node.url, peer.queue))
        worker = running.enter_context(server("broker_server", "run", environment=worker_environment))
        idle_mb = resident_mb(worker.pid)
        _measure_round_trips(report, node.url)
        _measure_price(report, node.url, DirectPrice(simulator.kis_rest_url, keys))
        report.add("worker, idle", f"{idle_mb:.0f} MB", "", "", "≤ 120 MB", met=idle_mb <= 120)


def _measure_round_trips(report: Report, url: str) -> None:
    rounds = interleaved(url, (OURS, *PEERS), in_flight=IN_FLIGHT, total=MANY)
    figure = f"{statistics.median(one[OURS].per_second for one in rounds):,.0f}/s"
    for peer in PEERS:
        ratio = statistics.median(one[OURS].per_second / one[peer].per_second for one in rounds)
        other = statistics.median(one[peer].per_second for one in rounds)
        report.add(
            f"broker.ping, {IN_FLIGHT} in flight",
            figure,
            f"{peer.name} {other:,.0f}/s",
            f"{ratio:.2f}",
            f"≥ {peer.target:g}",
            met=ratio >= peer.target,
        )
    rounds = interleaved(url, (FLOOR, OURS), in_flight=1, total=ONE_BY_ONE)
    ratio = statistics.median(one[OURS].median_ms / one[FLOOR].median_ms for one in rounds)
    report.add(
        "broker.ping, one at a time",
        f"{statistics.median(one[OURS].median_ms for one in rounds):.2f} ms",
        f"{FLOOR.name} {statistics.median(one[FLOOR].median_ms for one in rounds):.2f} ms",
        f"{ratio:.2f}",
        "≤ 1.5",
        met=ratio <= 1.5,
    )


def _measure_price(report: Report, url: str, direct: DirectPrice) -> None:
    direct_ms, broker_ms = [], []
    for _ in range(ROUNDS):
        direct_ms.append(direct.median_ms(PRICE_CALLS))
        broker_ms.append(RoundTrips(url, "tasks", price_body, in_flight=1, total=PRICE_CALLS).run().median_ms)
    ours, bare = statistics.median(broker_ms), statistics.median(direct_ms)
    report.add(
        "kis.get-current-price, one at a time",
        f"{ours:.2f} ms",
        f"requests to the simulator {bare:.2f} ms",
        f"+{ours - bare:.2f} ms",
        "≤ +2.5 ms",
        met=ours - bare <= 2.5,
    )
