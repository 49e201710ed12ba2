"""Finds the direct reply-to address that a broker cannot publish to, so that one task does not loop for ever.

An address of another broker looks right, and RabbitMQ up to 4.1 closes the whole connection (541
INTERNAL_ERROR) when it is published to. After such an end every address in flight is a suspect. Suspects are
tried one at a time: one that is confirmed is cleared, one that ends the connection again is refused from
then on.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

MOST_REFUSED = 10_000
MOST_SUSPECTS = 10_000


class DirectAddresses:
    """What is known of direct addresses; outlives the connections. Only the event loop uses it."""

    def __init__(self) -> None:
        self._in_flight: Counter[str] = Counter()
        self._suspects: dict[str, None] = {}
        self._refused: dict[str, None] = {}
        self._waiting: deque[tuple[str, Callable[[], None]]] = deque()
        self._on_trial: str | None = None

    def is_refused(self, address: str) -> bool:
        """Whether the address ended a connection when it was tried alone."""
        return address in self._refused

    def publish(self, address: str, send: Callable[[], None]) -> None:
        """Call ``send`` now or, for a suspect, when no other suspect is in flight."""
        if address in self._suspects:
            self._waiting.append((address, send))
            self._try_next()
        else:
            self._in_flight[address] += 1
            send()

    def settled(self, address: str) -> None:
        """The broker has answered a message to that address, so it is a good one."""
        if address == self._on_trial:
            self._on_trial = None
            self._suspects.pop(address, None)
        elif self._in_flight[address] > 1:
            self._in_flight[address] -= 1
        else:
            del self._in_flight[address]
        self._try_next()

    def connection_ended(self, *, by_failure_of_the_broker: bool) -> None:
        """Forget what was in flight; after a failure of the broker (541), remember it as suspect."""
        if by_failure_of_the_broker:
            if self._on_trial is not None:
                self._suspects.pop(self._on_trial, None)
                self._refused[self._on_trial] = None
                if len(self._refused) > MOST_REFUSED:
                    del self._refused[next(iter(self._refused))]
            self._suspects |= dict.fromkeys(self._in_flight)
            while len(self._suspects) > MOST_SUSPECTS:  # whoever had the oldest has gone long since
                del self._suspects[next(iter(self._suspects))]
        self._in_flight.clear()
        self._waiting.clear()
        self._on_trial = None

    def _try_next(self) -> None:
        while self._on_trial is None and self._waiting:
            address, send = self._waiting.popleft()
            if address in self._suspects:
                self._on_trial = address
            else:
                self._in_flight[address] += 1
            send()
