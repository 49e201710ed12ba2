"""The subscriptions of one vendor as receivers: who gets what, from its acknowledgement and first state on.

::

    new ──acknowledged──> waiting for the first state by REST ──> live
                                   (updates are held meanwhile, for 2 s at most)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import structlog

from broker_client.errors import TaskFailed
from broker_server.core.feeds import Incoming
from broker_server.core.stream_requests import Registration
from broker_server.core.subscription_changes import Subscription, SubscriptionKey
from broker_server.streams.delivery import Delivery, Destination
from broker_server.streams.lookups import Lookups
from broker_server.streams.outlets import Event

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 2.0
"""Updates are worth more than the state before them after so long."""
MOST_HELD = 10_000


class Stage(Enum):
    """How far a receiver is."""

    NEW = "new"
    HOLDING = "holding"
    LIVE = "live"


@dataclass(slots=True, eq=False)
class Receiver:
    """One subscription as a receiver.

    Attributes:
        held: What came in while the first state was looked up.
        has_event: It got an event.
    """

    subscription: Subscription
    destination: Destination
    stage: Stage = Stage.NEW
    held: list[Event] = field(default_factory=list)
    has_event: bool = False


class Audience:
    """The receivers of one vendor. For one event loop.

    Args:
        delivery: Publishes.
        lookups: Finds first states.
        can_look: Whether REST has the same information.
        key_of: The ``key`` of a subscription's messages.
        make_event: Makes an event of what a look found, with marks.
    """

    def __init__(
        self,
        delivery: Delivery,
        lookups: Lookups,
        *,
        can_look: Callable[[Registration], bool],
        key_of: Callable[[Subscription], str],
        make_event: Callable[[Incoming, dict[str, Any]], Event],
    ) -> None:
        self._delivery = delivery
        self._lookups = lookups
        self._can_look = can_look
        self._key_of = key_of
        self._make_event = make_event
        self._receivers: dict[SubscriptionKey, Receiver] = {}
        self._by_registration: dict[Registration, tuple[Receiver, ...]] = {}
        self._looking: set[asyncio.Task[None]] = set()

    def add(self, subscription: Subscription, *, live: bool = False) -> None:
        """Take in a subscription, or what replaces it.

        Args:
            live: It was acknowledged by an earlier worker.
        """
        known = self._receivers.get(subscription.key)
        if known is not None and known.subscription == subscription:
            return
        if known is not None:
            self._end(known)
        destination = self._delivery.destination(subscription, self._key_of(subscription))
        stage = Stage.LIVE if live else Stage.NEW
        self._receivers[subscription.key] = Receiver(subscription, destination, stage)

    def drop(self, subscription: Subscription) -> None:
        """Let go of a subscription."""
        receiver = self._receivers.pop(subscription.key, None)
        if receiver is not None:
            self._end(receiver)

    def listen(self, registration: Registration, subscriptions: Iterable[Subscription]) -> None:
        """Who gets the events of a registration from now on."""
        found = (self._receivers.get(each.key) for each in subscriptions)
        listening = tuple(each for each in found if each is not None)
        if listening:
            self._by_registration[registration] = listening
        else:
            self._by_registration.pop(registration, None)

    def begin(self, subscription: Subscription) -> None:
        """It has its acknowledgement: send the first state, then what comes in."""
        receiver = self._receivers.get(subscription.key)
        if receiver is None or receiver.stage is not Stage.NEW:
            return
        if not subscription.snapshot or not self._can_look(subscription.registration):
            receiver.stage = Stage.LIVE
            return
        receiver.stage = Stage.HOLDING
        looking = asyncio.get_running_loop().create_task(self._first_state(receiver))
        self._looking.add(looking)
        looking.add_done_callback(self._looking.discard)

    def publish(
        self,
        registration: Registration,
        event: Event,
        *,
        only: Callable[[Subscription], bool] | None = None,
    ) -> None:
        """Pass an event on to everybody who gets it, or to some of them."""
        for receiver in self._by_registration.get(registration, ()):
            if only is not None and not only(receiver.subscription):
                continue
            if receiver.stage is Stage.LIVE:
                receiver.has_event = True
                if receiver.subscription.copies:
                    receiver.destination.publish(event)
            elif receiver.stage is Stage.HOLDING:
                receiver.held.append(event)
                if len(receiver.held) > MOST_HELD:
                    self._go_live(receiver)

    def status(self, subscription: Subscription, state: str, **more: Any) -> None:
        """Tell a subscription about itself, once it has its acknowledgement."""
        receiver = self._receivers.get(subscription.key)
        if receiver is not None and receiver.stage is not Stage.NEW:
            self._delivery.status(receiver.destination, state, ticker=subscription.ticker, **more)

    def interrupt(self, registration: Registration) -> None:
        """Something may be missing before the next event of a registration."""
        self._delivery.interrupt(registration)
        for receiver in self._by_registration.get(registration, ()):
            receiver.destination.outlet.interrupt()

    def interrupt_one(self, subscription: Subscription) -> None:
        """Something may be missing before the next event of one subscription."""
        receiver = self._receivers.get(subscription.key)
        if receiver is not None:
            receiver.destination.outlet.interrupt()

    def clear(self) -> None:
        """Let go of everything."""
        for looking in self._looking:
            looking.cancel()
        for receiver in self._receivers.values():
            self._delivery.end(receiver.destination)
        self._receivers.clear()
        self._by_registration.clear()

    def _end(self, receiver: Receiver) -> None:
        receiver.stage, receiver.held = Stage.LIVE, []  # what was held must not come now
        self._delivery.end(receiver.destination)

    async def _first_state(self, receiver: Receiver) -> None:
        registration = receiver.subscription.registration
        look = asyncio.ensure_future(self._lookups.look(registration, bulk=False))
        try:
            await asyncio.wait({look}, timeout=PATIENCE_SECONDS)
            if not look.done():
                self._go_live(receiver)
            found = await look
        except TaskFailed as error:
            log.warning("no first state for a subscription", reason=str(error))
        except Exception:
            log.exception("the first state of a subscription cannot be read")
        else:
            if not receiver.has_event and self._receivers.get(receiver.subscription.key) is receiver:
                self._send_state(receiver, found)
        finally:
            look.cancel()
            self._go_live(receiver)

    def _send_state(self, receiver: Receiver, found: Incoming) -> None:
        receiver.has_event = True
        receiver.destination.publish(self._make_event(found, {"snapshot": True}))

    def _go_live(self, receiver: Receiver) -> None:
        if receiver.stage is not Stage.HOLDING:
            return
        receiver.stage = Stage.LIVE
        held, receiver.held = receiver.held, []
        for event in held:
            receiver.has_event = True
            if receiver.subscription.copies:
                receiver.destination.publish(event)
