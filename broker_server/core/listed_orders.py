"""Orders as a vendor lists them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from broker_server.core.orders import Side, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedOrder:
    """One order as the vendor lists it.

    Attributes:
        order_no: The vendor's number.
        original: The number of the order that this one changed or cancelled.
        action: ``modify_or_cancel`` where the vendor does not tell which.
        price: The limit; ``None`` without one.
        order_type: The adapter's name of it; ``None`` where the list does not tell, or not in known words.
        venue: Likewise.
        received_at: In the vendor's clock, whole seconds; ``None`` where the list does not tell.
        cancelled: Shares taken back; ``None`` where the list does not tell.
    """

    order_no: str
    original: str | None
    action: Literal["new", "modify", "cancel", "modify_or_cancel"]
    ticker: str
    side: Side
    quantity: int
    price: Decimal | None
    order_type: str | None
    venue: str | None
    received_at: datetime | None
    filled: int
    remaining: int
    average_price: Decimal | None
    cancelled: int | None
    status: Status


@dataclass(frozen=True, slots=True)
class OrderList:
    """The account's orders of the current trading day, or from an earlier day on.

    Attributes:
        incomplete: Why some may be missing; ``None`` when every page was read.
        since: An order that the vendor received before, in its own clock, need not be on the list; ``None``
            when the list goes back as far as any order.
    """

    orders: Sequence[ListedOrder]
    incomplete: str | None = None
    since: datetime | None = None
