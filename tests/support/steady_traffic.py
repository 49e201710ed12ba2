"""What clients do while workers come and go: reads, orders, a subscription, and direct reply-to."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from broker_client import Client, StreamEvent
from broker_client.client import PendingTask
from broker_client.errors import BrokerError
from tests.support.direct_caller import direct_caller
from tests.support.waiting import PATIENCE, wait_until

MOST_WAITING = 50
"""Tasks of each kind that wait for an answer at a time: a slow machine gets no more than it can do."""
READS = (
    ("broker.ping", {}),
    ("kis.get-current-price", {"ticker": "005930"}),
    ("kis.get-balance", {}),
    ("kis.get-daily-candles", {"ticker": "000660", "start": "2026-01-02"}),
)


class SteadyTraffic:
    """Goes on from the ``with`` block's beginning until its end, when everything has been answered.

    Args:
        url: The broker.
        ticker: Of the orders, each of which has a quantity of its own, and of the subscription.
        price: The limit of the orders, at which the market does not fill them.
        timeout: Seconds that a task may take; its deadline.

    Attributes:
        failures: Tasks that did not succeed: what was asked, and the error.
        done: How many of each kind succeeded.
        quantities: Of the orders that were sent.
        events: Of the subscription.
    """

    def __init__(self, url: str, ticker: str, price: int, *, timeout: float) -> None:
        self._url = url
        self._ticker = ticker
        self._price = price
        self._timeout = timeout
        self.failures: list[str] = []
        self.done: Counter[str] = Counter()
        self.quantities: list[int] = []
        self.events: list[StreamEvent] = []
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._reads, daemon=True),
            threading.Thread(target=self._orders, daemon=True),
            threading.Thread(target=self._direct, daemon=True),
            threading.Thread(target=self._stream, daemon=True),
        ]

    def __enter__(self) -> Self:
        """Begin; returns when each kind has got through once."""
        self._client = Client(self._url, timeout=self._timeout)
        self._subscription = self._client.stream("kis.subscribe-realtime-price", ticker=self._ticker).open()
        for thread in self._threads:
            thread.start()
        self.goes_on()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send nothing more, and wait for the answers."""
        self._stop.set()
        reading, ordering, direct, streaming = self._threads
        for thread in (reading, ordering, direct):
            thread.join(self._timeout + PATIENCE)
        self._subscription.close()
        streaming.join(PATIENCE)
        self._client.close()
        assert not any(thread.is_alive() for thread in self._threads)

    def goes_on(self) -> None:
        """Wait until some more of each kind has got through."""
        before, events = self.done.copy(), len(self.events)
        kinds = ("read", "order", "direct")

        def more() -> bool:
            return all(self.done[kind] >= before[kind] + 3 for kind in kinds) and len(self.events) > events

        wait_until(more, 3 * PATIENCE, f"more of each kind than {dict(before)}: {self.failures[:3]}")

    def _reads(self) -> None:
        tasks = itertools.cycle(READS)
        self._keep_sending("read", lambda: self._send(*next(tasks)))

    def _orders(self) -> None:
        quantities = itertools.count(1)

        def send() -> PendingTask:
            quantity = next(quantities)
            self.quantities.append(quantity)
            order = {"ticker": self._ticker, "quantity": quantity, "price": self._price}
            return self._send("kis.buy-order", order)

        self._keep_sending("order", send)

    def _send(self, method: str, parameters: dict[str, Any]) -> PendingTask:
        return self._client.send(method, **parameters)

    def _keep_sending(self, kind: str, send: Callable[[], PendingTask]) -> None:
        waiting: list[PendingTask] = []
        while not self._stop.is_set() or waiting:
            if len(waiting) < MOST_WAITING and not self._stop.is_set():
                waiting.append(send())
            for task in [each for each in waiting if each.done()]:
                waiting.remove(task)
                error = task.exception()
                if error is None:
                    self.done[kind] += 1
                else:
                    self.failures.append(f"{task.method} {task.task_id}: {error!r}")
            self._stop.wait(0.02) if not self._stop.is_set() else threading.Event().wait(0.02)

    def _direct(self) -> None:
        with direct_caller(self._url, self._timeout) as caller:
            while not self._stop.wait(0.02):
                task_id = caller.send("kis.get-current-price", {"ticker": self._ticker})
                reply = caller.reply()
                if reply.get("task_id") == task_id and reply["status"] == "TASK_SUCCEED":
                    self.done["direct"] += 1
                else:
                    self.failures.append(f"direct {task_id}: {reply}")

    def _stream(self) -> None:
        try:
            self.events.extend(self._subscription)
        except BrokerError as error:
            self.failures.append(f"the stream: {error!r}")
