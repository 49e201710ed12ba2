"""An order desk in the test's own process: a real journal, a vendor that does what the test says."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import Field
from sqlalchemy import Engine

from broker_client.errors import VendorRejected
from broker_client.protocol import TaskRequest
from broker_server.core.listed_orders import ListedOrder, OrderList
from broker_server.core.methods import Lane, Method, MethodRegistry, Outcome, Parameters, TaskContext
from broker_server.core.orders import OrderDetails, Status
from broker_server.core.vendor import CheckResult, key_of
from broker_server.journal.database import open_database
from broker_server.journal.order_rows import KST, Record
from broker_server.journal.orders import OrderJournal
from broker_server.journal.owners import Owners
from broker_server.orders.checks import OrderRules
from broker_server.orders.gate import Step, no_step
from broker_server.orders.ownership import Grant
from broker_server.orders.replied import ReplyNotes
from broker_server.orders.task import OrderTask
from broker_server.wiring.order_office import OrderOffice

START = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)


class Buy(Parameters):
    """A new order."""

    ticker: str = "005930"
    quantity: int = Field(default=10, ge=1)
    price: int | None = 75_000
    account: str = "default"


class Cancel(Parameters):
    """A cancel."""

    order_no: str | None = None
    order_task_id: str | None = None
    quantity: int | None = None
    account: str = "default"


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return (self.now - START).total_seconds()

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class FakeVendor:
    """Books orders, and answers as the test says.

    Attributes:
        booked: What it took, in order: the ground truth.
        answer: Called after an order was booked, or not; may raise instead of answering.
        take: Whether the next order is booked.
        calls: Attempts that left.
        while_asked: Called while it is asked for a price ceiling.
        ceilings: How often it was asked for one.
    """

    streams = None
    name = "fake"
    account = "default"
    live: bool | None = False
    markets: Sequence[str] = ("domestic",)
    rising: Collection[str] = ("domestic",)
    cancel_methods: Mapping[str, str] = MappingProxyType({"domestic": "fake.cancel-order"})

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.orders = self
        self.booked: list[ListedOrder] = []
        self.task_ids: dict[str, str] = {}
        self.take = True
        self.calls = 0
        self.hidden = False
        self.incomplete: str | None = None
        self.ceiling = Decimal(97_500)
        self.answer: Callable[[TaskContext], None] = lambda context: None
        self.before: Callable[[TaskContext], None] = lambda context: None
        self.while_asked: Callable[[], None] = lambda: None
        self.ceilings = 0
        self._numbers = itertools.count(1001)

    def methods(self) -> list[Method[Any]]:
        return [
            Method(
                name="fake.buy-order",
                vendor="fake",
                kind="order",
                lane=Lane.ORDER,
                summary="Buy.",
                parameters=Buy,
                handler=self.buy,
                details=self.buy_details,
            ),
            Method(
                name="fake.cancel-order",
                vendor="fake",
                kind="order",
                lane=Lane.CANCEL,
                summary="Cancel.",
                parameters=Cancel,
                handler=self.cancel,
                details=lambda given: OrderDetails(
                    action="cancel",
                    market="domestic",
                    original=given.order_no,
                    original_task_id=given.order_task_id,
                    quantity=given.quantity,
                ),
            ),
        ]

    @staticmethod
    def buy_details(given: Buy) -> OrderDetails:
        return OrderDetails(
            action="buy",
            market="domestic",
            ticker=given.ticker,
            side="buy",
            quantity=given.quantity,
            price=None if given.price is None else Decimal(given.price),
            currency="KRW",
            order_type="limit" if given.price else "market",
            venue="KRX",
        )

    def buy(self, given: Buy, context: TaskContext) -> Outcome:
        self.before(context)
        context.before_send(self.buy_details(given))
        self.calls += 1
        order_no = self._book(context.task_id, "new", given.ticker, given.quantity, given.price, None)
        self.answer(context)
        if order_no is None:
            raise VendorRejected("no", vendor="fake", vendor_code="X1", vendor_message="아니오")
        return Outcome([{"order_no": order_no}], order_no=order_no)

    def cancel(self, given: Cancel, context: TaskContext) -> Outcome:
        original = given.order_no or context.order_no_of(given.order_task_id or "")
        target = next(each for each in self.booked if each.order_no == original)
        context.before_send(
            OrderDetails(
                action="cancel",
                market="domestic",
                ticker=target.ticker,
                side=target.side,
                original=original,
            )
        )
        self.calls += 1
        order_no = self._book(context.task_id, "cancel", target.ticker, target.quantity, None, original)
        self.answer(context)
        return Outcome([{"order_no": order_no}], order_no=order_no)

    def _book(
        self, task_id: str, action: Any, ticker: str, quantity: int, price: int | None, original: str | None
    ) -> str | None:
        if not self.take:
            return None
        order_no = f"{next(self._numbers):010}"
        self.task_ids[order_no] = task_id
        self.booked.append(
            ListedOrder(
                order_no=order_no,
                original=original,
                action=action,
                ticker=ticker,
                side="buy",
                quantity=quantity,
                price=None if price is None else Decimal(price),
                order_type="limit" if price else "market",
                venue="KRX",
                received_at=self.clock.now.replace(microsecond=0),
                filled=0,
                remaining=quantity,
                average_price=None,
                cancelled=0,
                status=Status.WORKING,
            )
        )
        return order_no

    def list_orders(self, market: str, context: TaskContext, since: datetime | None = None) -> OrderList:
        context.ensure_in_time()
        first = self.clock.now if since is None else min(since, self.clock.now)
        midnight = first.astimezone(KST).replace(hour=0, minute=0, second=0, microsecond=0)
        shown = [each for each in self.booked if each.received_at is None or each.received_at >= midnight]
        return OrderList([] if self.hidden else shown, self.incomplete, midnight)

    def price_ceiling(self, details: OrderDetails, context: TaskContext) -> Decimal:
        self.ceilings += 1
        self.while_asked()
        return self.ceiling

    def clock_offset(self) -> timedelta:
        return timedelta()

    def status(self) -> dict[str, Any]:
        return {}

    def check(self) -> list[CheckResult]:
        return []

    def close(self) -> None:
        return None


class FakeLease:
    """The lease of the account; the test takes it away or lets it go stale."""

    def __init__(self, owners: Owners, clock: Clock, name: str, vendor: str = "fake") -> None:
        self.epoch, _ = owners.take(
            vendor, "default", name=name, host="h", process=1, heartbeat=5, now=clock()
        )
        self.is_adopted = False
        self.held, self.fresh, self.orders_from = True, True, 0.0
        self.refused: str | None = None

    def grant(self, vendor: str, account: str) -> Grant | None:
        if not self.held:
            return None
        return Grant(self.epoch, self.fresh, self.orders_from, self.refused)

    def adopted(self, vendor: str, account: str) -> bool:
        return self.is_adopted


class Recorder:
    """Takes events and outcomes."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.outcomes: list[Record] = []

    def publish(self, key: str, body: dict[str, Any]) -> None:
        self.events.append((key, body))

    def send(self, record: Record) -> None:
        self.outcomes.append(record)


