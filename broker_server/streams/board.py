"""The live data of one vendor: what is subscribed, what comes in, and who is told what.

Everything here happens on the event loop of the streams. The book (`core.subscriptions`) decides, the feed
(a vendor's adapter) delivers, the audience gets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import structlog

from broker_client.errors import SubscriptionLimit, TaskFailed
from broker_server.core.feeds import Feed, Incoming, Streams
from broker_server.core.stream_requests import Registration
from broker_server.core.subscription_changes import CapacityReached, Changes, Mode, Subscription
from broker_server.core.subscriptions import SubscriptionBook
from broker_server.streams.audience import Audience
from broker_server.streams.delivery import EXECUTION, Delivery
from broker_server.streams.lookups import Lookups
from broker_server.streams.messages import moment
from broker_server.streams.outlets import Event

log = structlog.get_logger(__name__)

FAILURES_BEFORE_POLLING = 3


class EventBus(Protocol):
    """``broker.events``."""

    def publish(self, key: str, body: dict[str, Any]) -> None:
        """Publish an event; returns at once. For any thread."""


class Watcher(Protocol):
    """Is told what a feed does: the watch over silence, the books of executions."""

    def registered(self, registration: Registration) -> None:
        """The vendor sends it from now on."""

    def received(self, registration: Registration, incoming: Incoming) -> None:
        """A record came in."""

    def interrupted(self, registrations: Sequence[Registration]) -> None:
        """They are not sent any more, for now."""

    def unwanted(self, registration: Registration) -> None:
        """Nobody wants it any more."""


class ExecutionFilter(Protocol):
    """Knows which executions have been published."""

    def passes(self, registration: Registration, incoming: Incoming) -> Incoming | None:
        """What to publish of a record, if anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardOptions:
    """Settings.

    Attributes:
        grace: Seconds that a reply queue which is gone has to come back.
    """

    grace: float


@dataclass(frozen=True, slots=True)
class Standing:
    """How one subscription is served.

    Attributes:
        key: The ``key`` of its messages.
        refused: Why the vendor does not send it.
    """

    subscription: Subscription
    key: str
    mode: Mode
    refused: TaskFailed | None = None


