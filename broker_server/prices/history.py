"""What the faces ask of the store of daily candles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from broker_server.prices.model import DEFAULT_VENUE


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyCandle:
    """One day of an instrument; prices in won, adjusted for splits, volume in shares, value in won.

    Attributes:
        ticker: The instrument.
        venue: Where it was traded.
        day: The trading day.
        vendor: Whose figures they are.
        halted: It did not trade on that day; its prices are those of the close before.
    """

    ticker: str
    day: date
    open: int
    high: int
    low: int
    close: int
    volume: int
    vendor: str
    value: int | None = None
    venue: str = DEFAULT_VENUE
    halted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TickerGap:
    """What is missing of one instrument.

    Attributes:
        ticker: The instrument.
        name: Its name, if it is known.
        newest: The newest day that is stored; ``None`` if none is.
        age_days: How many trading days have passed since, up to the last one that is over.
        missing: Trading days between its oldest and its newest day that are not stored.
    """

    ticker: str
    name: str | None
    newest: date | None
    age_days: int | None
    missing: tuple[date, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GapReport:
    """What is missing of all instruments that are to be collected.

    Attributes:
        last_trading_day: The newest day that should be there.
        tickers: How many instruments are to be collected.
        complete: How many lack nothing.
        without_data: Those that have no data at all.
        newest: The newest day that is stored of any.
        gaps: Those that lack something, the worst first.
    """

    last_trading_day: date
    tickers: int
    complete: int
    without_data: tuple[str, ...]
    newest: date | None
    gaps: tuple[TickerGap, ...]

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "last_trading_day": self.last_trading_day.isoformat(),
            "tickers": self.tickers,
            "complete": self.complete,
            "without_data": list(self.without_data),
            "newest": None if self.newest is None else self.newest.isoformat(),
            "gaps": [
                {
                    "ticker": gap.ticker,
                    "name": gap.name,
                    "newest": None if gap.newest is None else gap.newest.isoformat(),
                    "age_days": gap.age_days,
                    "missing": [day.isoformat() for day in gap.missing],
                }
                for gap in self.gaps
            ],
        }


class History(Protocol):
    """Reads the store of daily candles. Blocking; for a thread."""

    def candles(
        self, ticker: str, *, venue: str, start: date | None, end: date | None, limit: int
    ) -> Sequence[DailyCandle]:
        """The newest ones of a period, in the order of their days."""

    def last_close(self, ticker: str, *, venue: str) -> tuple[DailyCandle, int | None] | None:
        """The newest candle of a day that traded, and the close before it."""

    def gaps(self) -> GapReport:
        """What is missing."""
