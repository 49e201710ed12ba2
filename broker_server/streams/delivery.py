"""Publishes events: once to ``broker.realtime``, and a copy to the reply queue of each subscription."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from broker_client.protocol import REALTIME_EXCHANGE, Environment
from broker_server.amqp.ticks import Keep, Route, Tick
from broker_server.core.measuring import TickTimer
from broker_server.core.reply_styles import EventStyle
from broker_server.core.stream_requests import Registration
from broker_server.core.subscription_changes import Subscription
from broker_server.streams.messages import BROADCAST
from broker_server.streams.outlets import Event, Form, Outlet
from broker_server.streams.unsent import UnsentEvent

EXECUTION = "execution"
"""The channel of what must never be lost: it waits for as long as it takes, and does not expire."""


_Sharing = tuple[str, str, str, Form]
"""Task, key, reply queue and form: what is equal in these is one sequence."""


class Publisher(Protocol):
    """Publishes ticks, without waiting."""

    def publish(self, tick: Tick, /) -> None:
        """Send a message, or let it wait."""


class Destination:
    """One sequence of messages and the ways that they go.

    Args:
        outlet: Makes the messages.
        exchange: The empty text is the default exchange.
        routing_key: A queue's name there.
        slot: Never used before.
        expiration: Of what may be missed, in milliseconds.
        publisher: Publishes them.
        correlation_id: Of a subscription's task.
        on_returned: Called when a copy comes back.
        timer: Times the events that go this way.

    Attributes:
        users: How many subscriptions, or registrations, share it.
    """

    __slots__ = (
        "_correlation_id",
        "_exchange",
        "_expiration",
        "_on_returned",
        "_publisher",
        "_routes",
        "_routing_key",
        "_status_route",
        "_timer",
        "outlet",
        "slot",
        "users",
    )

    def __init__(
        self,
        outlet: Outlet,
        publisher: Publisher,
        *,
        exchange: str,
        routing_key: str,
        slot: str,
        expiration: str,
        correlation_id: str | None = None,
        on_returned: Callable[[str], None] | None = None,
        timer: TickTimer | None = None,
    ) -> None:
        self._timer = timer
        self.outlet = outlet
        self.slot = slot
        self.users = 0
        self._publisher = publisher
        self._exchange = exchange
        self._routing_key = routing_key
        self._expiration = expiration
        self._correlation_id = correlation_id
        self._on_returned = on_returned
        self._routes: dict[Keep, Route] = {}
        self._status_route: Route | None = None

    @property
    def is_copy(self) -> bool:
        """Whether it is a subscription's reply queue."""
        return self._exchange == ""

    def correlate(self, correlation_id: str | None) -> None:
        """Its messages have this correlation id from now on."""
        if correlation_id != self._correlation_id:
            self._correlation_id = correlation_id
            self._routes.clear()
            self._status_route = None

    def publish(self, event: Event, part: int = -1, skipped: int = 0) -> None:
        """Send an event, or let it wait.

        Args:
            part: Of an event that was held: see `Outlet`.
            skipped: How many older ones it stands for besides itself.
        """
        incoming, outlet = event.incoming, self.outlet
        if incoming.conflatable:
            keep = Keep.NEWEST
        else:
            keep = Keep.ALWAYS if incoming.channel == EXECUTION else Keep.BOUNDED
        route = self._routes.get(keep) or self._route(keep)
        if part < 0:
            part = outlet.part
        self._publisher.publish(Tick(route, UnsentEvent(outlet, event, part, skipped, self._timer)))

    def status(self, body: bytes) -> None:
        """Send a message about the subscription; it passes what waits."""
        route = self._status_route
        if route is None:
            route = self._status_route = Route(
                exchange=self._exchange,
                routing_key=self._routing_key,
                slot=f"{self.slot} status",
                keep=Keep.ALWAYS,
                persistent=True,
                mandatory=self._on_returned is not None,
                correlation_id=self._correlation_id,
                on_returned=self._on_returned,
            )
        self._publisher.publish(Tick(route, lambda _: body))

    def _route(self, keep: Keep) -> Route:
        kept, outlet = keep is Keep.ALWAYS, self.outlet
        route = self._routes[keep] = Route(
            exchange=self._exchange,
            routing_key=self._routing_key,
            slot=self.slot,
            keep=keep,
            expiration=None if kept and self.is_copy else self._expiration,
            persistent=kept,
            mandatory=self._on_returned is not None,
            correlation_id=self._correlation_id,
            on_returned=self._on_returned,
            on_refused=lambda _: outlet.skip(),
        )
        return route


