"""The store of daily candles as the faces read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime

from broker_server.prices.candles.gaps import find_gaps
from broker_server.prices.candles.store import CandleStore
from broker_server.prices.history import DailyCandle, GapReport, History
from broker_server.prices.model import DEFAULT_VENUE


class StoredHistory(History):
    """Reads what has been collected. Blocking; for a thread.

    Args:
        stores: By venue; a venue that is not there has no candles.
        clock: UTC.
    """

    def __init__(self, stores: Mapping[str, CandleStore], clock: Callable[[], datetime]) -> None:
        self._stores = stores
        self._clock = clock

    def candles(
        self, ticker: str, *, venue: str, start: date | None, end: date | None, limit: int
    ) -> Sequence[DailyCandle]:
        """The newest ones of a period, in the order of their days."""
        store = self._stores.get(venue)
        return [] if store is None else store.candles(ticker, start=start, end=end, limit=limit)

    def last_close(self, ticker: str, *, venue: str) -> tuple[DailyCandle, int | None] | None:
        """The newest candle of a day that traded, and the close before it."""
        store = self._stores.get(venue)
        return None if store is None else store.last_close(ticker)

    def gaps(self) -> GapReport:
        """What is missing of the default venue."""
        return find_gaps(self._stores[DEFAULT_VENUE], self._clock())
