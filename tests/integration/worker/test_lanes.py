"""Orders and cancels do not wait behind reads."""

from __future__ import annotations

from pathlib import Path

from tests.integration.worker.conftest import StartWorker
from tests.support.task_wire import TaskWire
from tests.support.waiting import wait_until
from tests.support.workers import orders_placed


def test_orders_and_cancels_pass_two_hundred_waiting_reads(
    clean_broker: str, new_worker: StartWorker
) -> None:
    worker = new_worker(clean_broker, settings={"READ_THREADS": "2"})
    with TaskWire(clean_broker) as wire:
        reads = [wire.send("stub.echo", {"seconds": 30}) for _ in range(200)]
        for queue in ("tasks", "tasks.orders"):
            for method in ("stub.buy-order", "stub.cancel-order", "broker.ping"):
                assert wire.call(method, to=queue)["status"] == "TASK_SUCCEED"
        assert not any(wire.replies[read] for read in reads)
        worker.kill()


def test_cancel_passes_an_order_in_work(clean_broker: str, new_worker: StartWorker) -> None:
    new_worker(clean_broker)
    with TaskWire(clean_broker) as wire:
        order = wire.send("stub.buy-order", {"value": "slow", "seconds": 2}, to="tasks.orders")
        cancel = wire.send("stub.cancel-order", to="tasks.orders")
        wire.wait(cancel)
        assert not wire.replies[order]
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
    clean_broker: str, new_worker: StartWorker
) -> None:
    new_worker(clean_broker)
    with TaskWire(clean_broker) as wire:
        bulk = [wire.send("stub.bulk-echo", {"seconds": 1, "value": n}) for n in range(40)]
        wait_until(lambda: wire.call("broker.get-status")["result"][0]["lanes"]["bulk"]["running"] > 0)
        assert wire.call("stub.account-echo")["status"] == "TASK_SUCCEED"
        assert wire.call("stub.echo")["status"] == "TASK_SUCCEED"
        assert sum(len(wire.replies[task]) for task in bulk) < len(bulk)
