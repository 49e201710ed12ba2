"""The live data of one vendor: what is subscribed, what comes in, and who is told what.

Everything here happens on the event loop of the streams. The book (`core.subscriptions`) decides, the feed
(a vendor's adapter) delivers, the audience gets.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog

from broker_client.errors import (
    AuthenticationFailed,
    InvalidParameters,
    SubscriptionLimit,
    TaskFailed,
)
from broker_server.core.accounts import DEFAULT
from broker_server.core.feeds import Feed, Incoming, Streams
from broker_server.core.stream_requests import Registration
from broker_server.core.subscription_changes import CapacityReached, Subscription
from broker_server.core.subscriptions import SubscriptionBook
from broker_server.streams.audience import Audience, Receiver
from broker_server.streams.connections import Connections
from broker_server.streams.delivery import EXECUTION, Delivery
from broker_server.streams.herald import EventBus, Herald
from broker_server.streams.lookups import Lookups
from broker_server.streams.messages import moment
from broker_server.streams.outlets import Event
from broker_server.streams.serving import ExecutionFilter, Serving
from broker_server.streams.standing import Asked, Standing, Standings

log = structlog.get_logger(__name__)


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
        grace: Seconds that a reply queue which is gone has to come back.
        account: The alias of the account whose connections it has.
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
        grace: float,
        account: str = DEFAULT,
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
            grace=grace,
        )
        self.executions: ExecutionFilter | None = None
        self._delivery = delivery
        self._forgotten = forgotten
        self._clock = clock
        self._monotonic = monotonic
        self._failures = 0
        self._interrupted: set[Registration] = set()
        self._polled_last: set[Registration] = set()
        self.audience = Audience(
            delivery,
            lookups,
            can_look=streams.can_snapshot,
            key_of=self.key_of,
            make_event=self.event,
            marks_of=self._marks_of,
        )
        self.serving = Serving(
            self.book, self.feed, self.audience, delivery, Herald(vendor, bus, streams.describe, account)
        )
        self.watchers = self.serving.watchers
        self._answers = self.serving.answers
        self._connections = Connections(self.feed, self.serving.herald)
        self._standings = Standings(
            vendor,
            self.book,
            self.audience,
            self._connections,
            key_of=self.key_of,
            market_of=streams.order_market,
        )

    # Tasks

    def subscribe(self, asked: Sequence[Subscription]) -> Asked:
        """Take subscriptions in, all or none.

        Raises:
            InvalidParameters: The task has one of them already, by a method of another family.
            SubscriptionLimit: There is no slot for one of them, and REST may not stand in.
        """
        self._ensure_of_one_family(asked)
        self._connections.forget_all_but(self.serving.held)
        try:
            changes = self.book.subscribe(asked)
        except CapacityReached as error:
            raise SubscriptionLimit(self._why_full(error), vendor=self.vendor) from None
        self.serving.apply(changes)
        registrations = list(dict.fromkeys(each.registration for each in asked))
        self.serving.ask_anew(registrations)
        self.serving.apply(self.book.failed(self._connections.down(self._unconfirmed(registrations))))
        found = (self.audience.find(each) for each in asked)
        return Asked(
            [receiver for receiver in found if receiver is not None],
            []
            if self._failures
            else [self._answers.expect(each) for each in self._unconfirmed(registrations)],
        )

    def standings(self, receivers: Sequence[Receiver]) -> list[Standing]:
        """How what was asked for is served now: what the acknowledgement says."""
        return self._standings.of(receivers, self.serving.stale)

    def begin(self, receivers: Sequence[Receiver]) -> None:
        """They are acknowledged."""
        for receiver in receivers:
            self.audience.begin(receiver)

    def restore(self, kept: Sequence[Subscription]) -> None:
        """Take back what an earlier worker, or an earlier board, served; it was acknowledged then."""
        for each in kept:
            self.audience.add(each, live=True)
        self.serving.apply(self.book.restore(kept))
        for each in kept:
            state = "polling" if self.book.mode(each) == "polling" else "reconnecting"
            self.audience.status(each, state, reason="the worker has started")

    def promised(self) -> list[Subscription]:
        """The subscriptions whose acknowledgement is on its way, or has arrived."""
        found = ((each, self.audience.find(each)) for each in self.book.all())
        return [each for each, receiver in found if receiver is not None and receiver.is_answered]

    def unsubscribe(
        self, task_id: str, family: str, registrations: Sequence[Registration]
    ) -> Sequence[Subscription]:
        """End subscriptions of a task; which were ended."""
        return self.serving.apply(self.book.unsubscribe(task_id, family, registrations)).dropped

    def drop(self, task_id: str, reason: str) -> Sequence[Subscription]:
        """End every subscription of a task, and tell it; which were ended."""
        return self.serving.end(self.book.drop(task_id), reason)

    # Reply queues

    def returned(self, reply_to: str) -> None:
        """A message for that queue came back."""
        changes = self.serving.apply(self.book.returned(reply_to, self._monotonic()))
        for each in changes.suspended:
            self.serving.herald.of_subscription(each, "suspended", reason="the reply queue is gone")

    def overdue_queues(self) -> Sequence[str]:
        """Queues that are gone and have had their time."""
        return self.book.overdue(self._monotonic())

    def queue_is_back(self, reply_to: str) -> None:
        """A queue that was gone is there."""
        self.serving.apply(self.book.resume(reply_to))

    def queue_is_gone(self, reply_to: str) -> None:
        """A queue that was gone has had its time."""
        changes = self.book.expire(reply_to, self._monotonic())
        self._forgotten(self.serving.end(changes, "the reply queue is gone"))

    def queue_seen(self, reply_to: str, consumers: int) -> None:
        """A queue has so many consumers."""
        changes = self.book.consumers_seen(reply_to, consumers, self._monotonic())
        self._forgotten(self.serving.end(changes, "nobody reads the reply queue"))

    # The feed

    def registered(self, registration: Registration) -> None:
        """The vendor sends it from now on."""
        if registration not in self.serving.held:
            return
        self._failures = 0
        for watcher in self.watchers:
            watcher.registered(registration)
        self.serving.given_up.discard(registration)
        self._connections.registered(registration)
        self.serving.apply(self.book.registered(registration))
        self._answers.settle(registration)
        if registration in self._interrupted:
            self._interrupted.discard(registration)
            if registration not in self.serving.stale:  # else it is announced when data come
                self.serving.herald.of_stream(registration, "live", reason="it is registered again")

    def refused(self, registration: Registration, error: Exception, *, for_good: bool) -> None:
        """The vendor does not send it."""
        failure = error if isinstance(error, TaskFailed) else TaskFailed(str(error))
        reason = str(failure)
        shown = self.streams.describe(registration)
        log.warning("the vendor refuses a subscription", **shown, reason=reason, for_good=for_good)
        if not for_good:
            self.serving.apply(self.book.failed([registration]), reason=reason)
            if isinstance(failure, AuthenticationFailed):
                self._connections.key_refused(registration, failure)
                self._tell_those_who_wait([registration], reason)
                self._answers.settle(registration)
            return
        self.serving.herald.of_stream(registration, "refused", reason=reason, code=failure.code)
        for each in self.book.members(registration):
            self.audience.refuse(each, failure)
        ended = self.serving.apply(self.book.refused(registration)).dropped
        self._forgotten(ended)
        if registration in self.serving.held:
            self.serving.given_up.add(registration)
        self._answers.settle(registration)

    def received(self, registration: Registration, incoming: Incoming) -> None:
        """A record came in."""
        for watcher in self.watchers:
            watcher.received(registration, incoming)
        if registration in self._polled_last:
            self._polled_last.discard(registration)
            if self.book.registration_mode(registration) == "polling":
                # The vendor sends what it has not confirmed yet: nobody knows what it was between the two.
                self.audience.interrupt(registration)
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
        self.serving.apply(self.book.interrupted(registrations), reason=reason)
        self._interrupted &= self.serving.held
        for registration in registrations:
            self._interrupted.add(registration)
            self.serving.herald.of_stream(registration, "interrupted", reason=reason)

    def source_changed(self, channel: str, subject: str) -> None:
        """Another registration fills a key of the exchange now."""
        self._delivery.source_changed(channel, subject)

    def connected(self) -> None:
        """A connection is up."""
        self._failures = 0

    def failing(self, failures: int, reason: str, *, pause: float = 0.0, connection: Hashable = None) -> None:
        """A connection could not be made, or was lost."""
        self._failures = failures
        self._answers.settle_all()
        is_news = self._connections.failing(failures, reason, pause=pause, connection=connection)
        waiting = self._connections.down(self.book.unconfirmed)
        self.serving.apply(self.book.failed(waiting), reason=reason)
        if is_news:
            self._tell_those_who_wait([each for each in waiting if each not in self._interrupted], reason)

    # Others

    def publish_polled(self, registration: Registration, incoming: Incoming) -> None:
        """Publish what a look by REST found in place of the feed."""
        self._polled_last.intersection_update(self.book.polled)
        self._polled_last.add(registration)
        event = self.event(incoming, {"mode": "polling"})
        self._delivery.broadcast(registration, event)
        self.audience.publish(registration, event, only=self._is_polled)

    def publish_found(self, registration: Registration, incoming: Incoming, marks: dict[str, Any]) -> None:
        """Publish what the feed has missed.

        Args:
            marks: More keys of the event.
        """
        event = self.event(incoming, marks)
        self._delivery.broadcast(registration, event)
        self.audience.publish(registration, event)

    def publish_state(self, registration: Registration, incoming: Incoming) -> None:
        """Publish what a look by REST found when it was live again."""
        self.audience.publish_state(registration, self.event(incoming, {"snapshot": True}))

    def tell_polled(self, registration: Registration, state: str, reason: str) -> None:
        """Tell those that REST stands in for, and ``broker.events``."""
        for each in self.book.audience(registration):
            if self._is_polled(each):
                self.audience.status(each, state, reason=reason)
        self.serving.herald.of_stream(registration, state, reason=reason)

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

    def close(self) -> None:
        """Let go of everything; nobody is to wait any longer."""
        self.audience.clear()
        self._answers.settle_all()

    # Inside

    def _ensure_of_one_family(self, asked: Sequence[Subscription]) -> None:
        for each in asked:
            known = self.book.find(each.key)
            if known is not None and known.family != each.family:
                raise InvalidParameters(
                    f"the task {each.task_id!r} is subscribed to this already by another method "
                    f"({known.family}); use another task_id",
                    vendor=self.vendor,
                )

    def _marks_of(self, registration: Registration) -> Mapping[str, Any]:
        """What tells subscriptions of one key apart: the executions of several markets."""
        market = self.streams.order_market(registration)
        return {} if market is None else {"market": market}

    def _tell_those_who_wait(self, registrations: Sequence[Registration], reason: str) -> None:
        """What REST does not stand in for hears why nothing comes."""
        for registration in registrations:
            for each in self.book.audience(registration):
                if self.book.mode(each) == "pending":
                    self.audience.status(each, "reconnecting", reason=reason)

    def _unconfirmed(self, registrations: Sequence[Registration]) -> list[Registration]:
        unconfirmed = self.book.unconfirmed
        return [each for each in registrations if each in unconfirmed]

    def _is_polled(self, subscription: Subscription) -> bool:
        return self.book.mode(subscription) == "polling"

    def _why_full(self, error: CapacityReached) -> str:
        if not error.limit:
            return f"{self.vendor} has no live connection here, and REST may not or cannot stand in"
        return f"{self.vendor}: {error}; end some (broker.list-subscriptions shows them), or allow polling"
