"""Starts without an end."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Engine

from broker_server.journal.starts import TaskStarts, message_key
from tests.support.racing import race

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
KEY = message_key("t-1", b"{}")


def test_each_start_tells_how_many_there_were_before(engine: Engine) -> None:
    starts = TaskStarts(engine)
    assert starts.count(KEY) == 0
    assert [starts.record(KEY, "t-1", "kis.balance", NOW) for _ in range(4)] == [0, 1, 2, 3]
    assert starts.count(KEY) == 4
    assert starts.count(message_key("t-2", b"{}")) == 0


def test_an_end_forgets_the_starts(engine: Engine) -> None:
    starts = TaskStarts(engine)
    starts.record(KEY, "t-1", "kis.balance", NOW)
    starts.end(KEY)
    assert starts.count(KEY) == 0
    starts.end(KEY)
    assert starts.record(KEY, "t-1", "kis.balance", NOW) == 0


def test_starts_at_the_same_time_are_all_counted(engine: Engine) -> None:
    starts = TaskStarts(engine)
    told = race(*(lambda: starts.record(KEY, "t-1", "kis.balance", NOW) for _ in range(8)))
    assert sorted(told) == list(range(8))
    assert starts.count(KEY) == 8


def test_the_same_task_id_with_another_body_is_another_message() -> None:
    assert message_key("t-1", b"{}") != message_key("t-1", b"{} ")
    assert message_key("t-1", b"x") != message_key("t-", b"1x")
