"""An order that the broker took off its queue is never said to be undone when it was begun."""

from __future__ import annotations

from pathlib import Path

import pika

from tests.support.task_wire import TaskWire
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until
from tests.support.workers import Gate, orders_placed, start_worker


def begin(wire: TaskWire, folder: Path, gate: Gate) -> str:
    """Place an order that is begun, and waits, before its message expires; returns its task_id.

    A slow machine needs a longer expiration for that, and a long one makes the test slow.
    """
    for seconds in (1, 5, 25, 125):
        task_id = f"order-of-{seconds}-s"
        wire.send("stub.buy-order", gate.hold(task_id), task_id=task_id, expiration=str(1000 * seconds))

        def begun_or_expired(task_id: str = task_id) -> bool:
            wire.connection.process_data_events(0)
            return bool(orders_placed(folder) or wire.replies[task_id])

        wait_until(begun_or_expired, 200, "the begin or the end of an order")
        if orders_placed(folder):
            assert orders_placed(folder) == [task_id]
            return task_id
        assert wire.replies[task_id][0].json["error"]["code"] == "TASK_EXPIRED"
    raise AssertionError("no order was begun before its message expired")


def test_order_that_was_never_begun_has_expired(clean_broker: str, tmp_path: Path) -> None:
    with TaskWire(clean_broker) as wire:
        with start_worker(clean_broker, tmp_path) as first:
            assert first.terminate() == 0
        wire.send("stub.buy-order", {"value": "never"}, task_id="never", expiration="1")
        wait_until(lambda: wire.depth("tasks.expired") == 1)
        with start_worker(clean_broker, tmp_path):
            assert wire.wait("never").json["error"]["code"] == "TASK_EXPIRED"
    assert orders_placed(tmp_path) == []


def test_order_whose_worker_died_is_unknown_not_expired(clean_broker: str, tmp_path: Path) -> None:
    with TaskWire(clean_broker) as wire:
        with start_worker(clean_broker, tmp_path) as first:
            task_id = begin(wire, tmp_path, Gate(tmp_path))
            first.kill()
        wait_until(lambda: wire.depth("tasks.expired") == 1, 200, "the dead message")
        with start_worker(clean_broker, tmp_path):
            assert wire.wait(task_id).json["error"]["code"] == "ORDER_OUTCOME_UNKNOWN"
    assert orders_placed(tmp_path) == [task_id]


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
        gate = Gate(tmp_path)
        task_id = begin(wire, tmp_path, gate)
        proxy.refuse()
        wait_until(lambda: wire.depth("tasks.expired") == 1, 200, "the dead message")
        proxy.resume()
        wait_until(lambda: wire.depth("tasks.expired") == 0, what="the dead message at the worker")
        gate.open()
        assert wire.wait(task_id).json["status"] == "TASK_SUCCEED"
    assert orders_placed(tmp_path) == [task_id]
