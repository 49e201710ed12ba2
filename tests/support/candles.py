"""Candles for tests."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from broker_server.prices.history import DailyCandle


def a_candle(
    day: date, close: int = 1000, *, ticker: str = "005930", volume: int = 5, vendor: str = "kis"
) -> DailyCandle:
    """A candle whose prices are all around one."""
    return DailyCandle(
        ticker=ticker,
        day=day,
        open=close - 1,
        high=close + 2,
        low=close - 3,
        close=close,
        volume=volume,
        value=close * volume,
        vendor=vendor,
        halted=not volume,
    )


def candles_of(days: Iterable[date], *, ticker: str = "005930", first_close: int = 1000) -> list[DailyCandle]:
    """One for each day, each a won dearer than the one before."""
    return [a_candle(day, first_close + count, ticker=ticker) for count, day in enumerate(days)]
