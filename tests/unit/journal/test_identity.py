"""The name of a journal."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sqlalchemy import Engine

from broker_server.journal.database import open_database
from broker_server.journal.identity import journal_id
from tests.support.racing import race

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


def test_a_journal_keeps_its_name(journal_url: str, engine: Engine) -> None:
    name = journal_id(engine, NOW)
    assert str(uuid.UUID(name)) == name
    assert journal_id(engine, NOW) == name
    again = open_database(journal_url)
    assert journal_id(again, NOW) == name
    again.dispose()


def test_another_journal_has_another_name(engine: Engine, tmp_path: Path) -> None:
    other = open_database(f"sqlite:///{tmp_path / 'other.sqlite3'}")
    assert journal_id(other, NOW) != journal_id(engine, NOW)
    other.dispose()


def test_workers_that_start_together_name_it_once(engine: Engine) -> None:
    assert len(set(race(*(partial(journal_id, engine, NOW) for _ in range(8))))) == 1
