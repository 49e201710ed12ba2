"""A task leaves its queue only after its reply is safe, wherever the reply can go."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest

from tests.support.processes import CommandProcess
from tests.support.task_wire import TaskWire
from tests.support.waiting import wait_until
from tests.support.workers import Gate

FULL = "test.full"


@pytest.fixture
def full_queue(wire: TaskWire) -> Iterator[str]:
    """A reply queue that refuses what comes."""
    arguments = {"x-max-length": 1, "x-overflow": "reject-publish"}
    wire.channel.queue_declare(FULL, arguments=arguments)
    wire.publish(b"in the way", to=FULL)
    yield FULL
    wire.channel.queue_delete(FULL)


@pytest.mark.parametrize("method", ["broker.ping", "stub.echo"])
def test_reply_for_a_full_queue_is_kept_with_its_address(
    wire: TaskWire, full_queue: str, method: str
) -> None:
    task_id = wire.send(method, reply_to=full_queue)
    kept = wire.take("replies.unroutable")
    assert kept.json["task_id"] == task_id
    assert kept.properties.headers["x-sapi-reply-to"] == full_queue
    assert kept.properties.headers["x-sapi-reason"] == "refused"


def test_reply_queue_that_vanishes_while_the_task_runs(wire: TaskWire, tmp_path: Path) -> None:
    queue = wire.channel.queue_declare("", exclusive=True).method.queue
    gate = Gate(tmp_path)
    task_id = wire.send("stub.echo", gate.hold("late"), reply_to=queue, correlation_id="c-7")
    gate.wait_begun("late")
    wire.channel.queue_delete(queue)
    gate.open()
    kept = wire.take("replies.unroutable")
    assert kept.json["task_id"] == task_id
    assert kept.json["result"][0]["value"] == "late"
    assert kept.properties.correlation_id == "c-7"
    assert kept.properties.headers["x-sapi-reply-to"] == queue


def test_undeliverable_replies_never_block_the_window(wire: TaskWire, full_queue: str) -> None:
    # More than the prefetch of 1,000: were one of them left unacked, nothing would come through behind them.
    lost = 1_200
    for number in range(lost):
        address = full_queue if number % 2 else "test.nowhere"
        properties = pika.BasicProperties(reply_to=address)
        body = f'{{"task_id": "lost-{number}", "method": "broker.ping"}}'.encode()
        wire.channel.basic_publish("", "tasks", body, properties)
    assert wire.call("broker.ping")["status"] == "TASK_SUCCEED"
    kept: list[str] = []

    def all_kept() -> bool:
        kept.extend(message.json["task_id"] for message in wire.take_all("replies.unroutable"))
        return len(kept) >= lost

    wait_until(all_kept)
    assert sorted(kept) == sorted(f"lost-{number}" for number in range(lost))


def test_unroutable_replies_are_counted(wire: TaskWire) -> None:
    before = wire.call("broker.get-status")["result"][0]["tasks"]
    wire.send("broker.ping", reply_to="test.nowhere")
    wire.take("replies.unroutable")
    after = wire.call("broker.get-status")["result"][0]["tasks"]
    assert after["unroutable"] == before["unroutable"] + 1
    assert after["replies_lost"] == before["replies_lost"]


def test_reply_to_a_direct_address_of_a_client_that_is_gone_is_let_go(
    wire: TaskWire, worker: CommandProcess, broker_url: str, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    with TaskWire(broker_url) as other:
        channel = other.connection.channel()
        channel.basic_consume("amq.rabbitmq.reply-to", lambda *_: None, auto_ack=True)
        body = json.dumps({"task_id": "gone", "method": "stub.echo", "parameters": gate.hold("gone")})
        properties = pika.BasicProperties(reply_to="amq.rabbitmq.reply-to")
        channel.basic_publish("", "tasks", body.encode(), properties)
        gate.wait_begun("gone")
    gate.open()
    worker.wait_for_log("task done", '"gone"')
    assert wire.call("stub.echo")["status"] == "TASK_SUCCEED"


@pytest.mark.parametrize(
    "address",
    [
        "amq.rabbitmq.reply-to",
        "amq.rabbitmq.reply-to.",
        "amq.rabbitmq.reply-to.g1h.nobody",
        "amq.rabbitmq.reply-to.g2dkABByYWJiaXRAbG9jYWxob3N0AAAC.bm9ib2R5",
        "amq.rabbitmq.reply-tomorrow",
    ],
)
@pytest.mark.parametrize("method", ["broker.ping", "stub.echo", "no-such-method"])
def test_made_up_direct_address_does_not_end_the_connection(
    wire: TaskWire, method: str, address: str
) -> None:
    before = wire.call("broker.get-status")["result"][0]["tasks"]["reconnects"]
    sent = [wire.send(method, reply_to=None, keys={"reply_queue": address})]
    if address != "amq.rabbitmq.reply-to":
        sent.append(wire.send(method, reply_to=address))
    for task_id in sent:
        kept = wire.take("replies.unroutable")
        assert kept.json["task_id"] == task_id
        assert kept.json["error"]["code"] == "INVALID_PARAMETERS"
        assert kept.properties.headers["x-sapi-reply-to"] == address
    assert wire.call("broker.get-status")["result"][0]["tasks"]["reconnects"] == before


def address_of_another_broker() -> str:
    """A well-formed direct address whose process lives on a node that this broker has never heard of."""
    node = b"rabbit@1234567890"
    process = b"\x83Xw" + bytes([len(node)]) + node + bytes(12)
    return (
        f"amq.rabbitmq.reply-to.{base64.b64encode(process).decode()}.{base64.b64encode(b'k' * 16).decode()}"
    )


def test_direct_address_of_another_broker_is_refused_and_direct_clients_are_served(wire: TaskWire) -> None:
    channel = wire.connection.channel()
    answers: list[bytes] = []
    channel.basic_consume("amq.rabbitmq.reply-to", lambda *call: answers.append(call[3]), auto_ack=True)
    healthy = {f"direct-{number}" for number in range(20)}
    foreign = wire.send("broker.ping", reply_to=address_of_another_broker())
    for task_id in healthy:
        body = f'{{"task_id": "{task_id}", "method": "stub.echo"}}'.encode()
        properties = pika.BasicProperties(reply_to="amq.rabbitmq.reply-to")
        channel.basic_publish("", "tasks", body, properties)

    def all_answered() -> bool:
        wire.connection.process_data_events(0.05)
        return {json.loads(answer)["task_id"] for answer in answers} == healthy

    wait_until(all_answered)
    # RabbitMQ 4.2 and newer drop a reply to nobody instead of failing; then there is nothing to keep.
    kept = wait_until(lambda: wire.take_all("replies.unroutable") or wire.depth("tasks") == 0, 60)
    if kept is not True:
        assert [message.json["task_id"] for message in kept] == [foreign]
    assert wire.call("broker.ping")["status"] == "TASK_SUCCEED"
