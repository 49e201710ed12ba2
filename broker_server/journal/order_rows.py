"""An order as a row of the journal, and back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from broker_server.core.orders import Order, OrderDetails, State, Status

KST = ZoneInfo("Asia/Seoul")


@dataclass(frozen=True, slots=True)
class Record:
    """An order as it is on record.

    Attributes:
        outcome: The JSON of its reply; ``None`` while there is none.
        reply_to: Where its reply goes; ``None`` when it cannot be sent again.
        replied: The broker confirmed that reply.
    """

    order: Order
    outcome: bytes | None
    reply_to: str | None
    correlation_id: str | None
    replied: bool


def trading_day(moment: datetime) -> str:
    """The day in Korea, ISO 8601."""
    return moment.astimezone(KST).date().isoformat()


def columns_of(order: Order) -> dict[str, Any]:
    """The row, without its key and what belongs to the reply."""
    details = order.details
    return {
        "method": order.method,
        "payload_hash": order.payload_hash,
        "vendor": order.vendor,
        "account": order.account,
        "action": details.action,
        "market": details.market,
        "ticker": details.ticker,
        "side": details.side,
        "quantity": details.quantity,
        "price": _text(details.price),
        "currency": details.currency,
        "order_type": details.order_type,
        "venue": details.venue,
        "original": details.original,
        "fingerprint": details.fingerprint[:255],
        "state": order.state.value,
        "status": None if order.status is None else order.status.value,
        "order_no": order.order_no,
        "vendor_code": order.vendor_code,
        "vendor_message": order.vendor_message,
        "reason": order.reason,
        "floor": order.floor,
        "missed": order.missed,
        "stuck": order.stuck,
        "filled": order.filled,
        "cancelled": order.cancelled,
        "remaining": order.remaining,
        "average_price": _text(order.average_price),
        "received_at": order.received_at,
        "sent_at": order.sent_at,
        "settled_at": order.settled_at,
        "trading_day": trading_day(order.received_at),
        "user": order.user,
        "owner": order.owner,
        "epoch": order.epoch,
        "version": order.version,
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def record_of(row: Row[Any]) -> Record:
    """The order of a row."""
    details = OrderDetails(
        action=row.action,
        market=row.market,
        ticker=row.ticker,
        side=row.side,
        quantity=row.quantity,
        price=_decimal(row.price),
        currency=row.currency,
        order_type=row.order_type,
        venue=row.venue,
        original=row.original,
    )
    order = Order(
        task_id=row.task_id,
        method=row.method,
        payload_hash=row.payload_hash,
        vendor=row.vendor,
        account=row.account,
        details=details,
        received_at=row.received_at,
        owner=row.owner,
        epoch=row.epoch,
        state=State(row.state),
        status=None if row.status is None else Status(row.status),
        order_no=row.order_no,
        vendor_code=row.vendor_code,
        vendor_message=row.vendor_message,
        reason=row.reason,
        floor=row.floor,
        missed=row.missed,
        stuck=row.stuck,
        filled=row.filled,
        cancelled=row.cancelled,
        remaining=row.remaining,
        average_price=_decimal(row.average_price),
        sent_at=row.sent_at,
        settled_at=row.settled_at,
        user=row.user,
        version=row.version,
    )
    return Record(order, row.outcome, row.reply_to, row.correlation_id, row.replied)
