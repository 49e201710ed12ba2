"""The live part of the KOSCOM adapter, as the worker sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

from broker_client.errors import Unsupported
from broker_server.core.feeds import Feed, FeedListener, FeedObserver, Incoming
from broker_server.core.listed_orders import ListedOrder
from broker_server.core.methods import TaskContext
from broker_server.core.stream_requests import Registration
from broker_server.vendors.clock import Clock
from broker_server.vendors.koscom.config import KoscomConfig
from broker_server.vendors.koscom.errors import VENDOR
from broker_server.vendors.koscom.feed import KoscomFeed
from broker_server.vendors.koscom.normalised import VENUE
from broker_server.vendors.koscom.presets import CHANGE, MARKET, items_of, preset_of, stream_name
from broker_server.vendors.koscom.realtime_trial import try_init
from broker_server.vendors.no_feed import NoFeed


class Snapshots(Protocol):
    """The state of what is streamed, by REST."""

    def can_read(self, registration: Registration) -> bool:
        """Whether REST has the same information."""

    def read(self, registration: Registration, context: TaskContext, *, bulk: bool) -> Incoming:
        """The state now; see `broker_server.core.feeds.Streams.snapshot`."""


class KoscomStreams:
    """Implements `broker_server.core.feeds.Streams`. Nothing in its registrations is personal.

    Args:
        config: The key and the address.
        snapshots: The same by REST.
        clock: The time.
    """

    def __init__(self, config: KoscomConfig, snapshots: Snapshots, clock: Clock) -> None:
        self._config = config
        self._snapshots = snapshots
        self._clock = clock

    def open_feed(self, listener: FeedListener, observer: FeedObserver | None = None) -> Feed:
        """Make the live connections; nothing without an address."""
        if self._config.live_url is None:
            return NoFeed()
        return KoscomFeed(self._config, listener, clock=self._clock, observer=observer)

    def try_out(self) -> str:
        """Connect, send the init, and close."""
        if self._config.live_url is None:
            raise no_address()
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            return runner.run(try_init(self._config))

    def can_snapshot(self, registration: Registration) -> bool:
        """Whether REST has the same information; of a whole market it is not asked for."""
        return registration.code != MARKET and self._snapshots.can_read(registration)

    def snapshot(self, registration: Registration, context: TaskContext, *, bulk: bool) -> Incoming:
        """The state by REST."""
        return self._snapshots.read(registration, context, bulk=bulk)

    def venue(self, registration: Registration) -> str | None:
        """Whose hours it keeps. A ``change`` may be of fields that hardly ever do."""
        return None if preset_of(registration) == CHANGE else VENUE

    def own_registrations(self) -> Sequence[Registration]:
        """None: KOSCOM has no accounts."""
        return ()

    def is_reserved(self, registration: Registration) -> bool:
        """A whole market has a connection of its own."""
        return registration.code == MARKET

    def without_person(self, registration: Registration) -> Registration:
        """As it is."""
        return registration

    def with_person(self, kept: Registration) -> Registration | None:
        """As it is."""
        return kept

    def order_market(self, registration: Registration) -> str | None:
        """KOSCOM has no orders."""
        return None

    def describe(self, registration: Registration) -> Mapping[str, Any]:
        """Its name, its preset and its issue, or its market."""
        shown: dict[str, Any] = {"key": ".".join(stream_name(registration))}
        if registration.code == MARKET:
            return {**shown, "market": registration.symbol}
        shown |= {"preset": preset_of(registration), "ticker": registration.symbol}
        if items := items_of(registration):
            shown["items"] = list(items)
        return shown

    def recovered_execution(
        self, registration: Registration, order: ListedOrder, quantity: int, price: Decimal | None
    ) -> Incoming:
        """There are none."""
        raise Unsupported("KOSCOM has no orders", vendor=VENDOR)


def no_address() -> Unsupported:
    """Why there are no live data without a setting."""
    return Unsupported(
        "KOSCOM's live data need KOSCOM_WS_URL: its public documents have offered no WebSocket since 2018, "
        "so the address comes with a company's contract; the tables by REST work without it",
        vendor=VENDOR,
    )
