"""What the desk and its journal add to an order: a vendor that answers at once, and everything else real."""

from __future__ import annotations

import statistics
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from broker_client.protocol import TaskRequest
from broker_server.core.accounts import AccountKey
from broker_server.core.listed_orders import OrderList
from broker_server.core.methods import Lane, Method, Outcome, Parameters, TaskContext
from broker_server.core.orders import OrderDetails
from broker_server.core.vendor import CheckResult
from broker_server.journal.database import open_database
from broker_server.journal.order_rows import Record
from broker_server.journal.orders import OrderJournal
from broker_server.journal.owners import Owners
from broker_server.orders.checks import OrderRules
from broker_server.orders.ownership import Grant
from broker_server.orders.replied import ReplyNotes
from broker_server.orders.task import OrderTask
from broker_server.wiring.order_office import OrderOffice

ORDERS = 300


class Buy(Parameters):
    """An order; each is of another quantity."""

    quantity: int


def details(given: Buy) -> OrderDetails:
    """What it asks for."""
    return OrderDetails(
        action="buy",
        market="null",
        ticker="005930",
        side="buy",
        quantity=given.quantity,
        price=Decimal(1),
        currency="KRW",
        order_type="limit",
    )


class NullVendor:
    """Takes every order at once and keeps nothing."""

    streams = None
    account = "default"
    name = "null"
    live = False
    markets: Sequence[str] = ("null",)
    rising: Collection[str] = ()
    cancel_methods: Mapping[str, str] = MappingProxyType({})

    def __init__(self) -> None:
        self.orders = self

    def buy(self, given: Buy, context: TaskContext) -> Outcome:
        context.before_send(details(given))
        return Outcome([{"order_no": str(given.quantity)}], order_no=str(given.quantity))

    def methods(self) -> list[Method[Any]]:
        return [
            Method(
                name="null.buy-order",
                vendor="null",
                kind="order",
                lane=Lane.ORDER,
                summary="Buy.",
                parameters=Buy,
                handler=self.buy,
                details=details,
            )
        ]

    def list_orders(self, market: str, context: TaskContext, since: datetime | None = None) -> OrderList:
        return OrderList([])

    def price_ceiling(self, details: OrderDetails, context: TaskContext) -> Decimal:
        return Decimal(1)

    def clock_offset(self) -> timedelta:
        return timedelta()

    def status(self) -> dict[str, Any]:
        return {}

    def check(self) -> list[CheckResult]:
        return []

    def close(self) -> None:
        return None


class Always:
    """The lease, the event bus and the outbox of a worker without a broker."""

    def __init__(self, epoch: int) -> None:
        self._grant = Grant(epoch, True, 0.0)

    def grant(self, vendor: str, account: str) -> Grant | None:
        return self._grant

    def adopted(self, vendor: str, account: str) -> bool:
        return False

    def publish(self, key: str, body: dict[str, Any]) -> None:
        return None

    def send(self, record: Record) -> None:
        return None


def desk_median_ms(file: Path, prefix: str = "o") -> float:
    """The median time of an order from the desk's door to its outcome on disk, in milliseconds.

    Args:
        file: The journal's.
        prefix: Of the orders' ids, which the journal must not know yet.
    """
    engine = open_database(f"sqlite:///{file}")
    vendor = NullVendor()
    epoch, _ = Owners(engine, "simulated").take(
        "null", "default", name="bench", host="here", process=1, heartbeat=5, now=datetime.now(UTC)
    )
    always = Always(epoch)
    office = OrderOffice(
        OrderRules(environment="simulated"),
        engine,
        [vendor],
        ownership=always,
        bus=always,
        notes=ReplyNotes(OrderJournal(engine, "simulated")),
        outbox=always,
        worker="bench",
        clock=lambda: datetime.now(UTC),
        waiting=lambda task_id: None,
        running=lambda task_id: False,
        settle=timedelta(seconds=60),
        poll_seconds=600,
    )
    office.keepers[AccountKey("null")].turn()
    (method,) = vendor.methods()
    times = []
    for number in range(ORDERS):
        request = TaskRequest(
            task_id=f"{prefix}-{number}",
            method=method.name,
            parameters={"quantity": number + 1},
            request_time=datetime.now(UTC),
        )
        task = OrderTask(request=request, method=method)
        began = time.perf_counter()
        office.desk.run(task)
        times.append(time.perf_counter() - began)
    engine.dispose()
    return statistics.median(times) * 1000
