"""The registrations that somebody wants, who wants them, and how each is served. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from broker_server.core.slots import Allotment, Candidate, allot
from broker_server.core.stream_requests import Registration
from broker_server.core.subscription_changes import Mode, Subscription, SubscriptionKey, Turned


@dataclass(slots=True)
class Place:
    """A registration that somebody wants.

    Attributes:
        reserved: It may take the slots that are kept free for notices.
        pollable: REST has the same information.
        own: The worker itself wants it, whoever subscribes.
        holds: It has a slot of the feed.
        confirmed: The vendor has confirmed it.
        fallback: REST stands in from its loss until the vendor's next confirmation.
        members: Its subscriptions by task.
        audience: Those that events are sent to, kept ready as every event needs them.
    """

    registration: Registration
    reserved: bool
    pollable: bool
    own: bool = False
    holds: bool = False
    confirmed: bool = False
    fallback: bool = False
    members: dict[str, Subscription] = field(default_factory=dict)
    audience: tuple[Subscription, ...] = ()

    def mode_of(self, subscription: Subscription) -> Mode:
        """How a subscription of it is served."""
        if self.confirmed:
            return "realtime"
        return "polling" if self.fallback and self.pollable and subscription.polling else "pending"

    @property
    def mode(self) -> Mode:
        """The best of its subscriptions' modes."""
        if self.confirmed:
            return "realtime"
        modes = (self.mode_of(each) for each in self.members.values())
        return "polling" if "polling" in modes else "pending"


class Registrations:
    """Places by registration, in the order in which they were first wanted.

    Args:
        capacity: Registrations that the feed can hold.
        reserve: Slots that are kept free for notices of executions.
        is_reserved: Whether a registration may take them.
        can_poll: Whether REST has the same information.
    """

    def __init__(
        self,
        capacity: int,
        *,
        reserve: int,
        is_reserved: Callable[[Registration], bool],
        can_poll: Callable[[Registration], bool],
    ) -> None:
        self.capacity = capacity
        self.wanted: tuple[Registration, ...] = ()
        self.is_reserved = is_reserved
        self._reserve = reserve
        self._can_poll = can_poll
        self._places: dict[Registration, Place] = {}

    def __iter__(self) -> Iterator[Place]:
        return iter(self._places.values())

    def find(self, registration: Registration) -> Place | None:
        """The place of a registration; ``None`` when nobody wants it."""
        return self._places.get(registration)

    def open(self, registration: Registration) -> Place:
        """The place of a registration, made if need be."""
        place = self._places.get(registration)
        if place is None:
            place = Place(registration, self.is_reserved(registration), self._can_poll(registration))
            self._places[registration] = place
        return place

    def remove(self, subscription: Subscription) -> None:
        """Take a subscription out, and its place with the last one."""
        place = self._places[subscription.registration]
        del place.members[subscription.task_id]
        if not place.members and not place.own:
            del self._places[subscription.registration]

    def may_poll(self, subscription: Subscription) -> bool:
        """Whether REST may stand in for a subscription."""
        return subscription.polling and self._can_poll(subscription.registration)

    def allot_with(self, asked: Sequence[Subscription] = ()) -> Allotment:
        """Who would hold the slots if these subscriptions were there too."""
        members = {name: dict(place.members) for name, place in self._places.items()}
        for each in asked:
            members.setdefault(each.registration, {})[each.task_id] = each
        candidates = [
            Candidate(
                registration,
                self.is_reserved(registration),
                holds=(place := self._places.get(registration)) is not None and place.holds,
                can_wait=bool(tasks) and all(self.may_poll(each) for each in tasks.values()),
            )
            for registration, tasks in members.items()
        ]
        return allot(candidates, capacity=self.capacity, reserve=self._reserve)

    def settle(self) -> tuple[Registration, ...] | None:
        """Share out the slots anew; what the feed is to hold, if that changed."""
        holders = self.allot_with().holders
        held = set(holders)
        for name, place in self._places.items():
            place.holds = name in held
            if not place.holds:
                # From here on REST stands in, also when a slot is free later, until the vendor confirms.
                place.confirmed, place.fallback = False, True
        changed = holders != self.wanted
        self.wanted = holders
        return holders if changed else None

    def modes(self, places: Iterable[Place] | None = None) -> dict[SubscriptionKey, Mode]:
        """How every subscription is served, or those of some places."""
        return {
            each.key: place.mode_of(each)
            for place in (self if places is None else places)
            for each in place.members.values()
        }

    def turned(self, before: Mapping[SubscriptionKey, Mode]) -> tuple[Turned, ...]:
        """What is still there and is served in another way than before."""
        found = []
        for key, mode in before.items():
            place = self._places.get(key.registration)
            each = None if place is None else place.members.get(key.task_id)
            if place is not None and each is not None and (now := place.mode_of(each)) != mode:
                found.append(Turned(each, mode, now))
        return tuple(found)
