"""A vendor whose orders are lines in a file, the ground truth of the tests that use it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import Field

from broker_server.core.listed_orders import OrderList
from broker_server.core.methods import Lane, Method, Outcome, Parameters, TaskContext
from broker_server.core.orders import OrderDetails
from broker_server.core.vendor import CheckResult


class Echo(Parameters):
    value: str | int | None = None
    seconds: float = Field(default=0, ge=0, le=3600)
    started: Path | None = None
    gate: Path | None = None


def linger(parameters: Echo) -> None:
    """Leave the file ``started``, then take as long as the test says: some seconds, or until the file
    ``gate`` is there.
    """
    if parameters.started is not None:
        parameters.started.touch()
    if parameters.seconds:
        time.sleep(parameters.seconds)
    while parameters.gate is not None and not parameters.gate.exists():
        time.sleep(0.02)


class StubVendor:
    """Takes orders for the file that ORDER_FILE names. It lists none, so what is unknown stays so."""

    streams = None
    name = "stub"
    account = "default"
    live = False
    markets: Sequence[str] = ("stub",)
    rising: Collection[str] = ("stub",)
    cancel_methods: Mapping[str, str] = MappingProxyType({"stub": "stub.cancel-order"})

    def __init__(self) -> None:
        self.orders = self
        self._lock = threading.Lock()

    def methods(self) -> list[Method[Any]]:
        return [
            Method(
                name=f"stub.{action}-order",
                vendor="stub",
                kind="order",
                lane=lane,
                summary="For tests.",
                parameters=Echo,
                handler=self.place,
                details=_buy if action == "buy" else _cancel,
            )
            for action, lane in (("buy", Lane.ORDER), ("cancel", Lane.CANCEL))
        ]

    def place(self, parameters: Echo, context: TaskContext) -> Outcome:
        """Place an order: one line in the file."""
        context.before_send(_buy(parameters))
        with self._lock, open(os.environ["ORDER_FILE"], "a", encoding="utf-8") as file:
            file.write(f"{parameters.value}\n")
        linger(parameters)
        return Outcome([{"value": parameters.value}], order_no=str(parameters.value))

    def list_orders(self, market: str, context: TaskContext, since: datetime | None = None) -> OrderList:
        return OrderList([], "the stub keeps no list")

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


def _buy(parameters: Echo) -> OrderDetails:
    return OrderDetails(
        action="buy",
        market="stub",
        ticker=str(parameters.value),
        side="buy",
        quantity=1,
        price=Decimal(1),
        currency="KRW",
        order_type="limit",
    )


def _cancel(parameters: Echo) -> OrderDetails:
    return OrderDetails(action="cancel", market="stub", original=str(parameters.value))
