"""Fills that a vendor's notices did not bring, as its list of orders tells of them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from broker_server.core.listed_orders import ListedOrder
from broker_server.core.market_data import Execution, Money, event_of
from broker_server.vendors.order_receipts import WON


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveredExecution:
    """Some fills of one order as one; implements `broker_server.core.feeds.Incoming`.

    Attributes:
        channel: See there; likewise ``subject`` and ``conflatable``.
        vendor: Whose.
        currency: Of the prices.
        order: As the vendor lists it.
        quantity: Shares.
        price: The mean per share, if it is known.
    """

    channel: str
    subject: str
    vendor: str
    currency: str
    order: ListedOrder
    quantity: int
    price: Decimal | None
    conflatable: bool = False

    def event(self) -> dict[str, Any]:
        """In the common model."""
        order = self.order
        return event_of(
            Execution(
                vendor=self.vendor,
                ticker=order.ticker,
                venue=order.venue,
                currency=self.currency,
                time=None,
                event="fill",
                action="modify" if order.action == "modify_or_cancel" else order.action,
                order_no=order.order_no,
                original_order_no=order.original,
                side=order.side,
                quantity=self.quantity,
                price=_money(self.price, self.currency),
                order_quantity=order.quantity,
                order_price=_money(order.price, self.currency),
                account=None,
            )
        )

    def raw_event(self) -> dict[str, Any]:
        """The same: it comes of no record."""
        return self.event()


def _money(price: Decimal | None, currency: str) -> Money | None:
    whole = price is not None and currency == WON and price == price.to_integral_value()
    return int(price) if price is not None and whole else price
