"""The bare methods over RabbitMQ, by our contract and as the original answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.worker.conftest import StartWorker
from tests.support.task_wire import Message, TaskWire
from tests.support.waiting import wait_until

KIWOOM = "tests.support.sapi_worker"


@pytest.fixture
def compat(new_worker: StartWorker, clean_broker: str) -> Iterator[TaskWire]:
    """A client of a worker with SAPI_COMPAT."""
    worker = new_worker(clean_broker, settings={"SAPI_COMPAT": "true"}, program=KIWOOM)
    with TaskWire(clean_broker) as wire:
        yield wire
        assert worker.process.poll() is None


@pytest.fixture
def contract(new_worker: StartWorker, clean_broker: str) -> Iterator[TaskWire]:
    """A client of a worker without it."""
    new_worker(clean_broker, program=KIWOOM)
    with TaskWire(clean_broker) as wire:
        yield wire


def answers(wire: TaskWire, task_id: str, count: int) -> list[Message]:
    """The first messages with that task_id."""

    def arrived() -> bool:
        wire.connection.process_data_events(time_limit=0.05)
        return len(wire.replies[task_id]) >= count

    wait_until(arrived, what=f"{count} messages of {task_id}")
    return wire.replies[task_id][:count]


def ask(wire: TaskWire, body: Any, task_id: str, count: int = 1, **properties: Any) -> list[Message]:
    """Send a body as it is, and take its answers."""
    wire.publish(body if isinstance(body, bytes) else json.dumps(body).encode(), **properties)
    return answers(wire, task_id, count)


def task(task_id: str, method: str, parameters: Any) -> dict[str, Any]:
    return {"task_id": task_id, "method": method, "parameters": parameters, "request_time": "now"}


def test_the_original_s_replies(compat: TaskWire) -> None:
    (reply,) = ask(compat, task("t-1", "get-stock-name", {"stock_code": "015760"}), "t-1", correlation_id="c")
    assert list(reply.json) == ["task_id", "result", "response_time", "status"]
    assert (reply.json["result"], reply.json["status"]) == ("한국전력", "TASK_SUCCEED")
    given = reply.properties
    assert (given.content_type, given.correlation_id, given.delivery_mode) == (None, None, None)

    (reply,) = ask(compat, b"no json", "unknown")
    assert reply.json["result"] == "Error occurred in parsing message"
    (reply,) = ask(compat, task("t-2", "get-price", {}), "t-2")
    assert reply.json["result"] == "\"Method 'get-price' is not exists in method map\""
    (reply,) = ask(compat, task("t-3", "request-day-candle", {"to": "20210325"}), "t-3")
    assert reply.json["result"] == "Task parameter 'from'(조회를 시작할 기간(YYYYMMDD)) is missed"
    (reply,) = ask(compat, task("t-4", "unsubscribe-realtime", {"stock_code": "015760"}), "t-4")
    assert (reply.json["status"], reply.json["result"]) == (
        "TASK_FAILED",
        "t-4 did not subscribed 015760 yet",
    )
    assert compat.call("kiwoom.get-stock-info", {"ticker": "0"})["error"]["code"] == "INVALID_PARAMETERS"


def test_the_original_s_subscription(compat: TaskWire) -> None:
    subscribe = task("s-1", "subscribe-realtime", {"stock_code": "015760"})
    acknowledged, *events = ask(compat, subscribe, "s-1", count=4)
    assert acknowledged.json["result"] == "s-1 subscribes 015760 successfully"
    for event in events:
        assert list(event.json) == ["task_id", "result", "response_time", "status"]
        assert event.json["result"]["stock_code"] == "015760"
        assert event.json["result"]["real_data_type"] == "주식체결"
        assert event.json["result"]["real_time_data"].startswith("100000\t-24500\t")
    compat.publish(json.dumps(task("s-1", "unsubscribe-realtime", {"stock_code": "015760"})).encode())
    sentence = "s-1 unsubscribes 015760 successfully"

    def ended() -> bool:
        compat.connection.process_data_events(time_limit=0.05)
        return any(each.json["result"] == sentence for each in compat.replies["s-1"])

    wait_until(ended, what="the end of the subscription")
    assert all(set(each.json) == set(acknowledged.json) for each in compat.replies["s-1"]), "no status"


def test_the_same_by_our_contract(contract: TaskWire) -> None:
    reply = contract.call("get-stock-name", {"stock_code": "015760"})
    assert (reply["result"], reply["kind"], reply["environment"]) == (["한국전력"], "reply", "paper")
    body = {"task_id": "s-1", "method": "subscribe-realtime", "parameters": {"stock_code": "015760"}}
    acknowledged, *_ = ask(contract, body, "s-1")
    assert acknowledged.json["kind"] == "ack"
    assert acknowledged.json["result"][0]["key"] == "10.015760"

    def events() -> list[dict[str, Any]]:
        contract.connection.process_data_events(time_limit=0.05)
        return [each.json for each in contract.replies["s-1"] if each.json["kind"] == "event"]

    wait_until(lambda: len(events()) >= 2, what="events")
    first, second = events()[:2]
    assert (first["sequence"], second["sequence"], first["key"]) == (1, 2, "10.015760")
    assert list(first["result"][0]) == ["stock_code", "real_data_type", "real_time_data"]
