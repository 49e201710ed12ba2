"""Orders and cancels do not wait behind reads."""

from __future__ import annotations

from pathlib import Path

from tests.integration.worker.conftest import StartWorker
from tests.support.task_wire import TaskWire
from tests.support.workers import Gate, orders_placed


def test_orders_and_cancels_pass_two_hundred_waiting_reads(
    clean_broker: str, new_worker: StartWorker, tmp_path: Path
) -> None:
    worker = new_worker(clean_broker, settings={"READ_THREADS": "2"})
    gate = Gate(tmp_path)
    with TaskWire(clean_broker) as wire:
        reads = [wire.send("stub.echo", gate.hold(number)) for number in range(200)]
        gate.wait_begun(0)
        for queue in ("tasks", "tasks.orders"):
            for method in ("stub.buy-order", "stub.cancel-order", "broker.ping"):
                assert wire.call(method, to=queue)["status"] == "TASK_SUCCEED"
        assert not any(wire.replies[read] for read in reads)
        worker.kill()


def test_cancel_passes_an_order_in_work(clean_broker: str, new_worker: StartWorker, tmp_path: Path) -> None:
    new_worker(clean_broker)
    gate = Gate(tmp_path)
    with TaskWire(clean_broker) as wire:
        order = wire.send("stub.buy-order", gate.hold("slow"), to="tasks.orders")
        gate.wait_begun("slow")
        cancel = wire.send("stub.cancel-order", to="tasks.orders")
        wire.wait(cancel)
        assert not wire.replies[order]
        gate.open()
        assert wire.wait(order).json["status"] == "TASK_SUCCEED"


def test_orders_leave_in_the_order_of_arrival(
    clean_broker: str, new_worker: StartWorker, tmp_path: Path
) -> None:
    new_worker(clean_broker)
    with TaskWire(clean_broker) as wire:
        ids = [wire.send("stub.buy-order", {"value": n}, to="tasks.orders") for n in range(150)]
        wire.wait_all(ids)
    assert orders_placed(tmp_path) == [str(number) for number in range(150)]


def test_slow_bulk_reads_hold_up_neither_an_account_read_nor_a_quote(
    clean_broker: str, new_worker: StartWorker, tmp_path: Path
) -> None:
    new_worker(clean_broker)
    gate = Gate(tmp_path)
    with TaskWire(clean_broker) as wire:
        bulk = [wire.send("stub.bulk-echo", gate.hold(number)) for number in range(40)]
        gate.wait_begun(0)
        assert wire.call("stub.account-echo")["status"] == "TASK_SUCCEED"
        assert wire.call("stub.echo")["status"] == "TASK_SUCCEED"
        assert not any(wire.replies[task] for task in bulk)
        gate.open()
        wire.wait_all(bulk)
