"""An assistant over stdin and stdout: the SDK's client, ``broker-client mcp``, RabbitMQ, a simulated KIS."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.assistant import assistant, text_of
from tests.support.order_floor import Floor
from tests.support.processes import run_client

on_one_floor = pytest.mark.parametrize("module_journal_url", ["sqlite"], indirect=True)


@on_one_floor
async def test_an_assistant_reads_and_cannot_order(floor: Floor) -> None:
    async with assistant(floor) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        price = await client.call_tool("kis_get_current_price", {"ticker": "005930"})
        wrong = await client.call_tool("kis_get_current_price", {"tikcer": "005930"})
        order = await client.call_tool(
            "kis_buy_order", {"ticker": "005930", "quantity": 1, "order_type": "market"}
        )
    annotations = tools["kis_get_current_price"].annotations
    assert annotations is not None
    assert annotations.read_only_hint
    assert tools["kis_get_current_price"].input_schema["required"] == ["ticker"]
    assert not {name for name in tools if name.endswith("_order")} - {"broker_get_order"}
    assert not price.is_error
    assert price.structured_content["result"][0]["price"] > 0
    assert price.structured_content["environment"] == "simulated"
    assert '"ticker":"005930"' in text_of(price)
    assert wrong.is_error
    assert wrong.structured_content["error"]["code"] == "INVALID_PARAMETERS"
    assert "tikcer" in text_of(wrong)
    assert order.is_error
    assert "There is no tool kis_buy_order" in text_of(order)
    assert floor.brokerage.orders() == []


@on_one_floor
async def test_an_order_has_a_task_id_and_runs_once_under_it(floor: Floor) -> None:
    arguments: dict[str, Any] = {"ticker": "005930", "quantity": 1, "price": floor.low_price("005930")}
    async with assistant(floor, "--allow-orders") as client:
        first = await client.call_tool("kis_buy_order", arguments)
        task_id = first.structured_content["task_id"]
        again = await client.call_tool("kis_buy_order", arguments | {"task_id": task_id})
        record = await client.call_tool("broker_get_order", {"task_id": task_id})
        refused = await client.call_tool("kis_buy_order", arguments | {"task_id": 5})
    assert not first.is_error, text_of(first)
    assert f"task_id {task_id}" in text_of(first)
    assert again.structured_content["replayed"]
    assert again.structured_content["result"] == first.structured_content["result"]
    assert record.structured_content["result"][0]["state"] == "ACCEPTED"
    assert refused.is_error
    assert "nothing was sent" in text_of(refused)
    assert len(floor.brokerage.orders()) == 1


def test_what_cannot_be_served_is_one_clear_line() -> None:
    outcome = run_client("mcp", "--url", "amqp://127.0.0.1:1/%2F", "--timeout", "2")
    assert (outcome.returncode, outcome.stdout) == (3, "")
    (line,) = outcome.stderr.splitlines()
    assert "BROKER_URL" in line