class Delivery:
    """The destinations of one vendor's events.

    Args:
        vendor: The first word of every routing key.
        environment: The worker's.
        publisher: Publishes the messages.
        new_epoch: See `outlets.epochs`.
        clock: UTC.
        lifetime: Seconds after which an event that nobody has read is dropped.
        on_returned: Called with a reply queue that does not exist.
        styles: Of the events of subscriptions, by family, where they are not the contract's.
        timer: Times the events to the exchange.
    """

    def __init__(
        self,
        vendor: str,
        environment: Environment,
        publisher: Publisher,
        *,
        new_epoch: Callable[[], bytes],
        clock: Callable[[], datetime],
        lifetime: float,
        on_returned: Callable[[str], None],
        styles: Mapping[str, EventStyle] | None = None,
        timer: TickTimer | None = None,
    ) -> None:
        self._timer = timer
        self._styles = styles or {}
        self._vendor = vendor
        self._environment = environment
        self._publisher = publisher
        self._new_epoch = new_epoch
        self._clock = clock
        self._expiration = str(int(lifetime * 1000))
        self._on_returned = on_returned
        self._broadcasts: dict[str, Destination] = {}
        self._ways: dict[Registration, dict[str, Destination]] = {}
        self._slots: dict[str, Destination] = {}
        self._copies: dict[_Sharing, Destination] = {}
        self._sharing: dict[str, _Sharing] = {}

    def broadcast(self, registration: Registration, event: Event) -> None:
        """Publish an event to the exchange."""
        incoming = event.incoming
        key = f"{incoming.channel}.{incoming.subject}"
        ways = self._ways.get(registration)
        destination = None if ways is None else ways.get(key)
        if destination is None:
            destination = self._open(registration, key)
        destination.publish(event)

    def destination(self, subscription: Subscription, key: str) -> Destination:
        """Where the copies of a subscription go.

        Those of one task, key and queue are one sequence, whatever they are registered as.

        Args:
            key: The ``key`` of its messages.
        """
        form = self._styles.get(subscription.family) or form_of(subscription)
        sharing = (subscription.task_id, key, subscription.reply_to, form)
        known = self._copies.get(sharing)
        if known is None:
            known = self._add_copy(subscription, key, form)
            self._copies[sharing] = known
            self._sharing[known.slot] = sharing
        known.correlate(None if known.outlet.only_events else subscription.correlation_id)
        known.users += 1
        return known

    def status(self, destination: Destination, state: str, **more: Any) -> None:
        """Tell a subscription about itself, unless only events may be sent to it."""
        if destination.outlet.only_events:
            return
        destination.status(destination.outlet.envelope.status(state, now=self._clock(), **more))

    def interrupt(self, registration: Registration) -> None:
        """Something may be missing before the next event of a registration on the exchange."""
        for destination in self._ways.get(registration, {}).values():
            destination.outlet.interrupt()

    def source_changed(self, channel: str, subject: str) -> None:
        """Something may be missing before the next event of a key of the exchange, whoever's it is."""
        destination = self._broadcasts.get(f"{channel}.{subject}")
        if destination is not None:
            destination.outlet.interrupt()

    def forget(self, registration: Registration) -> None:
        """Nobody wants a registration any more."""
        for key, destination in self._ways.pop(registration, {}).items():
            destination.users -= 1
            if not destination.users:
                del self._broadcasts[key], self._slots[destination.slot]

    def end(self, destination: Destination) -> None:
        """A subscription has ended."""
        destination.users -= 1
        if not destination.users:
            del self._slots[destination.slot]
            del self._copies[self._sharing.pop(destination.slot)]

    def on_gap(self, slot: str, missing: int) -> bool:
        """Some messages of a slot will never be sent.

        Returns:
            Whether the slot is one of ours.
        """
        destination = self._slots.get(slot)
        if destination is None:
            return False
        destination.outlet.skip()
        if destination.is_copy:
            reason = "too much to send, sent too late, or refused by the queue"
            self.status(destination, "gap", missing=missing, reason=reason)
        return True

    def _open(self, registration: Registration, key: str) -> Destination:
        destination = self._broadcasts.get(key)
        if destination is None:
            slot = f"{self._vendor} {key}"
            destination = self._broadcasts[key] = self._slots[slot] = Destination(
                Outlet(BROADCAST, key, self._environment, "common", self._new_epoch),
                self._publisher,
                exchange=REALTIME_EXCHANGE,
                routing_key=f"{self._vendor}.{key}",
                slot=slot,
                expiration=self._expiration,
                timer=self._timer,
            )
        destination.users += 1
        self._ways.setdefault(registration, {})[key] = destination
        return destination

    def _add_copy(self, subscription: Subscription, key: str, form: Form) -> Destination:
        reply_to, on_returned = subscription.reply_to, self._on_returned
        # The publisher's slots are shared by all vendors, and outlive a board: an epoch's name is unique.
        slot = f"copy {self._new_epoch().decode()}"
        destination = self._slots[slot] = Destination(
            Outlet(subscription.task_id, key, self._environment, form, self._new_epoch),
            self._publisher,
            exchange="",
            routing_key=reply_to,
            slot=slot,
            expiration=self._expiration,
            on_returned=lambda _: on_returned(reply_to),
        )
        return destination


def form_of(subscription: Subscription) -> Form:
    """The form of a subscription's events."""
    if subscription.vendor_form:
        return "vendor"
    return "raw" if subscription.raw else "common"
