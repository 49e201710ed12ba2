"""The worker comes back by itself, with its consumers, however it lost the broker."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest

from broker_server.amqp.private_node import PrivateNode
from tests.integration.worker.conftest import StartWorker
from tests.support.node_data import wait_until_registered
from tests.support.task_wire import TaskWire
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until
from tests.support.workers import Gate, orders_placed, rabbitmqctl

CONSUMED = ("tasks", "tasks.orders", "tasks.expired", "tasks.stub", "tasks.stub.default.orders")


@pytest.fixture
def proxy(clean_broker: str) -> Iterator[TcpProxy]:
    """A proxy in front of the test broker."""
    target = pika.URLParameters(clean_broker)
    with TcpProxy(target.host, target.port) as made:
        yield made


def through(proxy: TcpProxy, url: str, options: str = "") -> str:
    return f"amqp://guest:guest@127.0.0.1:{proxy.port}/{url.rpartition('/')[2]}{options}"


def consumed_once(wire: TaskWire) -> bool:
    return all(wire.consumers(queue) == 1 for queue in CONSUMED)


def alarm_reached_every_connection(node: PrivateNode) -> bool:
    """Whether the next publish on any connection of the node is blocked. An alarm takes its time."""
    states = set(rabbitmqctl(node, "list_connections", "state").split()) - {"state"}
    return bool(states) and states <= {"blocking", "blocked"}


def test_cut_connection_comes_back_once_with_all_consumers(
    clean_broker: str, proxy: TcpProxy, new_worker: StartWorker, tmp_path: Path
) -> None:
    new_worker(through(proxy, clean_broker))
    with TaskWire(clean_broker) as wire:
        for cut in range(1, 4):
            gate = Gate(tmp_path, f"gate-{cut}")
            task_id = wire.send("stub.echo", gate.hold(cut))
            gate.wait_begun(cut)
            assert proxy.cut() == 2, "the tasks and the lease"
            gate.open()
            assert wire.wait(task_id).json["status"] == "TASK_SUCCEED"
            wait_until(lambda: consumed_once(wire), what="one consumer on each queue")
            status = wire.call("broker.get-status")["result"][0]["tasks"]
            assert status["reconnects"] == cut
            assert proxy.open_connections == 2


@pytest.mark.parametrize(
    ("url", "reason"),
    [("amqp://guest:wrong@{host}/%2F", "user or password"), ("amqp://guest:guest@{host}/no-such", "vhost")],
)
def test_refused_login_is_one_clear_line(
    broker_url: str, new_worker: StartWorker, url: str, reason: str
) -> None:
    address = pika.URLParameters(broker_url)
    worker = new_worker(url.format(host=f"{address.host}:{address.port}"), ready=False)
    assert worker.wait() == 2
    (line,) = [line for line in worker.stderr_lines if line.startswith("broker-server:")]
    assert reason in line
    assert "wrong" not in worker.output


def test_worker_of_several_hosts_goes_to_the_next_and_names_them_without_the_password(
    clean_broker: str, proxy: TcpProxy, new_worker: StartWorker
) -> None:
    target = pika.URLParameters(clean_broker)
    with TcpProxy(target.host, target.port) as other, TaskWire(clean_broker) as wire:
        worker = new_worker(f"{through(proxy, clean_broker)},{through(other, clean_broker)}")
        (ready,) = [line for line in worker.stdout_lines if line.startswith("ready ")]
        assert all(f"guest:***@127.0.0.1:{each.port}" in ready for each in (proxy, other))
        assert (proxy.open_connections, other.open_connections) == (2, 0)
        proxy.refuse()
        wait_until(lambda: other.open_connections == 2, what="both connections at the other host")
        assert wire.call("stub.echo")["status"] == "TASK_SUCCEED"
        wait_until(lambda: consumed_once(wire), what="one consumer on each queue")
        other.refuse()
        told = worker.wait_for_log("no host of BROKER_URL answers")
        assert all(f"127.0.0.1:{each.port} (virtual host" in told for each in (proxy, other))
        proxy.resume()
        assert wire.call("stub.echo")["status"] == "TASK_SUCCEED"
        assert proxy.open_connections == 2
        assert worker.terminate() == 0
        assert "guest:guest" not in worker.output


def test_silent_connection_is_found_by_its_heartbeat(
    clean_broker: str, proxy: TcpProxy, new_worker: StartWorker
) -> None:
    worker = new_worker(through(proxy, clean_broker, "?heartbeat=2"))
    with TaskWire(clean_broker) as wire:
        proxy.pause()
        task_id = wire.send("stub.echo")
        worker.wait_for_log("lost")
        proxy.resume()
        assert wire.wait(task_id).json["status"] == "TASK_SUCCEED"
        wait_until(lambda: consumed_once(wire), what="one consumer on each queue")


def test_sigterm_while_reconnecting_is_exit_0(
    clean_broker: str, proxy: TcpProxy, new_worker: StartWorker
) -> None:
    worker = new_worker(through(proxy, clean_broker))
    proxy.refuse()
    worker.wait_for_log("trying again")
    assert worker.terminate() == 0


def test_sigterm_while_the_broker_says_nothing_is_exit_0(
    clean_broker: str, proxy: TcpProxy, new_worker: StartWorker
) -> None:
    worker = new_worker(through(proxy, clean_broker))
    seen = proxy.connections_seen
    proxy.pause()
    proxy.cut()
    wait_until(lambda: proxy.connections_seen > seen)
    assert worker.terminate() == 0
    proxy.resume()


def test_sigterm_finishes_what_runs_and_leaves_the_rest_to_the_next_worker(
    clean_broker: str, new_worker: StartWorker, tmp_path: Path
) -> None:
    worker = new_worker(clean_broker, settings={"READ_THREADS": "4"})  # two of them for quotes
    gate = Gate(tmp_path)
    with TaskWire(clean_broker) as wire:
        running = [wire.send("stub.buy-order", gate.hold("order"))]
        running += [wire.send("stub.echo", gate.hold(value)) for value in ("one", "two")]
        waiting = [wire.send("stub.echo", {"value": n}) for n in range(30)]
        gate.wait_begun("order", "one", "two")
        wait_until(lambda: wire.depth("tasks") == 0, what="every task at the worker")
        worker.process.send_signal(signal.SIGTERM)
        worker.wait_for_log("finishing what runs")
        gate.open()
        assert worker.wait() == 0
        wire.wait_all(running)
        assert wire.depth("tasks") == 30
        assert not any(wire.replies[task_id] for task_id in waiting)
        pids = {wire.wait(task_id).json["result"][0]["pid"] for task_id in running[1:]}
        assert pids == {worker.process.pid}
        second = new_worker(clean_broker)
        wire.wait_all(waiting)
        assert {wire.wait(t).json["result"][0]["pid"] for t in waiting} == {second.process.pid}
        assert all(len(wire.replies[task_id]) == 1 for task_id in [*running, *waiting])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_worker_ends_with_exit_0(
    clean_broker: str, new_worker: StartWorker, number: signal.Signals
) -> None:
    worker = new_worker(clean_broker)
    worker.process.send_signal(number)
    assert worker.wait() == 0
    assert "Traceback" not in worker.output


@pytest.mark.parametrize("queue", ["tasks", "tasks.orders", "tasks.expired", "broker.environment.paper"])
def test_deleted_queue_is_declared_and_consumed_again(
    clean_broker: str, new_worker: StartWorker, queue: str
) -> None:
    new_worker(clean_broker)
    with TaskWire(clean_broker) as wire:
        wire.channel.queue_delete(queue)
        wait_until(lambda: wire.consumers(queue) == 1, what=f"a consumer on {queue} again")
        assert wire.call("stub.echo", to=queue if queue == "tasks.orders" else "tasks")


@pytest.mark.parametrize("how", ["killed", "restarted"])
def test_broker_that_ends_under_load_loses_no_task(
    own_node: PrivateNode, own_broker: str, new_worker: StartWorker, how: str
) -> None:
    new_worker(own_broker)
    with TaskWire(own_broker) as wire:
        wire.channel.queue_declare("test.replies", durable=True)
        wait_until_registered(own_node, *CONSUMED, "tasks.rejected", "replies.unroutable", "sapi-kiwoom")
        sent = [
            wire.send("stub.echo", {"seconds": 0.02, "value": n}, reply_to="test.replies") for n in range(300)
        ]
    own_node.restart(hard=how == "killed")
    with TaskWire(own_broker) as wire:
        answered: dict[str, str] = {}

        def collect() -> bool:
            for message in wire.take_all("test.replies"):
                answered[message.json["task_id"]] = message.json["status"]
            return len(answered) >= len(sent)

        wait_until(collect, 180, "every reply")
        assert answered == dict.fromkeys(sent, "TASK_SUCCEED")
        wait_until(lambda: consumed_once(wire), what="one consumer on each queue")
        wire.channel.queue_delete("test.replies")


@pytest.mark.timeout(2400)
def test_memory_alarm_holds_new_orders_back_and_lets_what_runs_finish(
    own_node: PrivateNode, own_broker: str, new_worker: StartWorker, tmp_path: Path
) -> None:
    worker = new_worker(own_broker, settings={"ORDER_MAX_AGE": "600"})  # a slow machine is no test of the age
    with TaskWire(own_broker) as wire:
        order_gate, read_gate = Gate(tmp_path, "order"), Gate(tmp_path, "read")
        running = wire.send("stub.buy-order", order_gate.hold("running"), to="tasks.orders")
        held = wire.send("stub.buy-order", {"value": "held"}, to="tasks.orders")
        read = wire.send("stub.echo", read_gate.hold("reading"))
        order_gate.wait_begun("running")
        read_gate.wait_begun("reading")
        rabbitmqctl(own_node, "set_vm_memory_high_watermark", "0")
        try:
            wait_until(lambda: alarm_reached_every_connection(own_node), what="the alarm")
            # The broker blocks a connection that publishes: the reply to the read is what it sees.
            read_gate.open()
            worker.wait_for_log("blocks publishing")
            order_gate.open()
            worker.wait_for_log("task done", running)
            assert rabbitmqctl(own_node, "list_queues", "name")
            assert orders_placed(tmp_path) == ["running"]
        finally:
            read_gate.open()
            order_gate.open()
            rabbitmqctl(own_node, "set_vm_memory_high_watermark", "absolute", "512MB")
        for task_id in (running, held, read):
            assert wire.wait(task_id).json["status"] == "TASK_SUCCEED"
        assert orders_placed(tmp_path) == ["running", "held"]
