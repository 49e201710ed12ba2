"""From data frames to the listener: what every vendor's has in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from broker_server.core.feeds import Incoming
from broker_server.core.stream_requests import Registration
from broker_server.vendors.clock import Clock
from broker_server.vendors.oddities import OddityLog

Received = Callable[[Registration, Incoming], None]


class LiveIntake:
    """Counts what comes in.

    Args:
        received: The listener.
        account: Notices of another one are dropped; ``None`` keeps all.
        clock: The time.
        oddities: Where what cannot be used is counted.
    """

    def __init__(self, received: Received, account: str | None, clock: Clock, oddities: OddityLog) -> None:
        self._received = received
        self._account = account
        self._now = clock.now
        self._oddities = oddities
        self.frames = 0
        self.records = 0
        self.unwanted = 0
        self.of_other_accounts = 0

    def counts(self) -> dict[str, Any]:
        """For `broker.get-status`."""
        return {
            "frames": self.frames,
            "records": self.records,
            "unwanted": self.unwanted,
            "of_other_accounts": self.of_other_accounts,
            "oddities": dict(self._oddities.counts),
        }
