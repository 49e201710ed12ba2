"""``make bench``: every speed target as a ratio measured in one run, on a private RabbitMQ node.

The figures depend on the machine; the ratios are what counts. Exit 1 when one of them misses its target.
"""

from __future__ import annotations

import json
import statistics
import tempfile

import requests
from rich.console import Console
from rich.table import Table

from bench.direct_price import DirectPrice
from bench.gateway import measure_gateway
from bench.koscom_feed import measure_koscom
from bench.live_data import measure_live_data
from bench.load import Measured, RoundTrips, ping_body
from bench.metrics_cost import measure_metrics
from bench.orders import measure_orders
from bench.realtime_codec import measure_codec
from bench.servers import declare_quorum_queue, resident_mb, server
from broker_server.amqp.private_node import PrivateNode
from broker_server.simulator.process import SimulatorProcess

OURS, BARE, FASTSTREAM = "tasks", "bench.echo", "bench.faststream"
ROUNDS = 5
IN_FLIGHT = 64
MANY = 8_000
ONE_BY_ONE = 600
PRICE_CALLS = 300
UNLIMITED = 100_000
WIDTH = 150
"""Of the table, in characters."""


def price_body(number: int) -> bytes:
    """A ``kis.get-current-price`` task."""
    task = {
        "task_id": f"price-{number}",
        "method": "kis.get-current-price",
        "parameters": {"ticker": "005930"},
    }
    return json.dumps(task).encode()


def interleaved(url: str, queues: dict[str, int], *, in_flight: int) -> list[dict[str, Measured]]:
    """Measure the servers in turn, round after round, so that a busy moment of the machine hits them all.

    Args:
        queues: Each server's queue, with the number of round trips to measure.
    """
    return [
        {
            queue: RoundTrips(url, queue, ping_body, in_flight=in_flight, total=total).run()
            for queue, total in queues.items()
        }
        for _ in range(ROUNDS)
    ]


def middle(values: list[float]) -> float:
    """The median."""
    return statistics.median(values)


class Report:
    """Collects the figures and the verdicts."""

    def __init__(self) -> None:
        self.table = Table(
            "measurement", "figure", "against", "ratio or difference", "target", "", title="sapi-broker bench"
        )
        self.missed = 0

    def add(self, name: str, figure: str, against: str, value: str, target: str, *, met: bool) -> None:
        """Add a line."""
        self.missed += not met
        self.table.add_row(name, figure, against, value, target, "[green]met[/]" if met else "[red]missed[/]")


def measure(report: Report) -> None:
    """Run everything."""
    with (
        PrivateNode.start() as node,
        SimulatorProcess.start() as simulator,
        tempfile.TemporaryDirectory() as folder,
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
        for peer in (BARE, FASTSTREAM):
            declare_quorum_queue(node.url, peer)
        with (
            server("bench.bare_echo", node.url, BARE),
            server("bench.faststream_echo", node.url, FASTSTREAM),
            server("broker_server", "run", environment=worker_environment) as worker,
        ):
            idle_mb = resident_mb(worker.pid)
            _measure_round_trips(report, node.url)
            _measure_price(report, node.url, DirectPrice(simulator.kis_rest_url, keys))
            report.add("worker, idle", f"{idle_mb:.0f} MB", "", "", "≤ 120 MB", met=idle_mb <= 120)


def _measure_round_trips(report: Report, url: str) -> None:
    rounds = interleaved(url, {BARE: MANY, OURS: MANY, FASTSTREAM: MANY // 4}, in_flight=IN_FLIGHT)
    figure = f"{middle([one[OURS].per_second for one in rounds]):,.0f}/s"
    for against, queue, target in (
        ("bare pika-asyncio echo", BARE, 0.75),
        ("FastStream echo", FASTSTREAM, 2.0),
    ):
        ratio = middle([one[OURS].per_second / one[queue].per_second for one in rounds])
        other = middle([one[queue].per_second for one in rounds])
        report.add(
            f"broker.ping, {IN_FLIGHT} in flight",
            figure,
            f"{against} {other:,.0f}/s",
            f"{ratio:.2f}",
            f"≥ {target}",
            met=ratio >= target,
        )
    rounds = interleaved(url, {BARE: ONE_BY_ONE, OURS: ONE_BY_ONE}, in_flight=1)
    ratio = middle([one[OURS].median_ms / one[BARE].median_ms for one in rounds])
    report.add(
        "broker.ping, one at a time",
        f"{middle([one[OURS].median_ms for one in rounds]):.2f} ms",
        f"bare pika-asyncio echo {middle([one[BARE].median_ms for one in rounds]):.2f} ms",
        f"{ratio:.2f}",
        "≤ 1.5",
        met=ratio <= 1.5,
    )


def _measure_price(report: Report, url: str, direct: DirectPrice) -> None:
    direct_ms, broker_ms = [], []
    for _ in range(ROUNDS):
        direct_ms.append(direct.median_ms(PRICE_CALLS))
        broker_ms.append(RoundTrips(url, "tasks", price_body, in_flight=1, total=PRICE_CALLS).run().median_ms)
    ours, bare = middle(broker_ms), middle(direct_ms)
    report.add(
        "kis.get-current-price, one at a time",
        f"{ours:.2f} ms",
        f"requests to the simulator {bare:.2f} ms",
        f"+{ours - bare:.2f} ms",
        "≤ +2.5 ms",
        met=ours - bare <= 2.5,
    )


def main() -> int:
    """Measure, print the table, and say whether every target was met."""
    report = Report()
    measure(report)
    measure_metrics(report)
    measure_orders(report)
    measure_codec(report)
    measure_live_data(report)
    measure_gateway(report)
    measure_koscom(report)
    Console(width=WIDTH).print(report.table)
    return 1 if report.missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
