"""Live data: what a vendor's adapter gives to the worker, and what the worker asks of it.

::

    vendor's server ──> Feed (vendors/<name>/) ──FeedListener──> streams/ ──> RabbitMQ
                              ▲                                     │
                              └────────── want, renew, reconnect ───┘

A feed lives on one event loop; every call in both directions is made there. It keeps no account of who
subscribed: it is told what is wanted, and converges to exactly that.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

from broker_server.core.listed_orders import ListedOrder
from broker_server.core.methods import TaskContext
from broker_server.core.stream_requests import Registration


class Incoming(Protocol):
    """One record that came in. Turning it into events is put off until somebody wants them.

    Attributes:
        channel: The second word of the routing key on ``broker.realtime``: ``trade``, ``expected_trade``,
            ``order_book``, ``execution``, ``index``, ``market_status``; where there is no common model, a TR
            id.
        subject: The rest of the routing key: a ticker, with ``.<venue>`` behind it unless the venue is the
            default one (KRX): ``005930``, ``005930.NXT``, ``AAPL.NASD``; of an execution the account's alias.
        conflatable: Only the newest counts, so an overload may skip it. Never a trade or an execution.
    """

    @property
    def channel(self) -> str: ...

    @property
    def subject(self) -> str: ...

    @property
    def conflatable(self) -> bool: ...

    def event(self) -> dict[str, Any]:
        """In the common model of all vendors; where there is none, as `raw_event`. Always a new object."""

    def raw_event(self) -> dict[str, Any]:
        """By the vendor's own names: ``type``, ``vendor``, ``key``, ``fields``, ``extra``."""


def is_state(incoming: Incoming) -> bool:
    """Whether a vendor told how things stand as it began to send: no sign that it goes on sending.

    A record says so by a true attribute ``is_state``; those of most vendors have none.
    """
    return getattr(incoming, "is_state", False)


class ConnectionListener(Protocol):
    """What a connection of a vendor tells."""

    def registered(self, registration: Registration) -> None:
        """The vendor has confirmed it, on this connection."""

    def refused(self, registration: Registration, error: Exception, *, for_good: bool) -> None:
        """The vendor refuses it.

        Args:
            error: Of the contract's error tree (`broker_client.errors.TaskFailed`), for the client.
            for_good: The feed gives it up until it is taken out of what is wanted and wanted again; else it
                tries again by itself, after an `broker_client.errors.AuthenticationFailed` in a long while:
                who subscribes meanwhile is to hear it at once.
        """

    def received(self, registration: Registration, incoming: Incoming) -> None:
        """A record came in."""

    def interrupted(self, registrations: Sequence[Registration], reason: str) -> None:
        """These were registered and are not any more: something may be missed from now on."""

    def connected(self) -> None:
        """A connection of the feed is up."""

    def failing(self, failures: int, reason: str, *, pause: float = 0.0, connection: Hashable = None) -> None:
        """A connection of the feed could not be made, or was lost; so many times in a row.

        Args:
            pause: Seconds until it is tried again.
            connection: Which, by the names of `Feed.connection_of`; ``None``: the only one.
        """


class FeedListener(ConnectionListener, Protocol):
    """What a feed tells the worker."""

    def source_changed(self, channel: str, subject: str) -> None:
        """What is published there comes from another registration now, and something may have been missed.

        Args:
            channel: Of `Incoming`; ``subject`` likewise.
        """


class FeedObserver:
    """Watches a feed's connections step by step; for somebody who looks on, decides nothing.

    It ignores everything: what a subclass wants to know it overrides. No text that it is given has a secret
    in it, and it must not raise. The records themselves go to the `FeedListener` alone.
    """

    def key_ready(self, *, configured: bool) -> None:
        """There is a key to connect with.

        Args:
            configured: It is from the settings; else the vendor has issued it.
        """

    def opening(self, host: str) -> None:
        """A connection is being made to this host and port."""

    def opened(self) -> None:
        """It is open."""

    def asked(self, registration: Registration, *, register: bool) -> None:
        """The vendor is asked for it, or to end it."""

    def answered(self, registration: Registration | None, code: str, text: str) -> None:
        """The vendor answers.

        Args:
            registration: What was asked for last; ``None`` if nothing is being asked for.
            code: The vendor's own; ``text`` likewise.
        """

    def pinged(self) -> None:
        """The vendor's own sign of life came in."""

    def ended(self, reason: str, pause: float) -> None:
        """A connection is over, or could not be made.

        Args:
            pause: Seconds until the next one is tried.
        """


class Feed(Protocol):
    """The live connections of one vendor: one, or a pool whose capacities add up."""

    capacity: int
    """How many registrations it holds."""

    def want(self, registrations: Sequence[Registration]) -> None:
        """Hold exactly these from now on, the most important first; at most `capacity`, more are ignored."""

    def renew(self, registration: Registration) -> None:
        """Unregister one and register it again: it is suspected to be mute."""

    def reconnect(self, registration: Registration, reason: str) -> None:
        """Replace the connection that holds it."""

    def connection_of(self, registration: Registration) -> Hashable:
        """Which of the connections holds it: registrations of one connection go silent together."""

    async def run(self) -> None:
        """Keep connected while anything is wanted; cancelling it closes the connections cleanly."""

    def status(self) -> dict[str, Any]:
        """For ``broker.get-status``; no secret and no HTS ID in it."""


class Streams(Protocol):
    """The live part of a vendor's adapter."""

    def open_feed(self, listener: FeedListener, observer: FeedObserver | None = None) -> Feed:
        """Make the feed, on the event loop that it will live on; nothing is sent until its `Feed.run`."""

    def try_out(self) -> str:
        """Connect once, ask for nothing, and close. Blocking.

        Returns:
            What was seen, in words.

        Raises:
            TaskFailed: There are no live data now.
        """

    def can_snapshot(self, registration: Registration) -> bool:
        """Whether REST has the same information."""

    def snapshot(self, registration: Registration, context: TaskContext, *, bulk: bool) -> Incoming:
        """The state by REST. Blocking; for a thread.

        Args:
            bulk: It is a poll that waits behind everything else, not the first event of a subscription.

        Raises:
            TaskFailed: It cannot be had.
        """

    def venue(self, registration: Registration) -> str | None:
        """Whose hours it keeps, by the names of the table of market sessions (``KRX``, ``NXT``, ``NASD`` …);
        ``None`` where silence says nothing, as of notices.
        """

    def own_registrations(self) -> Sequence[Registration]:
        """What the worker itself always wants, before any task: the notices of the account's own orders."""

    def is_reserved(self, registration: Registration) -> bool:
        """Whether it may take the slot that is kept free for it: notices of executions."""

    def describe(self, registration: Registration) -> Mapping[str, Any]:
        """How it is shown in acknowledgements, listings and logs: nothing personal. ``key`` is the channel
        and the subject of its events, with a dot between them.
        """

    def without_person(self, registration: Registration) -> Registration:
        """What may be written down of it."""

    def with_person(self, kept: Registration) -> Registration | None:
        """What was written down made whole; ``None`` if the settings no longer have what was left out."""

    def order_market(self, registration: Registration) -> str | None:
        """Whose executions it brings, by the names of `broker_server.core.vendor.OrderAccess.markets`."""

    def recovered_execution(
        self, registration: Registration, order: ListedOrder, quantity: int, price: Decimal | None
    ) -> Incoming:
        """A fill that no notice has brought.

        Args:
            order: As the vendor lists it.
            quantity: Shares.
            price: Per share, if it is known.
        """
