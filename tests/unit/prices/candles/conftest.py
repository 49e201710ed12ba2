"""A store of candles on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from broker_server.prices.candles.store import CandleStore
from broker_server.wiring.candles import candle_store


@pytest.fixture
def store(journal_url: str) -> Iterator[CandleStore]:
    """An open store with nothing in it."""
    with candle_store(journal_url) as opened:
        yield opened
