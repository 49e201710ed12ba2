"""What this worker has done since it started, for ``broker.get-status``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Counters:
    """Counts since the start; only the event loop changes them."""

    received: int = 0
    redelivered: int = 0
    succeeded: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    forwarded: int = 0
    rejected: int = 0
    unroutable: int = 0
    replies_lost: int = 0
    connections: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The counts as JSON values; ``failed`` is by error code."""
        return {
            "received": self.received,
            "redelivered": self.redelivered,
            "succeeded": self.succeeded,
            "failed": dict(self.failed),
            "forwarded": self.forwarded,
            "rejected": self.rejected,
            "unroutable": self.unroutable,
            "replies_lost": self.replies_lost,
            "reconnects": max(0, self.connections - 1),
        }
