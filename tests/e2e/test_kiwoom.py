"""Kiwoom as a program sees it, by either way: the original's example, an order, live data, other workers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.brokerage import CONTROL_SECONDS
from tests.support.kiwoom_hosts import BACKENDS, ControlBrokerage
from tests.support.live_data import Subscriber
from tests.support.processes import CommandProcess, run_original_client, start_server
from tests.support.waiting import wait_until

StartWorker = Callable[..., CommandProcess]
EXAMPLE = {
    "task_id": "custom-task-id",
    "method": "get-stock-name",
    "parameters": {"stock_code": "015760"},
    "request_time": "2021-03-28 12:53:41.820000",
}
"""As the original's documentation has it."""
PRICE = ("kiwoom.get-current-price", {"ticker": "005930"})
BOOK = ("request-offer-price-info", {"stock_code": "005930"})
BUY = {"ticker": "005930", "quantity": 3, "order_type": "market"}


@pytest.fixture(scope="module")
def brokerage() -> Iterator[ControlBrokerage]:
    with ControlBrokerage() as running:
        yield running


@pytest.fixture
def start(brokerage: ControlBrokerage, clean_broker: str, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts a worker with some vendors."""
    with ExitStack() as running:

        def worker(
            vendors: str, settings: Mapping[str, str] | None = None, backend: str = "rest"
        ) -> CommandProcess:
            folder = tmp_path / vendors
            folder.mkdir(exist_ok=True)
            environment = {
                "BROKER_URL": clean_broker,
                "JOURNAL_URL": f"sqlite:///{folder / 'journal.sqlite3'}",
                "XDG_DATA_HOME": str(folder),
                "ORDER_POLL_SECONDS": "0.5",
                "KIS_REST_URL": brokerage.simulator.kis_rest_url,
                **brokerage.worker(backend),
                **(settings or {}),
            }
            command = start_server("run", "--simulate", "--vendors", vendors, environment=environment)
            running.enter_context(command)
            command.wait_ready()
            return command

        yield worker


@pytest.fixture
def client(clean_broker: str) -> Iterator[Subscriber]:
    with Subscriber(clean_broker) as wire:
        yield wire


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_original_s_example_an_order_and_live_data(
    start: StartWorker, client: Subscriber, brokerage: ControlBrokerage, clean_broker: str, backend: str
) -> None:
    worker = start("kiwoom", backend=backend)
    taken_before = len(brokerage.orders("005930"))
    held_before = _held(client)
    shown = run_original_client(clean_broker)
    assert "'task_id': 'custom-task-id', 'result': ['한국전력']" in shown
    assert "'status': 'TASK_SUCCEED'" in shown

    executions = client.subscribe("kiwoom.subscribe-executions", {})
    trades = client.subscribe("subscribe-realtime", {"stock_code": "000660"})
    ordered = client.call("kiwoom.buy-order", BUY, to="tasks.orders", task_id="order-1")
    assert ordered["status"] == "TASK_SUCCEED", (ordered, worker.output)
    *_, taken = brokerage.orders("005930")
    assert (taken["quantity"], taken["side"]) == (3, "buy")
    assert ordered["result"][0]["order_no"] == taken["order_no"]

    again = client.wait(client.send("kiwoom.buy-order", BUY, to="tasks.orders", task_id="order-1"), count=2)
    assert again.json["replayed"], "the journal knows it"
    assert len(brokerage.orders("005930")) == taken_before + 1

    (fill, *_) = client.wait_events(executions, 1, event="fill", order_no=taken["order_no"])
    assert fill["result"][0]["quantity"] == 3
    for event in client.wait_events(trades, 3):
        assert event["result"][0].keys() == {"stock_code", "real_data_type", "real_time_data"}
    assert _held(client) == held_before + 3
    assert worker.terminate() == 0, worker.output
    assert "Traceback" not in worker.output


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_original_s_example_to_the_letter(
    start: StartWorker, client: Subscriber, clean_broker: str, backend: str
) -> None:
    start("kiwoom", {"SAPI_COMPAT": "true"}, backend)
    shown = run_original_client(clean_broker)
    assert "{'task_id': 'custom-task-id', 'result': '한국전력', 'response_time': " in shown
    assert shown.endswith("'status': 'TASK_SUCCEED'}")
    client.publish(json.dumps(EXAMPLE).encode())
    reply = client.wait("custom-task-id").json
    assert list(reply) == ["task_id", "result", "response_time", "status"]
    assert (reply["result"], reply["status"]) == ("한국전력", "TASK_SUCCEED")

    live = {**EXAMPLE, "task_id": "live", "method": "subscribe-realtime"}
    client.publish(json.dumps(live).encode())
    client.wait("live", count=3)
    first, *events = [message.json for message in client.replies["live"]]
    assert first["result"] == "live subscribes 015760 successfully"
    for event in events:
        assert event["result"].keys() == {"stock_code", "real_data_type", "real_time_data"}


def _held(client: Subscriber) -> int:
    reply = client.call("kiwoom.get-balance")
    assert reply["status"] == "TASK_SUCCEED", reply
    rows = reply["result"]
    holdings = [each for row in rows for each in row["holdings"] if each["ticker"] == "005930"]
    return sum(each["quantity"] for each in holdings)


def test_a_worker_of_another_vendor_hands_the_tasks_over(start: StartWorker, client: Subscriber) -> None:
    start("kis")
    for method, parameters in (PRICE, BOOK):
        assert client.error(method, parameters)["code"] == "VENDOR_NOT_CONFIGURED"
    host = start("kiwoom")
    for vendor in ("kis", "kiwoom") * 5:
        reply = client.call(f"{vendor}.get-current-price", {"ticker": "005930"})
        assert reply["status"] == "TASK_SUCCEED", reply
        assert client.call(*BOOK)["status"] == "TASK_SUCCEED"

    seen: dict[str, dict[str, Any]] = {}

    def both_seen() -> bool:
        status = client.call("broker.get-status")["result"][0]
        seen[status["worker"]] = status
        return len(seen) == 2

    wait_until(both_seen, what="the status of both workers")
    assert sum(each["tasks"]["forwarded"] for each in seen.values()) > 0

    assert host.terminate() == 0, host.output
    late = {"deadline": (datetime.now(UTC) + timedelta(seconds=1)).isoformat()}
    too_late, in_time = client.send(*PRICE, keys=late, expiration="1000"), client.send(*PRICE)
    assert client.wait(too_late).json["error"]["code"] == "TASK_EXPIRED"
    start("kiwoom")
    assert client.wait(in_time).json["status"] == "TASK_SUCCEED", "it waited for its host"


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_worker_serves_both_on_one_simulated_market(
    clean_broker: str, client: Subscriber, tmp_path: Path, backend: str
) -> None:
    environment = {"BROKER_URL": clean_broker, "XDG_DATA_HOME": str(tmp_path), "KIWOOM_BACKEND": backend}
    command = ("run", "--simulate", "--vendors", "kis,kiwoom", "--seed", "3")
    with start_server(*command, environment=environment) as worker:
        assert "vendors=kis,kiwoom" in worker.wait_ready()
        ticker = {"ticker": "005930"}
        books = [client.call(f"{vendor}.get-order-book", ticker) for vendor in ("kis", "kiwoom")]
        assert {each["status"] for each in books} == {"TASK_SUCCEED"}
        for vendor in ("kis", "kiwoom"):
            order = {**ticker, "quantity": 1, "order_type": "market"}
            reply = client.call(f"{vendor}.buy-order", order, to="tasks.orders")
            assert reply["status"] == "TASK_SUCCEED", reply
        control = worker.wait_ready().rpartition("control=")[2]
        taken = requests.get(f"{control}/orders", timeout=CONTROL_SECONDS).json()
        assert [each["vendor"] for each in taken] == ["kis", "kiwoom"], "one market has both"
        assert client.call("get-stock-name", {"stock_code": "005930"})["result"] == ["삼성전자"]
        assert worker.terminate() == 0, worker.output
