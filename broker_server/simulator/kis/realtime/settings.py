"""How the simulated WebSocket server behaves, as the control server may change it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class StreamSettings(BaseModel):
    """The body of ``POST /stream``.

    Attributes:
        ping_interval: Seconds between two PINGPONG.
        answer_timeout: Seconds that a PINGPONG may stay unanswered.
        tick_interval: Seconds between two looks at the market: at most one frame per registration in each.
        burst_every: Every how many ticks a frame has several trades; 0 for never.
        hold_seconds: How long an app key stays taken after its session ended without a closing frame.
        max_registrations: Per session, notices included.
        entitled: Paid quotes have been subscribed to.
        wrong_hts_id: What a wrong HTS ID leads to: ``refuse`` is OPSP0017, ``drop`` ends the connection.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    ping_interval: float = Field(default=10.0, gt=0, le=3600)
    answer_timeout: float = Field(default=100.0, gt=0, le=86_400)
    tick_interval: float = Field(default=0.25, ge=0.01, le=60)
    burst_every: int = Field(default=8, ge=0)
    hold_seconds: float = Field(default=0.0, ge=0, le=86_400)
    max_registrations: int = Field(default=41, ge=1)
    entitled: bool = False
    wrong_hts_id: Literal["refuse", "drop"] = "refuse"
