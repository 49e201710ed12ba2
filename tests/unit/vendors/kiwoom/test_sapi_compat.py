"""SAPI_COMPAT: every message of the original, to the letter."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from broker_client.errors import (
    InvalidParameters,
    NotSubscribed,
    RateLimited,
    VendorRejected,
    VendorUnavailable,
)
from broker_server.core.methods import Lane, TaskContext
from broker_server.vendors import kiwoom
from broker_server.vendors.kiwoom.backend import Page, Tr
from tests.support.kiwoom_backend import FakeBackend
from tests.support.sapi_server import ZONE, SapiServer

MINUTES = {"stock_code": "015760", "tick": 1, "is_adjusted": 1, "from": "20210325", "to": "20210326"}


@pytest.fixture
def server(fake: FakeBackend) -> SapiServer:
    return SapiServer(fake, compat=True)


def task(method: object, parameters: object, task_id: object = "custom-task-id") -> dict[str, Any]:
    return {"task_id": task_id, "method": method, "parameters": parameters, "request_time": 5}


def test_the_example_of_the_original_s_documentation(server: SapiServer) -> None:
    request = {
        "task_id": "custom-task-id",
        "method": "get-stock-name",
        "parameters": {"stock_code": "015760"},
        "request_time": "2021-03-28 12:53:41.820000",
    }
    assert server.answer(request, now=datetime(2021, 3, 28, 3, 54, 0, 500_000, tzinfo=UTC)) == {
        "task_id": "custom-task-id",
        "result": "한국전력",
        "response_time": "2021-03-28 12:54:00.500000",
        "status": "TASK_SUCCEED",
    }


def test_bytes_are_those_of_the_original_s_encoder() -> None:
    style = kiwoom.styles(compat=True, zone=ZONE).of(json.dumps(task("get-stock-name", {})).encode())
    assert style is not None
    reply = style.reply("t", ["한국전력"], error=None, now=datetime(2021, 3, 28, 3, 54, tzinfo=UTC))
    assert reply.decode() == (
        '{"task_id": "t", "result": "한국전력", "response_time": "2021-03-28 12:54:00", '
        '"status": "TASK_SUCCEED"}'
    )


@pytest.mark.parametrize(
    ("message", "task_id", "result"),
    [
        (b"no json", "unknown", "Error occurred in parsing message"),
        (b"[]", "unknown", "Error occurred in parsing message"),
        (b"\xff", "unknown", "Error occurred in parsing message"),
        (
            {"task_id": "t", "method": "get-stock-name", "parameters": {"stock_code": "015760"}},
            "unknown",
            "Error occurred in parsing message",
        ),
        (task("get-price", {}), "custom-task-id", "\"Method 'get-price' is not exists in method map\""),
        (
            task("subscribe-realtime", {}),
            "custom-task-id",
            "Real time parameter 'stock_code'(6자리 종목코드) is missed",
        ),
        (
            task("unsubscribe-realtime", {"code": "015760"}),
            "custom-task-id",
            "Real time parameter 'stock_code'(6자리 종목코드) is missed",
        ),
        (
            task("get-stock-name", {"code": "015760"}),
            "custom-task-id",
            "Lookup parameter 'get-stock-name', '{'code': '015760'}' is wrong",
        ),
        (
            task("get-stock-codes", None),
            "custom-task-id",
            "Lookup parameter 'get-stock-codes', 'None' is wrong",
        ),
        (
            task("request-minute-candle", {"from": "20210325"}),
            "custom-task-id",
            "Task parameter 'to'(조회할 마지막 기간(YYYYMMDD)) is missed",
        ),
        (
            task("request-day-candle", {"to": "20210325"}),
            "custom-task-id",
            "Task parameter 'from'(조회를 시작할 기간(YYYYMMDD)) is missed",
        ),
        (
            task("request-minute-candle", {"from": "20210325", "to": "20210326", "tick": "1"}),
            "custom-task-id",
            "종목코드(stock_code) is essential",
        ),
        (task("request-short-trend", None), "custom-task-id", "Unhandled excpetion occurred"),
        (task("subscribe-realtime", None), "custom-task-id", "Unhandled excpetion occurred"),
    ],
)
def test_failures_are_texts(server: SapiServer, message: Any, task_id: str, result: str) -> None:
    reply = server.answer(message)
    assert reply["response_time"] == "2026-11-20 10:00:00"
    assert {name: reply[name] for name in ("task_id", "result", "status")} == {
        "task_id": task_id,
        "result": result,
        "status": "TASK_FAILED",
    }
    assert len(reply) == 4


def test_values_and_parameters_go_as_they_are(server: SapiServer, fake: FakeBackend) -> None:
    fake.answers["ka10080"] = [[{"timestamp": "20210325090000", "closing": " -23000"}]]
    reply = server.answer(task("request-minute-candle", MINUTES | {"tick": 7, "colour": "red"}))
    assert reply["result"][0]["closing"] == " -23000"
    assert fake.asked[0][1] == {"stock_code": "015760", "tick": "7", "is_adjusted": "1"}


@pytest.mark.parametrize("error", [VendorRejected, RateLimited, VendorUnavailable])
def test_a_refused_request_is_an_empty_list(
    server: SapiServer, fake: FakeBackend, monkeypatch: pytest.MonkeyPatch, error: type[VendorRejected]
) -> None:
    def refuse(*_: object, **__: object) -> Page:
        raise error("-200", vendor="kiwoom", vendor_code="-200")

    monkeypatch.setattr(fake, "request", refuse)
    reply = server.answer(task("request-offer-price-info", {"stock_code": "015760"}))
    assert (reply["status"], reply["result"]) == ("TASK_FAILED", [])


def test_anything_else_is_unhandled(
    server: SapiServer, fake: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(tr: Tr, inputs: Any, context: TaskContext, lane: Lane, *, after: str | None = None) -> Page:
        raise VendorUnavailable("ours alone")

    monkeypatch.setattr(fake, "request", refuse)
    reply = server.answer(task("request-offer-price-info", {"stock_code": "015760"}))
    assert (reply["status"], reply["result"]) == ("TASK_FAILED", "Unhandled excpetion occurred")


def test_methods_with_a_vendor_s_name_are_answered_by_our_contract(server: SapiServer) -> None:
    reply = server.answer({"task_id": "t", "method": "kiwoom.get-nothing", "parameters": {}})
    assert reply["error"]["code"] == "UNKNOWN_METHOD"
    reply = server.answer({"task_id": "t", "method": "kiwoom.get-stock-info", "parameters": {"ticker": 5}})
    assert reply["error"]["code"] == "INVALID_PARAMETERS"


@pytest.mark.parametrize(
    ("method", "error", "status", "result"),
    [
        ("subscribe-realtime", None, "TASK_SUCCEED", "t-9 subscribes 015760 successfully"),
        ("unsubscribe-realtime", None, "TASK_SUCCEED", "t-9 unsubscribes 015760 successfully"),
        (
            "unsubscribe-realtime",
            NotSubscribed("no"),
            "TASK_FAILED",
            "t-9 did not subscribed 015760 yet",
        ),
    ],
)
def test_subscriptions_are_acknowledged_with_a_sentence(
    method: str, error: Exception | None, status: str, result: str
) -> None:
    body = json.dumps(task(method, {"stock_code": "015760"}, "t-9")).encode()
    style = kiwoom.styles(compat=True, zone=ZONE).of(body)
    assert style is not None
    reply = json.loads(style.reply("t-9", [{"any": "row"}], error=error, now=datetime.now(UTC)))
    assert (reply["task_id"], reply["status"], reply["result"]) == ("t-9", status, result)


def test_events_have_four_keys_and_a_dictionary() -> None:
    (style,) = (kiwoom.styles(compat=True, zone=ZONE).events or {}).values()
    assert style.message is not None
    event = style.shape(
        {"type": "0B", "key": "015760", "fields": {"20": "090000", "10": "-23000"}, "extra": []}
    )
    message = json.loads(style.message("구독", json.dumps(event).encode(), b"2026-11-20T01:00:00.250Z"))
    values = message["result"].pop("real_time_data").split("\t")
    assert message == {
        "task_id": "구독",
        "result": {"stock_code": "015760", "real_data_type": "주식체결"},
        "response_time": "2026-11-20 10:00:00.250000",
        "status": "TASK_SUCCEED",
    }
    assert values[:3] == ["090000", "-23000", ""]
    assert len(values) == 43


def test_an_unknown_market_is_an_empty_text(fake: FakeBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> list[str]:
        raise InvalidParameters("no such market", vendor="kiwoom", vendor_code="1901")

    monkeypatch.setattr(fake, "stock_codes", refuse)
    reply = SapiServer(fake, compat=True).answer(task("get-stock-codes", {"market": "999"}))
    assert (reply["result"], reply["status"]) == ("", "TASK_SUCCEED")
