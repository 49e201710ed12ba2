from __future__ import annotations

import dataclasses
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from broker_client.errors import MalformedMessage
from broker_client.protocol import TaskReply
from broker_client.results import TaskResult, read_ping

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def result_of(result: Any, **options: Any) -> TaskResult:
    return TaskResult.from_reply(
        TaskReply(task_id="t-1", result=result, response_time=NOW, status="TASK_SUCCEED", **options)
    )


def test_a_result_carries_what_the_reply_says() -> None:
    result = result_of([{"price": 1}], environment="paper", truncated="page limit", replayed=True)
    assert (result.task_id, result.environment, result.truncated) == ("t-1", "paper", "page limit")
    assert result.replayed
    assert result.response_time == NOW
    assert result.reply.result is result.result


def test_warnings_are_a_tuple_of_text() -> None:
    assert result_of([]).warnings == ()
    assert result_of([], warnings=["the market is closed"]).warnings == ("the market is closed",)


def test_first_and_rows() -> None:
    assert result_of([{"a": 1}, {"a": 2}]).first == {"a": 1}
    assert result_of([]).first is None
    assert result_of(["한국전력"]).rows == [{"value": "한국전력"}]
    assert result_of([{"a": 1}]).rows == [{"a": 1}]


@pytest.mark.parametrize("bare", ["한국전력", {"a": 1}, 0])
def test_a_bare_result_of_the_original_server_becomes_a_list_of_one(bare: object) -> None:
    assert result_of(bare).result == [bare]


def test_a_result_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        result_of([]).task_id = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("ahead", "warned"), [(0.0, None), (0.9, None), (-1.05, None), (5.0, "ahead of"), (-5.0, "behind")]
)
def test_skew_is_measured_at_the_middle_and_warned_of_when_certain(
    ahead: float, warned: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    server_time = NOW + timedelta(seconds=0.1 + ahead)
    answer = result_of([{"time": server_time.isoformat(), "worker": "w-1"}])
    with caplog.at_level(logging.WARNING, "broker_client"):
        ping = read_ping(answer, NOW, NOW + timedelta(seconds=0.2))
    assert ping.skew == pytest.approx(ahead)
    assert ping.round_trip == pytest.approx(0.2)
    assert (warned in caplog.text) if warned else not caplog.records


@pytest.mark.parametrize(
    "row",
    [None, 1, {}, {"worker": "w"}, {"time": "now", "worker": "w"}, {"time": "2026-11-20", "worker": "w"}],
)
def test_another_answer_than_a_pings_is_malformed(row: object) -> None:
    with pytest.raises(MalformedMessage, match=r"broker\.ping"):
        read_ping(result_of([] if row is None else [row]), NOW, NOW)
