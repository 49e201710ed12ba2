"""The gate in front of Kiwoom's rate limits, which count all calls together and those of each api-id."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from broker_client.errors import VendorUnavailable
from broker_server.core.limiter import SlidingWindowLimiter
from broker_server.core.methods import Lane
from broker_server.vendors.clock import Clock
from broker_server.vendors.pacing import Waited

_LONGEST_NAP = 0.5


@dataclass(eq=False, slots=True)
class _Ticket:
    lane: Lane
    api_id: str


class ApiPacer:
    """Lets threads through as fast as both limits allow. Safe to use from many threads.

    A higher lane goes first, and within a lane who came first; but a call that waits only for the limit of
    its own api-id holds up no other.

    Args:
        in_total: Calls per second.
        of_one_api: Calls per second with one api-id, until Kiwoom says that it allows fewer.
        clock: Where the time comes from.
        waited: Told how long each call that got its slot waited for it.
    """

    def __init__(
        self,
        in_total: int,
        of_one_api: int,
        clock: Clock,
        waited: Waited = lambda lane, seconds: None,
    ) -> None:
        self._total = SlidingWindowLimiter(in_total)
        self._of_one_api = of_one_api
        self._apis: dict[str, SlidingWindowLimiter] = {}
        self._clock = clock
        self._waited = waited
        self._condition = threading.Condition()
        self._waiting: list[_Ticket] = []
        self._closed = False

    def wait_for_slot(self, api_id: str, lane: Lane, ensure_in_time: Callable[[], None]) -> None:
        """Block until a call may start, and count it.

        Args:
            api_id: Of the call.
            lane: Of the task.
            ensure_in_time: Raises when the task's deadline has passed; called every half second while
                waiting and once more when the slot is there, before it is counted.

        Raises:
            VendorUnavailable: The gate was closed.
        """
        ticket, came = _Ticket(lane, api_id), self._clock.monotonic()
        with self._condition:
            self._waiting.append(ticket)
            try:
                while not self._may_start(ticket):
                    ensure_in_time()
                ensure_in_time()
                now = self._clock.monotonic()
                self._total.start(lane, now)
                self._api(api_id).start(lane, now)
            finally:
                self._waiting.remove(ticket)
                self._condition.notify_all()
        self._waited(lane, now - came)

    def hold(self, api_id: str | None, seconds: float) -> None:
        """Start nothing for that long: Kiwoom reports that its own count is full.

        Args:
            api_id: Of which; ``None`` for all.
            seconds: How long.
        """
        with self._condition:
            limiter = self._total if api_id is None else self._api(api_id)
            limiter.hold(self._clock.monotonic() + seconds)

    def allow(self, api_id: str, calls: int) -> None:
        """Kiwoom says how many calls per second it allows of an api-id; fewer than so far are obeyed."""
        with self._condition:
            if calls < self._api(api_id).limit:
                self._apis[api_id] = SlidingWindowLimiter(calls)

    def status(self) -> dict[str, Any]:
        """The limits, what is left in the current window, and how many calls wait."""
        with self._condition:
            lanes = [ticket.lane.name.lower() for ticket in self._waiting]
            return {
                "limit_per_second": self._total.limit,
                "limit_per_api": self._of_one_api,
                "lowered": {
                    api_id: limiter.limit
                    for api_id, limiter in self._apis.items()
                    if limiter.limit < self._of_one_api
                },
                "remaining": self._total.remaining(self._clock.monotonic()),
                "waiting": {lane: lanes.count(lane) for lane in sorted(set(lanes))},
            }

    def close(self) -> None:
        """Refuse everything that waits or comes later."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def _api(self, api_id: str) -> SlidingWindowLimiter:
        if api_id not in self._apis:
            self._apis[api_id] = SlidingWindowLimiter(self._of_one_api)
        return self._apis[api_id]

    def _may_start(self, ticket: _Ticket) -> bool:
        """Whether it is this ticket's turn; naps for a while when it is not."""
        if self._closed:
            raise VendorUnavailable("the worker is stopping; nothing was sent", retryable=True)
        now = self._clock.monotonic()
        soonest = self._api(ticket.api_id).earliest(ticket.lane, now)
        if soonest <= now:
            # Who is first of those that wait for nothing but the common limit?
            first = min(
                (each for each in self._waiting if self._api(each.api_id).earliest(each.lane, now) <= now),
                key=lambda each: each.lane,
            )
            soonest = self._total.earliest(ticket.lane, now) if first is ticket else now + _LONGEST_NAP
        if soonest <= now:
            return True
        self._clock.wait(self._condition, min(soonest - now, _LONGEST_NAP))
        return False
