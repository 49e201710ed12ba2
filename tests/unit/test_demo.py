"""The demo's own parts: what it shows of an answer, and the worker that it starts."""

from __future__ import annotations

import io
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from broker_client.protocol import TaskReply
from broker_client.results import TaskResult
from broker_server.demo import Demo
from broker_server.demo_worker import WorkerDidNotStart, running_worker, without_settings

HOLDING = {
    "ticker": "005930",
    "name": "삼성전자",
    "quantity": 10,
    "sellable_quantity": 10,
    "average_price": "74700",
    "cost": 747000,
    "price": 74600,
    "value": 746000,
    "profit": -1000,
    "profit_rate": -0.13,
}
BALANCE = {
    "account": "default",
    "deposit": 10_000_000_000,
    "deposit_settled": 9_999_252_896,
    "holdings_value": 746_000,
    "holdings": [HOLDING, {**HOLDING, "ticker": "000660", "name": "SK하이닉스", "price": 254_000}],
}
CANDLE = {
    "ticker": "000660",
    "venue": "KRX",
    "interval": "day",
    "date": "2026-01-02",
    "open": 1_244_500,
    "high": 1_245_500,
    "low": 1_240_000,
    "close": 1_244_000,
    "volume": 12_000_565,
    "value": 488_888_888_888,
    "change": -500,
    "adjusted": True,
}


class Answers:
    """A client that knows its answers."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = rows

    def call(self, method: str, **_: object) -> TaskResult:
        reply = TaskReply(
            task_id="t-1",
            result=self._rows,
            response_time=datetime(2026, 11, 20, tzinfo=UTC),
            status="TASK_SUCCEED",
            environment="simulated",
        )
        return TaskResult.from_reply(reply)


def shown(step: str, rows: list[dict[str, Any]]) -> list[str]:
    """What a step prints where no terminal is, 80 cells wide."""
    console = Console(width=80, file=io.StringIO())
    getattr(Demo(console, Answers(rows), "", ""), step)()  # type: ignore[arg-type]
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("step", "rows", "words"),
    [
        ("_balance", [BALANCE], ["삼성전자", "SK하이닉스", "005930", "000660", "10,000,000,000", "254,000"]),
        ("_candles", [CANDLE] * 101, ["2026-01-02", "1,244,500", "1,245,500", "1,240,000", "12,000,565"]),
    ],
)
def test_nothing_is_cut_off_at_80_columns(step: str, rows: list[dict[str, Any]], words: list[str]) -> None:
    lines = shown(step, rows)
    assert all(cell_len(line) <= 80 for line in lines)
    for word in words:
        assert any(word in line for line in lines), "\n".join(lines)
    assert not any("…" in line for line in lines)


def test_the_workers_environment_has_no_setting_of_the_caller() -> None:
    kept = without_settings({"PATH": "/bin", "LEGACY_QUEUES": "true", "kis_app_key": "k", "VENDORS": ""})
    assert kept == {"PATH": "/bin"}


@pytest.mark.parametrize(
    ("program", "says"),
    [("import time; time.sleep(300)", "its log is empty"), ("import sys; sys.exit('a reason')", "a reason")],
)
def test_a_worker_that_never_gets_ready_is_told_and_ended(tmp_path: Path, program: str, says: str) -> None:
    pid_file = tmp_path / "pid"
    note = f"import os; open({str(pid_file)!r}, 'w').write(str(os.getpid())); {program}"
    began = time.monotonic()
    with (
        pytest.raises(WorkerDidNotStart, match=says),
        running_worker("amqp://nowhere", tmp_path, command=[sys.executable, "-c", note], patience=4),
    ):
        pass
    assert time.monotonic() - began < 200
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)