class StreamBoard:
    """One vendor's board. Implements `core.feeds.FeedListener`.

    Args:
        vendor: Its name.
        streams: The live part of its adapter.
        delivery: Publishes its events.
        lookups: Asks it by REST.
        bus: For what happens to subscriptions.
        forgotten: Told of subscriptions that ended by themselves, so that they are not restored.
        clock: UTC.
        monotonic: Seconds.
        options: Settings.
    """

    def __init__(
        self,
        vendor: str,
        streams: Streams,
        *,
        delivery: Delivery,
        lookups: Lookups,
        bus: EventBus,
        forgotten: Callable[[Sequence[Subscription]], None],
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        options: BoardOptions,
    ) -> None:
        self.vendor = vendor
        self.streams = streams
        self.lookups = lookups
        self.feed: Feed = streams.open_feed(self)
        self.book = SubscriptionBook(
            self.feed.capacity,
            is_reserved=streams.is_reserved,
            can_poll=streams.can_snapshot,
            own=streams.own_registrations(),
            grace=options.grace,
        )
        self.watchers: list[Watcher] = []
        self.executions: ExecutionFilter | None = None
        self.is_stale: Callable[[Registration], bool] = lambda registration: False
        self._delivery = delivery
        self._bus = bus
        self._forgotten = forgotten
        self._clock = clock
        self._monotonic = monotonic
        self._refusals: dict[Registration, TaskFailed] = {}
        self._waiting: dict[Registration, list[asyncio.Future[None]]] = {}
        self._failing: str | None = None
        self.audience = Audience(
            delivery,
            lookups,
            can_look=streams.can_snapshot,
            key_of=self.key_of,
            make_event=self.event,
        )
        self.feed.want(self.book.wanted)

    # Tasks

    def subscribe(self, asked: Sequence[Subscription]) -> list[asyncio.Future[None]]:
        """Take subscriptions in, all or none.

        Returns:
            What to wait for before they are acknowledged: done when the vendor has answered. Nothing while
            the feed cannot be reached anyway.

        Raises:
            SubscriptionLimit: There is no slot for one of them, and REST may not stand in.
        """
        try:
            changes = self.book.subscribe(asked)
        except CapacityReached as error:
            raise SubscriptionLimit(
                f"{self.vendor}: {error}; end some (broker.list-subscriptions shows them), or allow polling",
                vendor=self.vendor,
            ) from None
        for each in asked:
            self._refusals.pop(each.registration, None)
        self._apply(changes)
        return [
            self._answer(each.registration)
            for each in asked
            if self._failing is None
            and each.registration in self.book.wanted
            and self.book.registration_mode(each.registration) != "realtime"
        ]

    def standings(self, keys: Sequence[Subscription]) -> list[Standing]:
        """How subscriptions that were just asked for are served now."""
        return [
            Standing(each, self.key_of(each), self.book.mode(each), self._refusals.get(each.registration))
            for each in keys
        ]

    def restore(self, kept: Sequence[Subscription]) -> None:
        """Take back what an earlier worker served; it was acknowledged then."""
        for each in kept:
            self.audience.add(each, live=True)
        self._apply(self.book.restore(kept))
        for each in kept:
            self.audience.status(each, "reconnecting", reason="the worker has started")

    def begin(self, subscriptions: Sequence[Subscription]) -> None:
        """They are acknowledged."""
        for each in subscriptions:
            current = self.book.find(each.key)
            if current is not None:
                self.audience.begin(current)

    def unsubscribe(
        self, task_id: str, family: str, registrations: Sequence[Registration]
    ) -> Sequence[Subscription]:
        """End subscriptions of a task; which were ended."""
        return self._apply(self.book.unsubscribe(task_id, family, registrations)).dropped

    def drop(self, task_id: str) -> Sequence[Subscription]:
        """End every subscription of a task; which were ended."""
        return self._apply(self.book.drop(task_id)).dropped

    # Reply queues

    def returned(self, reply_to: str) -> None:
        """A message for that queue came back."""
        changes = self._apply(self.book.returned(reply_to, self._monotonic()))
        for each in changes.suspended:
            self.announce(each, "suspended", reason="the reply queue is gone")

    def overdue_queues(self) -> Sequence[str]:
        """Queues that are gone and have had their time."""
        return self.book.overdue(self._monotonic())

    def queue_is_back(self, reply_to: str) -> None:
        """A queue that was gone is there."""
        self._apply(self.book.resume(reply_to))

    def queue_is_gone(self, reply_to: str) -> None:
        """A queue that was gone has had its time."""
        self._end(self.book.expire(reply_to, self._monotonic()), "the reply queue is gone")

    def queue_seen(self, reply_to: str, consumers: int) -> None:
        """A queue has so many consumers."""
        changes = self.book.consumers_seen(reply_to, consumers, self._monotonic())
        self._end(changes, "nobody reads the reply queue")

    # The feed

    def registered(self, registration: Registration) -> None:
        """The vendor sends it from now on."""
        self._failing = None
        self._refusals.pop(registration, None)
        for watcher in self.watchers:
            watcher.registered(registration)
        self._apply(self.book.registered(registration))
        self._answered(registration)

    def refused(self, registration: Registration, error: Exception, *, for_good: bool) -> None:
        """The vendor does not send it."""
        failure = error if isinstance(error, TaskFailed) else TaskFailed(str(error))
        log.warning(
            "the vendor refuses a subscription",
            **self.streams.describe(registration),
            reason=str(failure),
            for_good=for_good,
        )
        if not for_good:
            return
        self._refusals[registration] = failure
        body = {"type": "stream", "state": "refused", "reason": str(failure), "code": failure.code}
        self._bus.publish(f"stream.{self.vendor}.refused", body | self._shown(registration))
        waited_for = registration in self._waiting
        for each in self.book.audience(registration):
            self.audience.status(each, "refused", reason=str(failure), code=failure.code)
        changes = self.book.refused(registration)
        self._apply(changes)
        self._forgotten(changes.dropped)
        if waited_for:
            self._answered(registration)

    def received(self, registration: Registration, incoming: Incoming) -> None:
        """A record came in."""
        for watcher in self.watchers:
            watcher.received(registration, incoming)
        if incoming.channel == EXECUTION and self.executions is not None:
            passed = self.executions.passes(registration, incoming)
            if passed is None:
                return
            incoming = passed
        event = Event(incoming, moment(self._clock()))
        self._delivery.broadcast(registration, event)
        self.audience.publish(registration, event)

    def interrupted(self, registrations: Sequence[Registration], reason: str) -> None:
        """They are not sent any more, for now."""
        for watcher in self.watchers:
            watcher.interrupted(registrations)
        for registration in registrations:
            self.audience.interrupt(registration)
        self._apply(self.book.interrupted(registrations), reason=reason)
        for registration in registrations:
            self._announce(registration, "interrupted", reason=reason)

    def connected(self) -> None:
        """A connection is up."""
        self._failing = None

    def failing(self, failures: int, reason: str) -> None:
        """A connection could not be made, or was lost."""
        self._failing = reason
        for registration in list(self._waiting):
            self._answered(registration)
        if failures >= FAILURES_BEFORE_POLLING:
            self._apply(self.book.failed(self.book.unconfirmed), reason=reason)

    # Others

    def publish_polled(self, registration: Registration, incoming: Incoming) -> None:
        """Publish what a look by REST found in place of the feed."""
        event = self.event(incoming, {"mode": "polling"})
        self._delivery.broadcast(registration, event)
        self.audience.publish(registration, event, only=lambda each: self.book.mode(each) == "polling")

    def publish_found(self, registration: Registration, incoming: Incoming, marks: dict[str, Any]) -> None:
        """Publish what the feed has missed.

        Args:
            marks: More keys of the event.
        """
        event = self.event(incoming, marks)
        self._delivery.broadcast(registration, event)
        self.audience.publish(registration, event)

    def tell(self, registration: Registration, state: str, **more: Any) -> None:
        """Tell every subscription of a registration, and ``broker.events``."""
        for each in self.book.audience(registration):
            self.audience.status(each, state, **more)
        self._announce(registration, state, **more)

    def announce(self, subscription: Subscription, state: str, **more: Any) -> None:
        """Tell ``broker.events`` about one subscription."""
        body = {"type": "subscription", "state": state, "task_id": subscription.task_id, **more}
        shown = self._shown(subscription.registration)
        self._bus.publish(f"subscription.{self.vendor}.{state}", body | shown)

    def key_of(self, subscription: Subscription) -> str:
        """The ``key`` of a subscription's messages."""
        channel, _, subject = str(self.streams.describe(subscription.registration)["key"]).partition(".")
        return f"{subscription.registration.code if subscription.vendor_form else channel}.{subject}"

    def event(self, incoming: Incoming, marks: dict[str, Any]) -> Event:
        """An event of now.

        Args:
            marks: More keys of it.
        """
        return Event(incoming, moment(self._clock()), marks)

    async def run(self) -> None:
        """Keep the feed until cancelled."""
        try:
            await self.feed.run()
        finally:
            self.audience.clear()

    # Inside

    def _apply(self, changes: Changes, *, reason: str | None = None) -> Changes:
        for each in changes.dropped:
            self.audience.drop(each)
        for each in (*changes.added, *changes.replaced):
            current = self.book.find(each.key)
            if current is not None:
                self.audience.add(current)
        concerned = {
            each.registration
            for each in (
                *changes.added,
                *changes.replaced,
                *changes.dropped,
                *changes.suspended,
                *changes.resumed,
            )
        }
        for registration in concerned:
            self.audience.listen(registration, self.book.audience(registration))
        for each in changes.resumed:
            self.audience.interrupt_one(each)
            self.audience.status(each, "resumed", mode=self.book.mode(each))
        for turn in changes.turned:
            self._tell_turn(turn.subscription, turn.before, turn.after, reason)
        if changes.wanted is not None:
            self.feed.want(changes.wanted)
        if changes.dropped:
            self._forget_unwanted({each.registration for each in changes.dropped})
        return changes

    def _tell_turn(self, subscription: Subscription, before: Mode, after: Mode, reason: str | None) -> None:
        if after == "realtime":
            if before == "polling":
                self.audience.interrupt_one(subscription)
            if self.is_stale(subscription.registration):  # it was mute, and may still be
                self.audience.status(subscription, "stale", reason="registered again; no data yet")
            else:
                self.audience.status(subscription, "live")
        else:
            state = "polling" if after == "polling" else "reconnecting"
            self.audience.status(subscription, state, **({"reason": reason} if reason else {}))
            if after == "polling":
                self.announce(subscription, "polling", **({"reason": reason} if reason else {}))

    def _end(self, changes: Changes, reason: str) -> None:
        for each in changes.dropped:
            self.audience.status(each, "dropped", reason=reason)
            self.announce(each, "dropped", reason=reason)
        self._apply(changes)
        self._forgotten(changes.dropped)

    def _forget_unwanted(self, registrations: set[Registration]) -> None:
        for registration in registrations:
            if registration not in self.book.wanted and not self.book.audience(registration):
                self._delivery.forget(registration)
                for watcher in self.watchers:
                    watcher.unwanted(registration)

    def _answer(self, registration: Registration) -> asyncio.Future[None]:
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(registration, []).append(answer)
        return answer

    def _answered(self, registration: Registration) -> None:
        for answer in self._waiting.pop(registration, ()):
            if not answer.done():
                answer.set_result(None)

    def _announce(self, registration: Registration, state: str, **more: Any) -> None:
        body = {"type": "stream", "state": state, **more}
        self._bus.publish(f"stream.{self.vendor}.{state}", body | self._shown(registration))

    def _shown(self, registration: Registration) -> dict[str, Any]:
        return {"vendor": self.vendor, **self.streams.describe(registration)}
