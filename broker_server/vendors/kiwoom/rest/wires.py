"""Between the worker's registrations and what is registered at Kiwoom.

The original's registration stands for several of Kiwoom's, and may share them with others::

    10 005930 ──┬─ 0B 005930 ──── 0B 005930
                ├─ 0A 005930
                └─ 0H 005930
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from broker_client.errors import SubscriptionLimit, TaskFailed
from broker_server.core.feeds import FeedListener
from broker_server.core.stream_requests import Registration
from broker_server.vendors.kiwoom.real_types import EVERYTHING, TYPES_OF_EVERYTHING, has_symbol
from broker_server.vendors.kiwoom.rest.errors import VENDOR

_NOBODY: tuple[Registration, ...] = ()


def wires_of(registration: Registration) -> tuple[Registration, ...]:
    """What is registered at Kiwoom for it; the symbol is Kiwoom's item."""
    code, symbol = registration
    if code == EVERYTHING:
        return tuple(Registration(each, symbol) for each in TYPES_OF_EVERYTHING)
    return (Registration(code, symbol if has_symbol(code) else ""),)


class Wires:
    """Keeps the two sides together; the listener of a session, in words of the worker's registrations.

    Args:
        listener: Whom to tell; never from within `want`.
        capacity: How many registrations Kiwoom holds.
    """

    def __init__(self, listener: FeedListener, capacity: int) -> None:
        self._listener = listener
        self._capacity = capacity
        self._loop = asyncio.get_running_loop()
        self._parts: dict[Registration, tuple[Registration, ...]] = {}
        self._owners: dict[tuple[str, str], list[Registration]] = {}
        self._up: set[Registration] = set()
        self._registered: set[Registration] = set()
        self._crowded_out: set[Registration] = set()
        self._given_up: set[Registration] = set()
        self._key_refusal: TaskFailed | None = None
        self._told_of_key: set[Registration] = set()
        self.connected = listener.connected
        self.received = listener.received
        self.failing = listener.failing

    @property
    def registered_count(self) -> int:
        """How many of the worker's registrations are held."""
        return len(self._registered)

    def want(self, registrations: Sequence[Registration]) -> list[Registration]:
        """Replace what is wanted, the most important first.

        Returns:
            What is wanted of Kiwoom.
        """
        parts: dict[Registration, tuple[Registration, ...]] = {}
        owners: dict[tuple[str, str], list[Registration]] = {}
        crowded_out: set[Registration] = set()
        for one in dict.fromkeys(registrations):
            wires = wires_of(one)
            if len(owners) + sum(wire not in owners for wire in wires) > self._capacity:
                crowded_out.add(one)
                continue
            parts[one] = wires
            for wire in wires:
                owners.setdefault(wire, []).append(one)
        news = crowded_out - self._crowded_out
        lost = [one for one in self._registered if one in crowded_out]
        self._parts, self._owners, self._crowded_out = parts, owners, crowded_out
        self._up.intersection_update(Registration(*wire) for wire in owners)
        self._registered.intersection_update(parts)
        self._given_up.intersection_update(parts)
        self._told_of_key.intersection_update(parts)
        self._loop.call_soon(self._tell_news, lost, news)
        return [Registration(*wire) for wire in owners]

    def owners_of(self, code: str, item: str) -> Sequence[Registration]:
        """Whose records of a type and an item are."""
        return self._owners.get((code, item), _NOBODY)

    def parts_of(self, registration: Registration) -> Sequence[Registration]:
        """What is registered at Kiwoom for one; nothing if it is not wanted."""
        return self._parts.get(registration, _NOBODY)

    def registered(self, registration: Registration) -> None:
        self._up.add(registration)
        for owner in self.owners_of(*registration):
            self._tell_if_up(owner)

    def refused(self, registration: Registration, error: Exception, *, for_good: bool) -> None:
        for owner in tuple(self.owners_of(*registration)):
            self._refuse(owner, error, for_good=for_good)

    def interrupted(self, registrations: Sequence[Registration], reason: str) -> None:
        self._up.difference_update(registrations)
        missed = [one for one, wires in self._parts.items() if not self._up.issuperset(wires)]
        missed = [one for one in missed if one in self._registered]
        self._registered.difference_update(missed)
        if missed:
            self._listener.interrupted(missed, reason)

    def key_refused(self, error: TaskFailed) -> None:
        self._key_refusal = error
        self._told_of_key.clear()
        self._tell_of_key()

    def key_to_be_tried(self) -> None:
        """Whether the key is refused is not known any more."""
        self._key_refusal = None

    def kicked(self, error: TaskFailed) -> None:
        """Another program took the key's connection."""
        for one in tuple(self._parts):
            self._refuse(one, error, for_good=False)

    def steady(self) -> None:
        """Nothing is to be done."""

    def _tell_news(self, lost: list[Registration], crowded_out: set[Registration]) -> None:
        if lost:
            self._listener.interrupted(lost, "it gave way to others")
        for one in tuple(self._parts):
            self._tell_if_up(one)
        for one in crowded_out & self._crowded_out:
            self._listener.refused(one, _no_room(self._capacity), for_good=False)
        self._tell_of_key()

    def _tell_of_key(self) -> None:
        for one in tuple(self._parts):
            if self._key_refusal is not None and one not in self._told_of_key:
                self._told_of_key.add(one)
                self._refuse(one, self._key_refusal, for_good=False)

    def _tell_if_up(self, owner: Registration) -> None:
        if owner not in self._registered and self._up.issuperset(self._parts[owner]):
            self._registered.add(owner)
            self._listener.registered(owner)

    def _refuse(self, owner: Registration, error: Exception, *, for_good: bool) -> None:
        if owner in self._given_up:
            return
        if for_good:
            self._given_up.add(owner)
        self._listener.refused(owner, error, for_good=for_good)


def _no_room(capacity: int) -> TaskFailed:
    return SubscriptionLimit(
        f"the connection at Kiwoom holds {capacity} registrations, and all are taken; end a subscription",
        vendor=VENDOR,
    )
