"""What one client may do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketLimits:
    """Limits of one client of the WebSocket.

    Attributes:
        topics: Topics at the same time.
        messages_per_second: In the long run; ``burst`` at once.
        message_bytes: Of one message.
        trades_waiting: Trades that it has not read yet.
        ping_seconds: How often it is asked whether it is there.
        pong_seconds: How long its answer may take.
    """

    topics: int = 200
    messages_per_second: float = 50.0
    burst: int = 500
    message_bytes: int = 16 * 1024
    trades_waiting: int = 1_000
    ping_seconds: float = 20.0
    pong_seconds: float = 20.0
