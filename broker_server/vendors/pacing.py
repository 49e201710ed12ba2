"""The blocking gate in front of a vendor's rate limit: first come, first served within a lane."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from broker_client.errors import VendorUnavailable
from broker_server.core.limiter import SlidingWindowLimiter
from broker_server.core.methods import Lane
from broker_server.vendors.clock import Clock

Waited = Callable[[Lane, float], None]
_LONGEST_NAP = 0.5


class Pacer:
    """Lets threads through one at a time, as fast as the limiter allows.

    A higher lane overtakes all lower ones; a lower lane moves only when nothing above it waits. Safe to use
    from many threads.

    Args:
        limiter: The rule; this object is its only user.
        clock: Where the time comes from.
        waited: Told how long each call that got its slot waited for it.
    """

    def __init__(
        self, limiter: SlidingWindowLimiter, clock: Clock, waited: Waited = lambda lane, seconds: None
    ) -> None:
        self._limiter = limiter
        self._clock = clock
        self._waited = waited
        self._condition = threading.Condition()
        self._queues: dict[Lane, deque[object]] = {lane: deque() for lane in Lane if lane >= Lane.CANCEL}
        self._closed = False

    def wait_for_slot(self, lane: Lane, ensure_in_time: Callable[[], None]) -> None:
        """Block until a call of that lane may start, and count it.

        Args:
            lane: The lane of the call.
            ensure_in_time: Raises when the task's deadline has passed; called every half second while
                waiting and once more when the slot is there, before it is counted.

        Raises:
            VendorUnavailable: The gate was closed.
        """
        ticket, came = object(), self._clock.monotonic()
        with self._condition:
            self._queues[lane].append(ticket)
            try:
                while not self._may_start(lane, ticket):
                    ensure_in_time()
                ensure_in_time()
                now = self._clock.monotonic()
                self._limiter.start(lane, now)
            finally:
                self._queues[lane].remove(ticket)
                self._condition.notify_all()
        self._waited(lane, now - came)

    def hold(self, seconds: float) -> None:
        """Start nothing for that long: the vendor reports that its own count is full."""
        with self._condition:
            self._limiter.hold(self._clock.monotonic() + seconds)

    def status(self) -> dict[str, Any]:
        """The limit, what is left of it in the current window, and how many calls wait in each lane."""
        with self._condition:
            return {
                "limit_per_second": self._limiter.limit,
                "reserved_for_orders": self._limiter.reserved,
                "remaining": self._limiter.remaining(self._clock.monotonic()),
                "waiting": {lane.name.lower(): len(queue) for lane, queue in self._queues.items()},
            }

    def close(self) -> None:
        """Refuse everything that waits or comes later."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def _may_start(self, lane: Lane, ticket: object) -> bool:
        """Whether it is this ticket's turn and the limit allows it; naps for a while when it does not."""
        if self._closed:
            raise VendorUnavailable("the worker is stopping; nothing was sent", retryable=True)
        first = next(queue[0] for queue in self._queues.values() if queue)
        if first is not ticket:
            self._clock.wait(self._condition, _LONGEST_NAP)
            return False
        now = self._clock.monotonic()
        delay = self._limiter.earliest(lane, now) - now
        if delay <= 0:
            return True
        self._clock.wait(self._condition, min(delay, _LONGEST_NAP))
        return False
