"""Rows of ``broker.list-orders``, as a worker writes them."""

from __future__ import annotations

from typing import Any


def order_row(task_id: str = "t-1", **fields: Any) -> dict[str, Any]:
    """A market order that was filled at once, where ``fields`` says nothing else."""
    return {
        "task_id": task_id,
        "method": "kis.buy-order",
        "vendor": "kis",
        "account": "default",
        "market": "domestic",
        "action": "buy",
        "ticker": "005930",
        "side": "buy",
        "quantity": 10,
        "price": None,
        "currency": "KRW",
        "order_type": "market",
        "venue": "KRX",
        "state": "ACCEPTED",
        "status": "filled",
        "order_no": "0000001007",
        "original_order_no": None,
        "filled_quantity": 10,
        "remaining_quantity": 0,
        "average_price": "74900",
        "reason": None,
        "vendor_code": None,
        "vendor_message": None,
        "stuck": False,
        "user": "guest",
        "received_at": "2026-11-25T17:37:00.736342Z",
        "sent_at": "2026-11-25T17:37:00.750000Z",
        "settled_at": "2026-11-25T17:37:00.790000Z",
        "replied": True,
        "history": None,
        **fields,
    }
