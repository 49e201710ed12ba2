"""The book of subscriptions of one feed: who gets what, and how it is served. Pure.

::

    subscription (task, registration) ──many──> registration ──one──> slot of the feed, or polling, or neither

Ten tasks on one registration are one registration of the vendor's. Every operation returns what it changed;
the time, in seconds of a clock that does not go back, is an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from broker_server.core.registrations import Place, Registrations
from broker_server.core.reply_addresses import ReplyAddresses
from broker_server.core.stream_requests import Registration
from broker_server.core.subscription_changes import (
    CapacityReached,
    Changes,
    Mode,
    Subscription,
    SubscriptionKey,
)

SLOTS_FOR_NOTICES = 1
UNREAD_SECONDS = 600.0


class SubscriptionBook:
    """Subscriptions and the state of their registrations.

    Args:
        capacity: Registrations that the feed can hold.
        is_reserved: Whether a registration may take the slots that are kept free for notices of executions.
        can_poll: Whether REST has the same information.
        own: What the worker itself always wants.
        reserve: Slots that are kept free.
        grace: Seconds that a reply queue which is gone has to come back.
        unread: Seconds after which a reply queue that nobody reads ends its subscriptions.
    """

    def __init__(
        self,
        capacity: int,
        *,
        is_reserved: Callable[[Registration], bool],
        can_poll: Callable[[Registration], bool],
        own: Sequence[Registration] = (),
        reserve: int = SLOTS_FOR_NOTICES,
        grace: float = 60.0,
        unread: float = UNREAD_SECONDS,
    ) -> None:
        self._places = Registrations(capacity, reserve=reserve, is_reserved=is_reserved, can_poll=can_poll)
        self._addresses = ReplyAddresses(grace=grace, unread=unread)
        for registration in own:
            self._places.open(registration).own = True
        self._places.settle()

    # What holds now

    @property
    def wanted(self) -> tuple[Registration, ...]:
        """What the feed is to hold, the most important first."""
        return self._places.wanted

    @property
    def unconfirmed(self) -> tuple[Registration, ...]:
        """What the feed is to hold and does not yet, or no more."""
        return tuple(each.registration for each in self._places if each.holds and not each.confirmed)

    @property
    def polled(self) -> tuple[Registration, ...]:
        """What REST stands in for, in the order in which it was subscribed to."""
        return tuple(each.registration for each in self._places if each.mode == "polling")

    @property
    def reply_addresses(self) -> tuple[str, ...]:
        """Every queue that a subscription is sent to, once."""
        return tuple(dict.fromkeys(each.reply_to for each in self.all()))

    @property
    def gone_addresses(self) -> tuple[str, ...]:
        """Those of them that are gone and may still come back."""
        return self._addresses.gone

    def all(self) -> tuple[Subscription, ...]:
        """Every subscription."""
        return tuple(each for place in self._places for each in place.members.values())

    def find(self, key: SubscriptionKey) -> Subscription | None:
        """The subscription as it is now; ``None`` when there is none."""
        place = self._places.find(key.registration)
        return None if place is None else place.members.get(key.task_id)

    def of_task(self, task_id: str) -> tuple[Subscription, ...]:
        """What one task has subscribed to."""
        return tuple(each for each in self.all() if each.task_id == task_id)

    def members(self, registration: Registration) -> tuple[Subscription, ...]:
        """The subscriptions of a registration, suspended or not."""
        place = self._places.find(registration)
        return () if place is None else tuple(place.members.values())

    def audience(self, registration: Registration) -> tuple[Subscription, ...]:
        """The subscriptions of a registration that are not suspended."""
        place = self._places.find(registration)
        return () if place is None else place.audience

    def is_suspended(self, subscription: Subscription) -> bool:
        """Whether its queue is gone."""
        return self._addresses.is_gone(subscription.reply_to)

    def mode(self, subscription: Subscription) -> Mode:
        """How a subscription is served: polling only where it allows that."""
        place = self._places.find(subscription.registration)
        return "pending" if place is None else place.mode_of(subscription)

    def registration_mode(self, registration: Registration) -> Mode:
        """How a registration is served: the best of its subscriptions' modes."""
        place = self._places.find(registration)
        return "pending" if place is None else place.mode

    # Tasks

    def subscribe(self, asked: Sequence[Subscription]) -> Changes:
        """Take subscriptions in, all or none of them.

        A repeat replaces the reply address and the options, and goes on. What finds no slot is polled.

        Raises:
            CapacityReached: There is no slot for one of them, and it may not or cannot be polled. Nothing
                has changed.
        """
        allotment = self._places.allot_with(asked)
        for each in asked:
            if each.registration not in allotment.holders and not self._places.may_poll(each):
                raise CapacityReached(
                    each.registration,
                    used=len(self._places.wanted),
                    limit=self._places.capacity,
                    reserved=0 if self._places.is_reserved(each.registration) else allotment.kept_free,
                )
        return self._take_in(asked)

    def restore(self, kept: Sequence[Subscription]) -> Changes:
        """Take back what was in the book before a restart; what finds no place now waits for one."""
        return self._take_in(kept)

    def unsubscribe(self, task_id: str, family: str, registrations: Collection[Registration] = ()) -> Changes:
        """End subscriptions of a task by the family of their method.

        Args:
            registrations: Which; where none is named, every one of the family.
        """
        return self._drop(
            each
            for each in self.of_task(task_id)
            if each.family == family and (not registrations or each.registration in registrations)
        )

    def drop(self, task_id: str) -> Changes:
        """End every subscription of a task."""
        return self._drop(self.of_task(task_id))

    # Reply queues

    def returned(self, reply_to: str, now: float) -> Changes:
        """A message came back: suspend what is sent there, until the queue is back or the grace is over."""
        concerned = self._sent_to(reply_to)
        if not concerned or self._addresses.is_gone(reply_to):
            return Changes()
        self._addresses.returned(reply_to, now)
        self._refresh(concerned)
        return Changes(suspended=concerned)

    def resume(self, reply_to: str) -> Changes:
        """The queue is back."""
        if not self._addresses.is_gone(reply_to):
            return Changes()
        self._addresses.is_back(reply_to)
        concerned = self._sent_to(reply_to)
        self._refresh(concerned)
        return Changes(resumed=concerned)

    def overdue(self, now: float) -> tuple[str, ...]:
        """Queues whose grace is over: look whether they are back, then `resume` or `expire`."""
        return self._addresses.overdue(now)

    def expire(self, reply_to: str, now: float) -> Changes:
        """The queue is not back: end what is sent there, if its grace is still over."""
        return self._drop(self._sent_to(reply_to) if reply_to in self._addresses.overdue(now) else ())

    def consumers_seen(self, reply_to: str, count: int, now: float) -> Changes:
        """The queue was seen with so many consumers; end what nobody has read for too long."""
        concerned = self._sent_to(reply_to)
        if not concerned or not self._addresses.given_up(reply_to, count, now):
            return Changes()
        return self._drop(concerned)

    # The feed

    def registered(self, registration: Registration) -> Changes:
        """The vendor has confirmed it."""

        def confirm(place: Place) -> None:
            place.confirmed, place.fallback = True, False

        return self._turn([registration], confirm)

    def interrupted(self, registrations: Iterable[Registration]) -> Changes:
        """They were registered and are not any more; the feed tries again."""

        def lose(place: Place) -> None:
            place.confirmed = False

        return self._turn(registrations, lose)

    def failed(self, registrations: Iterable[Registration]) -> Changes:
        """The feed keeps failing to register them: REST stands in until it succeeds."""

        def fall_back(place: Place) -> None:
            place.confirmed, place.fallback = False, True

        return self._turn(registrations, fall_back)

    def refused(self, registration: Registration) -> Changes:
        """The vendor refuses it for good: end its subscriptions."""
        place = self._places.find(registration)
        return self._drop(() if place is None else tuple(place.members.values()))

    # Inside

    def _take_in(self, asked: Sequence[Subscription]) -> Changes:
        before = self._places.modes()
        added: dict[SubscriptionKey, Subscription] = {}
        replaced: dict[SubscriptionKey, Subscription] = {}
        resumed: dict[SubscriptionKey, Subscription] = {}
        for each in asked:
            place = self._places.open(each.registration)
            old = place.members.get(each.task_id)
            now = each if old is None else replace(each, created_at=old.created_at)
            if old is not None and each.key not in added:
                replaced.setdefault(each.key, old)
            place.members[each.task_id] = now
            if each.key not in replaced:
                added[each.key] = now
            if old is not None and self._addresses.is_gone(old.reply_to):
                resumed[each.key] = now
        for address in dict.fromkeys(each.reply_to for each in asked):
            if self._addresses.is_gone(address):
                resumed.update((each.key, each) for each in self._sent_to(address))
            self._addresses.used(address)
        for each in (*replaced.values(), *asked):
            if not self._sent_to(each.reply_to):
                self._addresses.forget(each.reply_to)
        self._refresh((*resumed.values(), *asked))
        wanted = self._places.settle()
        return Changes(
            added=tuple(added.values()),
            replaced=tuple(replaced.values()),
            resumed=tuple(each for key, each in resumed.items() if key not in added),
            turned=self._places.turned(before),
            wanted=wanted,
        )

    def _drop(self, ending: Iterable[Subscription]) -> Changes:
        dropped = tuple(ending)
        if not dropped:
            return Changes()
        before = self._places.modes()
        for each in dropped:
            self._places.remove(each)
        for address in dict.fromkeys(each.reply_to for each in dropped):
            if not self._sent_to(address):
                self._addresses.forget(address)
        self._refresh(dropped)
        wanted = self._places.settle()
        return Changes(dropped=dropped, turned=self._places.turned(before), wanted=wanted)

    def _turn(self, registrations: Iterable[Registration], change: Callable[[Place], None]) -> Changes:
        held = (self._places.find(each) for each in registrations)
        places = [place for place in held if place is not None and place.holds]
        before = self._places.modes(places)
        for place in places:
            change(place)
        return Changes(turned=self._places.turned(before))

    def _sent_to(self, reply_to: str) -> tuple[Subscription, ...]:
        return tuple(each for each in self.all() if each.reply_to == reply_to)

    def _refresh(self, concerned: Iterable[Subscription]) -> None:
        for registration in {each.registration for each in concerned}:
            if (place := self._places.find(registration)) is not None:
                place.audience = tuple(
                    each for each in place.members.values() if not self._addresses.is_gone(each.reply_to)
                )
