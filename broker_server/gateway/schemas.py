"""The answers of HTTP, for its OpenAPI document; `documents` writes them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Schema(BaseModel):
    """An answer; nothing else is in it."""

    model_config = ConfigDict(extra="forbid")


class PriceSchema(Schema):
    """The price of one instrument, in won; volume in shares.

    ``timestamp`` and ``as_of`` are the same: when the price was true.
    """

    ticker: str = Field(examples=["005930"])
    venue: str = Field(examples=["KRX"])
    price: int = Field(examples=[158600])
    change: int | None = Field(description="against base_price", examples=[-700])
    change_rate: float | None = Field(description="the same in percent, unrounded")
    volume: int | None
    bid_price: int | None
    ask_price: int | None
    open: int | None
    high: int | None
    low: int | None
    timestamp: datetime
    source: Literal["realtime", "rest", "daily_close"]
    vendor: str = Field(examples=["kis"])
    as_of: datetime
    stale: bool = Field(description="the price may be out of date; reason says why")
    reason: str | None
    base_price: int | None
    base_date: date | None = Field(description="of a daily close, its day")
    halted: bool | None = Field(description="whether trading is suspended (거래정지)")
    seq: int = Field(description="counts the changes of this price, as on the WebSocket")


class Problem(Schema):
    """Why something cannot be had."""

    code: str = Field(examples=["UNKNOWN_TICKER"])
    message: str


class ErrorSchema(Schema):
    """A refusal."""

    error: Problem


class PricesSchema(Schema):
    """Prices by ticker; what cannot be had is under ``errors``."""

    prices: dict[str, PriceSchema]
    errors: dict[str, Problem]


class CandleSchema(Schema):
    """One day; prices in won and adjusted for splits, volume in shares, value in won."""

    date: date
    open: int
    high: int
    low: int
    close: int
    volume: int
    value: int | None
    halted: bool = Field(description="it did not trade on that day")


class CandlesSchema(Schema):
    """Daily candles in the order of their days."""

    ticker: str
    venue: str
    interval: Literal["D"]
    adjusted: bool
    candles: list[CandleSchema]


class GapSchema(Schema):
    """What is missing of one instrument."""

    ticker: str
    name: str | None
    newest: date | None
    age_days: int | None = Field(description="trading days since, up to the last one that is over")
    missing: list[date]


class GapsSchema(Schema):
    """What is missing of all instruments that are collected."""

    last_trading_day: date
    tickers: int
    complete: int
    without_data: list[str]
    newest: date | None
    gaps: list[GapSchema]


class TokenSchema(Schema):
    """A token for a browser."""

    token: str
    expires_in: int = Field(description="seconds")


class HealthSchema(Schema):
    """Whether it works."""

    status: Literal["ok", "unavailable"]
    reasons: list[str]


class ActivitySchema(Schema):
    """What happens at the workers, the newest first."""

    events: list[dict[str, Any]] = Field(description="of the exchange broker.events")
    orders: list[dict[str, Any]] = Field(description="each order that changed, as it is now")
    workers: list[dict[str, Any]] = Field(description="as broker.get-status answers")
    asked_at: datetime | None
    answered_at: datetime | None = Field(description="when the workers last said how they are")
    trouble: str | None = Field(description="why no worker could be asked")
    topics: dict[str, int] = Field(description="clients of the WebSocket by topic")
