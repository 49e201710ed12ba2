"""Tasks that come too late are answered so, and not run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.task_wire import TaskWire
from tests.support.workers import orders_placed


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def test_task_past_its_deadline_is_not_run(wire: TaskWire, shared_folder: Path) -> None:
    before = orders_placed(shared_folder)
    for method in ("broker.ping", "stub.echo", "stub.buy-order"):
        error = wire.error(method, keys={"deadline": in_seconds(-1)})
        assert error["code"] == "TASK_EXPIRED"
        assert "; nothing was " in error["message"]
    assert orders_placed(shared_folder) == before


def test_cancel_is_never_too_late(wire: TaskWire) -> None:
    reply = wire.call("stub.cancel-order", {"value": "c"}, keys={"deadline": in_seconds(-60)})
    assert reply["status"] == "TASK_SUCCEED"
