"""A worker and a gateway under an even load for a long time: what they hold, sampled all along."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.table import Table

from broker_server.amqp.private_node import PrivateNode
from broker_server.amqp.private_node.ports import free_port
from tests.support.brokerage import Brokerage
from tests.support.gateway_process import open_gateway
from tests.support.processes import CommandProcess, start_server
from tests.support.resources import MIB, AtBroker, Held, at_broker, channels_by_connection, held, slope
from tests.support.waiting import wait_until

TICKS_PER_SECOND = 1_000
SAMPLES = 240
WINDOWS = 6
"""The run is looked at in so many windows; the first is the warm-up."""
PENDING = "sapi_ticks_pending"
SEND_TICKS = {"fault": "load", "rate": TICKS_PER_SECOND, "records": 1, "tr": "H0STCNT0"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment.

    Attributes:
        seconds: Since the load began.
        processes: By name.
        pending: Messages of live data that wait in the worker, or for a confirm.
    """

    seconds: float
    processes: dict[str, Held]
    broker: AtBroker
    pending: float


@dataclass(slots=True)
class SoakReport:
    """What a run showed.

    Attributes:
        counts: What the clients did.
        errors: What they met with.
        left: At the broker after the clients had gone, beyond what there was before they came.
    """

    seconds: float = 0.0
    samples: list[Sample] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)

    def windows(self, process: str, what: str) -> list[float]:
        """The medians of a figure in each window."""
        values = self._by_window(lambda sample: getattr(sample.processes[process], what))
        return [statistics.median(each) for each in values]

    def most_pending(self) -> list[float]:
        """The longest backlog of live data that a sample of each window saw."""
        return [max(each) for each in self._by_window(lambda sample: sample.pending)]

    def _by_window(self, figure: Callable[[Sample], float]) -> list[list[float]]:
        length = self.seconds / WINDOWS
        found: list[list[float]] = [[] for _ in range(WINDOWS)]
        for sample in self.samples:
            found[min(WINDOWS - 1, int(sample.seconds / length))].append(figure(sample))
        return found

    def growth(self, process: str) -> float:
        """How much the memory of the last window is above that of the first one after the warm-up."""
        _, first, *_, last = self.windows(process, "memory")
        return last / first - 1

    def slope(self, process: str) -> float:
        """The rise of the memory after the warm-up, in bytes an hour."""
        begin = self.seconds / WINDOWS
        points = [
            (each.seconds / 3600, float(each.processes[process].memory))
            for each in self.samples
            if each.seconds >= begin
        ]
        return slope(points)

    def per_second(self, what: str) -> float:
        """How often the clients did something."""
        return self.counts.get(what, 0) / self.seconds

    def show(self) -> None:
        """Print it."""
        table = Table("what", *(f"{number}/{WINDOWS}" for number in range(1, WINDOWS + 1)), "growth", "slope")
        for process in self.samples[0].processes:
            memory = [f"{value / MIB:.1f}" for value in self.windows(process, "memory")]
            slope = f"{self.slope(process) / MIB:+.1f} MiB/h"
            table.add_row(f"{process}: MiB", *memory, f"{self.growth(process):+.1%}", slope)
            for what in ("anonymous", "threads", "descriptors"):
                scale = MIB if what == "anonymous" else 1
                values = [f"{value / scale:.5g}" for value in self.windows(process, what)]
                table.add_row(f"{process}: {what}", *values, "", "")
        table.add_row(
            "worker: most ticks waiting", *(f"{count:.0f}" for count in self.most_pending()), "", ""
        )
        console = Console(width=130)
        console.print(table)
        console.print("  ".join(f"{name} {self.per_second(name):.1f}/s" for name in self.counts))
        first, last = self.samples[0], self.samples[-1]
        cores = {
            name: (last.processes[name].cpu - each.cpu) / (last.seconds - first.seconds)
            for name, each in first.processes.items()
        }
        console.print("cores:", "  ".join(f"{name} {share:.2f}" for name, share in cores.items()))
        console.print("errors", self.errors or "none")
        console.print("left at the broker", self.left or "nothing")


