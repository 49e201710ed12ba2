"""An order that the broker took off its queue is never said to be undone when it was begun."""

from __future__ import annotations

from pathlib import Path

import pika

from tests.support.task_wire import TaskWire
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until
from tests.support.workers import orders_placed, start_worker

EXPIRATION_MS = "1000"


def place(wire: TaskWire, task_id: str, seconds: float) -> None:
    wire.send(
        "stub.buy-order",
        {"value": task_id, "seconds": seconds},
        task_id=task_id,
        expiration=EXPIRATION_MS,
    )


def test_order_that_was_never_begun_has_expired(clean_broker: str, tmp_path: Path) -> None:
    with TaskWire(clean_broker) as wire:
        with start_worker(clean_broker, tmp_path) as first:
            assert first.terminate() == 0
        place(wire, "never", 0)
        wait_until(lambda: wire.depth("tasks.expired") == 1)
        with start_worker(clean_broker, tmp_path):
            assert wire.wait("never").json["error"]["code"] == "TASK_EXPIRED"
    assert orders_placed(tmp_path) == []


def test_order_whose_worker_died_is_unknown_not_expired(clean_broker: str, tmp_path: Path) -> None:
    with TaskWire(clean_broker) as wire:
        with start_worker(clean_broker, tmp_path) as first:
            place(wire, "begun", 60)
            wait_until(lambda: orders_placed(tmp_path) == ["begun"])
            first.kill()
        wait_until(lambda: wire.depth("tasks.expired") == 1)
        with start_worker(clean_broker, tmp_path):
            assert wire.wait("begun").json["error"]["code"] == "ORDER_OUTCOME_UNKNOWN"
    assert orders_placed(tmp_path) == ["begun"]


def test_order_that_still_runs_when_its_message_dies_is_answered_with_its_outcome(
    clean_broker: str, tmp_path: Path
) -> None:
    target = pika.URLParameters(clean_broker)
    vhost = clean_broker.rpartition("/")[2]
    with (
        TcpProxy(target.host, target.port) as proxy,
        start_worker(f"amqp://guest:guest@127.0.0.1:{proxy.port}/{vhost}", tmp_path),
        TaskWire(clean_broker) as wire,
    ):
        place(wire, "running", 4)
        wait_until(lambda: orders_placed(tmp_path) == ["running"])
        proxy.refuse()
        proxy.cut()
        wait_until(lambda: wire.depth("tasks.expired") == 1)
        proxy.resume()
        assert wire.wait("running").json["status"] == "TASK_SUCCEED"
    assert orders_placed(tmp_path) == ["running"]
