"""The live part of the KIS adapter, as the worker sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from broker_client.errors import TaskFailed
from broker_server.core.accounts import DEFAULT
from broker_server.core.feeds import Feed, FeedListener, FeedObserver, Incoming
from broker_server.core.listed_orders import ListedOrder
from broker_server.core.methods import TaskContext
from broker_server.core.stream_requests import Registration
from broker_server.vendors.kis.errors import VENDOR
from broker_server.vendors.kis.order_types import overseas_exchanges
from broker_server.vendors.kis.overseas_keys import parse_overseas_key
from broker_server.vendors.kis.stream_codes import StreamCodes
from broker_server.vendors.kis.stream_names import is_notice, stream_name, stream_trs
from broker_server.vendors.kis.stream_snapshots import Snapshots
from broker_server.vendors.order_receipts import WON
from broker_server.vendors.recovered_executions import RecoveredExecution

_DAY_HOURS, _OTHER_HOURS = "US-DAY", "US-NIGHT"
"""In the table of market sessions: American keys flow in the one or in the other."""

_ORDER_MARKETS: Mapping[str, str] = MappingProxyType(
    {"H0STCNI0": "domestic", "H0STCNI9": "domestic", "H0GSCNI0": "overseas", "H0GSCNI9": "overseas"}
)


class KisStreams:
    """Implements `broker_server.core.feeds.Streams`.

    Args:
        codes: What the key may ask for.
        snapshots: The same by REST.
        make_feed: Makes the live connections.
        try_out: Connects once and closes.
        has_account: Orders can be placed, so the worker wants to hear of their executions.
        alias: How the account is called.
    """

    def __init__(
        self,
        codes: StreamCodes,
        snapshots: Snapshots,
        make_feed: Callable[[FeedListener, FeedObserver | None], Feed],
        *,
        try_out: Callable[[], str],
        has_account: bool,
        alias: str = DEFAULT,
    ) -> None:
        self._alias = alias
        self._codes = codes
        self._snapshots = snapshots
        self._make_feed = make_feed
        self._try_out = try_out
        self._own = codes.executions() if has_account else ()

    def open_feed(self, listener: FeedListener, observer: FeedObserver | None = None) -> Feed:
        """Make the live connections."""
        return self._make_feed(listener, observer)

    def try_out(self) -> str:
        """Get an approval key, connect and close."""
        return self._try_out()

    def can_snapshot(self, registration: Registration) -> bool:
        """Whether REST has the same information."""
        return self._snapshots.can_read(registration)

    def snapshot(self, registration: Registration, context: TaskContext, *, bulk: bool) -> Incoming:
        """The state by REST."""
        return self._snapshots.read(registration, context, bulk=bulk)

    def venue(self, registration: Registration) -> str | None:
        """Whose hours it keeps."""
        hours = stream_trs()[registration.code].hours
        if hours != "exchange":
            return hours
        key = parse_overseas_key(registration.symbol)
        if key is None:
            return None
        if key.american:
            return _DAY_HOURS if key.day_market else _OTHER_HOURS
        return key.exchange

    def own_registrations(self) -> Sequence[Registration]:
        """The notices of the account's executions, if it and an HTS ID are configured."""
        return self._own

    def is_reserved(self, registration: Registration) -> bool:
        """Whether it is a notice of executions."""
        return stream_name(registration).channel == "execution"

    def without_person(self, registration: Registration) -> Registration:
        """Without the HTS ID."""
        return Registration(registration.code, "") if is_notice(registration.code) else registration

    def with_person(self, kept: Registration) -> Registration | None:
        """With the HTS ID, if there still is one."""
        if not is_notice(kept.code):
            return kept
        try:
            return self._codes.registration(kept.code, None)
        except TaskFailed:
            return None

    def order_market(self, registration: Registration) -> str | None:
        """Whose executions it brings."""
        return _ORDER_MARKETS.get(registration.code)

    def recovered_execution(
        self, registration: Registration, order: ListedOrder, quantity: int, price: Decimal | None
    ) -> Incoming:
        """A fill that no notice has brought."""
        channel, subject = stream_name(registration, self._alias)
        exchange = overseas_exchanges().get(order.venue or "")
        return RecoveredExecution(
            channel=channel,
            subject=subject,
            vendor=VENDOR,
            currency=WON if exchange is None else exchange["currency"],
            order=order,
            quantity=quantity,
            price=price,
        )

    def describe(self, registration: Registration) -> Mapping[str, Any]:
        """Its name, its TR and, unless it is a notice, its key."""
        code, symbol = registration
        return {
            "key": ".".join(stream_name(registration, self._alias)),
            "tr_id": code,
            "tr_key": None if is_notice(code) else symbol,
        }
