"""What grows with what: ``python -m bench.capacity`` prints the tables of docs/topics/capacity.md.

Figures of processor time hardly depend on what else the machine does; rates do. Name tables to measure only
those: ``python -m bench.capacity tasks consumers``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from sqlalchemy import create_engine, insert, literal, select, update

from bench.gateway_server import FANNED_OUT
from bench.journal_cost import ORDERS, desk_median_ms
from bench.live_data import CONSUMER_RATE, SELDOM, live_worker, subscribe
from bench.load import RoundTrips, ping_body
from bench.peers import price_body
from bench.processor_time import Stopwatch, with_descendants
from bench.realtime_codec import KEY
from bench.servers import Talking, resident_mb, server, talking
from broker_client import Client
from broker_server.amqp.private_node import PrivateNode
from broker_server.amqp.topology import REALTIME_EXCHANGE
from broker_server.core.orders import Status
from broker_server.journal.tables import order_transitions, orders
from broker_server.logs import configure_logs
from broker_server.simulator.instruments import DOMESTIC, load_instruments
from broker_server.simulator.process import SimulatorProcess

TASKS = 3_000
TICKERS = (1, 10, 39)
TICK_RATES = (250, 1_000, 4_000)
CONSUMERS = (1, 10, 50, 100)
CLIENTS = (0, 50, 200)
SOCKETS = (100, 250, 500)
ROWS = (0, 10_000, 100_000)
SECONDS = 5.0
SETTLE_SECONDS = 1.0
GATEWAY_ROUNDS = 15
OLD = "2020-01-02"
"""A day of orders that were there before."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the page."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """As it stands in the page."""
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        return "\n".join([f"### {self.title}", "", *(f"| {' | '.join(line)} |" for line in lines), ""])


@dataclass(frozen=True, slots=True)
class Place:
    """A node and a simulator without limits."""

    node: PrivateNode
    simulator: SimulatorProcess

    def watch(self, worker: int) -> Stopwatch:
        """Of the worker's and RabbitMQ's processor time."""
        return Stopwatch({"worker": worker, "RabbitMQ": self.node.keeper_pid})


@contextmanager
def place() -> Iterator[Place]:
    """Both, while the block lasts."""
    with PrivateNode.start() as node, SimulatorProcess.start() as simulator:
        limits = {"limits": {"rest_per_second": 100_000, "token_interval": 0}}
        requests.post(f"{simulator.control_url}/faults", json=limits, timeout=60).raise_for_status()
        requests.post(f"{simulator.control_url}/stream", json=SELDOM, timeout=60).raise_for_status()
        yield Place(node, simulator)