class Soak:
    """The whole system under load. A context manager.

    Args:
        folder: For everything that is kept.
        settings: More environment variables of the worker.
    """

    def __init__(self, folder: Path, settings: dict[str, str] | None = None) -> None:
        self._folder = folder
        self._settings = settings or {}
        self._running = ExitStack()

    def __enter__(self) -> Soak:
        """Start worker, gateway, simulator and node."""
        with ExitStack() as stack:
            node = stack.enter_context(PrivateNode.start(port=free_port(), plugins=("rabbitmq_management",)))
            assert node.management_url is not None
            self._url, self._management = node.url, node.management_url
            self._brokerage = stack.enter_context(Brokerage())
            self._metrics_port = free_port()
            environment = {
                **self._brokerage.settings(),
                **self._brokerage.live_settings(),
                "BROKER_URL": node.url,
                "JOURNAL_URL": f"sqlite:///{self._folder / 'journal.sqlite3'}",
                "XDG_DATA_HOME": str(self._folder),
                "LOG_LEVEL": "warning",
                "KIS_RATE_LIMIT": "1000",
                "ORDER_MAX_PER_DAY": "none",
                "ORDER_MAX_NOTIONAL": "none",
                "METRICS_PORT": str(self._metrics_port),
                **self._settings,
            }
            self.worker = stack.enter_context(start_server("run", "--simulate", environment=environment))
            self.worker.wait_ready()
            settings = {"LOG_LEVEL": "warning"}
            self.gateway = stack.enter_context(open_gateway(node.url, self._folder, settings))
            self._running = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """End everything."""
        self._running.close()

    def run(self, seconds: float) -> SoakReport:
        """Load it for so long, then let the clients go and look at what they leave behind."""
        report = SoakReport()
        wait_until(lambda: at_broker(self._management).consumers > 0, what="the management plugin's counts")
        before, channels = self._settled(), channels_by_connection(self._management)
        arguments = [self._url, self.gateway.address]
        program = "from tests.support.soak_load import main"
        with CommandProcess(arguments, program=program) as load:
            load.wait_ready()
            wait_until(lambda: _told(load).get("counts", {}).get("ticks"), what="the first tick")
            self._brokerage.control("POST", "/faults", SEND_TICKS)
            pids = {
                "worker": self.worker.process.pid,
                "gateway": self.gateway.process.process.pid,
                "clients": load.process.pid,
                "simulator": self._brokerage.simulator.pid,
            }
            start, began = _told(load)["counts"], time.monotonic()
            while (passed := time.monotonic() - began) < seconds:
                assert load.process.poll() is None, load.output
                processes = {name: held(pid) for name, pid in pids.items()}
                report.samples.append(Sample(passed, processes, at_broker(self._management), self._pending()))
                time.sleep(max(0.0, seconds / SAMPLES - (time.monotonic() - began - passed)))
            report.seconds = time.monotonic() - began
            told = _told(load)
            report.counts = {name: value - start.get(name, 0) for name, value in told["counts"].items()}
            report.errors = told["errors"]
            self._brokerage.calm()
            assert load.terminate() == 0, load.output
        after = self._settled(wanted=before)
        report.left = after - before
        more = channels_by_connection(self._management) - channels
        report.left |= {f"channels of {name}": count for name, count in more.items()}
        return report

    def _pending(self) -> float:
        answer = requests.get(f"http://127.0.0.1:{self._metrics_port}/metrics", timeout=60)
        answer.raise_for_status()
        families = text_string_to_metric_families(answer.text)
        return sum(each.value for family in families if family.name == PENDING for each in family.samples)

    def _settled(self, wanted: AtBroker | None = None) -> AtBroker:
        """The counts at the broker, once they are as wanted or stay as they are; the plugin's lag behind."""
        counts = [at_broker(self._management)]
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            time.sleep(1.0)
            counts.append(at_broker(self._management))
            if counts[-1] == wanted or (wanted is None and len(set(counts[-10:])) == 1 and len(counts) > 10):
                break
        return counts[-1]


def _told(load: CommandProcess) -> dict[str, Any]:
    lines = [line for line in load.stdout_lines if line.startswith("{")]
    return json.loads(lines[-1]) if lines else {}
