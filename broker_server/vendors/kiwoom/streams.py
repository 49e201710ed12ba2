"""The live part of the Kiwoom adapter, as the worker sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from broker_server.core.accounts import DEFAULT
from broker_server.core.feeds import Feed, FeedListener, FeedObserver, Incoming
from broker_server.core.listed_orders import ListedOrder
from broker_server.core.methods import TaskContext
from broker_server.core.stream_requests import Registration
from broker_server.vendors.checks import context_without_deadline
from broker_server.vendors.clock import Clock
from broker_server.vendors.kiwoom.backend import Backend
from broker_server.vendors.kiwoom.reading import VENDOR
from broker_server.vendors.kiwoom.real_types import (
    EXECUTIONS,
    has_symbol,
    stream_name,
    ticker_and_venue,
)
from broker_server.vendors.kiwoom.snapshots import Snapshots
from broker_server.vendors.order_details import DOMESTIC
from broker_server.vendors.order_receipts import WON
from broker_server.vendors.recovered_executions import RecoveredExecution

_EXECUTIONS = Registration(EXECUTIONS, "")


class KiwoomStreams:
    """Implements `broker_server.core.feeds.Streams`. Nothing in its registrations is personal.

    Args:
        backend: Makes the feed.
        snapshots: The same by a TR.
        clock: The time.
        alias: How the account is called.
    """

    def __init__(self, backend: Backend, snapshots: Snapshots, clock: Clock, alias: str = DEFAULT) -> None:
        self._alias = alias
        self._clock = clock
        self._backend = backend
        self._snapshots = snapshots

    def open_feed(self, listener: FeedListener, observer: FeedObserver | None = None) -> Feed:
        """Make the live connection."""
        return self._backend.open_feed(listener, observer)

    def try_out(self) -> str:
        """Whether there would be live data, without taking any."""
        return self._backend.try_live_data(context_without_deadline("check", self._clock))

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
            "key": ".".join(stream_name(registration, self._alias)),
            "real_type": registration.code,
            "item": registration.symbol,
        }

    def recovered_execution(
        self, registration: Registration, order: ListedOrder, quantity: int, price: Decimal | None
    ) -> Incoming:
        """A fill that no news has brought."""
        channel, subject = stream_name(registration, self._alias)
        return RecoveredExecution(
            channel=channel,
            subject=subject,
            vendor=VENDOR,
            currency=WON,
            order=order,
            quantity=quantity,
            price=price,
        )
