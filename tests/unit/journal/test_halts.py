"""The kill switch on record: halts are obeyed, and nothing old lifts them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker_server.journal.database import open_database
from broker_server.journal.halts import Halt, Halts

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    yield opened
    opened.dispose()


@pytest.fixture
def halts(engine: Engine) -> Halts:
    return Halts(engine, "paper")


def test_at_first_nothing_is_halted(halts: Halts) -> None:
    assert halts.current() is None
    assert halts.changed_at() is None


def test_halt_and_resume_are_on_record(halts: Halts) -> None:
    halts.set(halted=True, now=NOON, by="trader", reason="test")
    assert halts.current() == Halt(NOON, "trader", "test")
    assert halts.changed_at() == NOON
    halts.set(halted=False, now=NOON + MINUTE, by="trader")
    assert halts.current() is None
    assert halts.changed_at() == NOON + MINUTE


def test_a_late_resume_does_not_lift_a_newer_halt(halts: Halts) -> None:
    halts.set(halted=True, now=NOON, by="second", reason="newer")
    halts.set(halted=False, now=NOON - MINUTE, by="first")
    assert halts.current() == Halt(NOON, "second", "newer")
    halts.set(halted=False, now=NOON, by="first")
    assert halts.current() is None


def test_a_halt_is_obeyed_however_late_it_comes(halts: Halts) -> None:
    halts.set(halted=False, now=NOON, by="first")
    halts.set(halted=True, now=NOON - MINUTE, by="second")
    assert halts.current() == Halt(NOON - MINUTE, "second", None)


def test_environments_do_not_meet(engine: Engine, halts: Halts) -> None:
    halts.set(halted=True, now=NOON, by="trader")
    assert Halts(engine, "real").current() is None


def test_workers_that_share_a_journal_may_write_its_first_row_together(engine: Engine) -> None:
    start = threading.Barrier(8)
    errors: list[BaseException] = []

    def write() -> None:
        start.wait(10)
        try:
            Halts(engine, "paper").set(halted=True, now=NOON, by="trader")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []
    assert Halts(engine, "paper").current() == Halt(NOON, "trader", None)
