"""Which methods are tools for an assistant, and how answers and failures read."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from broker_client.cli import app
from broker_client.errors import OrderOutcomeUnknown, VendorRejected
from broker_client.mcp_tools import (
    MOST_BYTES,
    READ_ONLY_ADMIN,
    describe_error,
    describe_result,
    split_task_id,
    tools_of,
)
from broker_client.protocol import TaskReply
from broker_client.results import TaskResult
from broker_server.admin import describe
from broker_server.wiring.catalogue import catalogue


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return [describe(method).model_dump() for method in catalogue()]


def result_of(rows: list[Any], **more: Any) -> TaskResult:
    reply = TaskReply(
        task_id="t-1",
        result=rows,
        response_time=datetime(2026, 11, 20, tzinfo=UTC),
        status="TASK_SUCCEED",
        environment="paper",
        **more,
    )
    return TaskResult.from_reply(reply)


def test_without_orders_nothing_that_changes_anything_is_a_tool(rows: list[dict[str, Any]]) -> None:
    tools = tools_of(rows, orders=False)
    kinds = {row["name"]: row["kind"] for row in rows}
    methods = {tool.method for tool in tools.values()}
    assert methods == {name for name, kind in kinds.items() if kind == "read"} | READ_ONLY_ADMIN
    assert not any(tool.is_order for tool in tools.values())
    assert {"kis_get_current_price", "get_stock_name", "broker_get_order"} <= tools.keys()


def test_with_orders_there_are_orders_but_still_no_kill_switch(rows: list[dict[str, Any]]) -> None:
    tools = tools_of(rows, orders=True)
    more = {tool.method for tool in tools.values()} - {
        t.method for t in tools_of(rows, orders=False).values()
    }
    assert more == {row["name"] for row in rows if row["kind"] == "order"}
    assert "broker_halt_orders" not in tools
    assert "broker_resolve_order" not in tools


def test_an_order_by_its_name_is_one_whatever_the_worker_calls_it(rows: list[dict[str, Any]]) -> None:
    disguised = [row | {"kind": "read"} for row in rows if row["name"] == "kis.buy-order"]
    assert tools_of(disguised, orders=False) == {}
    assert tools_of(disguised, orders=True)["kis_buy_order"].is_order


def test_every_name_is_one_that_assistants_take_and_is_there_once(rows: list[dict[str, Any]]) -> None:
    tools = tools_of(rows, orders=True)
    assert len(tools) == sum(row["kind"] in ("read", "order") for row in rows) + len(READ_ONLY_ADMIN)
    assert all(re.fullmatch(r"[a-zA-Z0-9_]{1,64}", name) for name in tools)


def test_an_order_takes_a_task_id_and_a_read_passes_on_what_it_gets(rows: list[dict[str, Any]]) -> None:
    tools = tools_of(rows, orders=True)
    order, look_up = tools["kis_buy_order"], tools["broker_get_order"]
    assert "task_id" in order.input_schema["properties"]
    assert "task_id" not in order.input_schema["required"]
    assert split_task_id(order, {"quantity": 1, "task_id": "o-1"}) == ({"quantity": 1}, "o-1")
    assert split_task_id(order, {"task_id": None}) == ({}, None)
    assert split_task_id(look_up, {"task_id": "o-1"}) == ({"task_id": "o-1"}, None)
    for wrong in ("", 5, "x" * 300, "a\0"):
        with pytest.raises(ValueError, match="nothing was sent"):
            split_task_id(order, {"task_id": wrong})


def test_an_answer_says_the_same_as_text_and_as_json() -> None:
    text, document = describe_result("kis.buy-order", result_of([{"order_no": "7"}], replayed=True))
    assert document == {
        "method": "kis.buy-order",
        "task_id": "t-1",
        "environment": "paper",
        "result": [{"order_no": "7"}],
        "replayed": True,
    }
    assert text.splitlines()[0] == "kis.buy-order, paper, task_id t-1: 1 row"
    assert text.splitlines()[-1] == '{"order_no":"7"}'


def test_too_much_for_an_assistant_is_cut_and_told() -> None:
    text, document = describe_result("get-stock-codes", result_of(["x" * 1_000] * 200))
    assert document["left_out"] == 200 - len(document["result"]) > 0
    assert len(document["result"]) * 1_000 <= MOST_BYTES
    assert f"{document['left_out']} more rows were left out" in text
    assert "left_out" not in describe_result("one", result_of(["x" * 2 * MOST_BYTES]))[1]


def test_a_refusal_has_the_words_of_the_brokerage_and_an_unknown_outcome_what_to_do() -> None:
    refusal = VendorRejected(
        "refused", vendor="kis", vendor_code="APBK0013", vendor_message="장운영시간 아님"
    )
    text, document = describe_error("kis.buy-order", refusal, "o-1")
    assert "APBK0013 장운영시간 아님" in text
    assert (document["error"]["code"], document["task_id"]) == ("VENDOR_REJECTED", "o-1")
    unknown = OrderOutcomeUnknown("o-1", "kis.buy-order", 30)
    text, _ = describe_error("kis.buy-order", unknown, "o-1")
    assert "task_id: o-1" in text
    assert "Do not send a new one" in text


def test_without_the_extra_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mcp", "mcp.server.context"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "broker_client.mcp_server", raising=False)
    outcome = CliRunner().invoke(app, ["mcp", "--url", "amqp://127.0.0.1:1/%2F"])
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "pip install 'sapi-broker[mcp]'" in outcome.stderr
