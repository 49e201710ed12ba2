"""Workers and connections that die under load: every healthy task is answered, and nothing else is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest

from tests.support.processes import CommandProcess
from tests.support.task_wire import TaskWire
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until
from tests.support.workers import Gate, start_worker


class Supervisor:
    """Starts the worker again whenever it has died, as a service manager does."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url, self._folder = url, folder
        self._stop = threading.Event()
        self.started: list[CommandProcess] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            worker = start_worker(self._url, self._folder, ready=False)
            self.started.append(worker)
            while worker.process.poll() is None and not self._stop.wait(0.05):
                pass
            if worker.process.poll() is None:
                worker.terminate()
            else:
                worker.wait()

    @property
    def sessions(self) -> int:
        """How often a worker has said that it consumes."""
        return sum('"consuming"' in line for worker in self.started for line in worker.stderr_lines)

    def stop(self) -> None:
        """End the worker and do not start another."""
        self._stop.set()
        self._thread.join(180)


@pytest.fixture
def cut_proxy(clean_broker: str) -> Iterator[TcpProxy]:
    """A proxy in front of the test broker."""
    target = pika.URLParameters(clean_broker)
    with TcpProxy(target.host, target.port) as made:
        yield made


def test_worker_killed_with_tasks_queued_and_in_work_loses_none(clean_broker: str, tmp_path: Path) -> None:
    with start_worker(clean_broker, tmp_path) as first, TaskWire(clean_broker) as wire:
        gate = Gate(tmp_path)
        working = [wire.send("stub.echo", gate.hold(n)) for n in range(20)]
        queued = [wire.send("stub.echo", {"value": n}) for n in range(200)]
        gate.wait_begun(0)
        wait_until(lambda: wire.depth("tasks") == 0, what="every task at the worker")
        first.kill()
        gate.open()
        with start_worker(clean_broker, tmp_path) as second:
            wire.wait_all([*working, *queued])
            assert second.terminate() == 0
        assert set(wire.replies) == {*working, *queued}
        statuses = {m.json["status"] for messages in wire.replies.values() for m in messages}
        assert statuses == {"TASK_SUCCEED"}
        assert [wire.depth(queue) for queue in ("tasks", "tasks.rejected", "tasks.expired")] == [0, 0, 0]


@pytest.mark.timeout(1200)
def test_deadly_task_among_sixty_healthy_ones_over_forty_cuts(
    clean_broker: str, cut_proxy: TcpProxy, tmp_path: Path
) -> None:
    cut_under_load(clean_broker, cut_proxy, tmp_path, cuts=40, number=60)


@pytest.mark.chaos
@pytest.mark.timeout(1200)
def test_deadly_task_among_many_healthy_ones_over_many_cuts(
    clean_broker: str, cut_proxy: TcpProxy, tmp_path: Path
) -> None:
    cut_under_load(clean_broker, cut_proxy, tmp_path, cuts=300, number=500)


def cut_under_load(clean_broker: str, cut_proxy: TcpProxy, tmp_path: Path, *, cuts: int, number: int) -> None:
    """Cut the worker's connection again and again under load that holds one deadly task.

    Every fourth cut hits a connection that is only just being set up.
    """
    vhost = clean_broker.rpartition("/")[2]
    supervisor = Supervisor(f"amqp://guest:guest@127.0.0.1:{cut_proxy.port}/{vhost}", tmp_path)
    try:
        with TaskWire(clean_broker) as wire:
            wait_until(lambda: wire.consumers("tasks") == 1, 120)
            healthy = [wire.send("stub.echo", {"seconds": 0.3, "value": n}) for n in range(number // 2)]
            deadly = wire.send("stub.kill")
            for cut in range(cuts):
                while len(healthy) < number * (cuts + cut + 1) // (2 * cuts):
                    healthy.append(wire.send("stub.echo", {"seconds": 0.3, "value": cut}))
                connections, sessions = cut_proxy.connections_seen, supervisor.sessions
                cut_proxy.cut()
                wait_until(lambda seen=connections: cut_proxy.connections_seen > seen, 120, "a connection")
                if cut % 4:
                    wait_until(lambda seen=sessions: supervisor.sessions > seen, 120, "a session")
            wire.wait_all([*healthy, deadly], 300)
            assert len(healthy) == number
            assert set(wire.replies) == {*healthy, deadly}
            assert {m.json["status"] for t in healthy for m in wire.replies[t]} == {"TASK_SUCCEED"}
            assert {m.json["error"]["code"] for m in wire.replies[deadly]} == {"INTERNAL"}
            rejected = [message.json["task_id"] for message in wire.take_all("tasks.rejected")]
            assert set(rejected) == {deadly}
            assert len(supervisor.started) > 3
    finally:
        supervisor.stop()
