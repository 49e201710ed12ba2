"""Publishes events: once to ``broker.realtime``, and a copy to the reply queue of each subscription."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from broker_client.protocol import Environment
from broker_server.amqp.ticks import Keep, Route, Tick
from broker_server.amqp.topology import REALTIME_EXCHANGE
from broker_server.core.reply_styles import EventStyle
from broker_server.core.stream_requests import Registration
from broker_server.core.subscription_changes import Subscription
from broker_server.streams.messages import BROADCAST
from broker_server.streams.outlets import Event, Form, Outlet

EXECUTION = "execution"
"""The channel of what must never be lost: it waits for as long as it takes, and does not expire."""


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

    Attributes:
        users: How many subscriptions share it.
    """

    __slots__ = ("_exchange", "_options", "_publisher", "_routes", "_routing_key", "outlet", "slot", "users")

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
    ) -> None:
        self.outlet = outlet
        self.slot = slot
        self.users = 1
        self._publisher = publisher
        self._exchange = exchange
        self._routing_key = routing_key
        self._options = (expiration, correlation_id, on_returned)
        self._routes: dict[Keep, Route] = {}

    @property
    def is_copy(self) -> bool:
        """Whether it is a subscription's reply queue."""
        return self._exchange == ""

    def publish(self, event: Event) -> None:
        """Send an event, or let it wait."""
        incoming, outlet = event.incoming, self.outlet
        if incoming.conflatable:
            keep = Keep.NEWEST
        else:
            keep = Keep.ALWAYS if incoming.channel == EXECUTION else Keep.BOUNDED
        route = self._routes.get(keep) or self._route(keep)
        self._publisher.publish(Tick(route, lambda conflated: outlet.render(event, conflated)))

    def status(self, body: bytes) -> None:
        """Send a message about the subscription; it passes what waits."""
        _, correlation_id, on_returned = self._options
        route = Route(
            exchange=self._exchange,
            routing_key=self._routing_key,
            slot=f"{self.slot} status",
            keep=Keep.ALWAYS,
            mandatory=on_returned is not None,
            correlation_id=correlation_id,
            on_returned=on_returned,
            on_refused=on_returned,
        )
        self._publisher.publish(Tick(route, lambda _: body))

    def _route(self, keep: Keep) -> Route:
        expiration, correlation_id, on_returned = self._options
        kept = keep is Keep.ALWAYS
        route = Route(
            exchange=self._exchange,
            routing_key=self._routing_key,
            slot=self.slot,
            keep=keep,
            expiration=None if kept and on_returned is not None else expiration,
            persistent=kept,
            mandatory=on_returned is not None,
            correlation_id=correlation_id,
            on_returned=on_returned,
            on_refused=lambda _: self.outlet.interrupt(),
        )
        self._routes[keep] = route
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
    ) -> None:
        self._styles = styles or {}
        self._vendor = vendor
        self._environment = environment
        self._publisher = publisher
        self._new_epoch = new_epoch
        self._clock = clock
        self._expiration = str(int(lifetime * 1000))
        self._on_returned = on_returned
        self._numbers = itertools.count(1)
        self._broadcasts: dict[str, Destination] = {}
        self._keys: dict[Registration, set[str]] = {}
        self._slots: dict[str, Destination] = {}
        self._copies: dict[tuple[str, str, str, Form], Destination] = {}

    def broadcast(self, registration: Registration, event: Event) -> None:
        """Publish an event to the exchange."""
        incoming = event.incoming
        key = f"{incoming.channel}.{incoming.subject}"
        destination = self._broadcasts.get(key)
        if destination is None:
            destination = self._add(Outlet(BROADCAST, key, self._environment, "common", self._new_epoch), key)
            self._broadcasts[key] = destination
        self._keys.setdefault(registration, set()).add(key)
        destination.publish(event)

    def destination(self, subscription: Subscription, key: str) -> Destination:
        """Where the copies of a subscription go.

        Those of one task, key and queue are one sequence, whatever they are registered as.

        Args:
            key: The ``key`` of its messages.
        """
        form = self._styles.get(subscription.family) or form_of(subscription)
        shared = (subscription.task_id, key, subscription.reply_to, form)
        known = self._copies.get(shared)
        if known is not None:
            known.users += 1
            return known
        outlet = Outlet(subscription.task_id, key, self._environment, form, self._new_epoch)
        slot = f"copy {next(self._numbers)}"
        destination = Destination(
            outlet,
            self._publisher,
            exchange="",
            routing_key=subscription.reply_to,
            slot=slot,
            expiration=self._expiration,
            correlation_id=None if outlet.only_events else subscription.correlation_id,
            on_returned=lambda _: self._on_returned(subscription.reply_to),
        )
        self._slots[slot] = destination
        self._copies[shared] = destination
        return destination

    def status(self, destination: Destination, state: str, **more: Any) -> None:
        """Tell a subscription about itself, unless only events may be sent to it."""
        if destination.outlet.only_events:
            return
        destination.status(destination.outlet.envelope.status(state, now=self._clock(), **more))

    def interrupt(self, registration: Registration) -> None:
        """Something may be missing before the next event of a registration on the exchange."""
        for key in self._keys.get(registration, ()):
            self._broadcasts[key].outlet.interrupt()

    def forget(self, registration: Registration) -> None:
        """Nobody wants a registration any more."""
        for key in self._keys.pop(registration, ()):
            if not any(key in keys for keys in self._keys.values()):
                gone = self._broadcasts.pop(key)
                del self._slots[gone.slot]

    def end(self, destination: Destination) -> None:
        """A subscription has ended."""
        destination.users -= 1
        if not destination.users:
            self._slots.pop(destination.slot, None)
            self._copies = {shared: each for shared, each in self._copies.items() if each is not destination}

    def on_gap(self, slot: str, missing: int) -> bool:
        """Some messages of a slot will never be sent.

        Returns:
            Whether the slot is one of ours.
        """
        destination = self._slots.get(slot)
        if destination is None:
            return False
        destination.outlet.interrupt()
        if destination.is_copy:
            self.status(destination, "gap", missing=missing, reason="too much to send, or sent too late")
        return True

    def _add(self, outlet: Outlet, key: str) -> Destination:
        slot = f"{self._vendor} {key}"
        destination = Destination(
            outlet,
            self._publisher,
            exchange=REALTIME_EXCHANGE,
            routing_key=f"{self._vendor}.{key}",
            slot=slot,
            expiration=self._expiration,
        )
        self._slots[slot] = destination
        return destination


def form_of(subscription: Subscription) -> Form:
    """The form of a subscription's events."""
    if subscription.vendor_form:
        return "vendor"
    return "raw" if subscription.raw else "common"
