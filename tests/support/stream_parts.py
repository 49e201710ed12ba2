"""Live data without a vendor and without a broker: what tests of the parts between them need."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson

from broker_client.errors import TaskFailed
from broker_server.amqp.ticks import Route, Tick
from broker_server.core.feeds import FeedListener, Incoming
from broker_server.core.listed_orders import ListedOrder
from broker_server.core.methods import TaskContext
from broker_server.core.stream_requests import Registration
from broker_server.core.subscription_changes import Subscription
from broker_server.streams.board import StreamBoard
from broker_server.streams.delivery import Delivery
from broker_server.streams.lookups import Lookups
from tests.support.fake_time import FakeClock
from tests.support.waiting import PATIENCE

A, B, C = (Registration("TRADE", name) for name in "ABC")
BOOK = Registration("BOOK", "A")
STATUS = Registration("STATUS", "KRX")
"""REST does not have it."""
NOTICE = Registration("NOTICE", "somebody")
CREATED = datetime(2026, 11, 20, tzinfo=UTC)
_CHANNELS = {"TRADE": "trade", "BOOK": "order_book", "STATUS": "market_status", "NOTICE": "execution"}


@dataclass(slots=True)
class Record:
    """One record that came in, or was looked up."""

    channel: str
    subject: str
    conflatable: bool
    values: dict[str, Any]
    is_state: bool = False

    def event(self) -> dict[str, Any]:
        return {"type": self.channel, "ticker": self.subject, **self.values}

    def raw_event(self) -> dict[str, Any]:
        return {"type": "raw", "key": self.subject, "fields": {"X": "1"}, "extra": []}


def record(registration: Registration = A, **values: Any) -> Record:
    """A record of a registration; of an order book only the newest counts."""
    return Record(channel_of(registration), subject_of(registration), registration.code == "BOOK", values)


def fill(order_no: str, quantity: int, price: int = 100, time: str | None = None) -> Record:
    """The notice of a fill."""
    event = {
        "type": "execution",
        "event": "fill",
        "order_no": order_no,
        "quantity": quantity,
        "price": price,
        "time": time,
    }
    return Record("execution", "default", False, event)


def channel_of(registration: Registration) -> str:
    return _CHANNELS[registration.code]


def subject_of(registration: Registration) -> str:
    return "default" if registration.code == "NOTICE" else registration.symbol


class Gate:
    """Holds threads up while it is closed.

    Attributes:
        waiting: How many it holds up.
    """

    def __init__(self) -> None:
        self.waiting = 0
        self._opened = threading.Condition()
        self._is_open = True

    def close(self) -> None:
        self._is_open = False

    def open(self) -> None:
        with self._opened:
            self._is_open = True
            self.waiting = 0
            self._opened.notify_all()

    def pass_through(self) -> None:
        with self._opened:
            if not self._is_open:
                self.waiting += 1
                assert self._opened.wait_for(lambda: self._is_open, 10)


class FakeFeed:
    """Does what the test tells it, on the listener.

    Attributes:
        wants: Everything that it was told to hold, in order.
        acts: What else it was asked for.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.wants: list[tuple[Registration, ...]] = []
        self.acts: list[tuple[Any, ...]] = []
        self.ended = asyncio.Event()
        self.failure: BaseException | None = None

    @property
    def wanted(self) -> tuple[Registration, ...]:
        return self.wants[-1]

    def want(self, registrations: Sequence[Registration]) -> None:
        self.wants.append(tuple(registrations))

    def renew(self, registration: Registration) -> None:
        self.acts.append(("renew", registration))

    def reconnect(self, registration: Registration, reason: str) -> None:
        self.acts.append(("reconnect", registration))

    def connection_of(self, registration: Registration) -> Hashable:
        return "only"

    def break_down(self) -> None:
        """End by a defect."""
        self.failure = RuntimeError("a defect of the feed")
        self.ended.set()

    async def run(self) -> None:
        await self.ended.wait()
        assert self.failure is not None
        raise self.failure

    def status(self) -> dict[str, Any]:
        return {"state": "fake"}


