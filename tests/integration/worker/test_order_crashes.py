"""An order is placed once, whatever happens to its message, its worker or its connection."""

from __future__ import annotations

import signal
import sqlite3
from pathlib import Path

import pika
import pytest

from tests.integration.worker.conftest import StartWorker
from tests.support.task_wire import TaskWire
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until
from tests.support.workers import Gate, orders_placed

ORDER = {"value": "buy-one"}


def test_worker_killed_in_the_middle_of_an_order_does_not_place_it_again(
    clean_broker: str, new_worker: StartWorker, tmp_path: Path
) -> None:
    worker = new_worker(clean_broker)
    with TaskWire(clean_broker) as wire:
        task_id = wire.send("stub.buy-order", ORDER | {"seconds": 3600}, to="tasks.orders")
        waiting = wire.send("stub.buy-order", {"value": "waiting"}, to="tasks.orders")
        wait_until(lambda: orders_placed(tmp_path))
        worker.kill()
        new_worker(clean_broker)
        error = wire.wait(task_id).json["error"]
        assert error["code"] == "ORDER_OUTCOME_UNKNOWN"
        assert not error["retryable"]
        # The one behind it had not begun: it is a healthy order and runs.
        assert wire.wait(waiting).json["status"] == "TASK_SUCCEED"
        assert orders_placed(tmp_path) == ["buy-one", "waiting"]
        wire.send("stub.buy-order", ORDER | {"seconds": 3600}, task_id=task_id)
        assert wire.wait(task_id, count=2).json["error"]["code"] == "ORDER_OUTCOME_UNKNOWN"


def test_connection_cut_in_the_middle_of_an_order_gives_one_order_and_its_true_outcome(
    clean_broker: str, new_worker: StartWorker, tmp_path: Path
) -> None:
    target = pika.URLParameters(clean_broker)
    with TcpProxy(target.host, target.port) as proxy, TaskWire(clean_broker) as wire:
        vhost = clean_broker.rpartition("/")[2]
        new_worker(f"amqp://guest:guest@127.0.0.1:{proxy.port}/{vhost}")
        gate = Gate(tmp_path)
        task_id = wire.send("stub.buy-order", gate.hold("buy-one"), to="tasks.orders")
        gate.wait_begun("buy-one")
        assert proxy.cut() == 2, "the tasks and the lease"
        gate.open()
        reply = wire.wait(task_id).json
        assert reply["status"] == "TASK_SUCCEED"
        assert reply["result"] == [{"value": "buy-one"}]
        assert orders_placed(tmp_path) == ["buy-one"]


def test_connection_cut_after_an_order_ended_keeps_its_reply_for_the_redelivery(
    clean_broker: str, new_worker: StartWorker, tmp_path: Path
) -> None:
    target = pika.URLParameters(clean_broker)
    with TcpProxy(target.host, target.port) as proxy, TaskWire(clean_broker) as wire:
        vhost = clean_broker.rpartition("/")[2]
        worker = new_worker(f"amqp://guest:guest@127.0.0.1:{proxy.port}/{vhost}")
        gate = Gate(tmp_path)
        task_id = wire.send("stub.buy-order", gate.hold("buy-one"), to="tasks.orders")
        gate.wait_begun("buy-one")
        proxy.refuse()
        gate.open()
        worker.wait_for_log("task done", task_id)
        proxy.resume()
        assert wire.wait(task_id).json["status"] == "TASK_SUCCEED"
        assert orders_placed(tmp_path) == ["buy-one"]


@pytest.mark.parametrize("lost", ["before the signal", "after the signal"])
def test_order_that_runs_when_its_worker_is_told_to_stop_without_a_connection_keeps_its_outcome(
    clean_broker: str, new_worker: StartWorker, tmp_path: Path, lost: str
) -> None:
    target = pika.URLParameters(clean_broker)
    with TcpProxy(target.host, target.port) as proxy, TaskWire(clean_broker) as wire:
        vhost = clean_broker.rpartition("/")[2]
        worker = new_worker(f"amqp://guest:guest@127.0.0.1:{proxy.port}/{vhost}")
        gate = Gate(tmp_path)
        task_id = wire.send("stub.buy-order", gate.hold("buy-one"), to="tasks.orders")
        gate.wait_begun("buy-one")
        if lost == "before the signal":
            proxy.refuse()
            worker.wait_for_log("trying again")
        worker.process.send_signal(signal.SIGTERM)
        worker.wait_for_log("stopping")
        if lost == "after the signal":
            proxy.refuse()
        gate.open()
        assert worker.wait() == 0
        new_worker(clean_broker)
        reply = wire.wait(task_id).json
        assert (reply["status"], reply["result"]) == ("TASK_SUCCEED", [{"value": "buy-one"}])
        assert reply["replayed"] is True
        assert orders_placed(tmp_path) == ["buy-one"]


def test_journal_that_cannot_be_written_places_nothing(
    clean_broker: str, new_worker: StartWorker, tmp_path: Path
) -> None:
    new_worker(clean_broker)
    with TaskWire(clean_broker) as wire:
        wire.call("stub.buy-order", {"value": "before"}, to="tasks.orders")
        holder = sqlite3.connect(tmp_path / "journal.sqlite3", isolation_level=None)
        holder.execute("PRAGMA query_only = 0")
        holder.execute("DROP TABLE orders")
        holder.close()
        error = wire.error("stub.buy-order", {"value": "after"}, to="tasks.orders")
        assert error["code"] == "ORDERS_DISABLED"
        assert error["retryable"]
        assert wire.call("stub.echo")["status"] == "TASK_SUCCEED"
        assert orders_placed(tmp_path) == ["before"]


def test_locked_journal_refuses_the_order_instead_of_waiting_for_ever(
    clean_broker: str, new_worker: StartWorker, tmp_path: Path
) -> None:
    new_worker(clean_broker)
    with TaskWire(clean_broker) as wire:
        holder = sqlite3.connect(tmp_path / "journal.sqlite3", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        error = wire.error("stub.buy-order", {"value": "locked"}, to="tasks.orders", task_id="locked")
        assert error["code"] == "ORDERS_DISABLED"
        holder.execute("ROLLBACK")
        holder.close()
        assert orders_placed(tmp_path) == []
        wire.send("stub.buy-order", {"value": "locked"}, to="tasks.orders", task_id="locked")
        assert wire.wait("locked", count=2).json["status"] == "TASK_SUCCEED"


@pytest.mark.parametrize("url", ["sqlite:////proc/nowhere/journal.sqlite3", "nonsense", "mysql://h/d"])
def test_journal_that_cannot_be_opened_is_one_clear_line(
    clean_broker: str, new_worker: StartWorker, url: str
) -> None:
    worker = new_worker(clean_broker, ready=False, settings={"JOURNAL_URL": url})
    assert worker.wait() == 2
    assert len(worker.stderr_lines) == 1
    assert worker.stderr_lines[0].startswith("broker-server: JOURNAL_URL: ")
