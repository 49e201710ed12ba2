"""What order methods answer."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from broker_server.vendors.kis.results import Part


class OrderReceipt(Part):
    """An order, change or cancel that KIS took. Taken is not filled.

    Attributes:
        action: What was asked.
        order_no: KIS's number of this order; null when there was nothing left to cancel.
        original_order_no: Of the order that was changed or cancelled.
        quantity: Shares; for a cancel, those that were still open.
        price: The limit: won as an integer, other currencies as exact text; null without one.
        venue: Where the order is.
        time: When KIS received it, in Korea.
        already_done: Nothing was sent: the order was gone already.
        state: ``accepted``, or how the order that was to be cancelled had ended.
    """

    account: str
    action: Literal["buy", "sell", "modify", "cancel"]
    order_no: str | None
    original_order_no: str | None = None
    ticker: str
    quantity: int | None
    price: int | str | None
    order_type: str | None
    venue: str
    time: datetime | None
    already_done: bool = False
    state: str = "accepted"
