"""Candles as workers answer them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from broker_server.prices.candles.plan import Period
from broker_server.prices.history import DailyCandle


class UnusableAnswer(ValueError):
    """An answer that is not one of candles; the message says what is wrong."""


def candles_of_rows(rows: Iterable[Any], ticker: str, vendor: str, period: Period) -> list[DailyCandle]:
    """The candles of an answer, in the order of their days.

    A day without volume did not trade: where the vendor has no prices of it, they are the close before.

    Args:
        period: What was asked for; days beyond it are left out.

    Raises:
        UnusableAnswer: A candle lacks something, or its prices contradict each other.
    """
    found: dict[date, DailyCandle] = {}
    for row in rows:
        candle = _candle(row, ticker, vendor)
        if candle is not None and period.first <= candle.day <= period.last:
            found[candle.day] = candle
    return [found[day] for day in sorted(found)]


def _candle(row: Any, ticker: str, vendor: str) -> DailyCandle | None:
    try:
        day = date.fromisoformat(row["date"])
        close, volume = _whole(row["close"]), _whole(row["volume"])
        prices = [_whole(row[name]) for name in ("open", "high", "low")]
        value = None if row.get("value") is None else _whole(row["value"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnusableAnswer(f"a candle of {ticker} cannot be used: {error!r}") from None
    if not close and not volume:
        return None
    if not volume and not all(prices):
        prices = [close, close, close]
    opened, high, low = prices
    if volume < 0 or not 0 < low <= min(opened, close) <= max(opened, close) <= high:
        raise UnusableAnswer(
            f"the candle of {ticker} on {day} contradicts itself: "
            f"open {opened}, high {high}, low {low}, close {close}, volume {volume}"
        )
    return DailyCandle(
        ticker=ticker,
        day=day,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=volume,
        value=value,
        vendor=vendor,
        halted=not volume,
    )


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is no whole number")
    return value
