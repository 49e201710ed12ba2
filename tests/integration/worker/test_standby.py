"""Whole workers of one account: one serves it, the others stand by, and take over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pika
import pytest

from broker_server.journal.database import open_database
from broker_server.journal.owners import Owners
from broker_server.simulator.process import SimulatorProcess
from tests.support.leases import KEY, utc_now
from tests.support.processes import CommandProcess, start_server
from tests.support.task_wire import TaskWire
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until

StartOwner = Callable[[str], CommandProcess]
CONSUMED = ("tasks", "tasks.orders", "tasks.kis", "tasks.kis.default.orders", "tasks.expired")


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    """The brokerage of all workers of this module."""
    with SimulatorProcess.start(seed=11) as running:
        yield running


@pytest.fixture
def owners(tmp_path: Path) -> Iterator[Owners]:
    """The journal's record of owners."""
    engine = open_database(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    yield Owners(engine, "simulated")
    engine.dispose()


@pytest.fixture
def start_owner(simulator: SimulatorProcess, tmp_path: Path) -> Iterator[StartOwner]:
    """Starts workers that serve kis on one simulator and with one journal."""
    keys = simulator.credentials["kis"]["real"]
    with ExitStack() as running:

        def start(url: str) -> CommandProcess:
            environment = {
                "BROKER_URL": url,
                "JOURNAL_URL": f"sqlite:///{tmp_path / 'journal.sqlite3'}",
                "KIS_REST_URL": simulator.kis_rest_url,
                "KIS_APP_KEY": keys["app_key"],
                "KIS_APP_SECRET": keys["app_secret"],
                "KIS_ACCOUNT": keys["account"],
                "LEASE_HEARTBEAT": "2",
                "LOG_FORMAT": "json",
            }
            return running.enter_context(start_server("run", "--simulate", environment=environment))

        yield start


def epoch_of(owners: Owners) -> int:
    owner = owners.current(*KEY)
    return 0 if owner is None else owner.epoch


def lines(worker: CommandProcess) -> list[str]:
    """The first words of what it printed."""
    return [line.split()[0] for line in worker.stdout_lines]


def test_second_worker_stands_by_in_one_line_and_ends_with_0(
    clean_broker: str, start_owner: StartOwner
) -> None:
    first = start_owner(clean_broker)
    first.wait_ready()
    second = start_owner(clean_broker)
    line = second.wait_for_line("standby")
    assert line.startswith("standby environment=simulated broker=amqp://guest:***@")
    assert line.endswith("vendors=kis waits_for=kis/default")
    with TaskWire(clean_broker) as wire:
        assert wire.consumers("broker.environment.simulated") == 2
        assert [wire.consumers(queue) for queue in CONSUMED] == [1] * len(CONSUMED)
    assert second.terminate() == 0
    assert lines(second) == ["standby"]
    assert "Traceback" not in second.output
    assert lines(first) == ["ready"]


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_standby_serves_once_the_owner_is_gone(
    clean_broker: str, start_owner: StartOwner, owners: Owners, how: str
) -> None:
    first = start_owner(clean_broker)
    first.wait_ready()
    second = start_owner(clean_broker)
    second.wait_for_line("standby")
    with TaskWire(clean_broker) as wire:
        if how == "killed":
            first.kill()
        else:
            assert first.terminate() == 0
        second.wait_ready()
        assert lines(second) == ["standby", "ready"]
        reply = wire.call("kis.get-current-price", {"ticker": "005930"})
        assert reply["status"] == "TASK_SUCCEED", second.output
    owner = owners.current(*KEY)
    assert owner is not None
    assert (owner.epoch, owner.process) == (2, second.process.pid)
    assert not [line for line in second.stderr_lines if "orders wait" in line], "its process is gone"
    assert second.terminate() == 0
    released = owners.current(*KEY)
    assert released is not None
    assert released.released


def test_worker_that_loses_its_lease_gives_its_tasks_back_and_serves_again(
    clean_broker: str, start_owner: StartOwner, owners: Owners
) -> None:
    worker = start_owner(clean_broker)
    worker.wait_ready()
    owners.take(*KEY, name="intruder", host="elsewhere", process=1, heartbeat=2, now=utc_now())
    wait_until(lambda: [line for line in worker.stderr_lines if "the lease was lost" in line], 20)
    wait_until(lambda: sum('"consuming"' in line for line in worker.stderr_lines) == 2, 30)
    with TaskWire(clean_broker) as wire:
        assert [wire.consumers(queue) for queue in CONSUMED] == [1] * len(CONSUMED)
        assert wire.call("broker.ping")["status"] == "TASK_SUCCEED"
    owner = owners.current(*KEY)
    assert owner is not None
    assert (owner.epoch, owner.process) == (3, worker.process.pid)
    assert lines(worker)[:1] == ["ready"]


def test_losing_only_the_tasks_connection_keeps_the_lease(
    clean_broker: str, start_owner: StartOwner, owners: Owners
) -> None:
    worker = start_owner(clean_broker)
    worker.wait_ready()
    with TaskWire(clean_broker) as wire:
        wire.channel.queue_delete("tasks.kis")
        wait_until(lambda: wire.consumers("tasks.kis") == 1, 20, "the session is there again")
        assert wire.call("broker.ping")["status"] == "TASK_SUCCEED"
    assert epoch_of(owners) == 1
    assert sum("lease taken" in line for line in worker.stderr_lines) == 1


def test_cut_worker_comes_back_with_three_connections_and_not_more(
    clean_broker: str, start_owner: StartOwner, owners: Owners
) -> None:
    target = pika.URLParameters(clean_broker)
    with TcpProxy(target.host, target.port) as proxy, TaskWire(clean_broker) as wire:
        start_owner(
            f"amqp://guest:guest@127.0.0.1:{proxy.port}/{clean_broker.rpartition('/')[2]}"
        ).wait_ready()
        for epoch in (2, 3):
            proxy.cut()
            wait_until(lambda: epoch_of(owners) == epoch, 30)  # noqa: B023 - called at once
            wait_until(lambda: [wire.consumers(queue) for queue in CONSUMED] == [1] * len(CONSUMED), 30)
            assert wire.call("broker.ping")["status"] == "TASK_SUCCEED"
            wait_until(lambda: proxy.open_connections == 3, 10, "tasks, lease and ticks, nothing twice")


def test_worker_of_another_environment_ends_before_it_stands_by(
    clean_broker: str, start_owner: StartOwner
) -> None:
    start_owner(clean_broker).wait_ready()
    keys = {"KIS_APP_KEY": "K" * 36, "KIS_APP_SECRET": "S" * 180}
    with start_server("run", environment={"BROKER_URL": clean_broker, **keys}) as other:
        assert other.wait() == 2
        assert other.stdout_lines == []
        (line,) = [line for line in other.stderr_lines if line.startswith("broker-server:")]
        assert "this worker is paper, but simulated workers serve the same vhost" in line
