"""What the metrics endpoint costs: pings a second of a worker that is scraped, against one that has none.

``python -m bench.metrics_cost`` measures this alone. Both workers are on one RabbitMQ, each with a virtual
host of its own, and are measured in turn, round after round.
"""

from __future__ import annotations

import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from bench.live_data import live_worker
from bench.load import RoundTrips, ping_body
from bench.processor_time import Stopwatch
from bench.report import Report
from broker_server.amqp.private_node import PrivateNode
from broker_server.amqp.private_node.ports import free_port
from broker_server.simulator.process import SimulatorProcess
from tests.support.broker_cleaning import ManagementApi

PLAIN, WATCHED = "plain", "watched"
ROUNDS = 9
PINGS = 6_000
IN_FLIGHT = 64
SCRAPE_SECONDS = 1.0
"""Prometheus' own default is a minute, ours in docker/prometheus 15 s."""
LEAST = 0.97
HOW = (
    "Two workers on one RabbitMQ, each with a virtual host of its own: one without a metrics endpoint, "
    f"one with METRICS_PORT that is scraped every {SCRAPE_SECONDS:g} s. {PINGS:,} pings, {IN_FLIGHT} in "
    f"flight, in turn; the median of {ROUNDS} rounds. The processor time is the worker's own."
)


@contextmanager
def scraped(port: int) -> Iterator[None]:
    """Read the metrics all the time that the block takes.

    Raises:
        requests.RequestException: The endpoint does not answer.
    """
    ended, trouble = threading.Event(), []

    def scrape() -> None:
        try:
            while not ended.wait(SCRAPE_SECONDS):
                requests.get(f"http://127.0.0.1:{port}/metrics", timeout=30).raise_for_status()
        except requests.RequestException as error:
            trouble.append(error)

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if trouble:
        raise trouble[0]


def measure_metrics(report: Report) -> None:
    """Add the line of the endpoint to a `Report`."""
    with (
        PrivateNode.start(port=free_port(), plugins=("rabbitmq_management",)) as node,
        SimulatorProcess.start() as simulator,
    ):
        assert node.management_url is not None
        api, base = ManagementApi(node.management_url, node.url), node.url.rpartition("/")[0]
        for name in (PLAIN, WATCHED):
            api.add_virtual_host(name)
        urls, port = {name: f"{base}/{name}" for name in (PLAIN, WATCHED)}, free_port()
        rounds: dict[str, list[float]] = {PLAIN: [], WATCHED: []}
        costs: dict[str, list[float]] = {PLAIN: [], WATCHED: []}
        ws_url = simulator.kis_ws_url
        with (
            live_worker(urls[PLAIN], simulator, ws_url) as plain,
            live_worker(urls[WATCHED], simulator, ws_url, METRICS_PORT=str(port)) as watched,
        ):
            processes = {PLAIN: plain, WATCHED: watched}
            with scraped(port):
                for number in range(ROUNDS):
                    for name in sorted(urls, reverse=number % 2 == 0):  # so that neither always goes first
                        watch = Stopwatch(processes)
                        trips = RoundTrips(urls[name], "tasks", ping_body, in_flight=IN_FLIGHT, total=PINGS)
                        rounds[name].append(trips.run().per_second)
                        costs[name].append(watch.spent()[name] / (1.1 * PINGS) * 1e6)
    ratio = statistics.median(w / p for w, p in zip(rounds[WATCHED], rounds[PLAIN], strict=True))
    (plain_rate, watched_rate), (plain_cost, watched_cost) = (
        [statistics.median(found[name]) for name in (PLAIN, WATCHED)] for found in (rounds, costs)
    )
    report.add(
        f"broker.ping with METRICS_PORT, scraped every {SCRAPE_SECONDS:g} s",
        f"{watched_rate:,.0f}/s, {watched_cost:.0f} µs of CPU each",
        f"without: {plain_rate:,.0f}/s, {plain_cost:.0f} µs",
        f"{ratio:.2f}",
        f"≥ {LEAST}",
        met=ratio >= LEAST,
    )


def main() -> int:
    """Measure this alone."""
    report = Report()
    measure_metrics(report)
    return report.show()


if __name__ == "__main__":
    raise SystemExit(main())
