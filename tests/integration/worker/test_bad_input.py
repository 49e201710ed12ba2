"""Messages that no client should send: each gets a clear answer, and the worker goes on."""

from __future__ import annotations

import json
import struct
from datetime import UTC, datetime
from typing import Any

import pika
import pytest

from tests.support.task_wire import Message, TaskWire


def rejected(wire: TaskWire, body: bytes, **properties: Any) -> tuple[dict[str, Any], Message]:
    """Publish a body that cannot be run; returns the error and the copy that was kept."""
    known = len(wire.replies["unknown"])
    wire.publish(body, **properties)
    reply = wire.wait("unknown", count=known + 1).json
    assert reply["status"] == "TASK_FAILED"
    return reply["error"], wire.take("tasks.rejected")


UNREADABLE = {
    "empty": (b"", "empty"),
    "not JSON": (b"hello", "not JSON"),
    "invalid UTF-8": (b'{"task_id": "\xff\xfe", "method": "broker.ping"}', "UTF-8"),
    "cut in the middle": (b'{"task_id": "t", "meth', "not JSON"),
    "array": (b'["task_id", "method"]', "not an array"),
    "string": (b'"broker.ping"', "not a string"),
    "number": (b"5", "not a number"),
    "null": (b"null", "not null"),
    "NaN": (b"NaN", "not JSON"),
    "too deep for any parser": (b"[" * 100_000, "not JSON"),
    "no task_id": (b'{"method": "broker.ping"}', "task_id: field required"),
    "task_id is a number": (b'{"task_id": 5, "method": "broker.ping"}', "task_id: "),
    "task_id is empty": (b'{"task_id": "", "method": "broker.ping"}', "task_id: "),
    "task_id is null": (b'{"task_id": null, "method": "broker.ping"}', "task_id: "),
    "binary": (bytes(range(256)), "not JSON"),
}


