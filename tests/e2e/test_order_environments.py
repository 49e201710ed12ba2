"""Orders that move real money need two settings; the loopback simulator plays the brokerage."""

from __future__ import annotations

import pytest

from tests.support.assistant import assistant, text_of
from tests.support.order_floor import Floor
from tests.support.processes import CommandProcess, run_client

on_sqlite = pytest.mark.parametrize("journal_url", ["sqlite"], indirect=True)
ORDER = {"ticker": "005930", "quantity": 91, "order_type": "market"}


def start(floor: Floor, environment: str, **settings: str) -> CommandProcess:
    """A worker that takes the simulator for the brokerage itself."""
    keys = floor.brokerage.settings("paper" if environment == "paper" else "real")
    worker = floor.start(simulate=False, settings=keys | settings)
    assert f"environment={environment}" in worker.wait_ready()
    return worker


@on_sqlite
def test_live_trading_needs_to_be_switched_on(new_floor: Floor) -> None:
    worker = start(new_floor, "real")
    error = new_floor.refusal("kis.buy-order", ORDER)
    assert error["code"] == "ORDERS_DISABLED"
    assert "ALLOW_LIVE_ORDERS" in error["message"]
    overseas = {"ticker": "AAPL", "exchange": "NASD", "quantity": 91, "price": "1.50"}
    for method, parameters in (
        ("kis.sell-order", ORDER),
        ("kis.buy-overseas-order", overseas),
        ("kis.modify-order", {"order_no": "0000001001", "quantity": 1, "price": 60000}),
    ):
        assert new_floor.refusal(method, parameters)["code"] == "ORDERS_DISABLED", method
    assert new_floor.brokerage.orders() == []
    assert new_floor.call("kis.get-current-price", {"ticker": "005930"}, to="tasks")["price"] > 0
    assert worker.terminate() == 0

    start(new_floor, "real", ALLOW_LIVE_ORDERS="true")
    task_id = new_floor.send("kis.buy-order", ORDER)
    reply = new_floor.wire.wait(task_id).json
    assert (reply["status"], reply["environment"]) == ("TASK_SUCCEED", "real")
    (booked,) = new_floor.brokerage.orders()
    assert reply["result"][0]["order_no"] == booked["order_no"]
    assert new_floor.journal.find(task_id) is None, "not among the orders of a simulator"
    record = new_floor.journal_of("real").find(task_id)
    assert record is not None
    assert record.order.state == "ACCEPTED"


@on_sqlite
def test_cancels_need_no_live_trading(new_floor: Floor) -> None:
    allowing = start(new_floor, "real", ALLOW_LIVE_ORDERS="true")
    first, second = (new_floor.resting(ticker, 92) for ticker in ("005930", "000660"))
    assert allowing.terminate() == 0

    start(new_floor, "real")
    assert new_floor.refusal("kis.buy-order", ORDER)["code"] == "ORDERS_DISABLED"
    row = new_floor.call("kis.cancel-order", {"order_task_id": first["task_id"]})
    assert row["original_order_no"] == first["order_no"]
    (row,) = new_floor.rows("broker.cancel-all-orders")
    assert (row["order_no"], row["cancelled"]) == (second["order_no"], True)
    assert {each["state"] for each in new_floor.brokerage.orders()} == {"cancelled"}


@on_sqlite
def test_paper_trading_places_orders(new_floor: Floor) -> None:
    start(new_floor, "paper", KIS_RATE_LIMIT="20")
    reply = new_floor.wire.wait(new_floor.send("kis.buy-order", ORDER)).json
    assert (reply["status"], reply["environment"]) == ("TASK_SUCCEED", "paper")
    (booked,) = new_floor.brokerage.orders()
    assert booked["account"] == new_floor.brokerage.settings("paper")["KIS_ACCOUNT"]
    assert booked["order_no"] == reply["result"][0]["order_no"]


@on_sqlite
async def test_no_assistant_orders_with_real_money(new_floor: Floor) -> None:
    simulated = new_floor.start()
    async with assistant(new_floor, "--allow-orders") as client:
        assert simulated.terminate() == 0
        start(new_floor, "real", ALLOW_LIVE_ORDERS="true")
        changed = await client.call_tool("kis_buy_order", ORDER)
    assert changed.is_error
    assert "real" in text_of(changed)
    begun = run_client("mcp", "--allow-orders", environment={"BROKER_URL": new_floor.url})
    assert (begun.returncode, begun.stdout) == (2, "")
    assert "this worker's environment is real" in begun.stderr
    assert new_floor.brokerage.orders() == []
