"""How long the live connections of KOSCOM wait for what."""

from __future__ import annotations

from dataclasses import dataclass

from broker_server.vendors.live_timing import Timing


@dataclass(frozen=True, slots=True, kw_only=True)
class KoscomTiming(Timing):
    """Seconds; KOSCOM documents none of them.

    Attributes:
        unclear: After an error that does not say what it is about, an answer may still come for so long.
        heartbeat: From one of our signs of life to the next.
    """

    between_requests: float = 0.0
    burst: int = 400
    refill: float = 0.25
    keep: float = 0.0  # else a change would be ended after it was subscribed to with other items
    unclear: float = 1.0
    heartbeat: float = 30.0
