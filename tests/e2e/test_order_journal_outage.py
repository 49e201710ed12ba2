"""The journal's database dies while its worker lives: nothing is sent unrecorded, and cancels go on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.brokerage import BUY
from tests.support.journal_outage import Outage, breakable_journal
from tests.support.order_floor import Floor, open_floor
from tests.support.waiting import PATIENCE, wait_until

SETTINGS = {"LEASE_HEARTBEAT": "5"}
"""An order's exchange may take 4 seconds."""


@pytest.fixture(params=["stopped server", "locked file", "lost tables"])
def outage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outage]:
    with breakable_journal(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def floor(clean_broker: str, outage: Outage, tmp_path: Path) -> Iterator[Floor]:
    """A worker on a journal that can be taken away."""
    with open_floor(clean_broker, tmp_path, outage.url, settings=SETTINGS) as floor:
        floor.start()
        yield floor


def state(floor: Floor, order_no: str) -> str:
    return str(floor.brokerage.order(order_no)["state"])


def test_orders_are_refused_and_cancels_go_on_until_the_journal_is_back(floor: Floor, outage: Outage) -> None:
    first, second = (floor.resting("005930", quantity) for quantity in (121, 122))
    outage.begin()
    order = {"ticker": "000660", "quantity": 123, "order_type": "market"}
    refused = floor.send("kis.buy-order", order)
    error = floor.error(refused)
    assert (error["code"], error["retryable"]) == ("ORDERS_DISABLED", True)
    assert "journal" in error["message"]
    change = {"order_no": first["order_no"], "price": first["price"] + 1000}
    assert floor.refusal("kis.modify-order", change)["code"] == "ORDERS_DISABLED"
    cancelled = floor.call("kis.cancel-order", {"order_no": first["order_no"]})
    assert cancelled["already_done"] is False
    assert state(floor, first["order_no"]) == "cancelled"
    # By its task_id an order can only be found while the journal can be read; the answer says what to do.
    by_task = floor.send("kis.cancel-order", {"order_task_id": second["task_id"]})
    reply = floor.wire.wait(by_task, 2 * PATIENCE).json
    if reply["status"] == "TASK_FAILED":
        assert reply["error"]["code"] == "ORDERS_DISABLED", reply
        assert "order_no" in reply["error"]["message"]
        floor.call("kis.cancel-order", {"order_no": second["order_no"]})
    assert state(floor, second["order_no"]) == "cancelled"
    third = floor.call("kis.get-current-price", {"ticker": "000660"}, to="tasks")
    assert third["price"] > 0, "reads go on"
    rows = floor.rows("broker.cancel-all-orders", {})
    assert rows == [], "nothing is open any more"
    assert floor.brokerage.orders("000660") == []

    outage.end()

    def works() -> bool:
        reply = floor.wire.call("kis.buy-order", order | {"quantity": 124}, to="tasks.orders")
        return bool(reply["status"] == "TASK_SUCCEED")

    wait_until(works, 2 * PATIENCE, "the same worker to take orders again")
    # The one that was refused was not recorded: its client may repeat it, as it was told.
    floor.wire.send("kis.buy-order", order, task_id=refused, to="tasks.orders")
    assert floor.wire.wait(refused, count=2).json["status"] == "TASK_SUCCEED"
    assert len(floor.brokerage.orders("000660", 123)) == 1
    assert len(floor.brokerage.orders("000660", 124)) == 1


def test_verdict_is_told_when_the_journal_dies_under_an_order(floor: Floor, outage: Outage) -> None:
    floor.brokerage.fault("latency", seconds=3, tr=BUY)
    calls = floor.brokerage.calls(BUY)
    order = {"ticker": "005930", "quantity": 125, "price": floor.low_price("005930")}
    task_id = floor.send("kis.buy-order", order)
    wait_until(lambda: floor.brokerage.calls(BUY) > calls, what="the order at the brokerage")
    outage.begin()
    reply = floor.wire.wait(task_id, 2 * PATIENCE).json
    assert reply["status"] == "TASK_SUCCEED", (reply, floor.logs())
    (booked,) = floor.brokerage.orders("005930", 125)
    assert reply["result"][0]["order_no"] == booked["order_no"]
    outage.end()
    # It is recorded as soon as it can be, without a new start; until then a copy of it is not sent.
    row = floor.wait_order(task_id, state="ACCEPTED", order_no=booked["order_no"])
    assert row["status"] == "working"
    floor.wire.send("kis.buy-order", order, task_id=task_id, to="tasks.orders")
    replay = floor.wire.wait(task_id, count=2).json
    assert (replay["result"], replay["replayed"]) == (reply["result"], True)
    # An equal order is not held up by one whose outcome is known.
    floor.call("kis.buy-order", order)
    assert len(floor.brokerage.orders("005930", 125)) == 2


def test_cancel_goes_on_under_a_lease_that_was_taken_without_a_journal(
    clean_broker: str, outage: Outage, tmp_path: Path
) -> None:
    with open_floor(clean_broker, tmp_path, outage.url, settings={"LEASE_HEARTBEAT": "2"}) as floor:
        proxy, url = floor.proxied()
        worker = floor.start(settings={"BROKER_URL": url})
        resting = floor.resting("005930", 126)
        outage.begin()
        proxy.cut()
        worker.wait_for_log("lease taken", '"account": "kis/default", "epoch": 0')
        order = {"ticker": "005930", "quantity": 127, "order_type": "market"}
        error = floor.refusal("kis.buy-order", order)
        assert (error["code"], error["retryable"]) == ("ORDERS_DISABLED", True)
        floor.call("kis.cancel-order", {"order_no": resting["order_no"]})
        assert state(floor, resting["order_no"]) == "cancelled"
        outage.end()

        def works() -> bool:
            reply = floor.wire.call("kis.buy-order", order, to="tasks.orders")
            return bool(reply["status"] == "TASK_SUCCEED")

        wait_until(works, 2 * PATIENCE, "the same worker to take orders again")
        assert len(floor.brokerage.orders("005930", 127)) == 1
