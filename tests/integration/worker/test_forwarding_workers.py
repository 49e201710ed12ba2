"""Two real workers on one broker: one owns the vendor, the other hands its tasks over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from broker_client import Client, VendorNotConfigured
from broker_server.simulator.process import SimulatorProcess
from tests.support.processes import CommandProcess, start_server
from tests.support.task_wire import TaskWire
from tests.support.workers import start_worker

TASKS = 40


@pytest.fixture
def forwarding_worker(clean_broker: str, tmp_path: Path) -> Iterator[CommandProcess]:
    """A worker that owns no vendor."""
    with start_worker(clean_broker, tmp_path, settings={"STUB_ORDERS": "off"}) as worker:
        yield worker


@pytest.fixture
def owner(clean_broker: str, tmp_path: Path) -> Iterator[CommandProcess]:
    """A worker that owns a paper account at a simulator without limits."""
    with SimulatorProcess.start() as simulator:
        limits = {"limits": {"rest_per_second": 1000, "token_interval": 0}}
        requests.post(f"{simulator.control_url}/faults", json=limits, timeout=60).raise_for_status()
        keys = simulator.credentials["kis"]["paper"]
        environment = {
            "BROKER_URL": clean_broker,
            "JOURNAL_URL": f"sqlite:///{tmp_path / 'owner.sqlite3'}",
            "KIS_REST_URL": simulator.kis_rest_url,
            "KIS_APP_KEY": keys["app_key"],
            "KIS_APP_SECRET": keys["app_secret"],
            "KIS_ACCOUNT": keys["account"],
            "KIS_RATE_LIMIT": "100",
        }
        with start_server("run", environment=environment) as worker:
            worker.wait_ready()
            yield worker


def test_a_task_of_a_vendor_that_nobody_serves_says_so(
    clean_broker: str, forwarding_worker: CommandProcess
) -> None:
    with (
        Client(clean_broker) as client,
        pytest.raises(VendorNotConfigured, match="no worker on this broker serves kis"),
    ):
        client.call("kis.get-current-price", ticker="005930")


def test_each_task_is_answered_once_whichever_worker_took_it(
    clean_broker: str, forwarding_worker: CommandProcess, owner: CommandProcess
) -> None:
    with Client(clean_broker, timeout=120) as client:
        pending = [client.send("kis.get-stock-info", ticker="005930") for _ in range(TASKS)]
        names = {task.result().first["name"] for task in pending}
        assert names == {"삼성전자"}
        order = client.call("kis.buy-order", ticker="005930", quantity=1, order_type="market")
        assert order.first["state"] == "accepted"
        forwarded = answered = 0
        seen: set[str] = set()
        while len(seen) < 2:
            status = client.call("broker.get-status").first
            if status["worker"] not in seen:
                seen.add(status["worker"])
                forwarded += status["tasks"]["forwarded"]
                answered += sum(vendor == "kis" for vendor in status["vendors"])
        assert forwarded > 0
        assert answered == 1, "only the owner serves kis"


def test_an_order_on_record_is_answered_from_it_whichever_worker_took_its_late_copy(
    clean_broker: str, forwarding_worker: CommandProcess, owner: CommandProcess
) -> None:
    order = {"ticker": "005930", "quantity": 1, "order_type": "market"}
    late = {"deadline": (datetime.now(UTC) - timedelta(minutes=1)).isoformat()}
    with TaskWire(clean_broker) as wire:
        (receipt,) = wire.call("kis.buy-order", order, to="tasks.orders", task_id="once")["result"]
        for count in range(2, 6):
            wire.send("kis.buy-order", order, to="tasks.orders", task_id="once", keys=late)
            reply = wire.wait("once", count=count).json
            assert (reply["status"], reply["replayed"], reply["result"]) == ("TASK_SUCCEED", True, [receipt])
        for number in range(4):
            cancel = {"order_no": receipt["order_no"]}
            reply = wire.call(
                "kis.cancel-order", cancel, to="tasks.orders", task_id=f"late-{number}", keys=late
            )
            assert reply["status"] == "TASK_SUCCEED", "a cancel is never too late"
