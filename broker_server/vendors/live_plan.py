"""From what is wanted to the next request: pure, for one connection at a time.

The server's side of a registration is one of three: not held, held, or uncertain (asked, and not answered).
The plan moves towards exactly what is wanted: what is held or uncertain and not wanted is given back first,
then what is wanted and not held is asked for, the most important first. Nothing is asked for twice in a row
without a growing wait, and nothing for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto
from itertools import islice
from typing import NamedTuple

from broker_server.core.stream_requests import Registration
from broker_server.vendors.live_timing import Timing

_NEVER = float("inf")
_UNPROVEN = 0.25
"""How much a break counts on a connection on which nothing had worked."""


class Refusal(Enum):
    """What a refused request means."""

    PASSING = auto()
    """Ask again later, a few times."""
    LIMIT = auto()
    """The connection holds no more: ask again when something was given back."""
    FOR_GOOD = auto()
    """No use asking again."""


class Request(NamedTuple):
    """What is sent.

    Attributes:
        registration: Of what.
        register: Whether it starts; else it ends.
    """

    registration: Registration
    register: bool


class Plan:
    """What is wanted of one connection, what the server has of it, and what comes next.

    Args:
        timing: The waits.
        is_notice: Whether a code is that of notices, where a vendor knows them by a name of the customer: it
            may come back written otherwise, and a wrong one may break the connection.
        capacity: How many the server holds for this connection.
    """

    def __init__(
        self,
        timing: Timing,
        is_notice: Callable[[str], bool] = lambda code: False,
        *,
        capacity: int | None = None,
    ) -> None:
        self._timing = timing
        self._is_notice = is_notice
        self._capacity = capacity
        self._left_alone: dict[Registration, float] = {}
        self._doubtful: set[Registration] = set()
        self._wanted: dict[Registration, None] = {}
        self._held: dict[Registration, None] = {}
        self._uncertain: dict[Registration, None] = {}
        self._announced: set[Registration] = set()
        self._given_up: set[Registration] = set()
        self._renewing: set[Registration] = set()
        self._tries: dict[Registration, int] = {}
        self._breaks: dict[Registration, float] = {}
        self._not_before: dict[Registration, float] = {}
        self._limit: int | None = None
        self._limit_until = 0.0

    def want(self, registrations: Sequence[Registration]) -> list[Registration]:
        """Replace what is wanted; what was given up and is not wanted any more may be tried anew later.

        Returns:
            What was wanted and is not any more.
        """
        before, self._wanted = self._wanted, dict.fromkeys(registrations)
        dropped = [one for one in before if one not in self._wanted]
        for one in self._wanted:
            self._left_alone.pop(one, None)
        for one in dropped:
            self._announced.discard(one)
            self._given_up.discard(one)
            self._breaks.pop(one, None)
            if one not in self._held and one not in self._uncertain:
                self._forget_failures(one)
        return dropped

    def renew(self, registration: Registration) -> None:
        """Give it back and ask for it again, if it is held."""
        if registration in self._held:
            self._renewing.add(registration)

    def is_wanted(self, registration: Registration) -> bool:
        """Whether it is to be held."""
        return registration in self._wanted

    def has_aims(self) -> bool:
        """Whether there is anything to be held at all."""
        return any(one not in self._given_up for one in self._wanted)

    def find(self, code: str, symbol: str | None) -> Registration | None:
        """The registration that an answer is about; the ID of notices may come back written otherwise."""
        known = (*self._held, *self._uncertain, *self._wanted)
        for one in known:
            if one.code == code and (symbol is None or one.symbol == symbol.strip() or self._is_notice(code)):
                return one
        return None

    def counts(self) -> dict[str, int]:
        """How many are wanted, held and given up."""
        return {
            "wanted": len(self._wanted),
            "registered": sum(one in self._wanted for one in self._held),
            "given_up": len(self._given_up),
        }

    def next_step(self, now: float) -> Request | float | None:
        """What to send now.

        Returns:
            A request; or in how many seconds there may be one; or ``None``: not before something changes.
        """
        step = self.next_steps(now, 1)
        return step[0] if isinstance(step, list) else step

    def next_steps(self, now: float, most: int) -> list[Request] | float | None:
        """Like `next_step`, for a vendor that takes several at once.

        Args:
            now: The time.
            most: How many at once.

        Returns:
            Requests of one kind, in order, at least one; or as `next_step`.
        """
        if self._limit is not None and now >= self._limit_until:
            self._limit = None
        aims = dict.fromkeys(self._aims())
        kept = self._kept(now, len(aims))
        held = [one for one in (*self._held, *self._uncertain) if one not in kept]
        ends = [one for one in held if one not in aims or one in self._renewing]
        if due := self._due(ends, now, most):
            return [Request(one, register=False) for one in due]
        starts = [one for one in aims if one not in self._held]
        if due := self._due(starts, now, most):
            return [Request(one, register=True) for one in due]
        waits = [*kept.values(), *(self._wait(one, now) for one in (*ends, *starts))]
        if self._limit is not None and self.over_limit():
            waits.append(self._limit_until - now)
        soonest = min(waits, default=_NEVER)
        return None if soonest == _NEVER else soonest

    def over_limit(self) -> list[Registration]:
        """What is wanted and does not fit, since the server said that it holds no more."""
        return [] if self._limit is None else self._open()[self._limit :]

    def asking(self, request: Request) -> None:
        """It is being sent: from now on nobody knows, until it is answered."""
        self._uncertain[request.registration] = None
        self._held.pop(request.registration, None)

    def registered(self, registration: Registration) -> None:
        """The server holds it."""
        self._uncertain.pop(registration, None)
        self._doubtful.discard(registration)
        self._held[registration] = None
        self._forget_failures(registration)
        self._breaks.pop(registration, None)

    def removed(self, registration: Registration, now: float, *, unasked: bool = False) -> bool:
        """The server does not hold it.

        Args:
            unasked: Nobody had asked for that, so asking again must not become a loop.

        Returns:
            Whether somebody misses it now.
        """
        self._uncertain.pop(registration, None)
        self._held.pop(registration, None)
        self._renewing.discard(registration)
        self._left_alone.pop(registration, None)
        self._doubtful.discard(registration)
        self._forget_failures(registration)
        if unasked:
            self._not_before[registration] = now + self._timing.first_retry
        if self._limit is not None and registration not in self._wanted:
            self._limit = None  # something was freed
        missed = registration in self._announced
        self._announced.discard(registration)
        return missed

    def set_back(self, request: Request) -> None:
        """It was refused together with others: nothing is known of it, and it may go again at once."""
        self._uncertain.pop(request.registration, None)
        if not request.register:
            self._held[request.registration] = None

    def unanswered(self, request: Request, now: float) -> None:
        """There was no answer in time."""
        self._doubtful.add(request.registration)
        self._failed(request.registration, now)

    def refused(self, request: Request, refusal: Refusal, now: float) -> bool:
        """The server said no.

        Returns:
            Whether it is given up.
        """
        one = request.registration
        if not request.register:
            # It is still there. If it cannot be given back, the next connection is without it.
            self._held[one] = None
            self._uncertain.pop(one, None)
            if self._failed(one, now) >= self._timing.retries:
                self._not_before[one] = _NEVER
            return False
        if one not in self._doubtful:  # else an earlier request may have been carried out all the same
            self._uncertain.pop(one, None)
        if refusal is Refusal.LIMIT:
            self._limit = len(self._held)
            self._limit_until = now + self._timing.limit
            return False
        if refusal is Refusal.FOR_GOOD or self._failed(one, now) > self._timing.retries:
            self._give_up(one)
            return True
        return False

    def announcements(self) -> list[Registration]:
        """What is held and wanted, and was not in an earlier answer of this method."""
        new = [one for one in self._held if one in self._wanted and one not in self._announced]
        self._announced.update(new)
        return new

    def disconnected(self) -> list[Registration]:
        """Nothing is held any more.

        Returns:
            What is missed now.
        """
        missed = [one for one in self._wanted if one in self._announced]
        for one in (*self._held, *self._uncertain):
            if self._not_before.get(one) == _NEVER:
                self._forget_failures(one)
        self._held.clear()
        self._uncertain.clear()
        self._announced.clear()
        self._renewing.clear()
        self._left_alone.clear()
        self._doubtful.clear()
        self._limit = None
        for one in [one for one in self._tries if one not in self._wanted]:
            self._forget_failures(one)
        return missed

    def broke_on(self, request: Request, now: float, *, had_worked: bool) -> bool:
        """The connection broke while this was on its way.

        Notices of an unknown ID may end so. They are asked for later than the others, and not for ever.

        Args:
            had_worked: Something was registered on that connection.

        Returns:
            Whether it is given up.
        """
        one = request.registration
        if not request.register or one not in self._wanted or not self._is_notice(one.code):
            return False
        breaks = self._breaks[one] = self._breaks.get(one, 0.0) + (1.0 if had_worked else _UNPROVEN)
        self._not_before[one] = now + self._timing.suspect * max(breaks, 1.0)
        if breaks < self._timing.breaks:
            return False
        self._give_up(one)
        return True

    def give_up(self) -> list[Registration]:
        """Nothing that is wanted now is asked for any more, until it is wanted anew.

        Returns:
            What is given up by that.
        """
        given_up = self._open()
        for one in given_up:
            self._give_up(one)
        return given_up

    def _due(self, registrations: Sequence[Registration], now: float, most: int) -> list[Registration]:
        return list(islice((one for one in registrations if self._wait(one, now) <= 0), most))

    def _open(self) -> list[Registration]:
        return [one for one in self._wanted if one not in self._given_up]

    def _aims(self) -> list[Registration]:
        return self._open()[: self._limit]

    def _kept(self, now: float, aims: int) -> dict[Registration, float]:
        """What nobody wants any more and is held yet for a while, each with the seconds it has left.

        It may be wanted again at once. What is wanted goes first, and then what was given up last.
        """
        if self._limit is not None:
            return {}
        alone = [one for one in self._held if one not in self._wanted]
        rests = {one: self._left_alone.setdefault(one, now) + self._timing.keep - now for one in alone}
        room = len(alone) if self._capacity is None else self._capacity - aims
        newest = sorted(alone, key=lambda one: rests[one], reverse=True)[: max(room, 0)]
        return {one: rests[one] for one in newest if rests[one] > 0}

    def _wait(self, registration: Registration, now: float) -> float:
        return self._not_before.get(registration, now) - now

    def _failed(self, registration: Registration, now: float) -> int:
        tries = self._tries[registration] = self._tries.get(registration, 0) + 1
        self._not_before[registration] = now + self._timing.retry(tries)
        return tries

    def _give_up(self, registration: Registration) -> None:
        self._given_up.add(registration)
        self._forget_failures(registration)

    def _forget_failures(self, registration: Registration) -> None:
        self._tries.pop(registration, None)
        self._not_before.pop(registration, None)
