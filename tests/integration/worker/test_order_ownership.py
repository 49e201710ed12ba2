"""An order whose account was taken by another worker goes back to the broker, unsent and unanswered."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from broker_server.journal.database import open_database
from broker_server.journal.owners import Owners
from tests.integration.worker.conftest import StartWorker
from tests.support.task_wire import TaskWire
from tests.support.workers import orders_placed


def test_order_of_an_owner_that_the_journal_has_replaced_goes_back_and_runs_once(
    clean_broker: str, new_worker: StartWorker, tmp_path: Path
) -> None:
    worker = new_worker(clean_broker, settings={"LEASE_HEARTBEAT": "4"})
    engine = open_database(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    # Another worker, which has died since: this one learns of it from the journal, at the send at the latest.
    Owners(engine, "paper").take(
        "stub", "default", name="another", host="elsewhere", process=1, heartbeat=1, now=datetime.now(UTC)
    )
    engine.dispose()
    with TaskWire(clean_broker) as wire:
        task_id = wire.send("stub.buy-order", {"value": "once"}, to="tasks.orders")
        worker.wait_for_log("task left to another worker", task_id)
        assert orders_placed(tmp_path) == []
        assert not wire.replies[task_id]
        reply = wire.wait(task_id)
        assert reply.json["status"] == "TASK_SUCCEED"
        assert "replayed" not in reply.json
        assert wire.depth("tasks.orders") == wire.depth("tasks.stub.default.orders") == 0
    assert orders_placed(tmp_path) == ["once"]
    worker.wait_for_log("lease taken", '"account": "stub/default"', '"epoch": 3')