class Desk:
    """One worker's order office on a journal that several of them may share."""

    def __init__(
        self,
        engine: Engine,
        vendor: Any,
        clock: Clock,
        *,
        name: str = "w-1",
        rules: OrderRules | None = None,
        step: Step = no_step,
        settled_start: bool = True,
    ) -> None:
        self.clock, self.vendor, self.recorder = clock, vendor, Recorder()
        self.pause: Callable[[float], None] = clock.pass_
        self.lease = FakeLease(Owners(engine, "simulated"), clock, name, vendor.name)
        self.waiting: dict[str, OrderTask] = {}
        self.running: set[str] = set()
        self.run_now: dict[str, list[OrderTask]] = {}
        self.due: list[tuple[float, Callable[[], None]]] = []
        self.office = OrderOffice(
            rules or OrderRules(environment="simulated"),
            engine,
            [vendor],
            ownership=self.lease,
            bus=self.recorder,
            notes=ReplyNotes(OrderJournal(engine, "simulated")),
            outbox=self.recorder,
            worker=name,
            clock=clock,
            waiting=self.waiting.get,
            running=self.running.__contains__,
            run_now=lambda task_id: self.run_now.get(task_id, []),
            settle=timedelta(seconds=60),
            poll_seconds=1,
            monotonic=clock.monotonic,
            pause=lambda seconds: self.pause(seconds),
            after=lambda seconds, call: self.due.append((seconds, call)),
            step=step,
        )
        self.registry = MethodRegistry(vendor.methods())
        for method in self.office.methods(self.registry):
            self.registry.add(method)
        self.keeper = self.office.keepers[key_of(vendor)]
        if settled_start:
            self.look()

    def look(self) -> None:
        """What the keeper's thread would do now."""
        self.keeper.turn()

    def task(
        self,
        task_id: str = "t-1",
        method: str = "fake.buy-order",
        *,
        made: datetime | str | None = "now",
        reply_to: str | None = "replies",
        correlation_id: str | None = None,
        user: str | None = None,
        deadline: datetime | None = None,
        **parameters: Any,
    ) -> OrderTask:
        """An order task."""
        declared = self.registry.get(method)
        assert declared is not None
        request = TaskRequest(
            task_id=task_id,
            method=method,
            parameters=parameters,
            request_time=self.clock() if made == "now" else made,  # type: ignore[arg-type]
            deadline=deadline,
        )
        return OrderTask(
            request=request, method=declared, reply_to=reply_to, correlation_id=correlation_id, user=user
        )

    def record(self, task_id: str = "t-1") -> Record:
        """What the journal has."""
        record = self.office.journal.find(task_id)
        assert record is not None
        return record


def journal(folder: Path) -> Engine:
    """An empty journal on SQLite."""
    return open_database(f"sqlite:///{folder / 'journal.sqlite3'}")
