"""Fills that KIS's notices did not bring, as its list of orders tells of them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from broker_server.core.listed_orders import ListedOrder
from broker_server.core.market_data import Execution, Money, event_of
from broker_server.vendors.kis.errors import VENDOR
from broker_server.vendors.kis.order_types import overseas_exchanges


@dataclass(frozen=True, slots=True)
class RecoveredExecution:
    """Some fills of one order as one; implements `broker_server.core.feeds.Incoming`.

    Attributes:
        channel: See there; likewise ``subject`` and ``conflatable``.
        order: As KIS lists it.
        quantity: Shares.
        price: The mean per share, if it is known.
    """

    channel: str
    subject: str
    conflatable: bool
    order: ListedOrder
    quantity: int
    price: Decimal | None

    def event(self) -> dict[str, Any]:
        """In the common model."""
        order = self.order
        exchange = overseas_exchanges().get(order.venue or "")
        currency = "KRW" if exchange is None else exchange["currency"]
        return event_of(
            Execution(
                vendor=VENDOR,
                ticker=order.ticker,
                venue=order.venue,
                currency=currency,
                time=None,
                event="fill",
                action="modify" if order.action == "modify_or_cancel" else order.action,
                order_no=order.order_no,
                original_order_no=order.original,
                side=order.side,
                quantity=self.quantity,
                price=_money(self.price, currency),
                order_quantity=order.quantity,
                order_price=_money(order.price, currency),
                account=None,
            )
        )

    def raw_event(self) -> dict[str, Any]:
        """The same: it comes of no record."""
        return self.event()


def _money(price: Decimal | None, currency: str) -> Money | None:
    whole = price is not None and currency == "KRW" and price == price.to_integral_value()
    return int(price) if price is not None and whole else price
