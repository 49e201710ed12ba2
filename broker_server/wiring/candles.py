"""Opens the store of daily candles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from broker_server.journal.database import open_database
from broker_server.market_sessions import load_market_sessions
from broker_server.prices.candles.calendar import TradingCalendar
from broker_server.prices.candles.store import CandleStore
from broker_server.prices.candles.stored_history import StoredHistory
from broker_server.prices.candles.tables import PRICES
from broker_server.prices.model import DEFAULT_VENUE
from broker_server.wiring.clock import utc_now


@contextmanager
def candle_store(prices_url: str, market_sessions_file: Path | None = None) -> Iterator[CandleStore]:
    """The store, open.

    Args:
        prices_url: Where it is, as a SQLAlchemy URL.
        market_sessions_file: What differs from the packaged table of sessions.

    Raises:
        DatabaseError: It cannot be opened; one line that names ``PRICES_URL``.
        SettingsError: The table of sessions cannot be read.
    """
    calendar = TradingCalendar(load_market_sessions(market_sessions_file), DEFAULT_VENUE)
    engine = open_database(prices_url, PRICES)
    try:
        yield CandleStore(engine, calendar)
    finally:
        engine.dispose()


def stored_history(store: CandleStore) -> StoredHistory:
    """The store as the gateway reads it."""
    return StoredHistory({store.calendar.venue: store}, utc_now)
