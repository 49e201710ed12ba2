"""How the simulated WebSocket server behaves, as the control server may change it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class KiwoomStreamSettings(BaseModel):
    """What stands under ``kiwoom`` in ``POST /stream``.

    Attributes:
        ping_interval: Seconds between two PING.
        missed_pings: So many unanswered PING end a session.
        login_seconds: How long a connection may be without LOGIN.
        reconnect_seconds: A LOGIN sooner than that after the key's last session ended is closed.
        registration_seconds: A REG sooner than that after the one before is refused.
        max_registrations: Per connection.
        max_group_registrations: Per group.
        max_list: Items in one REG.
        counted: What is counted: every item with every type, or items alone.
        tick_interval: Seconds between two looks at the market: at most one frame per registration in each.
        burst_every: Every how many ticks a frame has several trades; 0 for never.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    ping_interval: float = Field(default=10.0, gt=0, le=3600)
    missed_pings: int = Field(default=5, ge=1)
    login_seconds: float = Field(default=10.0, gt=0, le=3600)
    reconnect_seconds: float = Field(default=0.5, ge=0, le=3600)
    registration_seconds: float = Field(default=0.4, ge=0, le=60)
    max_registrations: int = Field(default=200, ge=1)
    max_group_registrations: int = Field(default=200, ge=1)
    max_list: int = Field(default=100, ge=1)
    counted: Literal["pairs", "items"] = "pairs"
    tick_interval: float = Field(default=0.25, ge=0.01, le=60)
    burst_every: int = Field(default=8, ge=0)
