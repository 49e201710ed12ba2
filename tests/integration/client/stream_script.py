"""What the worker of these tests says on a stream."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from broker_client.protocol import encode_reply


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a stream.

    Attributes:
        sequence: Within the epoch and key.
        more: More fields of the event.
        expiration: Milliseconds to live at the broker.
    """

    sequence: int
    epoch: str = "e1"
    key: str = "trade.005930"
    more: dict[str, Any] = field(default_factory=dict)
    environment: Any = "simulated"
    expiration: str | None = None

    def encode(self, task_id: str, now: datetime) -> bytes:
        """The message."""
        channel, _, ticker = self.key.partition(".")
        data = {"type": channel, "vendor": "kis", "ticker": ticker, "price": 71_500, "n": self.sequence}
        extra = {"key": self.key, "epoch": self.epoch, "sequence": self.sequence}
        return encode_reply(
            task_id, [data | self.more], now=now, environment=self.environment, kind="event", extra=extra
        )


@dataclass(frozen=True, slots=True)
class Status:
    """A status of a stream."""

    state: str
    reason: str | None = None
    key: str | None = "trade.005930"
    expiration: str | None = None

    def encode(self, task_id: str, now: datetime) -> bytes:
        """The message."""
        data = {"type": "status", "state": self.state, "ticker": "005930", "reason": self.reason}
        extra = {"key": self.key} if self.key else None
        return encode_reply(task_id, [data], now=now, environment="simulated", kind="status", extra=extra)


Line = Event | Status


def events(*sequences: int, **options: Any) -> list[Line]:
    """Events with these sequences."""
    return [Event(sequence, **options) for sequence in sequences]
