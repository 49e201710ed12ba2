"""The wire contract, as a client sees it through a real broker."""

from __future__ import annotations

import json
from datetime import datetime

import pika
import pytest

from tests.support.processes import CommandProcess
from tests.support.task_wire import TaskWire
from tests.support.waiting import wait_until


def test_request_of_the_original_documentation_is_answered_on_the_default_queue(wire: TaskWire) -> None:
    request = {
        "task_id": "custom-task-id",
        "method": "broker.ping",
        "parameters": {},
        "request_time": str(datetime.now()),  # noqa: DTZ005 - as the original's clients write it
    }
    wire.channel.basic_publish("", "tasks", json.dumps(request).encode())
    reply = wire.take("sapi-kiwoom")
    assert reply.json["task_id"] == "custom-task-id"
    assert reply.json["status"] == "TASK_SUCCEED"
    assert isinstance(reply.json["result"], list)
    assert reply.properties.correlation_id is None
    assert reply.properties.delivery_mode == 2


def test_reply_says_its_kind_and_environment(wire: TaskWire) -> None:
    reply = wire.call("stub.echo", {"value": "x"})
    assert (reply["kind"], reply["environment"]) == ("reply", "paper")
    assert datetime.fromisoformat(reply["response_time"]).tzinfo is not None


@pytest.mark.parametrize("correlation_id", ["c-1", "한국", "x" * 255])
def test_correlation_id_is_echoed(wire: TaskWire, correlation_id: str) -> None:
    task_id = wire.send("broker.ping", correlation_id=correlation_id)
    assert wire.wait(task_id).properties.correlation_id == correlation_id


def test_binary_correlation_id_is_echoed_byte_for_byte(wire: TaskWire) -> None:
    task_id = wire.send("broker.ping", correlation_id=b"\xff\xfe\x00\x80")
    assert wire.wait(task_id).properties.correlation_id == b"\xff\xfe\x00\x80"


def test_reply_to_beats_header_beats_body_key(wire: TaskWire) -> None:
    queues = {
        name: wire.channel.queue_declare("", exclusive=True).method.queue
        for name in ("property", "header", "body")
    }
    body = {"task_id": "where", "method": "broker.ping", "reply_queue": queues["body"]}
    encoded = json.dumps(body).encode()
    header = {"reply_queue": queues["header"]}
    for properties, expected in (
        (pika.BasicProperties(reply_to=queues["property"], headers=header), "property"),
        (pika.BasicProperties(headers=header), "header"),
        (pika.BasicProperties(), "body"),
    ):
        wire.channel.basic_publish("", "tasks", encoded, properties)
        assert wire.take(queues[expected]).json["task_id"] == "where"
        assert all(wire.depth(queue) == 0 for queue in queues.values())


@pytest.mark.parametrize("method", ["broker.ping", "stub.echo"])
def test_direct_reply_to_works_one_at_a_time_and_in_a_burst(wire: TaskWire, method: str) -> None:
    answers: list[dict[str, object]] = []
    channel = wire.connection.channel()
    channel.basic_consume(
        "amq.rabbitmq.reply-to", lambda *parts: answers.append(json.loads(parts[3])), auto_ack=True
    )
    for number in range(300):
        body = json.dumps({"task_id": f"burst-{number}", "method": method}).encode()
        channel.basic_publish("", "tasks", body, pika.BasicProperties(reply_to="amq.rabbitmq.reply-to"))

    def all_there() -> bool:
        wire.connection.process_data_events(0)
        return len(answers) >= 300

    wait_until(all_there)
    assert {answer["task_id"] for answer in answers} == {f"burst-{number}" for number in range(300)}
    assert len(answers) == 300
    assert wire.depth("replies.unroutable") == 0


def test_unknown_keys_are_ignored_and_null_parameters_are_none(wire: TaskWire) -> None:
    keys = {"parameters": None, "trace": {"a": [1]}, "priority": 9}
    assert wire.call("stub.echo", keys=keys)["result"][0]["value"] is None


def test_body_without_parameters_is_accepted(wire: TaskWire) -> None:
    wire.publish(b'{"task_id": "bare", "method": "stub.echo"}')
    assert wire.wait("bare").json["status"] == "TASK_SUCCEED"


def test_unknown_method_suggests_the_nearest(wire: TaskWire) -> None:
    error = wire.error("stub.ehco")
    assert error["code"] == "UNKNOWN_METHOD"
    assert "stub.echo" in error["message"]


@pytest.mark.parametrize("method", ["stub.echo", "stub.inline-echo", "stub.buy-order"])
def test_bad_parameters_name_the_field_and_the_reason(wire: TaskWire, method: str) -> None:
    error = wire.error(method, {"seconds": -1, "valeu": 1})
    assert error["code"] == "INVALID_PARAMETERS"
    assert "seconds: must be at least 0" in error["message"]
    assert "valeu: is not a parameter of this method" in error["message"]


@pytest.mark.parametrize("method", ["stub.crash", "stub.inline-crash"])
def test_defect_in_a_handler_is_internal_with_an_id_that_the_log_has(
    wire: TaskWire, worker: CommandProcess, method: str
) -> None:
    error = wire.error(method)
    assert error["code"] == "INTERNAL"
    assert not error["retryable"]
    error_id = error["message"].split()[2].rstrip(";")
    assert "a defect for the test" in worker.wait_for_log(error_id)
    assert "a defect for the test" not in error["message"]


def test_method_of_a_vendor_that_nobody_serves_is_named(wire: TaskWire) -> None:
    error = wire.error("kis.get-current-price", {"ticker": "005930"})
    assert error["code"] == "VENDOR_NOT_CONFIGURED"
    assert "kis" in error["message"]


def test_task_for_another_environment_is_refused(wire: TaskWire) -> None:
    for method in ("broker.ping", "stub.echo", "stub.buy-order"):
        error = wire.error(method, keys={"expected_environment": "real"})
        assert error["code"] == "ORDER_GUARD"
        assert "this worker is paper" in error["message"]
    assert wire.call("broker.ping", keys={"expected_environment": "paper"})["status"] == "TASK_SUCCEED"


def test_progress_comes_before_the_reply_and_only_when_asked_for(wire: TaskWire) -> None:
    task_id = wire.send("stub.pages", {"pages": 3}, keys={"progress": True})
    wait_until(lambda: wire.wait(task_id).json["kind"] == "reply")
    messages = [message.json for message in wire.replies[task_id]]
    assert [message["kind"] for message in messages] == ["status"] * 3 + ["reply"]
    assert messages[-1]["truncated"] == "the cap of the test"

    silent = wire.send("stub.pages")
    assert wire.wait(silent).json["kind"] == "reply"