def tasks() -> Table:
    """Processor time of a task, by what it is and how many are in flight."""
    rows = []
    with (
        place() as here,
        live_worker(
            here.node.url, here.simulator, here.simulator.kis_ws_url, KIS_RATE_LIMIT="1000"
        ) as worker,
    ):
        for name, body in (("broker.ping", ping_body), ("kis.get-current-price", price_body)):
            for in_flight in (1, 16, 256):
                watch = here.watch(worker)
                trips = RoundTrips(here.node.url, "tasks", body, in_flight=in_flight, total=TASKS)
                measured, spent = trips.run(), watch.spent()
                done = TASKS + max(in_flight, TASKS // 10)
                rows.append(
                    [
                        f"`{name}`",
                        f"{in_flight}",
                        f"{measured.per_second:,.0f}",
                        *(f"{seconds / done * 1e6:,.0f}" for seconds in spent.values()),
                    ]
                )
    columns = ("task", "in flight", "tasks/s", "worker, µs of CPU", "RabbitMQ, µs of CPU")
    return Table("Tasks", columns, rows)


def tickers() -> Table:
    """What subscriptions and ticks cost."""
    rows: list[list[str]] = []
    symbols = [each.symbol for each in load_instruments() if each.market == DOMESTIC and not each.suspended]
    with place() as here:
        for count in TICKERS:
            with live_worker(here.node.url, here.simulator, here.simulator.kis_ws_url) as worker:
                idle = resident_mb(worker)
                with talking("bench.tick_consumer", here.node.url, REALTIME_EXCHANGE, "1") as consumer:
                    keeping = subscribe(here.node.url, tuple(symbols[:count]))
                    flows = [_flow(here, worker, consumer, rate) for rate in TICK_RATES]
                    rows += [[f"{count}", *each] for each in flows]
                    rows[-1][-1] = f"{resident_mb(worker) - idle:+.0f}"
                    keeping.close()
    columns = (
        "tickers",
        "ticks/s offered",
        "ticks/s at a consumer",
        "worker, µs of CPU",
        "RabbitMQ, µs of CPU",
        "worker, MB more",
    )
    return Table("Tickers and ticks", columns, rows)


def _flow(here: Place, worker: int, consumer: Talking, rate: int) -> list[str]:
    faults = f"{here.simulator.control_url}/faults"
    load = {"fault": "load", "rate": rate, "records": 1, "tr": "H0STCNT0"}
    requests.post(faults, json=load, timeout=60).raise_for_status()
    per_second, costs = _count(here.watch(worker), consumer, queues=1)
    requests.delete(faults, timeout=60).raise_for_status()
    return [f"{rate:,}", f"{per_second:,.0f}", *costs, ""]


def _count(watch: Stopwatch, consumer: Talking, *, queues: int) -> tuple[float, list[str]]:
    """Ticks a second, and what one cost each process, after a moment to settle."""
    time.sleep(SETTLE_SECONDS)
    consumer.ask("take")
    before, began = watch.spent(), time.monotonic()
    time.sleep(SECONDS)
    ticks = json.loads(consumer.ask("take"))["messages"] / queues
    seconds, after = time.monotonic() - began, watch.spent()
    costs = [f"{(after[name] - used) / max(ticks, 1) * 1e6:,.0f}" for name, used in before.items()]
    return ticks / seconds, costs


def consumers() -> Table:
    """What it costs that many read the same ticks."""
    rows = []
    with (
        place() as here,
        talking("bench.tick_source") as source,
        live_worker(here.node.url, here.simulator, f"ws://127.0.0.1:{source.ready}") as worker,
    ):
        keeping = subscribe(here.node.url, (KEY,))
        source.ask(str(CONSUMER_RATE))
        for queues in CONSUMERS:
            with talking("bench.tick_consumer", here.node.url, REALTIME_EXCHANGE, str(queues)) as consumer:
                per_second, costs = _count(here.watch(worker), consumer, queues=queues)
                rows.append([f"{queues}", f"{per_second:,.0f}", *costs])
        keeping.close()
    columns = ("consumers", "ticks/s", "worker, µs of CPU a tick", "RabbitMQ, µs of CPU a tick")
    return Table("Consumers of the same ticks", columns, rows)


def clients() -> Table:
    """What RabbitMQ keeps for clients that are connected and wait."""
    rows = []
    with PrivateNode.start() as node, ExitStack() as connected:
        before = _node_mb(node)
        for number, count in enumerate(CLIENTS):
            for _ in range(count - (CLIENTS[number - 1] if number else 0)):
                connected.enter_context(Client(node.url, timeout=120))
            time.sleep(SETTLE_SECONDS)
            now = _node_mb(node)
            each = f"{(now - before) / count:.2f}" if count else ""
            rows.append([f"{count}", f"{now:,.0f}", each])
    return Table("Clients of RabbitMQ", ("clients", "RabbitMQ, MB", "MB a client"), rows)


def _node_mb(node: PrivateNode) -> float:
    return sum(resident_mb(each) for each in with_descendants(node.keeper_pid))


def gateway() -> Table:
    """What clients of the gateway's WebSocket cost it."""
    rows = []
    for count in SOCKETS:
        with (
            talking("bench.gateway_server", "gateway") as server,
            talking("bench.gateway_clients", server.ready, str(count)) as sockets,
        ):
            sockets.ask("settle")
            messages, costs = count * len(FANNED_OUT), []
            for _ in range(GATEWAY_ROUNDS):
                watch = Stopwatch({"gateway": server.pid})
                server.ask("round")
                sockets.ask(str(messages))
                costs.append(watch.spent()["gateway"] / messages * 1e6)
            rows.append([f"{count}", f"{statistics.median(costs):.1f}", f"{resident_mb(server.pid):.0f}"])
    columns = ("WebSocket clients", "µs of CPU a message to one client", "gateway, MB")
    return Table(f"Clients of the gateway, {len(FANNED_OUT)} tickers each", columns, rows)


def journal() -> Table:
    """What an order costs by how many there were before."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "journal.sqlite3"
        desk_median_ms(file, "first")
        size = file.stat().st_size
        for count in ROWS:
            _fill(file, count)
            grown = (file.stat().st_size - size) / count if count else 0.0
            took = desk_median_ms(file, f"after-{count}")
            rows.append([f"{count:,}", f"{took:.2f}", f"{file.stat().st_size / 1e6:.1f}", f"{grown:,.0f}"])
    return Table("Orders on record", ("orders", "ms for one more", "journal, MB", "bytes an order"), rows)


def _fill(file: Path, count: int) -> None:
    """Copy the orders of the first run, with their history, until there are so many more of an older day."""
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        there = len(connection.execute(select(orders.c.task_id).where(orders.c.trading_day == OLD)).all())
        for number in range(there // ORDERS, count // ORDERS):
            for table in (orders, order_transitions):
                changed = {
                    "task_id": literal(f"{number}-") + table.c.task_id,
                    "trading_day": literal(OLD),
                }
                names = [column.name for column in table.columns]
                copies = select(*(changed.get(name, table.c[name]) for name in names))
                copies = copies.where(table.c.task_id.like("first-%"))
                connection.execute(insert(table).from_select(names, copies))
        connection.execute(update(orders).where(orders.c.trading_day == OLD).values(status=Status.FILLED))
    engine.dispose()


def idle() -> Table:
    """What a worker keeps that does nothing, by how many vendors it serves."""
    rows = []
    for vendors in ("kis", "kis,kiwoom", "kis,kiwoom,koscom"):
        with PrivateNode.start() as node, tempfile.TemporaryDirectory() as folder:
            environment = {
                "BROKER_URL": node.url,
                "VENDORS": vendors,
                "XDG_DATA_HOME": folder,
                "LOG_LEVEL": "error",
            }
            with server("broker_server", "run", "--simulate", environment=environment) as worker:
                time.sleep(SETTLE_SECONDS)
                threads = len(os.listdir(f"/proc/{worker.pid}/task"))
                rows.append([vendors, f"{resident_mb(worker.pid):.0f}", f"{threads}"])
    return Table("An idle worker", ("vendors", "MB", "threads"), rows)


TABLES: dict[str, Callable[[], Table]] = {
    each.__name__: each for each in (tasks, tickers, consumers, clients, gateway, journal, idle)
}


def main() -> None:
    """Measure, and print one table after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", choices=[*TABLES, []], help="only these")
    names = parser.parse_args().tables or list(TABLES)
    configure_logs("console", "error", [])  # which go to stderr, not between the tables
    print(f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}", end="")
    print(f"; load average at the start {os.getloadavg()[0]:.1f}\n", flush=True)
    for name in names:
        print(TABLES[name]().markdown(), flush=True)


if __name__ == "__main__":
    main()
