"""The schema: made by migrations, equal to the tables, one worker at a time, and never downgraded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, MetaData, create_engine, inspect, text

import broker_server.journal.database as database
from broker_server.journal.database import JOURNAL, JournalError, open_database
from broker_server.journal.tables import metadata
from tests.support.racing import race_processes
from tests.support.schemas import migrated, structure

HEAD = "0002"


def versions(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT version_num FROM alembic_version")).scalars())


def differences(engine: Engine) -> list[object]:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return list(compare_metadata(context, metadata))


def test_an_empty_database_gets_the_newest_schema(engine: Engine) -> None:
    assert versions(engine) == [HEAD]
    assert set(metadata.tables) | {"alembic_version"} == set(inspect(engine).get_table_names())


def test_the_migrated_schema_is_that_of_the_tables(engine: Engine) -> None:
    assert differences(engine) == []


def test_the_tables_of_an_empty_database_are_those_that_the_migrations_make(
    journal_url: str, engine: Engine
) -> None:
    made = structure(engine)
    with engine.begin() as connection:
        everything = MetaData()
        everything.reflect(connection)
        everything.drop_all(connection)
    with migrated(journal_url, JOURNAL) as other:
        assert structure(other) == made
        assert versions(other) == [HEAD]


def test_the_comparison_sees_a_difference(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP INDEX orders_by_day"))
        connection.execute(text("ALTER TABLE halts ADD COLUMN forgotten VARCHAR(3)"))
    assert len(differences(engine)) == 2


def test_opening_again_changes_nothing(journal_url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO journal_identity VALUES (1, 'kept', '2026-11-20 01:00:00')"))
    again = open_database(journal_url)
    with again.connect() as connection:
        assert connection.execute(text("SELECT journal_id FROM journal_identity")).scalars().all() == ["kept"]
    assert versions(again) == [HEAD]
    again.dispose()


def test_a_journal_of_a_newer_version_is_refused_in_one_line(journal_url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(JournalError, match=r"another version .*'9999'.* install that version") as refused:
        open_database(journal_url)
    assert "\n" not in str(refused.value)
    assert versions(engine) == ["9999"]


def test_a_journal_of_an_unreleased_version_is_upgraded(journal_url: str) -> None:
    old = create_engine(journal_url)
    with old.begin() as connection:
        connection.execute(text("CREATE TABLE order_attempts (task_id VARCHAR(255) PRIMARY KEY)"))
        connection.execute(text("CREATE TABLE task_starts (key VARCHAR(64) PRIMARY KEY, starts INTEGER)"))
        connection.execute(text("INSERT INTO order_attempts VALUES ('buy-1')"))
        connection.execute(text("INSERT INTO task_starts VALUES ('k', 2)"))
    old.dispose()
    engine = open_database(journal_url)
    assert differences(engine) == []
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM task_starts")).scalar_one() == 0
    engine.dispose()


def test_a_journal_without_live_data_gets_its_tables_and_keeps_its_rows(
    journal_url: str, engine: Engine
) -> None:
    with engine.begin() as connection:
        for table in ("subscriptions", "published_fills", "fill_baselines"):
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        connection.execute(text("INSERT INTO journal_identity VALUES (1, 'kept', '2026-11-20 01:00:00')"))
    again = open_database(journal_url)
    assert differences(again) == []
    assert versions(again) == [HEAD]
    with again.connect() as connection:
        assert connection.execute(text("SELECT journal_id FROM journal_identity")).scalars().all() == ["kept"]
    again.dispose()


def test_an_upgrade_that_fails_leaves_nothing_behind(journal_url: str, tmp_path: Path) -> None:
    old = create_engine(journal_url)
    with old.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
    old.dispose()
    (tmp_path / "broken.py").write_text(
        "from alembic import op\nrevision = '0001'\ndown_revision = None\n"
        "def upgrade():\n    op.execute('CREATE TABLE half (a INTEGER)')\n    op.execute('nonsense')\n"
    )
    with pytest.raises(JournalError, match="nonsense"):
        open_database(journal_url, replace(JOURNAL, versions=tmp_path))
    engine = create_engine(journal_url)
    assert inspect(engine).get_table_names() == ["alembic_version"]
    assert versions(engine) == []
    engine.dispose()


def test_migrations_are_found_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = tmp_path / "100% 한글: (copy)"
    odd.symlink_to(database._ALEMBIC, target_is_directory=True)
    monkeypatch.setattr(database, "_ALEMBIC", odd)
    url = f"sqlite:///{tmp_path / 'journal.sqlite3'}"
    with migrated(url, replace(JOURNAL, versions=odd / "versions")) as engine:
        assert versions(engine) == [HEAD]


def test_processes_that_open_an_empty_database_together_all_succeed(journal_url: str) -> None:
    printed = race_processes(
        "from broker_server.journal.database import open_database",
        "engine = open_database(sys.argv[1]); print('open', flush=True); engine.dispose()",
        *([journal_url] for _ in range(4)),
    )
    assert printed == ["open\n"] * 4
    engine = open_database(journal_url)
    assert versions(engine) == [HEAD]
    assert differences(engine) == []
    engine.dispose()
