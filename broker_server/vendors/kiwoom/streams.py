"""The live part of the Kiwoom adapter, as the worker sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from broker_server.core.feeds import Feed, FeedListener, Incoming
from broker_server.core.listed_orders import ListedOrder
from broker_server.core.market_data import Execution, event_of
from broker_server.core.methods import TaskContext
from broker_server.core.stream_requests import Registration
from broker_server.vendors.kiwoom.backend import Backend
from broker_server.vendors.kiwoom.reading import VENDOR
from broker_server.vendors.kiwoom.real_types import (
    EXECUTIONS,
    has_symbol,
    stream_name,
    ticker_and_venue,
)
from broker_server.vendors.kiwoom.snapshots import Snapshots
from broker_server.vendors.kiwoom.trading import DOMESTIC
from broker_server.vendors.order_receipts import WON

_EXECUTIONS = Registration(EXECUTIONS, "")


class KiwoomStreams:
    """Implements `broker_server.core.feeds.Streams`. Nothing in its registrations is personal.

    Args:
        backend: Makes the feed.
        snapshots: The same by a TR.
    """

    def __init__(self, backend: Backend, snapshots: Snapshots) -> None:
        self._backend = backend
        self._snapshots = snapshots

    def open_feed(self, listener: FeedListener) -> Feed:
        """Make the live connection."""
        return self._backend.open_feed(listener)

    def can_snapshot(self, registration: Registration) -> bool:
        """Whether a TR has the same information."""
        return self._snapshots.can_read(registration)

    def snapshot(self, registration: Registration, context: TaskContext, *, bulk: bool) -> Incoming:
        """The state by a TR."""
        return self._snapshots.read(registration, context, bulk=bulk)

    def venue(self, registration: Registration) -> str | None:
        """Whose hours it keeps."""
        if not has_symbol(registration.code):
            return None
        venue = ticker_and_venue(registration.symbol)[1]
        return "KRX" if venue == "UNIFIED" else venue

    def own_registrations(self) -> Sequence[Registration]:
        """The news of the account's orders."""
        return (_EXECUTIONS,)

    def is_reserved(self, registration: Registration) -> bool:
        """Whether it is the news of the account's orders."""
        return registration.code == EXECUTIONS

    def without_person(self, registration: Registration) -> Registration:
        """As it is."""
        return registration

    def with_person(self, kept: Registration) -> Registration | None:
        """As it is."""
        return kept

    def order_market(self, registration: Registration) -> str | None:
        """Whose executions it brings."""
        return DOMESTIC if registration.code == EXECUTIONS else None

    def describe(self, registration: Registration) -> Mapping[str, Any]:
        """Its name, its real type and its instrument."""
        return {
            "key": ".".join(stream_name(registration)),
            "real_type": registration.code,
            "item": registration.symbol,
        }

    def recovered_execution(
        self, registration: Registration, order: ListedOrder, quantity: int, price: Decimal | None
    ) -> Incoming:
        """A fill that no news has brought."""
        return RecoveredExecution(*stream_name(registration), False, order, quantity, price)


@dataclass(frozen=True, slots=True)
class RecoveredExecution:
    """Some fills of one order as one; implements `broker_server.core.feeds.Incoming`.

    Attributes:
        channel: See there; likewise ``subject`` and ``conflatable``.
        order: As Kiwoom lists it.
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
        return event_of(
            Execution(
                vendor=VENDOR,
                ticker=order.ticker,
                venue=order.venue,
                currency=WON,
                time=None,
                event="fill",
                action="modify" if order.action == "modify_or_cancel" else order.action,
                order_no=order.order_no,
                original_order_no=order.original,
                side=order.side,
                quantity=self.quantity,
                price=_won(self.price),
                order_quantity=order.quantity,
                order_price=_won(order.price),
                account=None,
            )
        )

    def raw_event(self) -> dict[str, Any]:
        """The same: it comes of no record."""
        return self.event()


def _won(price: Decimal | None) -> int | Decimal | None:
    if price is None:
        return None
    return int(price) if price == price.to_integral_value() else price
