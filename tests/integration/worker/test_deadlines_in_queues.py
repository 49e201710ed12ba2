"""Tasks that come too late are answered so, and not run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.integration.worker.conftest import StartWorker
from tests.support.task_wire import TaskWire
from tests.support.waiting import wait_until
from tests.support.workers import Gate, orders_placed


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def test_deadline_that_passes_in_a_lane_is_answered_before_the_lane_is_free(
    clean_broker: str, new_worker: StartWorker, tmp_path: Path
) -> None:
    new_worker(clean_broker, settings={"READ_THREADS": "1"})
    gate = Gate(tmp_path)
    with TaskWire(clean_broker) as wire:
        blocking = wire.send("stub.echo", gate.hold("blocking"))
        gate.wait_begun("blocking")
        waiting = wire.send("stub.echo", keys={"deadline": in_seconds(0.5)})
        reply = wire.wait(waiting).json
        assert reply["error"]["code"] == "TASK_EXPIRED"
        assert not wire.replies[blocking], "the answer waited for the lane"
        gate.open()
        wire.wait(blocking)
        assert len(wire.replies[waiting]) == 1


def test_order_whose_deadline_passes_in_its_lane_is_not_placed(
    clean_broker: str, new_worker: StartWorker, tmp_path: Path
) -> None:
    new_worker(clean_broker)
    gate = Gate(tmp_path)
    with TaskWire(clean_broker) as wire:
        first = wire.send("stub.buy-order", gate.hold("first"), to="tasks.orders")
        gate.wait_begun("first")
        deadline = in_seconds(0.3)
        second = wire.send(
            "stub.buy-order", {"value": "second"}, to="tasks.orders", keys={"deadline": deadline}
        )
        wait_until(lambda: in_seconds(0) > deadline, what="the deadline")
        gate.open()
        assert wire.wait(second).json["error"]["code"] == "TASK_EXPIRED"
        assert wire.wait(first).json["status"] == "TASK_SUCCEED"
        assert orders_placed(tmp_path) == ["first"]


def test_message_that_expires_in_the_queue_is_answered_when_a_worker_comes(
    clean_broker: str, new_worker: StartWorker
) -> None:
    worker = new_worker(clean_broker)
    with TaskWire(clean_broker) as wire:
        assert worker.terminate() == 0
        task_id = wire.send("stub.echo", expiration="1", correlation_id="c-1")
        fresh = wire.send("stub.echo", expiration="600000")
        kept = wire.take("tasks.expired")
        assert kept.json["task_id"] == task_id
        wire.publish(
            kept.body, to="tasks.expired", reply_to=wire.queue, correlation_id="c-1",
            headers=kept.properties.headers,
        )  # fmt: skip
        new_worker(clean_broker)
        reply = wire.wait(task_id)
        assert reply.json["error"]["code"] == "TASK_EXPIRED"
        assert reply.properties.correlation_id == "c-1"
        assert wire.wait(fresh).json["status"] == "TASK_SUCCEED"
        assert wire.depth("tasks.expired") == 0
