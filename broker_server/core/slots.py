"""Which registrations the live connection holds when there are more than it can: pure.

Notices of executions may use every slot; quotes leave some of them free until notices have taken those.
What holds a slot keeps it, except that a notice may take that of a quote which REST can stand in for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from broker_server.core.stream_requests import Registration


@dataclass(frozen=True, slots=True)
class Candidate:
    """A registration that would like a slot.

    Attributes:
        reserved: It may use the slots that are kept free.
        holds: It has a slot.
        can_wait: REST can stand in for it.
    """

    registration: Registration
    reserved: bool
    holds: bool
    can_wait: bool


@dataclass(frozen=True, slots=True)
class Allotment:
    """Who holds the slots.

    Attributes:
        holders: The registrations, the most important first.
        kept_free: Slots that quotes may not use.
    """

    holders: tuple[Registration, ...]
    kept_free: int


def allot(candidates: Sequence[Candidate], *, capacity: int, reserve: int) -> Allotment:
    """Share out the slots.

    Args:
        candidates: In the order in which they came.
        capacity: Slots that there are.
        reserve: Slots that quotes leave to notices.
    """
    quotes = [each for each in candidates if not each.reserved]
    firm = sum(1 for each in quotes if each.holds and not each.can_wait)
    notices = _take((each for each in candidates if each.reserved), max(0, capacity - firm))
    for_quotes = max(0, capacity - max(reserve, len(notices)))
    taken = {each.registration for each in (*notices, *_take(quotes, for_quotes))}
    ordered = sorted(candidates, key=lambda each: not each.reserved)
    return Allotment(
        tuple(each.registration for each in ordered if each.registration in taken),
        max(0, min(reserve, capacity) - len(notices)),
    )


def _take(candidates: Iterable[Candidate], count: int) -> list[Candidate]:
    """Holders before others; of either, those that have nothing without a slot before those that can wait."""
    return sorted(candidates, key=lambda each: (not each.holds, each.can_wait))[:count]
