"""Everything that an end-to-end test of orders needs: a brokerage, workers, a client, and the journal."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pika
from sqlalchemy import Engine

from broker_server.journal.database import open_database
from broker_server.journal.order_rows import Record
from broker_server.journal.orders import OrderJournal
from tests.support.brokerage import Brokerage
from tests.support.processes import CommandProcess
from tests.support.simulated_brokerage import SimulatedBrokerage
from tests.support.task_wire import TaskWire
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import PATIENCE, wait_until

ORDERS, TASKS = "tasks.orders", "tasks"
_numbers = itertools.count(1)


class Floor:
    """Where one or more workers trade for a client. A context manager.

    Args:
        url: The broker.
        folder: For what the workers keep, the journal excepted.
        journal_url: The journal's database.
        brokerage: Whose customer the workers are.
        settings: More environment variables of every worker.

    Attributes:
        wire: The client.
        worker: The worker that was started last.
    """

    def __init__(
        self,
        url: str,
        folder: Path,
        journal_url: str,
        brokerage: SimulatedBrokerage,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.url = url
        self.folder = folder
        self.journal_url = journal_url
        self.brokerage = brokerage
        self._settings = dict(settings or {})
        self._running = ExitStack()
        self.wire = self._running.enter_context(TaskWire(url))
        self._engine: Engine | None = None
        self._worker: CommandProcess | None = None

    @property
    def worker(self) -> CommandProcess:
        """The worker that was started last."""
        assert self._worker is not None
        return self._worker

    @property
    def journal(self) -> OrderJournal:
        """The record of the simulated environment, read beside the workers."""
        return self.journal_of("simulated")

    def journal_of(self, environment: str) -> OrderJournal:
        """The record of an environment."""
        return OrderJournal(self.engine, environment)

    @property
    def engine(self) -> Engine:
        """The journal's database."""
        if self._engine is None:
            self._engine = open_database(self.journal_url)
            self._running.callback(self._engine.dispose)
        return self._engine

    def start(
        self,
        *arguments: str,
        ready: bool = True,
        simulate: bool = True,
        program: str = "from broker_server.entry import main",
        settings: Mapping[str, str] | None = None,
    ) -> CommandProcess:
        """Start a worker.

        Args:
            arguments: More of its command line.
            ready: Wait until it consumes.
            simulate: Serve the brokerage as a simulator.
            program: Another program than the product's own.
            settings: More environment variables; they win.
        """
        environment = {
            "BROKER_URL": self.url,
            "JOURNAL_URL": self.journal_url,
            "XDG_DATA_HOME": str(self.folder),
            "LOG_FORMAT": "json",
            "ORDER_POLL_SECONDS": "0.5",
            "RECONCILE_SETTLE": "2",
            "ORDER_MAX_AGE": "600",  # a slow machine is no test of the age
            "KIS_RATE_LIMIT": "200",
            **self.brokerage.settings(),
            **self._settings,
            **(settings or {}),
        }
        command = ["run", *(["--simulate"] if simulate else []), *arguments]
        worker = CommandProcess(
            command, environment=environment, folder=self.folder, program=program
        )  # in that folder, where no .env is
        self._running.enter_context(worker)
        self._worker = worker
        if ready:
            worker.wait_ready()
        return worker

    def body(
        self, method: str, parameters: Mapping[str, Any], *, task_id: str | None = None, **keys: Any
    ) -> tuple[str, bytes]:
        """A task's id, made up if need be, and its bytes; ``keys`` are more keys of it."""
        task_id = task_id or f"floor-{next(_numbers)}"
        document: dict[str, Any] = {"task_id": task_id, "method": method, "parameters": dict(parameters)}
        document["request_time"] = datetime.now(UTC).isoformat()
        return task_id, json.dumps(document | keys).encode()

    def send(self, method: str, parameters: Mapping[str, Any], *, to: str = ORDERS, **options: Any) -> str:
        """Publish a task and return its id."""
        return self.wire.send(method, dict(parameters), task_id=f"floor-{next(_numbers)}", to=to, **options)

    def call(self, method: str, parameters: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """The reply to a task that succeeds: its only row."""
        to = options.pop("to", ORDERS if method.startswith(f"{self.brokerage.vendor}.") else TASKS)
        task_id = self.send(method, parameters or {}, to=to, **options)
        reply = self.wire.wait(task_id, 2 * PATIENCE).json
        assert reply["status"] == "TASK_SUCCEED", (reply, self.logs())
        (row,) = reply["result"]
        return row

    def rows(self, method: str, parameters: Mapping[str, Any] | None = None, **options: Any) -> list[Any]:
        """The rows of a task that succeeds."""
        reply = self.wire.wait(self.send(method, parameters or {}, **options), 2 * PATIENCE).json
        assert reply["status"] == "TASK_SUCCEED", (reply, self.logs())
        rows = reply["result"]
        assert isinstance(rows, list)
        return rows

    def refusal(self, method: str, parameters: Mapping[str, Any], **options: Any) -> dict[str, Any]:
        """The error of a task that fails."""
        task_id = self.send(method, parameters, **options)
        return self.error(task_id)

    def error(self, task_id: str, *, count: int = 1) -> dict[str, Any]:
        """The error that a task was answered with."""
        reply = self.wire.wait(task_id, 2 * PATIENCE, count=count).json
        assert reply["status"] == "TASK_FAILED", (reply, self.logs())
        error: dict[str, Any] = reply["error"]
        return error

    def resting(self, ticker: str, quantity: int, **more: Any) -> dict[str, Any]:
        """Place an order that the market does not fill; returns its receipt, ``task_id`` added."""
        parameters = {"ticker": ticker, "quantity": quantity, "price": self.low_price(ticker), **more}
        task_id = self.send(f"{self.brokerage.vendor}.buy-order", parameters)
        reply = self.wire.wait(task_id, 2 * PATIENCE).json
        assert reply["status"] == "TASK_SUCCEED", (reply, self.logs())
        return {**reply["result"][0], "task_id": task_id}

    def low_price(self, ticker: str) -> int:
        """A limit far below the market, on every table of ticks."""
        return int(self.brokerage.price(ticker) * 0.8) // 1000 * 1000

    def order(self, task_id: str) -> dict[str, Any]:
        """An order as ``broker.get-order`` shows it."""
        row: dict[str, Any] = self.call("broker.get-order", {"task_id": task_id})
        return row

    def wait_order(self, task_id: str, **wanted: Any) -> dict[str, Any]:
        """The order, once ``broker.get-order`` shows it like this."""

        def shown() -> dict[str, Any]:
            row = self.order(task_id)
            seen = {name: row[name] for name in wanted}
            assert seen == wanted, (seen, row["reason"])
            return row

        return wait_until(shown, 2 * PATIENCE, f"{task_id} to be {wanted}")

    def record(self, task_id: str) -> Record:
        """The journal's row."""
        record = self.journal.find(task_id)
        assert record is not None, task_id
        return record

    def proxied(self) -> tuple[TcpProxy, str]:
        """A proxy in front of the broker, and the URL through it."""
        target = pika.URLParameters(self.url)
        proxy = self._running.enter_context(TcpProxy(target.host, target.port))
        login = self.url.rpartition("@")[0]
        return proxy, f"{login}@127.0.0.1:{proxy.port}/{self.url.rpartition('/')[2]}"

    def logs(self) -> str:
        """The end of the last worker's log, for the message of a failed assertion."""
        return "" if self._worker is None else self._worker.output[-3000:]

    def __enter__(self) -> Self:
        """Return the floor itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the workers and the client."""
        self._running.close()


@contextmanager
def open_floor(
    url: str,
    folder: Path,
    journal_url: str,
    *,
    settings: Mapping[str, str] | None = None,
    open_brokerage: Callable[[], SimulatedBrokerage] = Brokerage,
) -> Iterator[Floor]:
    """A floor with a brokerage of its own; no worker is started yet."""
    with open_brokerage() as brokerage, Floor(url, folder, journal_url, brokerage, settings) as floor:
        yield floor
