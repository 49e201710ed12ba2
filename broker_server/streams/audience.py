"""The subscriptions of one vendor as receivers: who gets what, from its acknowledgement and first state on.

::

    new ──acknowledged──> waiting for the first state by REST ──> live
     (what comes in is held)            (2 s at most)

Nothing reaches a reply queue before the acknowledgement of its task.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import structlog

from broker_client.errors import TaskFailed
from broker_server.core.feeds import Incoming
from broker_server.core.stream_requests import Registration
from broker_server.core.subscription_changes import Subscription, SubscriptionKey
from broker_server.streams.delivery import Delivery, Destination
from broker_server.streams.held import Held
from broker_server.streams.lookups import Lookups
from broker_server.streams.outlets import Event

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 2.0
"""Updates are worth more than the state before them after so long."""
MOST_HELD = 10_000
MOST_NEWS = 100


class Stage(Enum):
    """How far a receiver is."""

    NEW = "new"
    HOLDING = "holding"
    LIVE = "live"


@dataclass(slots=True, eq=False)
class Receiver:
    """One subscription as a receiver. A repeat at the same queue goes on with it.

    Attributes:
        held: What came in before it was live.
        has_event: It got an event.
        is_answered: What its acknowledgement says is settled.
        news: What it is to be told after its acknowledgement.
        ended: It has ended.
        refusal: Why, if the vendor refused it.
        is_repeat: It goes on with what was served at another queue.
    """

    subscription: Subscription
    destination: Destination
    stage: Stage = Stage.NEW
    held: Held = field(default_factory=Held)
    has_event: bool = False
    is_answered: bool = False
    news: deque[tuple[str, dict[str, Any]]] = field(default_factory=lambda: deque(maxlen=MOST_NEWS))
    ended: bool = False
    refusal: TaskFailed | None = None
    is_repeat: bool = False


class Audience:
    """The receivers of one vendor. For one event loop.

    Args:
        delivery: Publishes.
        lookups: Finds first states.
        can_look: Whether REST has the same information.
        key_of: The ``key`` of a subscription's messages.
        make_event: Makes an event of what a look found, with marks.
        marks_of: What else is said of a registration in status messages.
        patience: Seconds that updates wait for the first state.
    """

    def __init__(
        self,
        delivery: Delivery,
        lookups: Lookups,
        *,
        can_look: Callable[[Registration], bool],
        key_of: Callable[[Subscription], str],
        make_event: Callable[[Incoming, dict[str, Any]], Event],
        marks_of: Callable[[Registration], Mapping[str, Any]] = lambda _: {},
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._delivery = delivery
        self._lookups = lookups
        self._can_look = can_look
        self._key_of = key_of
        self._make_event = make_event
        self._marks_of = marks_of
        self._patience = patience
        self._receivers: dict[SubscriptionKey, Receiver] = {}
        self._by_registration: dict[Registration, tuple[Receiver, ...]] = {}
        self._looking: set[asyncio.Task[None]] = set()

    def find(self, subscription: Subscription) -> Receiver | None:
        """The receiver of a subscription as it is now."""
        return self._receivers.get(subscription.key)

    def add(self, subscription: Subscription, *, live: bool = False) -> None:
        """Take in a subscription, or what replaces it.

        At the same queue it goes on. At another one it waits for the acknowledgement of the new task.

        Args:
            live: It was acknowledged by an earlier worker.
        """
        known = self._receivers.get(subscription.key)
        if known is not None and known.subscription == subscription:
            return
        destination = self._delivery.destination(subscription, self._key_of(subscription))
        if known is None:
            stage = Stage.LIVE if live else Stage.NEW
            self._receivers[subscription.key] = Receiver(subscription, destination, stage, is_answered=live)
            return
        self._delivery.end(known.destination)
        if known.destination is not destination:
            known.held.move(destination.outlet.part)
        if known.subscription.reply_to == subscription.reply_to:
            known.subscription, known.destination = subscription, destination
        else:
            self._receivers[subscription.key] = Receiver(
                subscription, destination, held=known.held, is_repeat=True
            )
            known.held = Held()

    def drop(self, subscription: Subscription) -> None:
        """Let go of a subscription."""
        receiver = self._receivers.pop(subscription.key, None)
        if receiver is not None:
            receiver.ended = True
            receiver.held.take()
            self._delivery.end(receiver.destination)

    def listen(self, registration: Registration, subscriptions: Iterable[Subscription]) -> None:
        """Who gets the events of a registration from now on."""
        found = (self._receivers.get(each.key) for each in subscriptions if each.copies)
        listening = tuple(each for each in found if each is not None)
        if listening:
            self._by_registration[registration] = listening
        else:
            self._by_registration.pop(registration, None)

    def answer(self, receiver: Receiver, stale: str | None) -> None:
        """Its acknowledgement will say how it is served now.

        Args:
            stale: Why no data come although it is served, if that is so.
        """
        receiver.is_answered = True
        if receiver.stage is Stage.NEW and not receiver.ended:
            receiver.news.clear()
            if stale is not None:
                receiver.news.append(("stale", {"reason": stale}))

    def begin(self, receiver: Receiver) -> None:
        """It has its acknowledgement: tell what happened since, send the first state, then what comes in."""
        if receiver.stage is not Stage.NEW:
            return
        subscription = receiver.subscription
        if not receiver.ended and self.find(subscription) is not receiver:
            return  # another task has taken its place
        receiver.stage = Stage.HOLDING
        while receiver.news:
            state, more = receiver.news.popleft()
            self._tell(receiver, state, more)
        if receiver.ended:
            return
        if not (subscription.snapshot and subscription.copies and self._can_look(subscription.registration)):
            self._go_live(receiver)
            return
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
                receiver.destination.publish(event)
            else:
                self._hold(receiver, event)

    def wants_state(self, registration: Registration) -> bool:
        """Whether somebody who gets events of a registration wants states by REST too."""
        return any(each.subscription.snapshot for each in self._by_registration.get(registration, ()))

    def publish_state(self, registration: Registration, event: Event) -> None:
        """Pass a state by REST on to those who want it, and have had their first one."""
        for receiver in self._by_registration.get(registration, ()):
            if receiver.stage is Stage.LIVE and receiver.subscription.snapshot:
                receiver.has_event = True
                receiver.destination.publish(event)

    def status(self, subscription: Subscription, state: str, **more: Any) -> None:
        """Tell a subscription about itself; before its acknowledgement it waits for that."""
        receiver = self._receivers.get(subscription.key)
        if receiver is None:
            return
        if receiver.stage is Stage.NEW:
            receiver.news.append((state, more))
        else:
            self._tell(receiver, state, more)

    def refuse(self, subscription: Subscription, failure: TaskFailed) -> None:
        """Tell a subscription that the vendor refuses it."""
        receiver = self._receivers.get(subscription.key)
        if receiver is not None:
            receiver.refusal = failure
        self.status(subscription, "refused", reason=str(failure), code=failure.code)

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

    def _tell(self, receiver: Receiver, state: str, more: Mapping[str, Any]) -> None:
        subscription = receiver.subscription
        marks = self._marks_of(subscription.registration)
        self._delivery.status(receiver.destination, state, ticker=subscription.ticker, **marks, **more)

    def _hold(self, receiver: Receiver, event: Event) -> None:
        receiver.held.add(event, receiver.destination.outlet.part)
        if len(receiver.held) <= MOST_HELD:
            return
        if receiver.stage is Stage.HOLDING:
            self._go_live(receiver)
        else:
            receiver.held.drop_oldest()  # its stream begins later

    async def _first_state(self, receiver: Receiver) -> None:
        registration = receiver.subscription.registration
        look = asyncio.ensure_future(self._lookups.look(registration, bulk=False))
        try:
            await asyncio.wait({look}, timeout=self._patience)
            if not look.done():
                self._go_live(receiver)
            found = await look
        except TaskFailed as error:
            log.warning("no first state for a subscription", reason=str(error))
        except Exception:
            log.exception("the first state of a subscription cannot be read")
        else:
            self._send_state(receiver, found)
        finally:
            look.cancel()
            self._go_live(receiver)

    def _send_state(self, receiver: Receiver, found: Incoming) -> None:
        if not receiver.has_event and receiver in self._listening(receiver):
            receiver.has_event = True
            part = receiver.held.first_part(receiver.destination.outlet.part)
            receiver.destination.publish(self._make_event(found, {"snapshot": True}), part)

    def _go_live(self, receiver: Receiver) -> None:
        if receiver.stage is not Stage.HOLDING or self.find(receiver.subscription) is not receiver:
            return  # it has ended, or another one has taken its place
        receiver.stage = Stage.LIVE
        for event, part, skipped in receiver.held.take():
            receiver.has_event = True
            receiver.destination.publish(event, part, skipped)

    def _listening(self, receiver: Receiver) -> Sequence[Receiver]:
        """Those that get events beside it; not itself, if it has ended or its queue is gone."""
        return self._by_registration.get(receiver.subscription.registration, ())
