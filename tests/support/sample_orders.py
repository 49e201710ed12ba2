"""An order as tests begin with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from broker_server.core.orders import Order, OrderDetails

NOW = datetime(2026, 11, 25, 1, tzinfo=UTC)
BUY = OrderDetails(
    action="buy",
    market="domestic",
    ticker="005930",
    side="buy",
    quantity=10,
    price=Decimal(75_000),
    currency="KRW",
    order_type="limit",
    venue="KRX",
)


def sample_order(task_id: str = "t-1", **changes: object) -> Order:
    """A received order for 10 shares at 75,000 won, with what the test changes."""
    made = Order(
        task_id=task_id,
        method="kis.buy-order",
        payload_hash="0" * 64,
        vendor="kis",
        account="default",
        details=BUY,
        received_at=NOW,
        owner="w",
        epoch=1,
    )
    return replace(made, **changes)  # type: ignore[arg-type]
