"""What ``broker.events`` says of an order."""

from __future__ import annotations

from typing import Any, Protocol

from broker_server.core.listed_orders import ListedOrder
from broker_server.core.orders import Order, State, Status


class EventBus(Protocol):
    """Publishes to ``broker.events``. Safe to use from any thread; returns at once."""

    def publish(self, key: str, body: dict[str, Any]) -> None:
        """Publish an event under a routing key."""


class Announcer:
    """Announces every change of an order.

    Args:
        bus: Where to.
    """

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    def changed(self, before: Order, after: Order, *, alarm: str | None = None) -> None:
        """An order of ours changed, if its state, its status or its fills did."""
        first = before is after
        if not first and _seen(before) == _seen(after):
            return
        details = after.details
        body = {
            "task_id": after.task_id,
            "method": after.method,
            "order_no": after.order_no,
            "original_order_no": details.original,
            "action": details.action,
            "ticker": details.ticker,
            "side": details.side,
            "quantity": details.quantity,
            "price": None if details.price is None else f"{details.price:f}",
            "currency": details.currency,
            "order_type": details.order_type,
            "venue": details.venue,
            "state": after.state.value,
            "status": after.status,
            "filled_quantity": after.filled,
            "remaining_quantity": after.remaining,
            "average_price": None if after.average_price is None else f"{after.average_price:f}",
            "reason": after.reason,
        }
        if alarm is None and belated(before, after):
            alarm = "this order was said not to have been sent, and the vendor has it"
        if alarm is not None:
            body["alarm"] = alarm
        name = after.status.value if _follows(before, after) and after.status else after.state.lower()
        self._publish(after.vendor, after.account, name, body)

    def foreign(self, vendor: str, account: str, listed: ListedOrder) -> None:
        """An order that was entered elsewhere is new or changed."""
        body = {
            "task_id": None,
            "method": None,
            "order_no": listed.order_no,
            "original_order_no": listed.original,
            "action": listed.side if listed.action == "new" else listed.action,
            "ticker": listed.ticker,
            "side": listed.side,
            "quantity": listed.quantity,
            "price": None if listed.price is None else f"{listed.price:f}",
            "currency": None,
            "order_type": listed.order_type,
            "venue": listed.venue,
            "state": "ACCEPTED",
            "status": listed.status,
            "filled_quantity": listed.filled,
            "remaining_quantity": listed.remaining,
            "average_price": None if listed.average_price is None else f"{listed.average_price:f}",
            "reason": "entered elsewhere",
        }
        self._publish(vendor, account, listed.status.value, body)

    def _publish(self, vendor: str, account: str, name: str, body: dict[str, Any]) -> None:
        head = {"type": "order", "vendor": vendor, "account": account}
        self._bus.publish(f"order.{vendor}.{account}.{name}", head | body)


def belated(before: Order, after: Order) -> bool:
    """Whether an order is accepted that its client was told had not been sent."""
    return before.state is State.NOT_SENT and after.state is State.ACCEPTED


def _seen(order: Order) -> tuple[object, ...]:
    return order.state, order.status, order.filled, order.remaining, order.stuck


def _follows(before: Order, after: Order) -> bool:
    """Whether the market did something, rather than the vendor's front desk."""
    return before.state is after.state and after.status is not Status.WORKING
