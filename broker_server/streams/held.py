"""Events that wait until a subscription has its acknowledgement and its first state."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from broker_server.streams.outlets import Event


class HeldEvent(NamedTuple):
    """One of them.

    Attributes:
        part: See `broker_server.streams.outlets.Outlet`.
        skipped: How many older ones it stands for besides itself.
    """

    event: Event
    part: int
    skipped: int


class Held:
    """They stay in order; of what may be skipped only the newest of each key waits."""

    __slots__ = ("_entries", "_newest", "_numbers")

    def __init__(self) -> None:
        self._entries: dict[int, HeldEvent] = {}
        self._newest: dict[tuple[str, str], int] = {}
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, event: Event, part: int) -> None:
        """Hold an event."""
        number, skipped = next(self._numbers), 0
        incoming = event.incoming
        if incoming.conflatable:
            key = incoming.channel, incoming.subject
            older = self._entries.pop(self._newest.get(key, -1), None)
            skipped = 0 if older is None else older.skipped + 1
            self._newest[key] = number
        self._entries[number] = HeldEvent(event, part, skipped)

    def first_part(self, otherwise: int) -> int:
        """The part that begins with the first of them."""
        return next((each.part for each in self._entries.values()), otherwise)

    def drop_oldest(self) -> None:
        """Let go of the first one."""
        del self._entries[next(iter(self._entries))]

    def move(self, part: int) -> None:
        """They go another way, where this part has begun."""
        for number, each in self._entries.items():
            self._entries[number] = each._replace(part=part)

    def take(self) -> list[HeldEvent]:
        """All of them; none is held any more."""
        found = list(self._entries.values())
        self._entries.clear()
        self._newest.clear()
        return found
