"""Orders through workers that are killed at random, at a vendor that loses answers: what became of each.

The ground truth is the simulator's ``GET /orders``. No two orders of a run are of the same
instrument and quantity, so that what was booked can be told apart.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from broker_server.journal.database import open_database
from broker_server.journal.orders import OrderJournal
from tests.support.order_chaos_vendors import ChaosVendor
from tests.support.processes import CommandProcess
from tests.support.simulated_brokerage import SimulatedBrokerage
from tests.support.task_wire import TaskWire
from tests.support.waiting import wait_until

REPLIES = "chaos.replies"
TICKERS = ("005930", "000660", "035420", "015760", "005380")
UNSETTLED = ("SENDING", "UNKNOWN")


@dataclass(slots=True)
class Report:
    """What a run showed.

    Attributes:
        deaths: By where the worker died.
        problems: What must not be, in words; empty when all is well.
    """

    vendor: str
    seed: int
    orders: int
    kills: int = 0
    deaths: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    booked: int = 0
    replies: int = 0
    problems: list[str] = field(default_factory=list)

    def show(self) -> None:
        """Print it as a table."""
        table = Table("what", "figure", title=f"order chaos at {self.vendor}, seed {self.seed}")
        table.add_row("orders", f"{self.orders}")
        table.add_row("workers killed (-9)", f"{self.kills}")
        for place, count in sorted(self.deaths.items()):
            table.add_row(f"  {place}", f"{count}")
        for fault, count in sorted(self.faults.items()):
            table.add_row(f"  answers lost: {fault}", f"{count}")
        table.add_row("booked by the simulator", f"{self.booked}")
        for state, count in sorted(self.states.items()):
            table.add_row(f"  journal: {state}", f"{count}")
        table.add_row("replies", f"{self.replies}")
        table.add_row("problems", "none" if not self.problems else "\n".join(self.problems[:20]))
        Console(width=110).print(table)


class OrderChaos:
    """One run.

    Args:
        vendor: Whose orders.
        broker_url: The broker.
        folder: For the journal, the token cache and the log.
        journal_url: The journal's database.
        seed: Of everything random.
        orders: How many are sent.
        kills: At least so many workers die.
        odds: Of a worker's death at one step of one order.
    """

    def __init__(
        self,
        vendor: ChaosVendor,
        broker_url: str,
        folder: Path,
        journal_url: str,
        *,
        seed: int,
        orders: int,
        kills: int,
        odds: float,
    ) -> None:
        self._vendor = vendor
        self._url = broker_url
        self._folder = folder
        self._journal_url = journal_url
        self._random = random.Random(seed)
        self._kills = kills
        self._odds = odds
        self._stop = threading.Event()
        self._worker: CommandProcess | None = None
        self._workers = 0
        self._calm = False
        self._bodies: dict[str, bytes] = {}
        self._replies: dict[str, list[dict[str, Any]]] = {}
        self.report = Report(vendor.name, seed, orders)

    def run(self) -> Report:
        """Send everything, let everything settle, then compare."""
        with self._vendor.open(self.report.seed) as brokerage, TaskWire(self._url) as wire:
            wire.channel.queue_declare(REPLIES, durable=True)
            wire.channel.queue_purge(REPLIES)
            supervisor = threading.Thread(target=self._supervise, args=(brokerage,), daemon=True)
            supervisor.start()
            try:
                wait_until(lambda: wire.consumers("tasks.orders"), 60, "a worker")
                sent = self._send(wire, brokerage)
                self._settle(wire)
            finally:
                self._stop.set()
                supervisor.join(60)
            self._compare(sent, brokerage.orders())
            wire.channel.queue_delete(REPLIES)
        return self.report

    def _environment(self, brokerage: SimulatedBrokerage, odds: float) -> dict[str, str]:
        return {
            **brokerage.settings(),
            **self._vendor.settings,
            "BROKER_URL": self._url,
            "JOURNAL_URL": self._journal_url,
            "XDG_DATA_HOME": str(self._folder),
            "LOG_FORMAT": "json",
            "ORDER_MAX_PER_DAY": "none",
            "ORDER_MAX_NOTIONAL": "none",
            "ORDER_MAX_AGE": "3600",
            "RECONCILE_SETTLE": "3",
            "LEASE_HEARTBEAT": "2",
            "CHAOS_SEED": f"{self.report.seed}-{self._workers}",
            "CHAOS_ODDS": str(odds),
        }

    def _supervise(self, brokerage: SimulatedBrokerage) -> None:
        """Start a worker whenever there is none; kill it at random moments besides its own deaths."""
        while not self._stop.is_set():
            self._workers += 1
            worker = CommandProcess(
                [],
                environment=self._environment(brokerage, 0.0 if self._calm else self._odds),
                program="from tests.support.chaos_worker import main",
            )
            self._worker = worker
            while worker.process.poll() is None and not self._stop.wait(0.05):
                pass
            if worker.process.poll() is None:
                worker.terminate()
            else:
                worker.wait()
                self._note_death(worker)

    def _note_death(self, worker: CommandProcess) -> None:
        self.report.kills += worker.process.returncode == -signal.SIGKILL
        steps = [line for line in worker.stderr_lines if line.startswith("CHAOS died at ")]
        if steps:
            self.report.deaths[f"died at {steps[-1].split()[3]}"] += 1
        elif worker.process.returncode == -signal.SIGKILL:
            self.report.deaths["killed at random"] += 1
        else:
            self.report.problems.append(
                f"a worker ended with {worker.process.returncode}: {worker.output[-500:]}"
            )

    def _send(self, wire: TaskWire, brokerage: SimulatedBrokerage) -> dict[str, tuple[str, int]]:
        """Send every order, some of them twice, while workers die and answers are lost."""
        sent: dict[str, tuple[str, int]] = {}
        dice = self._random
        for number in range(self.report.orders):
            task_id = f"chaos-{self.report.seed}-{number}"
            sent[task_id] = (TICKERS[number % len(TICKERS)], number // len(TICKERS) + 1)
            self._publish(wire, task_id, sent[task_id], twice=dice.random() < 0.2)
            if dice.random() < 0.15:
                fault = dice.choice(self._vendor.faults)
                self.report.faults[" ".join(fault.values())] += 1
                brokerage.fault(**fault, path=brokerage.order_path, count=1)
            if dice.random() < self._kills / self.report.orders / 2:
                self._kill_soon()
            self._keep_up(wire, most=dice.randint(0, 15))
        while self.report.kills < self._kills:
            # What was sent before comes again, so that the last deaths are under load too.
            for task_id in dice.sample(sorted(sent), min(10, len(sent))):
                self._publish(wire, task_id, sent[task_id], twice=False)
            before = self.report.kills
            self._kill_soon()
            wait_until(lambda before=before: self.report.kills > before, 120, "a death")
        brokerage.calm()
        self._calm = True
        self._kill()
        return sent

    def _publish(self, wire: TaskWire, task_id: str, content: tuple[str, int], *, twice: bool) -> None:
        body = self._bodies.get(task_id)
        if body is None:
            ticker, quantity = content
            document = {
                "task_id": task_id,
                "method": f"{self._vendor.name}.buy-order",
                "parameters": {"ticker": ticker, "quantity": quantity, "order_type": "market"},
                "request_time": datetime.now(UTC).isoformat(),
            }
            body = self._bodies[task_id] = json.dumps(document).encode()
        for _ in range(2 if twice else 1):
            wire.publish(body, to="tasks.orders", reply_to=REPLIES)

    def _take_replies(self, wire: TaskWire) -> None:
        for message in wire.take_all(REPLIES):
            self._replies.setdefault(message.json["task_id"], []).append(message.json)

    def _keep_up(self, wire: TaskWire, *, most: int) -> None:
        """Let the workers answer all but some, so that they die with few and with many orders in hand."""

        def few_wait() -> bool:
            self._take_replies(wire)
            return sum(task_id not in self._replies for task_id in self._bodies) <= most

        wait_until(few_wait, 300, "orders to be answered")

    def _kill_soon(self) -> None:
        """Kill the worker in a moment, in the middle of whatever it will be doing."""
        threading.Timer(self._random.random() * 0.3, self._kill).start()

    def _kill(self) -> None:
        worker = self._worker
        if worker is not None and worker.process.poll() is None:
            os.kill(worker.process.pid, signal.SIGKILL)

    def _settle(self, wire: TaskWire) -> None:
        """Wait until every order is answered and none is unsettled without a reason."""
        self._keep_up(wire, most=0)
        try:
            with self._journal() as journal:
                wait_until(
                    lambda: (
                        not [
                            record
                            for record in journal.listed(states=UNSETTLED, limit=10_000)
                            if not record.order.stuck or record.order.missed
                        ]
                    ),
                    120,
                    "orders of unknown outcome to settle",
                )
                told = [
                    record.order.task_id for record in journal.listed(states=("ACCEPTED",), limit=100_000)
                ]
        except AssertionError as error:
            self.report.problems.append(str(error))
            return

        def all_told() -> bool:
            self._take_replies(wire)
            return all(
                any(each["status"] == "TASK_SUCCEED" for each in self._replies.get(task_id, ()))
                for task_id in told
            )

        try:
            wait_until(all_told, 60, "the settled outcome at every client")
        except AssertionError as error:
            self.report.problems.append(str(error))

    @contextmanager
    def _journal(self) -> Iterator[OrderJournal]:
        engine = open_database(self._journal_url)
        try:
            yield OrderJournal(engine, "simulated")
        finally:
            engine.dispose()

    def _compare(
        self,
        sent: dict[str, tuple[str, int]],
        booked: list[dict[str, Any]],
    ) -> None:
        report, replies = self.report, self._replies
        report.booked = len(booked)
        report.replies = sum(map(len, replies.values()))
        by_content: dict[tuple[str, int], list[str]] = {}
        for order in booked:
            by_content.setdefault((order["ticker"], order["quantity"]), []).append(order["order_no"])
        with self._journal() as journal:
            records = {
                record.order.task_id: record
                for record in journal.listed(limit=100_000)
                if record.order.task_id in sent
            }
        report.states.update(record.order.state.value for record in records.values())
        for task_id, content in sent.items():
            numbers = by_content.pop(content, [])
            record = records.get(task_id)
            state = None if record is None else record.order.state.value
            if len(numbers) > 1:
                report.problems.append(f"{task_id} was booked {len(numbers)} times")
            if numbers and state not in ("ACCEPTED", "UNKNOWN"):
                report.problems.append(f"{task_id} was booked and is {state}")
            if numbers and record is not None and state == "UNKNOWN" and not record.order.reason:
                report.problems.append(f"{task_id} is UNKNOWN without a reason")
            if state == "ACCEPTED" and (record is None or [record.order.order_no] != numbers):
                report.problems.append(f"{task_id} is ACCEPTED and was not booked so")
            if not replies.get(task_id):
                report.problems.append(f"{task_id} got no answer")
            if state == "ACCEPTED" and "TASK_SUCCEED" not in {
                each["status"] for each in replies.get(task_id, ())
            }:
                report.problems.append(f"{task_id} is ACCEPTED and its client was never told")
        if by_content:
            report.problems.append(f"booked, and nobody asked for it: {sorted(by_content)}")
        if strangers := set(replies) - set(sent):
            report.problems.append(f"replies to tasks that nobody sent: {sorted(strangers)}")