@dataclass(slots=True)
class FakeStreams:
    """The live part of an adapter.

    Attributes:
        look: Answers a look by REST, in its thread.
        looks: The looks that were taken.
        feeds: Every feed that was opened.
    """

    capacity: int = 10
    own: tuple[Registration, ...] = ()
    look: Callable[[Registration], Incoming] = lambda registration: record(registration, price=1)
    looks: list[Registration] = field(default_factory=list)
    feeds: list[FakeFeed] = field(default_factory=list)
    keys: dict[Registration, str] = field(default_factory=dict)
    with_persons: bool = True
    gate: Gate = field(default_factory=Gate)

    @property
    def feed(self) -> FakeFeed:
        return self.feeds[-1]

    def open_feed(self, listener: FeedListener) -> FakeFeed:
        self.feeds.append(FakeFeed(self.capacity))
        return self.feed

    def can_snapshot(self, registration: Registration) -> bool:
        return registration.code in ("TRADE", "BOOK")

    def snapshot(self, registration: Registration, context: TaskContext, *, bulk: bool) -> Incoming:
        self.looks.append(registration)
        self.gate.pass_through()
        return self.look(registration)

    def venue(self, registration: Registration) -> str | None:
        return None if registration.code == "NOTICE" else "KRX"

    def own_registrations(self) -> Sequence[Registration]:
        return self.own

    def is_reserved(self, registration: Registration) -> bool:
        return registration.code == "NOTICE"

    def describe(self, registration: Registration) -> Mapping[str, Any]:
        key = f"{channel_of(registration)}.{subject_of(registration)}"
        return {"key": self.keys.get(registration, key)}

    def without_person(self, registration: Registration) -> Registration:
        return Registration("NOTICE", "") if registration.code == "NOTICE" else registration

    def with_person(self, kept: Registration) -> Registration | None:
        if kept.code != "NOTICE":
            return kept
        return NOTICE if self.with_persons else None

    def order_market(self, registration: Registration) -> str | None:
        return "domestic" if registration.code == "NOTICE" else None

    def recovered_execution(
        self, registration: Registration, order: ListedOrder, quantity: int, price: Decimal | None
    ) -> Incoming:
        return fill(order.order_no, quantity, 0 if price is None else int(price))


@dataclass(slots=True)
class Sent:
    """A message that was really sent."""

    route: Route
    body: dict[str, Any]

    @property
    def what(self) -> Any:
        """An event's number or mark, or a status's state."""
        content = self.body["result"][0]
        return content["state"] if self.body["kind"] == "status" else content.get("n", content.get("price"))


class FakePublisher:
    """Keeps what is published; by slots as the real one does, as long as nothing can be sent.

    Attributes:
        is_open: Messages are sent at once.
        missing: Queues that do not exist.
        consumers: By queue, as a look shows them.
        failures: What a look at a queue raises, by queue; ``""`` for all.
    """

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.is_open = True
        self.missing: set[str] = set()
        self.consumers: dict[str, int | None] = {}
        self.failures: dict[str, Exception] = {}
        self.looks: list[str] = []
        self._waiting: list[Tick] = []

    def publish(self, tick: Tick) -> None:
        if self.is_open:
            self._send(tick)
        else:
            self._waiting.append(tick)

    def open(self) -> None:
        """Send what waits, and go on."""
        self.is_open = True
        waiting, self._waiting = self._waiting, []
        for tick in waiting:
            self._send(tick)

    def to(self, routing_key: str) -> list[Sent]:
        """What was sent there."""
        return [each for each in self.sent if each.route.routing_key == routing_key]

    def what(self, routing_key: str) -> list[Any]:
        """What was sent there, in short."""
        return [each.what for each in self.to(routing_key)]

    def epochs(self, routing_key: str) -> list[tuple[int, int]]:
        """Of the events that were sent there: the how manieth epoch it is, and the sequence in it."""
        numbers: dict[str, int] = {}
        found = []
        for each in self.to(routing_key):
            if each.body["kind"] == "event":
                epoch = numbers.setdefault(each.body["epoch"], len(numbers))
                found.append((epoch, each.body["sequence"]))
        return found

    async def queue_state(self, name: str) -> tuple[bool, int | None]:
        self.looks.append(name)
        failure = self.failures.get(name) or self.failures.get("")
        if failure is not None:
            raise failure
        return name not in self.missing, self.consumers.get(name, 1)

    def _send(self, tick: Tick) -> None:
        route = tick.route
        self.sent.append(Sent(route, orjson.loads(tick.make_body(0))))
        if route.exchange == "" and route.routing_key in self.missing:
            assert route.mandatory
            assert route.on_returned is not None
            route.on_returned(route.slot)


