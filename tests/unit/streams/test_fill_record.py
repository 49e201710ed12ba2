"""What was published of an account's executions, in the journal."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from broker_server.core.fills import Published
from broker_server.journal.database import open_database
from broker_server.journal.published_fills import PublishedFills
from broker_server.streams.fill_record import KEPT_DAYS, AccountFills
from tests.support.fake_time import FakeClock

DAY = date(2026, 11, 20)


def test_a_day_comes_back_and_old_ones_go(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'journal.db'}")
    fills = AccountFills(PublishedFills(engine, "simulated"), "fake", "default", FakeClock().now)
    assert fills.load("domestic", DAY) == ({}, False)
    fills.save("domestic", DAY, {"0001": Published(5, Decimal(500))})
    assert fills.load("domestic", DAY) == ({"1": Published(5, Decimal(500))}, False)
    fills.set_baseline("domestic", DAY, {"2": Published(1, None)})
    assert fills.load("domestic", DAY) == (
        {"1": Published(5, Decimal(500)), "2": Published(1, None)},
        True,
    )
    assert fills.load("overseas", DAY) == ({}, False)
    assert fills.load("domestic", DAY + timedelta(days=KEPT_DAYS))[0] == {}
    assert fills.load("domestic", DAY)[1]
    fills.load("domestic", DAY + timedelta(days=KEPT_DAYS + 1))
    assert fills.load("domestic", DAY) == ({}, False)
    engine.dispose()
