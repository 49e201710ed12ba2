"""The kill switch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import Engine

from broker_server.journal.database import open_database
from broker_server.journal.halts import Halt, Halts
from tests.support.racing import race

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


def test_nothing_is_halted_at_first(engine: Engine) -> None:
    assert Halts(engine, "paper").current() is None


def test_a_halt_holds_until_it_is_lifted(engine: Engine) -> None:
    halts = Halts(engine, "paper")
    halts.set(halted=True, now=NOW, by="me", reason="too many orders")
    assert halts.current() == Halt(NOW, "me", "too many orders")
    halts.set(halted=True, now=NOW + timedelta(minutes=1), by="somebody")
    assert halts.current() == Halt(NOW + timedelta(minutes=1), "somebody", None)
    halts.set(halted=False, now=NOW + timedelta(minutes=2), by="me")
    assert halts.current() is None


def test_a_late_resume_does_not_lift_a_newer_halt(engine: Engine) -> None:
    halts = Halts(engine, "paper")
    assert halts.changed_at() is None
    halts.set(halted=True, now=NOW, by="second", reason="newer")
    halts.set(halted=False, now=NOW - timedelta(minutes=1), by="first")
    assert halts.current() == Halt(NOW, "second", "newer")
    halts.set(halted=False, now=NOW, by="first")
    assert halts.current() is None
    assert halts.changed_at() == NOW


def test_a_halt_is_obeyed_however_late_it_comes(engine: Engine) -> None:
    halts = Halts(engine, "paper")
    halts.set(halted=False, now=NOW, by="first")
    halts.set(halted=True, now=NOW - timedelta(minutes=1), by="second")
    assert halts.current() == Halt(NOW - timedelta(minutes=1), "second", None)


def test_a_halt_survives_a_restart(journal_url: str, engine: Engine) -> None:
    Halts(engine, "paper").set(halted=True, now=NOW, by="me")
    engine.dispose()
    again = open_database(journal_url)
    assert Halts(again, "paper").current() == Halt(NOW, "me", None)
    again.dispose()


def test_a_halt_is_of_one_environment(engine: Engine) -> None:
    Halts(engine, "paper").set(halted=True, now=NOW, by="me")
    assert Halts(engine, "real").current() is None


def test_workers_that_halt_at_the_same_time_all_succeed(engine: Engine) -> None:
    """A broadcast reaches every worker at once, and the first halt ever has no row to change."""
    halts = Halts(engine, "paper")
    race(*(partial(halts.set, halted=True, now=NOW, by=f"worker-{number}") for number in range(8)))
    assert halts.current() is not None
