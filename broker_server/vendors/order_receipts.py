"""What order methods answer."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from broker_server.core.orders import OrderDetails
from broker_server.vendors.results import Part

WON = "KRW"


class OrderReceipt(Part):
    """An order, change or cancel that the vendor took. Taken is not filled.

    Attributes:
        action: What was asked.
        order_no: The vendor's number of this order; null when there was nothing left to cancel.
        original_order_no: Of the order that was changed or cancelled.
        quantity: Shares; for a cancel, those that were still open.
        price: The limit: won as an integer, other currencies as exact text; null without one.
        venue: Where the order is.
        time: When the vendor received it, in Korea.
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


def receipt(
    details: OrderDetails,
    *,
    account: str,
    order_no: str,
    time: datetime | None,
    quantity: int | None = None,
) -> OrderReceipt:
    """What to say of an order that the vendor took.

    Args:
        details: What was sent.
        account: Its alias.
        order_no: The vendor's number.
        time: When the vendor received it.
        quantity: Shares, where the details leave them open.
    """
    price = details.price
    return OrderReceipt(
        account=account,
        action=details.action,
        order_no=order_no,
        original_order_no=details.original,
        ticker=details.ticker or "",
        quantity=details.quantity if quantity is None else quantity,
        price=None if price is None else int(price) if details.currency == WON else f"{price:f}",
        order_type=details.order_type,
        venue=details.venue or "",
        time=time,
    )


def nothing_left(
    *,
    account: str,
    original: str,
    ticker: str,
    price: int | str | None,
    order_type: str | None,
    venue: str,
    state: str,
) -> OrderReceipt:
    """What to say of a cancel of an order that had ended already."""
    return OrderReceipt(
        account=account,
        action="cancel",
        order_no=None,
        original_order_no=original,
        ticker=ticker,
        quantity=0,
        price=price,
        order_type=order_type,
        venue=venue,
        time=None,
        already_done=True,
        state=state,
    )
