"""Which of a feed's connections and keys do not serve, and that ``broker.events`` hears of it."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence

from broker_client.errors import AuthenticationFailed
from broker_server.core.feeds import Feed
from broker_server.core.stream_requests import Registration
from broker_server.streams.herald import Herald

FAILURES_BEFORE_POLLING = 3
LONGEST_PAUSE = 10.0
"""Seconds until the next attempt that a subscription waits; for longer ones REST stands in at once."""


class Connections:
    """The connections that keep failing, until something is registered on them again.

    Args:
        feed: Whose.
        herald: Tells ``broker.events``.
    """

    def __init__(self, feed: Feed, herald: Herald) -> None:
        self._feed = feed
        self._herald = herald
        self._down: dict[Hashable, str] = {}
        self._refusals: dict[Registration, AuthenticationFailed] = {}

    def failing(self, failures: int, reason: str, *, pause: float, connection: Hashable) -> bool:
        """One of them failed.

        Args:
            failures: In a row.
            pause: Seconds until it is tried again.
            connection: Which; ``None`` stands for all.

        Returns:
            Whether it is down from now on, and was not before.
        """
        if failures < FAILURES_BEFORE_POLLING and pause <= LONGEST_PAUSE:
            return False
        is_new = connection not in self._down
        self._down[connection] = reason
        if is_new:
            self._herald.of_connection("failing", connection=connection, failures=failures, reason=reason)
        return is_new

    def key_refused(self, registration: Registration, error: AuthenticationFailed) -> None:
        """The vendor refuses the only key that could hold it; that may pass."""
        self._refusals[registration] = error

    def refusal(self, registration: Registration) -> AuthenticationFailed | None:
        """Why no key holds it, if that is so."""
        return self._refusals.get(registration)

    def forget_all_but(self, wanted: Collection[Registration]) -> None:
        """What is wanted anew later is told of anew."""
        self._refusals = {each: why for each, why in self._refusals.items() if each in wanted}

    def registered(self, registration: Registration) -> None:
        """Something is registered: the connection that holds it works."""
        self._refusals.pop(registration, None)
        for connection in (self._feed.connection_of(registration), None) if self._down else ():
            if self._down.pop(connection, None) is not None:
                self._herald.of_connection("back", connection=connection)

    def why_down(self, registration: Registration) -> str | None:
        """Why the connection that is to hold it is down, if it is."""
        if (refusal := self._refusals.get(registration)) is not None:
            return str(refusal)
        return self._down.get(self._feed.connection_of(registration)) or self._down.get(None)

    def down(self, registrations: Sequence[Registration]) -> list[Registration]:
        """Those of them whose connection is down."""
        return [each for each in registrations if self.why_down(each) is not None]
