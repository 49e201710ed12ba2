"""What one environment did is no answer for another."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from broker_server.journal.database import open_database
from broker_server.journal.orders import OrderAttempts, payload_hash

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


def test_attempts_of_environments_do_not_meet(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    simulated, paper = OrderAttempts(engine, "simulated"), OrderAttempts(engine, "paper")
    assert simulated.claim("buy-1", "hash", "kis.buy-order", NOW)
    simulated.settle("buy-1", b"{}")
    assert paper.find("buy-1") is None
    assert paper.claim("buy-1", "hash", "kis.buy-order", NOW)
    assert not paper.claim("buy-1", "hash", "kis.buy-order", NOW)
    found, other = simulated.find("buy-1"), paper.find("buy-1")
    assert found is not None
    assert other is not None
    assert (found.outcome, other.outcome) == (b"{}", None)
    assert found.started_at == NOW
    engine.dispose()


def test_the_journal_is_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "journal.sqlite3"
    open_database(f"sqlite:///{file}").dispose()
    assert file.stat().st_mode & 0o077 == 0


def test_the_payload_is_method_and_parameters_in_any_order_of_keys() -> None:
    assert payload_hash("m", {"a": 1, "b": 2}) == payload_hash("m", {"b": 2, "a": 1})
    assert payload_hash("m", {"a": 1}) != payload_hash("m", {"a": "1"})
