"""Carries out what the book of subscriptions decides: whom the feed serves, who is told what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from broker_server.core.feeds import Feed, Incoming
from broker_server.core.stream_requests import Registration
from broker_server.core.subscription_changes import Changes, Subscription, Turned
from broker_server.core.subscriptions import SubscriptionBook
from broker_server.streams.answers import Answers
from broker_server.streams.audience import Audience
from broker_server.streams.delivery import Delivery
from broker_server.streams.herald import Herald

AFTER_RENEWAL = "it was registered again, and nothing has come since"


class Watcher(Protocol):
    """Is told what a feed does: the watch over silence, the books of executions."""

    def registered(self, registration: Registration) -> None:
        """The vendor sends it from now on."""

    def received(self, registration: Registration, incoming: Incoming) -> None:
        """A record came in."""

    def interrupted(self, registrations: Sequence[Registration]) -> None:
        """They are not sent any more, for now."""

    def unwanted(self, registration: Registration) -> None:
        """The feed is not to hold it any more."""


class ExecutionFilter(Protocol):
    """Knows which executions have been published."""

    def passes(self, registration: Registration, incoming: Incoming) -> Incoming | None:
        """What to publish of a record, if anything."""


class Serving:
    """The state of one vendor's subscriptions beside the book, and every message about it.

    Args:
        book: Decides.
        feed: Told what to hold.
        audience: Those who are told.
        delivery: Where the sequences of ``broker.realtime`` are.
        herald: Tells ``broker.events``.

    Attributes:
        watchers: Told what the feed does.
        answers: Who waits for the vendor.
        held: What the feed is to hold.
        stale: What is connected and mute, and why it is said to be.
        given_up: What the feed does not try any more, and is to hold all the same.
    """

    def __init__(
        self, book: SubscriptionBook, feed: Feed, audience: Audience, delivery: Delivery, herald: Herald
    ) -> None:
        self.herald = herald
        self.watchers: list[Watcher] = []
        self.answers = Answers()
        self.held = frozenset(book.wanted)
        self.stale: dict[Registration, str] = {}
        self.given_up: set[Registration] = set()
        self._book = book
        self._feed = feed
        self._audience = audience
        self._delivery = delivery
        feed.want(book.wanted)

    def apply(self, changes: Changes, *, reason: str | None = None) -> Changes:
        """Carry out what has changed.

        Args:
            reason: Of the turns.
        """
        for each in changes.dropped:
            self._audience.drop(each)
        for each in (*changes.added, *changes.replaced):
            current = self._book.find(each.key)
            if current is not None:
                self._audience.add(current)
        for registration in _concerned(changes):
            self._audience.listen(registration, self._book.audience(registration))
        for each in changes.resumed:
            self._audience.interrupt_one(each)
            self._audience.status(each, "resumed", mode=self._book.mode(each))
            self.herald.of_subscription(each, "resumed", mode=self._book.mode(each))
        for turn in changes.turned:
            self._turn(turn, {"reason": reason} if reason else {})
        if changes.wanted is not None:
            self._want(changes.wanted)
        for registration in {each.registration for each in changes.dropped}:
            if registration not in self.held and not self._book.members(registration):
                self._delivery.forget(registration)
        return changes

    def end(self, changes: Changes, reason: str) -> Sequence[Subscription]:
        """The same for subscriptions that end against their will; which they are."""
        for each in changes.dropped:
            self._audience.status(each, "dropped", reason=reason)
            self.herald.of_subscription(each, "dropped", reason=reason)
        return self.apply(changes).dropped

    def ask_anew(self, registrations: Iterable[Registration]) -> None:
        """Somebody asks for them: the feed tries what it has given up only when it is wanted anew."""
        given_up = self.given_up.intersection(registrations)
        if given_up:
            self.given_up -= given_up
            wanted = self._book.wanted
            self._feed.want([each for each in wanted if each not in given_up])
            self._feed.want(wanted)

    def turn_stale(self, registration: Registration, reason: str) -> None:
        """It is connected and mute."""
        self.stale[registration] = reason
        self._tell(registration, "stale", reason)

    def turn_fresh(self, registration: Registration, reason: str, *, missed: bool) -> None:
        """It is not mute any more, or never was.

        Args:
            missed: Whether something may not have come.
        """
        self.stale.pop(registration, None)
        if missed:
            self._audience.interrupt(registration)
        self._tell(registration, "live", reason)

    def _turn(self, turn: Turned, why: dict[str, str]) -> None:
        """Tell a subscription how it is served from now on; what is suspended learns it when it is back."""
        subscription, registration = turn.subscription, turn.subscription.registration
        # Not when it is registered again: it was interrupted at its loss, and events may be faster.
        if turn.before == "realtime" or (turn.before, turn.after) == ("polling", "realtime"):
            self._delivery.interrupt(registration)
            self._audience.interrupt_one(subscription)
        if self._book.is_suspended(subscription):
            return
        if turn.after == "realtime" and registration in self.stale:
            self._audience.status(subscription, "stale", reason=AFTER_RENEWAL)
        elif turn.after == "realtime":
            self._audience.status(subscription, "live")
        elif turn.after == "polling":
            self._audience.status(subscription, "polling", **why)
            self.herald.of_subscription(subscription, "polling", **why)
        else:
            self._audience.status(subscription, "reconnecting", **why)

    def _want(self, wanted: Sequence[Registration]) -> None:
        before, self.held = self.held, frozenset(wanted)
        self._feed.want(wanted)
        for registration in before - self.held:
            self.stale.pop(registration, None)
            self.given_up.discard(registration)
            self.answers.settle(registration)
            for watcher in self.watchers:
                watcher.unwanted(registration)

    def _tell(self, registration: Registration, state: str, reason: str) -> None:
        for each in self._book.audience(registration):
            self._audience.status(each, state, reason=reason)
        self.herald.of_stream(registration, state, reason=reason)


def _concerned(changes: Changes) -> set[Registration]:
    """The registrations whose receivers may be others now."""
    parts = (changes.added, changes.replaced, changes.dropped, changes.suspended, changes.resumed)
    return {each.registration for part in parts for each in part}