@pytest.mark.parametrize(("body", "reason"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_unreadable_body_is_answered_and_its_bytes_are_kept(wire: TaskWire, body: bytes, reason: str) -> None:
    error, kept = rejected(wire, body, correlation_id="c-9")
    assert error["code"] == "MALFORMED_MESSAGE"
    assert reason in error["message"]
    assert kept.body == body
    assert kept.properties.correlation_id == "c-9"
    assert kept.properties.headers["x-sapi-queue"] == "tasks"
    assert error["message"] in kept.properties.headers["x-sapi-reason"]


def test_body_of_ten_megabytes_is_refused_unread_and_kept(wire: TaskWire) -> None:
    body = json.dumps({"task_id": "big", "method": "broker.ping", "pad": "x" * 10_000_000}).encode()
    error, kept = rejected(wire, body)
    assert error["code"] == "MALFORMED_MESSAGE"
    assert "1,048,576" in error["message"]
    assert kept.body == body


WRONG_FIELDS = {
    "method is missing": ({"method": ...}, "method"),
    "method is a list": ({"method": ["broker.ping"]}, "method"),
    "method is 300 characters": ({"method": "m" * 300}, "method"),
    "parameters is a list": ({"parameters": [1]}, "parameters"),
    "parameters is a string": ({"parameters": "{}"}, "parameters"),
    "request_time is a number": ({"request_time": 1_700_000_000}, "request_time"),
    "request_time is garbage": ({"request_time": "yesterday, about noon"}, "request_time"),
    "request_time is a date": ({"request_time": "2026-11-20"}, "request_time"),
    "deadline is naive": ({"deadline": "2030-01-01T00:00:00"}, "deadline"),
    "deadline is a number": ({"deadline": 99_999_999_999}, "deadline"),
    "deadline is a numeric text": ({"deadline": "1700000000"}, "deadline"),
    "deadline is garbage": ({"deadline": "2030-99-99T00:00:00Z"}, "deadline"),
    "reply_queue is a number": ({"reply_queue": 7}, "reply_queue"),
    "expected_environment is unknown": ({"expected_environment": "production"}, "expected_environment"),
    "progress is a list": ({"progress": []}, "progress"),
}


@pytest.mark.parametrize(("change", "field"), WRONG_FIELDS.values(), ids=WRONG_FIELDS.keys())
def test_wrong_field_is_named_to_the_task_that_has_it(
    wire: TaskWire, change: dict[str, Any], field: str
) -> None:
    document = {"task_id": f"wrong-{field}", "method": "broker.ping"} | change
    body = json.dumps({key: value for key, value in document.items() if value is not ...}).encode()
    wire.publish(body)
    error = wire.wait(f"wrong-{field}").json["error"]
    assert error["code"] == "MALFORMED_MESSAGE"
    assert error["message"].startswith(f"{field}: ")
    assert wire.take("tasks.rejected").body == body


def test_task_id_of_ten_thousand_characters_is_refused_under_that_id(wire: TaskWire) -> None:
    task_id = "t" * 10_000
    error = wire.error("broker.ping", task_id=task_id)
    assert error["code"] == "MALFORMED_MESSAGE"
    assert "255 characters" in error["message"]
    wire.take("tasks.rejected")


@pytest.mark.parametrize("depth", [200, 300, 900, 5000])
@pytest.mark.parametrize("method", ["stub.echo", "stub.buy-order", "stub.inline-echo"])
def test_deep_nesting_is_the_senders_mistake_not_a_defect(wire: TaskWire, method: str, depth: int) -> None:
    task_id = f"deep-{method}-{depth}"
    body = f'{{"task_id": "{task_id}", "method": "{method}", "parameters": {{"value": '
    wire.publish(body.encode() + b"[" * depth + b"]" * depth + b"}}")
    unreadable = depth > 1000
    reply = wire.wait("unknown" if unreadable else task_id).json
    assert reply["error"]["code"] in ("INVALID_PARAMETERS", "MALFORMED_MESSAGE")
    wire.take_all("tasks.rejected")


@pytest.mark.parametrize("number", ["1" * 300, "-0.0", "18446744073709551616", "1e308"])
def test_odd_numbers_do_not_break_the_reply(wire: TaskWire, number: str) -> None:
    task_id = f"number-{number[:8]}"
    wire.publish(
        f'{{"task_id": "{task_id}", "method": "stub.echo", "parameters": {{"value": {number}}}}}'.encode()
    )
    reply = wire.wait(task_id).json
    assert reply["status"] == "TASK_SUCCEED" or reply["error"]["code"] == "INVALID_PARAMETERS"


@pytest.mark.parametrize(
    "address",
    [
        "tasks",
        "tasks.orders",
        "tasks.kis",
        "tasks.rejected",
        "tasks.expired",
        "broker.environment.simulated",
        "broker.owner.kis.default",
        "broker.journal.simulated.kis.default",
        "replies.unroutable",
    ],
)
def test_task_queue_as_reply_queue_is_refused_on_the_default_queue(wire: TaskWire, address: str) -> None:
    for name, keys, properties in (
        ("property", {}, {"reply_to": address}),
        ("header", {}, {"reply_to": None, "headers": {"reply_queue": address}}),
        ("body", {"reply_queue": address}, {"reply_to": None}),
    ):
        wire.send("broker.ping", task_id=f"loop-{name}", keys=keys, **properties)
        reply = wire.take("sapi-kiwoom").json
        assert reply["task_id"] == f"loop-{name}"
        assert reply["error"]["code"] == "INVALID_PARAMETERS"
        assert repr(address) in reply["error"]["message"]


def test_unreadable_body_with_a_task_queue_as_reply_queue_does_not_loop(wire: TaskWire) -> None:
    wire.publish(b"garbage", reply_to="tasks")
    assert wire.take("sapi-kiwoom").json["error"]["code"] == "MALFORMED_MESSAGE"
    assert wire.take("tasks.rejected").body == b"garbage"
    assert wire.call("broker.get-status")["result"][0]["tasks"]["received"] > 0
    assert wire.depth("tasks") == 0


@pytest.mark.parametrize("method", ["broker.ping", "stub.echo", "stub.buy-order"])
def test_reply_for_a_queue_that_does_not_exist_is_kept_with_its_address(wire: TaskWire, method: str) -> None:
    task_id = wire.send(method, {"value": "v"} if "stub" in method else {}, reply_to="test.nowhere")
    kept = wire.take("replies.unroutable")
    assert kept.json["task_id"] == task_id
    assert kept.json["status"] == "TASK_SUCCEED"
    assert kept.properties.headers["x-sapi-reply-to"] == "test.nowhere"
    assert kept.properties.headers["x-sapi-reason"] == "returned"


def test_reply_queue_of_three_hundred_bytes_is_refused_and_kept(wire: TaskWire) -> None:
    address = "한" * 100
    task_id = wire.send("stub.echo", keys={"reply_queue": address}, reply_to=None)
    kept = wire.take("replies.unroutable")
    assert kept.json["task_id"] == task_id
    assert kept.json["error"]["code"] == "INVALID_PARAMETERS"
    assert "255 bytes" in kept.json["error"]["message"]
    assert kept.properties.headers["x-sapi-reply-to"] == address


@pytest.mark.parametrize("address", [5, True, ["a"], {"a": 1}, b"\xff\xfe"], ids=repr)
def test_reply_queue_header_that_is_not_text_is_refused(wire: TaskWire, address: object) -> None:
    wire.send("stub.echo", task_id="untext", reply_to=None, headers={"reply_queue": address})
    reply = wire.take("sapi-kiwoom").json
    assert reply["error"]["code"] == "INVALID_PARAMETERS"
    assert "must be the name of a queue" in reply["error"]["message"]


def test_reply_to_that_is_not_utf8_is_refused(wire: TaskWire) -> None:
    wire.send("stub.echo", task_id="bytes", reply_to=b"\xff\xfe\x80")
    assert wire.take("sapi-kiwoom").json["error"]["code"] == "INVALID_PARAMETERS"


def test_header_values_of_every_kind_are_no_trouble(wire: TaskWire) -> None:
    headers = {
        "number": 2**62,
        "none": None,
        "nested": {"a": [{"b": None}, b"\x00\xff", True]},
        "when": datetime(2026, 11, 20, tzinfo=UTC),
        "x" * 255: "long key",
        "x-sapi-hops": "many",
    }
    assert wire.call("stub.echo", headers=headers)["status"] == "TASK_SUCCEED"
    assert wire.error("kis.get-balance", headers=headers)["code"] == "VENDOR_NOT_CONFIGURED"


class RawHeaders(pika.BasicProperties):
    """Properties whose header table is written byte by byte: other clients write what pika cannot."""

    def __init__(self, table: bytes, **properties: Any) -> None:
        super().__init__(headers={"placeholder": 1}, **properties)
        self._table = table

    def encode(self) -> list[bytes]:
        """The encoded properties with the table put in."""
        encoded = b"".join(super().encode())
        placeholder = b"".join(_encode_table({"placeholder": 1}))
        assert encoded.count(placeholder) == 1
        return [encoded.replace(placeholder, struct.pack(">I", len(self._table)) + self._table)]


def _encode_table(table: dict[str, Any]) -> list[bytes]:
    pieces: list[bytes] = []
    pika.data.encode_table(pieces, table)
    return pieces


def _field(name: bytes, kind: bytes, value: bytes) -> bytes:
    return bytes([len(name)]) + name + kind + value


RAW_HEADERS = {
    "a time in the year 292 billion": _field(b"when", b"T", struct.pack(">Q", 2**63 - 1)),
    "a time before our era": _field(b"when", b"T", struct.pack(">q", -(2**62))),
    "a name that is not UTF-8": _field(b"\xff\xfe", b"S", struct.pack(">I", 2) + b"ok"),
    "a decimal with 255 places": _field(b"price", b"D", struct.pack(">Bi", 255, 7)),
}


@pytest.mark.parametrize("method", ["stub.echo", "kis.get-balance"])
@pytest.mark.parametrize("table", RAW_HEADERS.values(), ids=RAW_HEADERS.keys())
def test_headers_that_the_client_library_cannot_read_do_not_stop_the_worker(
    wire: TaskWire, table: bytes, method: str
) -> None:
    body = json.dumps({"task_id": "raw", "method": method}).encode()
    properties = RawHeaders(table, reply_to=wire.queue, correlation_id="raw-1")
    before = wire.call("broker.get-status")["result"][0]["tasks"]["reconnects"]
    wire.channel.basic_publish("", "tasks", body, properties)
    reply = wire.wait("raw")
    assert reply.properties.correlation_id == "raw-1"
    expected = None if method == "stub.echo" else "VENDOR_NOT_CONFIGURED"
    error = reply.json.get("error")
    assert error is None or error["code"] in (expected, "MALFORMED_MESSAGE")
    assert wire.call("broker.get-status")["result"][0]["tasks"]["reconnects"] == before
    wire.take_all("tasks.rejected")


def test_user_id_is_accepted_and_not_sent_back(wire: TaskWire) -> None:
    task_id = wire.send("stub.echo", user_id="guest")
    assert wire.wait(task_id).properties.user_id is None
    assert wire.error("kis.get-balance", user_id="guest")["code"] == "VENDOR_NOT_CONFIGURED"


def test_expiration_that_is_no_integer_is_refused_by_the_broker_itself(broker_url: str) -> None:
    with TaskWire(broker_url) as client:
        channel = client.connection.channel()
        channel.confirm_delivery()
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="invalid expiration"):
            channel.basic_publish("", "tasks", b"{}", pika.BasicProperties(expiration="soon"), mandatory=True)
