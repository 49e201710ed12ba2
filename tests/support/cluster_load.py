"""A client at a cluster that breaks: reads, orders and a stream that never stop, and what came of each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from broker_client import Client
from broker_client.client_errors import OrderOutcomeUnknown
from broker_client.errors import BrokerError, OrderOutcomeIsUnknown
from broker_client.streams import StreamEvent, StreamStatus
from tests.support.waiting import wait_until

PATIENT = 180.0
"""Seconds that a task may take while a cluster falls over and comes back on a busy machine."""
TICKERS = ("005930", "000660", "035420", "015760", "005380")
STREAMED = "005930"


@dataclass(slots=True)
class Placed:
    """An order of the run; no two are of the same ticker and quantity.

    Attributes:
        order_no: The number that the client was told; ``None`` when it was told that it was not sent.
    """

    task_id: str
    ticker: str
    quantity: int
    order_no: str | None = None
    state: str = "waiting"


@dataclass(slots=True)
class Counts:
    """How far each of the three has come."""

    reads: int = 0
    orders: int = 0
    events: int = 0


@dataclass(slots=True)
class ClusterLoad:
    """Works until it is left. A context manager.

    Attributes:
        url: All hosts of the broker.
        name: Begins the ids of its tasks.
        pause: Seconds between two orders.
        longest: Of each kind: the seconds that the slowest took, and when it began on the monotonic clock.
    """

    url: str
    name: str
    pause: float = 0.2
    placed: list[Placed] = field(default_factory=list)
    reads: int = 0
    stream: list[StreamEvent | StreamStatus] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    longest: dict[str, tuple[float, float]] = field(default_factory=dict)
    _client: Client | None = None
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def counts(self) -> Counts:
        """How far it is now."""
        done = sum(each.state != "waiting" for each in list(self.placed))
        return Counts(self.reads, done, sum(isinstance(each, StreamEvent) for each in list(self.stream)))

    def wait_more(self, many: int = 5, timeout: float = PATIENT) -> None:
        """Wait until so many more reads, orders and events are there: of each."""
        before = self.counts

        def enough() -> bool:
            now = self.counts
            assert not self.problems, self.problems
            assert now.reads >= before.reads + many, now
            assert now.orders >= before.orders + many, now
            assert now.events >= before.events + many, now
            return True

        wait_until(enough, timeout, f"{many} more reads, orders and events")

    def check(self, booked: list[dict[str, Any]]) -> None:
        """Compare what the client was told with what the brokerage took."""
        assert not self.problems, self.problems
        numbers: dict[tuple[str, int], list[str]] = {}
        for order in booked:
            numbers.setdefault((order["ticker"], order["quantity"]), []).append(order["order_no"])
        for each in self.placed:
            found = numbers.pop((each.ticker, each.quantity), [])
            assert found == ([] if each.order_no is None else [each.order_no]), (each, found)
        assert not numbers, f"booked, and nobody asked for it: {numbers}"
        self._check_stream()

    def _check_stream(self) -> None:
        """Every hole in a sequence was counted; an owner before may be heard late, in its own epoch."""
        last: dict[str, int] = {}
        for event in self.stream:
            if not isinstance(event, StreamEvent):
                continue
            assert event.epoch is not None
            assert event.sequence is not None
            if event.epoch in last:
                assert event.missed == event.sequence - last[event.epoch] - 1, (event, last)
            elif last:
                assert event.missed is None, event
            last[event.epoch] = event.sequence

    def __enter__(self) -> Self:
        """Begin, and return once each of the three has got somewhere."""
        self._client = Client(self.url, timeout=PATIENT, name=f"load {self.name}")
        for work in (self._read, self._trade, self._watch):
            thread = threading.Thread(target=self._guarded, args=(work,), daemon=True)
            thread.start()
            self._threads.append(thread)
        self.wait_more()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish what is on its way, and end."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(2 * PATIENT if kind is None else 1.0)
        assert self._client is not None
        self._client.close()
        if kind is None:
            assert not any(thread.is_alive() for thread in self._threads), "it did not end"

    def _guarded(self, work: Callable[[Client], None]) -> None:
        assert self._client is not None
        try:
            work(self._client)
        except Exception as error:
            self.problems.append(f"{work.__name__}: {error!r}")

    def _read(self, client: Client) -> None:
        while not self._stopping.wait(0.05):
            began = time.monotonic()
            price = client.call("kis.get-current-price", ticker=TICKERS[self.reads % len(TICKERS)])
            assert price.first["price"] > 0
            self._took("read", began)
            self.reads += 1

    def _trade(self, client: Client) -> None:
        number = 0
        while not self._stopping.wait(self.pause):
            order = Placed(
                f"{self.name}-{number}", TICKERS[number % len(TICKERS)], number // len(TICKERS) + 1
            )
            number += 1
            self.placed.append(order)
            began = time.monotonic()
            self._place(client, order)
            self._took("order", began)

    def _place(self, client: Client, order: Placed) -> None:
        try:
            receipt = client.call(
                "kis.buy-order",
                task_id=order.task_id,
                ticker=order.ticker,
                quantity=order.quantity,
                order_type="market",
            )
            order.order_no, order.state = receipt.first["order_no"], "ACCEPTED"
        except OrderOutcomeIsUnknown:
            settled = client.wait_settled(order.task_id, timeout=PATIENT)
            order.order_no, order.state = settled.order_no, settled.state
        except OrderOutcomeUnknown as error:
            self.problems.append(f"{order.task_id} got no answer: {error}")
        except BrokerError as error:
            self.problems.append(f"{order.task_id} was refused: {error!r}")

    def _watch(self, client: Client) -> None:
        stream = client.stream("kis.subscribe-realtime-price", ticker=STREAMED)
        with stream:
            ending = threading.Thread(target=lambda: (self._stopping.wait(), stream.close()), daemon=True)
            ending.start()
            for message in stream.messages():
                self.stream.append(message)

    def _took(self, what: str, began: float) -> None:
        took = time.monotonic() - began
        if took > self.longest.get(what, (0.0, 0.0))[0]:
            self.longest[what] = (took, began)