class Pauses:
    """Waiting that the test ends: it moves the clock instead.

    Args:
        is_busy: Whether threads are at work that is not held up by a gate.
    """

    def __init__(self, clock: FakeClock, is_busy: Callable[[], bool] = lambda: False) -> None:
        self._clock = clock
        self._is_busy = is_busy
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    async def pause(self, seconds: float) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((self._clock.monotonic() + seconds, next(self._numbers), waiter))
        await waiter

    async def settled(self) -> None:
        """Let everything happen that needs no time."""
        await turns()
        deadline = time.monotonic() + PATIENCE
        while self._is_busy():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.0002)
        await turns()

    async def go(self, seconds: float) -> None:
        """Let so much time go by, and everything happen that is due in it."""
        until = self._clock.monotonic() + seconds
        while True:
            await self.settled()
            self._waiting = [each for each in self._waiting if not each[2].done()]
            due = min((each for each in self._waiting if each[0] <= until), default=None)
            if due is None:
                break
            self._clock.advance(max(0.0, due[0] - self._clock.monotonic()))
            due[2].set_result(None)
        self._clock.advance(until - self._clock.monotonic())


async def turns() -> None:
    """Let everything happen that needs neither time nor threads."""
    for _ in range(15):
        await asyncio.sleep(0)


class FakeBus:
    """``broker.events``."""

    def __init__(self) -> None:
        self.published: list[tuple[str, dict[str, Any]]] = []

    def publish(self, key: str, body: dict[str, Any]) -> None:
        self.published.append((key, body))

    @property
    def keys(self) -> list[str]:
        return [key for key, _ in self.published]


class Studio:
    """A board with everything around it faked. To be made on an event loop.

    Attributes:
        forgotten: What the board wanted to be forgotten.
    """

    def __init__(self, streams: FakeStreams | None = None, *, grace: float = 60.0) -> None:
        self.clock = FakeClock()
        self.streams = streams or FakeStreams()
        self.publisher = FakePublisher()
        self.bus = FakeBus()
        self.forgotten: list[Subscription] = []
        self.lookups = Lookups(self.streams, self.clock.now)
        self.pauses = Pauses(self.clock, lambda: len(self.lookups._running) > self.streams.gate.waiting)
        self.settled = self.pauses.settled
        numbers = itertools.count(1)
        self.delivery = Delivery(
            "fake",
            "simulated",
            self.publisher,
            new_epoch=lambda: b"e%d" % next(numbers),
            clock=self.clock.now,
            lifetime=10.0,
            on_returned=lambda queue: self.board.returned(queue),
        )
        self.board: StreamBoard = StreamBoard(
            "fake",
            self.streams,
            delivery=self.delivery,
            lookups=self.lookups,
            bus=self.bus,
            forgotten=self.forgotten.extend,
            clock=self.clock.now,
            monotonic=self.clock.monotonic,
            grace=grace,
        )

    @property
    def feed(self) -> FakeFeed:
        return self.streams.feed

    def subscribe(self, *asked: Subscription, begin: bool = True) -> None:
        """Subscribe as the desk does, without waiting for the vendor."""
        taken = self.board.subscribe(asked)
        failures = [each.failure for each in self.board.standings(taken.receivers) if each.failure]
        assert failures == []
        if begin:
            self.board.begin(taken.receivers)

    def live(self, *asked: Subscription) -> None:
        """Subscribe, and have it confirmed by the vendor."""
        self.subscribe(*asked)
        for each in asked:
            self.board.registered(each.registration)
        self.publisher.sent.clear()

    def receive(self, registration: Registration, **values: Any) -> None:
        """A record comes in."""
        self.board.received(registration, record(registration, **values))

    def close(self) -> None:
        self.streams.gate.open()
        self.board.close()
        self.lookups.stop()


def sub(task_id: str = "t", registration: Registration = A, **changes: Any) -> Subscription:
    """A subscription; without a first state, unless one is asked for."""
    made = Subscription(
        task_id=task_id,
        registration=registration,
        family="fake.price",
        ticker=subject_of(registration),
        reply_to=f"queue-{task_id}",
        correlation_id=f"c-{task_id}",
        snapshot=False,
        created_at=CREATED,
    )
    return replace(made, **changes)


def refusal(reason: str = "no such ticker") -> TaskFailed:
    return TaskFailed(reason)
