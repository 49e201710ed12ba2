"""Opening a journal: which URLs, how durable, and what is said when it does not work."""

from __future__ import annotations

import logging
import sqlite3
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from broker_server.journal.database import JournalError, open_database


def value(engine: Engine, question: str) -> object:
    with engine.connect() as connection:
        return connection.execute(text(question)).scalar_one()


def test_sqlite_waits_for_the_disk(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    assert value(engine, "PRAGMA journal_mode") == "wal"
    assert value(engine, "PRAGMA synchronous") == 2
    assert value(engine, "PRAGMA busy_timeout") == 10_000
    engine.dispose()


def test_a_setting_in_the_url_is_kept(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'journal.sqlite3'}?timeout=3")
    assert value(engine, "PRAGMA busy_timeout") == 3_000
    engine.dispose()


def test_a_new_file_that_another_worker_is_writing_to_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another one writes, SQLite refuses the change to a write-ahead log at once."""
    file = tmp_path / "journal.sqlite3"
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            other.execute("COMMIT")

    monkeypatch.setattr(time, "sleep", wait)
    engine = open_database(f"sqlite:///{file}")
    assert len(waits) == 3
    assert value(engine, "PRAGMA journal_mode") == "wal"
    engine.dispose()
    other.close()


@pytest.mark.parametrize("journal_url", ["postgresql"], indirect=True)
def test_postgresql_waits_for_the_disk_whatever_the_database_is_set_to(journal_url: str) -> None:
    engine = open_database(journal_url)
    with engine.begin() as connection:
        name = connection.execute(text("SELECT quote_ident(current_database())")).scalar_one()
        connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'"))
    engine.dispose()
    engine = open_database(journal_url)
    for _ in range(2):  # the settings outlive the first transaction and its return to the pool
        assert value(engine, "SHOW synchronous_commit") == "on"
        assert value(engine, "SHOW transaction_isolation") == "read committed"
    engine.dispose()


@pytest.mark.parametrize("journal_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_postgresql_is_meant_by_its_short_names_too(journal_url: str, scheme: str) -> None:
    engine = open_database(journal_url.replace("postgresql+psycopg", scheme))
    assert engine.dialect.driver == "psycopg"
    engine.dispose()


def test_the_journal_is_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "journal.sqlite3"
    engine = open_database(f"sqlite:///{file}")
    assert [path.name for path in file.parent.iterdir() if path.stat().st_mode & 0o077] == []
    assert file.parent.stat().st_mode & 0o077 == 0
    engine.dispose()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_journal_in_memory_is_refused(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(JournalError, match="in memory would be lost"):
        open_database(url)
    assert list(tmp_path.iterdir()) == []


def test_another_database_is_refused_by_name() -> None:
    with pytest.raises(JournalError, match="mysql is not supported: use sqlite:///path or postgresql://"):
        open_database("mysql://user:password@host/database")


def test_a_text_that_is_no_url_is_refused_without_repeating_it() -> None:
    with pytest.raises(JournalError, match="JOURNAL_URL") as refused:
        open_database("a secret, pasted by mistake")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["postgresql://user:geheim@host:geheim/database", "postgresql://u:p@[::1/d"])
def test_a_port_that_is_no_number_is_said_in_one_line(url: str) -> None:
    with pytest.raises(JournalError, match="JOURNAL_URL: its port is no number: write postgresql") as refused:
        open_database(url)
    assert "\n" not in str(refused.value)
    assert "geheim" not in str(refused.value)


def test_a_port_that_no_server_can_have_is_said() -> None:
    with pytest.raises(JournalError, match="cannot be opened"):
        open_database("postgresql://user@127.0.0.1:99999999/database")


def test_a_missing_driver_is_said_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(JournalError, match=r"pip install 'sapi-broker\[postgres\]'"):
        open_database("postgresql://user@host/database")


def test_a_server_that_does_not_answer_is_said_in_one_line_without_the_password() -> None:
    with pytest.raises(JournalError, match=r"cannot be opened: .*refused") as failed:
        open_database("postgresql://user:geheim@127.0.0.1:1/database")
    assert "\n" not in str(failed.value)
    assert "geheim" not in str(failed.value)


def test_a_file_that_is_no_journal_is_said(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite3"
    file.write_text("something else entirely, and long enough to be looked at" * 50)
    with pytest.raises(JournalError, match="not a database"):
        open_database(f"sqlite:///{file}")


def test_opening_leaves_the_logs_alone(
    journal_url: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    root = logging.getLogger()
    ours = logging.getLogger("broker_server")
    caplog.set_level(logging.INFO)
    before = (root.level, list(root.handlers), root.disabled, ours.level, ours.disabled)
    open_database(journal_url).dispose()
    assert (root.level, list(root.handlers), root.disabled, ours.level, ours.disabled) == before
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")
