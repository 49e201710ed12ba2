"""How the simulated WebSocket behaves, as the control server may change it.

KOSCOM's documents leave much open or contradict each other. Each such point is a setting here; the value of
the beginning is what the documents' examples show, or our choice where they show nothing.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from broker_server.simulator.koscom.wording import ValueForm


class KoscomStreamSettings(BaseModel):
    """What stands under ``koscom`` in ``POST /stream``. Those of ``values`` and ``suffix`` go for REST too.

    Attributes:
        snapshot: The values in memory after a subscribe: a push after the ok, in ``result``, or not at all.
        errors_with_id: Which errors carry the request's id; the documents' only example is 47, without.
        suffix: Codes come back as ``005930*001``.
        values: Numbers as JSON numbers, or everything as text.
        change_preset: Pushes of ``change`` name their preset.
        quote_volume: Pushes of ``quote`` carry ``accTrdvol``: the table has it, the example does not.
        init_required: Nothing goes before ``init`` on ``/ws``; on the market-wide paths it is always so.
        heartbeat_reply: A heartbeat is answered.
        heartbeat_interval: Seconds between heartbeats of the server; 0 for none.
        idle_seconds: A session that says nothing for so long is ended; 0 for never.
        answers_pings: WebSocket pings are answered.
        max_subscriptions: Issues with presets in a session of a production key.
        sandbox_max_subscriptions: The same for the sandbox key.
        over_limit: A subscribe beyond: an error, the end of the session, or an ok without data.
        sessions_per_key: So many sessions with ``init``; 0 for no limit.
        tick_interval: Seconds between two looks at the market on ``/ws``.
        burst_every: Every how many looks a trade preset tells several trades; 0 for never.
        market_interval: Seconds between two looks of the market-wide feeds.
        market_elements: At most so many in an array.
        market_sends: Issues that were traded, or only those whose price changed.
        market_volume: ``trdVol`` is what was traded since the issue was last told, or the day's volume.
        market_padded: ``trdTm`` of the market-wide feeds has its leading zero.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    snapshot: Literal["push", "result", "none"] = "push"
    errors_with_id: Literal["all", "but_47", "none"] = "but_47"
    suffix: bool = False
    values: ValueForm = "numbers"
    change_preset: bool = False
    quote_volume: bool = True
    init_required: bool = True
    heartbeat_reply: bool = True
    heartbeat_interval: float = Field(default=0.0, ge=0, le=3600)
    idle_seconds: float = Field(default=0.0, ge=0, le=86_400)
    answers_pings: bool = True
    max_subscriptions: int = Field(default=200, ge=1)
    sandbox_max_subscriptions: int = Field(default=20, ge=1)
    over_limit: Literal["error", "close", "silent"] = "error"
    sessions_per_key: int = Field(default=0, ge=0)
    tick_interval: float = Field(default=0.25, ge=0.01, le=60)
    burst_every: int = Field(default=8, ge=0)
    market_interval: float = Field(default=0.5, ge=0.01, le=60)
    market_elements: int = Field(default=50, ge=1, le=1000)
    market_sends: Literal["trades", "changes"] = "trades"
    market_volume: Literal["trade", "day"] = "trade"
    market_padded: bool = True
