"""Published fills on record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

from sqlalchemy import Engine, text

from broker_server.core.fills import FillLedger, Published
from broker_server.journal.database import open_database
from broker_server.journal.published_fills import KeptLedger, LedgerDay, PublishedFills
from tests.support.racing import race

NOW = datetime(2026, 11, 25, 1, tzinfo=UTC)
DAY = LedgerDay("kis", "default", "domestic", "2026-11-25")
LEDGER = {"1": Published(5, Decimal("500.0000"), 2), "22": Published(2**40, None)}


def test_a_day_without_a_record(engine: Engine) -> None:
    assert PublishedFills(engine, "paper").load(DAY) == KeptLedger({}, has_baseline=False)


def test_fills_survive_a_restart(journal_url: str, engine: Engine) -> None:
    kept = PublishedFills(engine, "paper")
    kept.keep_baseline(DAY, {}, NOW)
    kept.keep(DAY, {"0001": LEDGER["1"], "22": LEDGER["22"]})
    engine.dispose()
    again = open_database(journal_url)
    found = PublishedFills(again, "paper").load(DAY)
    assert found == KeptLedger(LEDGER, has_baseline=True)
    ledger = FillLedger(found.published, has_baseline=found.has_baseline, unit=Decimal(1))
    assert ledger.published("0001") == LEDGER["1"]
    again.dispose()


def test_what_was_published_later_replaces_it(engine: Engine) -> None:
    kept = PublishedFills(engine, "paper")
    kept.keep(DAY, LEDGER)
    kept.keep(DAY, {"1": Published(9, None, 2)})
    kept.keep(DAY, {})
    assert kept.load(DAY).published == {**LEDGER, "1": Published(9, None, 2)}


def test_a_baseline_is_noted_with_what_the_day_begins_with(engine: Engine) -> None:
    kept = PublishedFills(engine, "paper")
    kept.keep_baseline(DAY, LEDGER, NOW)
    kept.keep_baseline(DAY, {}, NOW + timedelta(hours=1))
    assert kept.load(DAY) == KeptLedger(LEDGER, has_baseline=True)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM fill_baselines")).scalar() == 1


def test_a_ledger_is_of_one_day_account_market_and_environment(engine: Engine) -> None:
    kept = PublishedFills(engine, "paper")
    kept.keep_baseline(DAY, LEDGER, NOW)
    nothing = KeptLedger({}, has_baseline=False)
    for other in (
        DAY._replace(vendor="other"),
        DAY._replace(account="second"),
        DAY._replace(market="overseas"),
        DAY._replace(trading_day="2026-11-26"),
    ):
        assert kept.load(other) == nothing
    assert PublishedFills(engine, "real").load(DAY) == nothing


def test_old_days_are_forgotten(engine: Engine) -> None:
    kept, real = PublishedFills(engine, "paper"), PublishedFills(engine, "real")
    for day in ("2026-11-09", "2026-11-24", "2026-11-25"):
        kept.keep_baseline(DAY._replace(trading_day=day), LEDGER, NOW)
    real.keep_baseline(DAY._replace(trading_day="2026-11-09"), LEDGER, NOW)
    assert kept.prune("2026-11-25") == 4
    assert kept.prune("2026-11-25") == 0
    assert kept.load(DAY) == KeptLedger(LEDGER, has_baseline=True)
    for day in ("2026-11-09", "2026-11-24"):
        assert kept.load(DAY._replace(trading_day=day)) == KeptLedger({}, has_baseline=False)
    assert real.load(DAY._replace(trading_day="2026-11-09")).has_baseline


def test_workers_that_note_a_baseline_together_all_succeed(engine: Engine) -> None:
    kept = PublishedFills(engine, "paper")
    backwards = dict(reversed(LEDGER.items()))
    race(*(partial(kept.keep_baseline, DAY, LEDGER if number % 2 else backwards, NOW) for number in range(8)))
    assert kept.load(DAY) == KeptLedger(LEDGER, has_baseline=True)
