"""``broker-server demo``: the main job once, end to end, on a RabbitMQ node and simulators of its own.

The worker is the real one, in a process of its own; the client is the real one too. Nothing here is faked
but the brokerage.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import pika
import requests
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from broker_client import Client, InvalidParameters
from broker_client.display import object_table, rows_table
from broker_client.errors import BrokerError
from broker_client.protocol import DEFAULT_REPLY_QUEUE, TASKS_QUEUE
from broker_server.amqp.private_node import PrivateNode
from broker_server.demo_worker import WorkerDidNotStart, running_worker
from broker_server.scratch import scratch_folder

ANSWER_SECONDS = 20
TICKER = "005930"
TRADES = 4
TRADE = ("time", "price", "quantity", "volume")
CANDLE = ("date", "open", "high", "low", "close", "volume", "change")


class DemoFailed(Exception):
    """A step did not do what it should."""


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
        self._step(f"kis.subscribe-realtime-price ticker={TICKER}: the state, then each trade", self._live)
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
            self._say(f"✗ {error}", style="red")
            self._console.print()
        else:
            self._console.print(f"  [green]✓[/] [dim]{(time.perf_counter() - began) * 1000:.0f} ms[/]\n")

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(Padding(Text(text, style=style), (0, 0, 0, 2), expand=False))

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
        price = self._client.call("kis.get-current-price", ticker=TICKER).first
        self._object(price, "ticker", "venue", "price", "change", "change_rate", "volume", "upper_limit")

    def _order_book(self) -> None:
        book = self._client.call("kis.get-order-book", ticker=TICKER).first
        self._console.print(object_table({side: book[side][:3] for side in ("asks", "bids")}))

    def _candles(self) -> None:
        result = self._client.call(
            "kis.get-daily-candles", ticker="000660", start="2026-01-02", end="2026-10-30"
        )
        if len(result.rows) <= 100:
            raise DemoFailed("paging stopped at the first page")
        self._say(f"{len(result.rows)} candles, complete: {result.truncated is None}")
        self._console.print(rows_table([{name: row[name] for name in CANDLE} for row in result.rows[:3]]))

    def _overseas(self) -> None:
        price = self._client.call("kis.get-overseas-price", exchange="NASD", ticker="AAPL").first
        self._object(price, "ticker", "venue", "currency", "price", "change", "change_rate", "volume")

    def _live(self) -> None:
        shown: list[dict[str, Any]] = []
        with self._client.stream("kis.subscribe-realtime-price", ticker=TICKER) as trades:
            while len(shown) < TRADES:
                event = trades.get(timeout=ANSWER_SECONDS)
                if event.missed:
                    raise DemoFailed(f"{event.missed} trades are missing")
                shown.append({"sequence": event.sequence, **{name: event.data[name] for name in TRADE}})
        self._console.print(rows_table(shown))

    def _buy(self) -> None:
        with self._client.stream("kis.subscribe-executions") as executions:
            order = self._client.call(
                "kis.buy-order", task_id="demo-order-1", ticker=TICKER, quantity=10, order_type="market"
            )
            self._object(order.first, "order_no", "ticker", "quantity", "order_type", "time", "state")
            while (news := executions.get(timeout=ANSWER_SECONDS).data)["event"] != "fill":
                pass
        self._say(f"live: order {news['order_no']} filled, {news['quantity']} shares at {news['price']:,}")

    def _repeat(self) -> None:
        again = self._client.resume("demo-order-1")
        orders = requests.get(f"{self._control_url}/orders", timeout=10).json()
        self._say(f"replayed: {again.replayed}; orders that the brokerage has seen: {len(orders)}")
        if len(orders) != 1:
            raise DemoFailed("the order was sent twice")
        if not again.replayed:
            raise DemoFailed("the answer does not say that it is the recorded one")

    def _balance(self) -> None:
        balance = self._client.call("kis.get-balance").first
        self._object(balance, "account", "deposit", "deposit_settled", "holdings_value", "holdings")

    def _forgotten_price(self) -> None:
        try:
            self._client.call("kis.buy-order", ticker=TICKER, quantity=1)
        except InvalidParameters as error:
            self._say(str(error), style="yellow")
        else:
            raise DemoFailed("the order was taken")

    def _object(self, fields: dict[str, Any], *names: str) -> None:
        self._console.print(object_table({name: fields.get(name) for name in names}))


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
                worker = stack.enter_context(running_worker(node.url, folder))
            client = stack.enter_context(Client(node.url, timeout=ANSWER_SECONDS))
        except (BrokerError, WorkerDidNotStart) as error:
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
            log = worker.log.read_text(encoding="utf-8")[-3000:]
            console.print(log, markup=False, highlight=False, soft_wrap=True)
            return 1
    console.print(
        f"[green]Every step succeeded[/] in {seconds:.1f} s. "
        "Next: [bold]make run[/] keeps the whole system up; README.md shows how to use your own keys.",
        highlight=False,
    )
    return 0
