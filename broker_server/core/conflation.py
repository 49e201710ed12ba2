"""Where messages wait while they cannot be sent: bounded, in order, and nothing is lost uncounted.

What may be skipped waits once per slot, the newest in the place of the one before it. What may be lost only
in need waits up to a bound, beyond which the oldest goes. What must not be lost waits as long as it takes.

Slots are independent of each other; inside a slot the order is kept. What must not be lost goes before
everything else, unless something older of its own slot waits.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

T = TypeVar("T")

MOST_WAITING = 50_000
GAP_SECONDS = 1.0


class Keep(Enum):
    """What becomes of a message that cannot be sent at once."""

    NEWEST = "newest"
    """The next one of its slot replaces it: quotes."""
    BOUNDED = "bounded"
    """It waits, up to the bound and its time to live: trades."""
    ALWAYS = "always"
    """It waits: executions and status messages."""


@dataclass(slots=True)
class Waiting(Generic[T]):
    """A message that waits.

    Attributes:
        expires: On the clock of `WaitingRoom.take`; ``None`` for never.
        conflated: How many older ones of its slot it has replaced.
    """

    item: T
    slot: str
    keep: Keep
    expires: float | None
    conflated: int = 0


@dataclass(frozen=True, slots=True)
class Gap:
    """So many messages of a slot will never be sent."""

    slot: str
    missing: int


@dataclass(slots=True)
class _Slot:
    waiting: int = 0
    last: int = 0
    newest: int | None = None


class WaitingRoom(Generic[T]):
    """The messages that wait.

    Args:
        most: How many `Keep.BOUNDED` ones.
        gap_seconds: Gaps are told at most this often; those of the meantime are told as one per slot.

    Attributes:
        conflated: How many were replaced by a newer one.
        dropped: How many went because of the bound or their age, or were said to be lost.
    """

    def __init__(self, most: int = MOST_WAITING, gap_seconds: float = GAP_SECONDS) -> None:
        self.conflated = 0
        self.dropped = 0
        self._most = most
        self._gap_seconds = gap_seconds
        self._numbers = 0
        self._first: deque[Waiting[T]] = deque()
        self._line: OrderedDict[int, Waiting[T]] = OrderedDict()
        self._bounded: deque[int] = deque()
        self._slots: dict[str, _Slot] = {}
        self._missing: dict[str, int] = {}
        self._gaps: deque[Gap] = deque()
        self._gaps_from: float | None = None

    def __len__(self) -> int:
        """How many messages wait; gaps that are not told yet do not count."""
        return len(self._first) + len(self._line)

    @property
    def newest(self) -> int:
        """The number of the message that came last; they are numbered as they come."""
        return self._numbers

    @property
    def oldest(self) -> int | None:
        """The number of the message that has waited longest, those apart that go before everything."""
        return next(iter(self._line), None)

    @property
    def gaps_from(self) -> float | None:
        """When `take` will tell the next gaps, on its clock; ``None`` when there are none."""
        if self._gaps:
            return 0.0
        if not self._missing:
            return None
        return 0.0 if self._gaps_from is None else self._gaps_from

    def add(self, item: T, slot: str, keep: Keep, expires: float | None = None) -> None:
        """Let a message wait."""
        place = self._slots.get(slot)
        if keep is Keep.ALWAYS and place is None:
            self._first.append(Waiting(item, slot, keep, None))
            return
        if place is None:
            place = self._slots[slot] = _Slot()
        entry = Waiting(item, slot, keep, None if keep is Keep.ALWAYS else expires)
        if keep is Keep.NEWEST and place.newest is not None:
            self.conflated += 1
            entry.conflated = self._line[place.newest].conflated + 1
            if place.newest == place.last:
                self._line[place.newest] = entry
                return
            del self._line[place.newest]
            place.waiting -= 1
        self._append(entry, place)
        if len(self._bounded) > self._most:
            self._drop(self._bounded[0])

    def take(self, now: float) -> Waiting[T] | Gap | None:
        """Take what comes next: the gaps first; what is too old by now becomes one.

        Args:
            now: On a clock that never goes back.

        Returns:
            ``None`` when there is nothing to send now.
        """
        self._drop_old(now)
        if self._missing and not self._gaps and (self._gaps_from is None or now >= self._gaps_from):
            self._gaps_from = now + self._gap_seconds
            self._gaps.extend(Gap(slot, missing) for slot, missing in self._missing.items())
            self._missing.clear()
        if self._gaps:
            return self._gaps.popleft()
        if self._first:
            return self._first.popleft()
        if self._line:
            return self._remove(next(iter(self._line)))
        return None

    def lose(self, slot: str, messages: int = 1, *, skipped: int = 0) -> None:
        """Count messages that were taken, or never came here, and will not be sent.

        Args:
            skipped: How many more they had replaced.
        """
        self.dropped += messages
        self._missing[slot] = self._missing.get(slot, 0) + messages + skipped

    def _append(self, entry: Waiting[T], place: _Slot) -> None:
        self._numbers += 1
        self._line[self._numbers] = entry
        place.waiting += 1
        place.last = self._numbers
        if entry.keep is Keep.NEWEST:
            place.newest = self._numbers
        elif entry.keep is Keep.BOUNDED:
            self._bounded.append(self._numbers)

    def _remove(self, number: int) -> Waiting[T]:
        """Take one out of the line; of the bounded ones always the oldest."""
        entry = self._line.pop(number)
        if entry.keep is Keep.BOUNDED:
            self._bounded.popleft()
        place = self._slots[entry.slot]
        place.waiting -= 1
        if place.newest == number:
            place.newest = None
        if not place.waiting:
            del self._slots[entry.slot]
        return entry

    def _drop(self, number: int) -> None:
        entry = self._remove(number)
        self.lose(entry.slot, skipped=entry.conflated)

    def _drop_old(self, now: float) -> None:
        while self._line:
            number, entry = next(iter(self._line.items()))
            if entry.expires is None or now < entry.expires:
                return
            self._drop(number)
