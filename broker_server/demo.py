"""``broker-server demo``: the main job once, end to end, on a RabbitMQ node and simulators of its own.

The worker is the real one, in a process of its own; the client is the real one too. Nothing here is faked
but the brokerage.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pika
import requests
from rich.columns import Columns
from rich.console import Console
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from broker_client import Client, InvalidParameters
from broker_client.errors import BrokerError
from broker_client.protocol import DEFAULT_REPLY_QUEUE, TASKS_QUEUE
from broker_server.amqp.private_node import PrivateNode
from broker_server.scratch import scratch_folder

READY_SECONDS = 60
ANSWER_SECONDS = 20
TICKER = "005930"


class DemoFailed(Exception):
    """A step did not do what it should."""


@dataclass(frozen=True, slots=True)
class RunningWorker:
    """The worker's process.

    Attributes:
        control_url: The simulators' control server, the ground truth of what the brokerage saw.
        log: Where its log goes.
    """

    process: subprocess.Popen[str]
    control_url: str
    log: Path


@contextmanager
def _worker(broker_url: str, folder: Path) -> Iterator[RunningWorker]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("KIS_", "VENDORS"))
    }
    environment |= {"BROKER_URL": broker_url, "JOURNAL_URL": f"sqlite:///{folder / 'journal.sqlite3'}"}
    log = folder / "worker.log"
    with log.open("w", encoding="utf-8") as log_file:
        process = subprocess.Popen(
            [sys.executable, "-m", "broker_server", "run", "--simulate"],
            stdout=subprocess.PIPE,
            stderr=log_file,
            text=True,
            env=environment,
            cwd=folder,
        )
    try:
        yield RunningWorker(process, _control_url(process, log), log)
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()


def _control_url(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    ready = process.stdout.readline()
    if not ready.startswith("ready"):
        process.wait(READY_SECONDS)
        raise DemoFailed(f"the worker did not start: {log.read_text(encoding='utf-8').strip()[-500:]}")
    words = dict(word.split("=", 1) for word in ready.split()[1:])
    return words["control"]


class Demo:
    """The steps, each with what it shows."""

    def __init__(self, console: Console, client: Client, broker_url: str, control_url: str) -> None:
        self._console = console
        self._client = client
        self._broker_url = broker_url
        self._control_url = control_url
        self.failed = 0

    def run(self) -> None:
        """Run every step, in order; a failed one does not stop the others."""
        self._step("the worker answers", self._ping)
        self._step("the original's client, unchanged: get-stock-name of 015760", self._original_client)
        self._step(f"kis.get-current-price ticker={TICKER}", self._current_price)
        self._step(f"kis.get-order-book ticker={TICKER}", self._order_book)
        self._step("kis.get-daily-candles ticker=000660: more than one page", self._candles)
        self._step("kis.get-overseas-price exchange=NASD ticker=AAPL", self._overseas)
        self._step(f"kis.buy-order ticker={TICKER} quantity=10 order_type=market", self._buy)
        self._step("the same order message again: answered from the record, not sent again", self._repeat)
        self._step("kis.get-balance", self._balance)
        self._step("a forgotten price is refused, never a market order", self._forgotten_price)

    def _step(self, title: str, action: Callable[[], None]) -> None:
        self._console.print(f"[bold cyan]▸[/] [bold]{title}[/]", highlight=False)
        began = time.perf_counter()
        try:
            action()
        except (BrokerError, DemoFailed, requests.RequestException, pika.exceptions.AMQPError) as error:
            self.failed += 1
            self._console.print(f"  [red]✗ {error}[/]\n", highlight=False)
        else:
            self._console.print(f"  [green]✓[/] [dim]{(time.perf_counter() - began) * 1000:.0f} ms[/]\n")

    def _say(self, text: str) -> None:
        self._console.print(f"  {text}", highlight=False)

    def _ping(self) -> None:
        pong = self._client.call("broker.ping")
        self._say(f"environment {pong.environment}, worker {pong.first['worker']}")

    def _original_client(self) -> None:
        """What the documentation of the original server tells its users to write."""
        request = {
            "task_id": "custom-task-id",
            "method": "get-stock-name",
            "parameters": {"stock_code": "015760"},
            "request_time": datetime.now().astimezone().replace(tzinfo=None),
        }
        connection = pika.BlockingConnection(pika.URLParameters(self._broker_url))
        try:
            channel = connection.channel()
            channel.basic_publish(
                "", TASKS_QUEUE, json.dumps(request, ensure_ascii=False, default=str).encode()
            )
            for _, _, body in channel.consume(
                DEFAULT_REPLY_QUEUE, auto_ack=True, inactivity_timeout=ANSWER_SECONDS
            ):
                if body is None:
                    raise DemoFailed(f"no answer on {DEFAULT_REPLY_QUEUE}")
                self._console.print(f"  {body.decode()}", highlight=False, markup=False, soft_wrap=True)
                if json.loads(body)["result"] != ["한국전력"]:
                    raise DemoFailed("this is not the name of 015760")
                break
        finally:
            connection.close()

    def _current_price(self) -> None:
        self._object(self._client.call("kis.get-current-price", ticker=TICKER).first)

    def _order_book(self) -> None:
        book = self._client.call("kis.get-order-book", ticker=TICKER).first
        table = Table("ask quantity", "price", "bid quantity", box=None, pad_edge=False)
        for column in table.columns:
            column.justify = "right"
        for level in reversed(book["asks"][:3]):
            table.add_row(f"{level['quantity']:,}", f"[blue]{level['price']:,}[/]", "")
        for level in book["bids"][:3]:
            table.add_row("", f"[red]{level['price']:,}[/]", f"{level['quantity']:,}")
        self._console.print(table)

    def _candles(self) -> None:
        result = self._client.call(
            "kis.get-daily-candles", ticker="000660", start="2026-01-02", end="2026-10-30"
        )
        if len(result.rows) <= 100:
            raise DemoFailed("paging stopped at the first page")
        self._say(f"{len(result.rows)} candles, complete: {result.truncated is None}")
        self._rows(result.rows[:3])

    def _overseas(self) -> None:
        self._object(self._client.call("kis.get-overseas-price", exchange="NASD", ticker="AAPL").first)

    def _buy(self) -> None:
        order = self._client.call(
            "kis.buy-order", task_id="demo-order-1", ticker=TICKER, quantity=10, order_type="market"
        )
        self._object(order.first)

    def _repeat(self) -> None:
        again = self._client.resume("demo-order-1")
        orders = requests.get(f"{self._control_url}/orders", timeout=10).json()
        self._say(f"replayed: {again.replayed}; orders that the brokerage has seen: {len(orders)}")
        if not again.replayed or len(orders) != 1:
            raise DemoFailed("the order was sent twice")

    def _balance(self) -> None:
        balance = self._client.call("kis.get-balance").first
        self._object(balance)
        self._rows(balance["holdings"])

    def _forgotten_price(self) -> None:
        try:
            self._client.call("kis.buy-order", ticker=TICKER, quantity=1)
        except InvalidParameters as error:
            self._say(f"[yellow]{error}[/]")
        else:
            raise DemoFailed("the order was taken")

    def _object(self, values: dict[str, Any]) -> None:
        pairs = [
            Text.assemble((f"{name} ", "dim"), _text(value))
            for name, value in values.items()
            if value is not None and not isinstance(value, (dict, list))
        ]
        self._console.print(Padding(Columns(pairs[:12], padding=(0, 2)), (0, 0, 0, 2)))

    def _rows(self, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        columns = [name for name, value in rows[0].items() if not isinstance(value, (dict, list))][:8]
        table = Table(*(Column(name, no_wrap=True) for name in columns), box=None, pad_edge=False)
        for row in rows:
            table.add_row(*(_text(row[name]) for name in columns))
        self._console.print(table)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def run_demo() -> int:
    """Run the demo.

    Returns:
        0 when every step succeeded.
    """
    console = Console()
    began = time.perf_counter()
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder())
        try:
            with console.status("starting a private RabbitMQ node …"):
                node = stack.enter_context(PrivateNode.start())
            with console.status("starting the simulated brokerage and a worker …"):
                worker = stack.enter_context(_worker(node.url, folder))
            client = stack.enter_context(Client(node.url, timeout=ANSWER_SECONDS))
        except (BrokerError, DemoFailed) as error:
            console.print(f"[red]{error}[/]", highlight=False)
            return 1
        console.print(
            "strategy ──JSON──▸ RabbitMQ [bold]tasks[/] ──▸ worker ──▸ brokerage (simulated)\n"
            "   ▴────────────── reply queue ◂──────────┘\n",
            highlight=False,
        )
        demo = Demo(console, client, node.url, worker.control_url)
        demo.run()
        seconds = time.perf_counter() - began
        if demo.failed:
            console.print(f"[red]{demo.failed} step(s) failed[/]; the worker's log:", highlight=False)
            console.print(worker.log.read_text(encoding="utf-8")[-3000:], markup=False, highlight=False)
            return 1
    console.print(
        f"[green]Every step succeeded[/] in {seconds:.1f} s. "
        "Next: [bold]make run[/] keeps the whole system up; README.md shows how to use your own keys.",
        highlight=False,
    )
    return 0
