"""Two real workers on one broker: one owns the vendor, the other hands its tasks over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from broker_client import Client, VendorNotConfigured
from tests.support.processes import CommandProcess, start_server

TASKS = 40


@pytest.fixture
def forwarding_worker(clean_broker: str) -> Iterator[CommandProcess]:
    """A simulated worker that owns no vendor."""
    with start_server(
        "run", "--simulate", "--vendors", "", environment={"BROKER_URL": clean_broker}
    ) as worker:
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
    clean_broker: str, forwarding_worker: CommandProcess
) -> None:
    with (
        start_server("run", "--simulate", environment={"BROKER_URL": clean_broker}) as owner,
        Client(clean_broker, timeout=120) as client,
    ):
        owner.wait_ready()
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
