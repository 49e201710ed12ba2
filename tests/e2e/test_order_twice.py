"""Every command that comes twice leaves once, whichever way it comes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.brokerage import BUY, CHANGE, SELL
from tests.support.order_floor import ORDERS, TASKS, Floor

QUEUES = pytest.mark.parametrize("queue", [ORDERS, TASKS])


def deliver_twice(
    floor: Floor, queue: str, method: str, parameters: dict[str, Any], *, at_once: bool = False
) -> dict[str, Any]:
    """Publish the same bytes twice; returns the one outcome that both replies tell."""
    task_id, body = floor.body(method, parameters)
    floor.wire.publish(body, to=queue)
    if not at_once:
        floor.wire.wait(task_id)
    floor.wire.publish(body, to=queue)
    floor.wire.wait(task_id, count=2)
    first, second = (message.json for message in floor.wire.replies[task_id])
    assert first["status"] == second["status"] == "TASK_SUCCEED", (first, floor.logs())
    assert first["result"] == second["result"]
    assert first.get("replayed", False) is False
    assert second["replayed"] is True
    (row,) = first["result"]
    assert isinstance(row, dict)
    return {**row, "task_id": task_id}


@QUEUES
@pytest.mark.parametrize("at_once", [False, True], ids=["one after the other", "at once"])
def test_buy_that_comes_twice_is_placed_once(floor: Floor, queue: str, at_once: bool) -> None:
    calls, booked = floor.brokerage.calls(BUY), len(floor.brokerage.orders("005930", 11))
    row = deliver_twice(
        floor,
        queue,
        "kis.buy-order",
        {"ticker": "005930", "quantity": 11, "order_type": "market"},
        at_once=at_once,
    )
    assert floor.brokerage.calls(BUY) == calls + 1
    orders = floor.brokerage.orders("005930", 11)
    assert len(orders) == booked + 1
    assert orders[-1]["order_no"] == row["order_no"]
    assert floor.record(row["task_id"]).order.order_no == row["order_no"]


@QUEUES
def test_sell_that_comes_twice_is_placed_once(floor: Floor, queue: str) -> None:
    floor.call("kis.buy-order", {"ticker": "000660", "quantity": 30, "order_type": "market"})
    calls = floor.brokerage.calls(SELL)
    booked = len([each for each in floor.brokerage.orders("000660", 12) if each["side"] == "sell"])
    deliver_twice(
        floor, queue, "kis.sell-order", {"ticker": "000660", "quantity": 12, "order_type": "market"}
    )
    assert floor.brokerage.calls(SELL) == calls + 1
    sold = [each for each in floor.brokerage.orders("000660", 12) if each["side"] == "sell"]
    assert len(sold) == booked + 1


@QUEUES
@pytest.mark.parametrize("named_by", ["order_no", "order_task_id"])
def test_modify_that_comes_twice_is_sent_once(floor: Floor, queue: str, named_by: str) -> None:
    resting = floor.resting("035420", 13)
    name = {"order_no": resting["order_no"], "order_task_id": resting["task_id"]}
    calls, booked = floor.brokerage.calls(CHANGE), len(floor.brokerage.orders("035420"))
    price = resting["price"] + 1000
    row = deliver_twice(floor, queue, "kis.modify-order", {named_by: name[named_by], "price": price})
    assert floor.brokerage.calls(CHANGE) == calls + 1
    orders = floor.brokerage.orders("035420")
    assert len(orders) == booked + 1
    assert (orders[-1]["order_no"], orders[-1]["price"]) == (row["order_no"], price)


@QUEUES
@pytest.mark.parametrize("named_by", ["order_no", "order_task_id"])
def test_cancel_that_comes_twice_is_sent_once(floor: Floor, queue: str, named_by: str) -> None:
    resting = floor.resting("015760", 14)
    name = {"order_no": resting["order_no"], "order_task_id": resting["task_id"]}
    calls = floor.brokerage.calls(CHANGE)
    row = deliver_twice(floor, queue, "kis.cancel-order", {named_by: name[named_by]})
    assert row["already_done"] is False
    assert floor.brokerage.calls(CHANGE) == calls + 1
    assert floor.brokerage.orders("015760", 14)[-1]["state"] == "cancelled"
