"""Cancels: nothing of ours stands in their way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.brokerage import BUY, CHANGE, LIST_ABROAD
from tests.support.order_floor import Floor
from tests.support.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.same_on_every_journal
SETTINGS = {"LEASE_HEARTBEAT": "5"}
"""An order's exchange may take 4 seconds."""
TICKER = "005930"


@pytest.fixture
def halted(floor: Floor) -> Iterator[None]:
    yield
    floor.call("broker.resume-orders", {"reason": "the test is over"})


def state(floor: Floor, order_no: str, market: str = "domestic") -> str:
    """The ground truth of one order."""
    return str(floor.brokerage.order(order_no, market)["state"])


def held_up(floor: Floor, quantity: int) -> str:
    """An order on its way whose answer never comes: it holds the lane of orders for 4 seconds."""
    floor.brokerage.fault("blackhole", when="after", tr=BUY)
    calls = floor.brokerage.calls(BUY)
    order = {"ticker": TICKER, "quantity": quantity, "price": floor.low_price(TICKER)}
    task_id = floor.send("kis.buy-order", order)
    wait_until(lambda: floor.brokerage.calls(BUY) > calls, what="the order at the brokerage")
    return task_id


def test_cancel_by_task_id_finds_the_order(floor: Floor) -> None:
    resting = floor.resting("000660", 61)
    row = floor.call("kis.cancel-order", {"order_task_id": resting["task_id"]})
    assert row["original_order_no"] == resting["order_no"]
    assert state(floor, resting["order_no"]) == "cancelled"
    order = floor.wait_order(resting["task_id"], status="cancelled", remaining_quantity=0)
    assert (order["state"], order["filled_quantity"]) == ("ACCEPTED", 0)


def test_cancel_of_an_unknown_task_says_so(floor: Floor) -> None:
    error = floor.refusal("kis.cancel-order", {"order_task_id": "nobody"})
    assert error["code"] == "INVALID_PARAMETERS"
    assert "no order nobody" in error["message"]


def test_cancel_of_what_is_gone_is_done_already(floor: Floor) -> None:
    resting = floor.resting("000660", 62)
    floor.call("kis.cancel-order", {"order_no": resting["order_no"]})
    calls = floor.brokerage.calls(CHANGE)
    for name in ({"order_no": resting["order_no"]}, {"order_task_id": resting["task_id"]}):
        row = floor.call("kis.cancel-order", name)
        assert (row["already_done"], row["state"], row["order_no"]) == (True, "cancelled", None)
    assert floor.brokerage.calls(CHANGE) == calls, "the brokerage is not asked to cancel it again"


def test_cancel_of_an_order_that_was_refused_is_done_already(floor: Floor) -> None:
    old = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    order = {"ticker": "000660", "quantity": 63, "order_type": "market"}
    task_id = floor.send("kis.buy-order", order, keys={"deadline": old})
    assert floor.error(task_id)["code"] == "TASK_EXPIRED"
    row = floor.call("kis.cancel-order", {"order_task_id": task_id})
    assert (row["already_done"], row["state"]) == (True, "refused")


def test_cancel_of_an_order_that_waits_takes_it_back_unsent(floor: Floor) -> None:
    first = held_up(floor, 64)
    calls = floor.brokerage.calls(BUY)
    waiting = floor.send("kis.buy-order", {"ticker": TICKER, "quantity": 65, "order_type": "market"})
    behind = floor.send("kis.buy-order", {"ticker": TICKER, "quantity": 66, "order_type": "market"})
    row = floor.call("kis.cancel-order", {"order_task_id": waiting})
    assert (row["already_done"], row["state"]) == (True, "refused")
    assert not floor.wire.replies[first], "the order before it is still on its way"
    assert floor.error(waiting)["code"] == "CANCELLED"
    assert floor.wire.wait(behind).json["status"] == "TASK_SUCCEED"
    assert floor.brokerage.calls(BUY) == calls + 1
    assert floor.brokerage.orders(TICKER, 65) == []
    assert floor.order(waiting)["state"] == "REFUSED"
    floor.wire.wait(first, count=2)


def test_cancel_overtakes_an_order_that_hangs(floor: Floor) -> None:
    resting = floor.resting("000660", 67)
    hanging = held_up(floor, 68)
    floor.call("kis.cancel-order", {"order_no": resting["order_no"]})
    assert state(floor, resting["order_no"]) == "cancelled"
    assert not floor.wire.replies[hanging]
    floor.wire.wait(hanging, count=2)


def test_cancel_of_an_order_that_hangs_waits_for_its_number(floor: Floor) -> None:
    hanging = held_up(floor, 69)
    cancel = floor.send("kis.cancel-order", {"order_task_id": hanging})
    accepted = floor.wire.wait(hanging, count=2).json
    reply = floor.wire.wait(cancel).json
    order_no = accepted["result"][0]["order_no"]
    assert reply["result"][0]["original_order_no"] == order_no
    assert state(floor, order_no) == "cancelled"


@pytest.mark.usefixtures("halted")
def test_cancel_goes_through_while_orders_are_halted_and_a_change_does_not(floor: Floor) -> None:
    resting = floor.resting("000660", 70)
    floor.call("broker.halt-orders", {"reason": "a test"})
    change = {"order_no": resting["order_no"], "price": resting["price"] + 1000}
    assert floor.refusal("kis.modify-order", change)["code"] == "ORDERS_DISABLED"
    floor.call("kis.cancel-order", {"order_no": resting["order_no"]})
    assert state(floor, resting["order_no"]) == "cancelled"


@pytest.mark.parametrize("made", [timedelta(hours=-5), timedelta(hours=5), None])
def test_age_is_no_matter_to_a_cancel(floor: Floor, made: timedelta | None) -> None:
    resting = floor.resting("000660", 71)
    keys: dict[str, Any] = {"request_time": None if made is None else (datetime.now(UTC) + made).isoformat()}
    if made is not None and made < timedelta():
        keys["deadline"] = keys["request_time"]
    floor.call("kis.cancel-order", {"order_task_id": resting["task_id"]}, keys=keys)
    assert state(floor, resting["order_no"]) == "cancelled"


def test_cancel_all_takes_back_what_is_open_here_and_abroad_and_nothing_else(floor: Floor) -> None:
    done = floor.call("kis.buy-order", {"ticker": "005380", "quantity": 72, "order_type": "market"})
    here = [floor.resting(ticker, 72)["order_no"] for ticker in ("005380", "035420")]
    order = {"ticker": "AAPL", "exchange": "NASD", "quantity": 72, "price": "1.50"}
    abroad = floor.call("kis.buy-overseas-order", order)["order_no"]

    rows = floor.rows("broker.cancel-all-orders", {"ticker": "035420"})
    assert [(row["order_no"], row["cancelled"]) for row in rows] == [(here[1], True)]
    assert state(floor, here[0]) == "working"

    task_id = floor.send("broker.cancel-all-orders", {})
    rows = floor.wire.wait(task_id).json["result"]
    assert {row["order_no"] for row in rows} >= {here[0], abroad}
    assert all(row["cancelled"] for row in rows), rows
    assert [state(floor, each) for each in here] == ["cancelled"] * 2
    assert state(floor, abroad, "overseas") == "cancelled"
    assert state(floor, done["order_no"]) == "filled"
    # Each cancel is an order task of its own, on record.
    assert floor.order(f"{task_id}/domestic/{here[0]}")["state"] == "ACCEPTED"
    assert floor.rows("broker.cancel-all-orders", {}) == []


def test_cancel_all_takes_back_what_it_can_when_a_list_cannot_be_read(floor: Floor) -> None:
    resting = floor.resting("015760", 73)
    floor.brokerage.fault("bad_gateway", tr=LIST_ABROAD, count=None)
    task_id, body = floor.body("broker.cancel-all-orders", {})
    floor.wire.publish(body, to="tasks.orders")
    reply = floor.wire.wait(task_id, 2 * PATIENCE).json
    assert state(floor, resting["order_no"]) == "cancelled"
    assert reply["status"] == "TASK_SUCCEED", reply
    assert [row["order_no"] for row in reply["result"]] == [resting["order_no"]]
    assert "overseas" in reply["truncated"], "it says what it could not look at"
    floor.wire.publish(body, to="tasks.orders")
    again = floor.wire.wait(task_id, count=2).json
    assert (again["result"], again["truncated"]) == (reply["result"], reply["truncated"])
    assert again["replayed"] is True


def test_cancel_all_that_hears_no_answer_says_so_when_it_is_asked_again(floor: Floor) -> None:
    resting = floor.resting("015760", 74)
    floor.brokerage.fault("blackhole", when="after", tr=CHANGE)
    task_id, body = floor.body("broker.cancel-all-orders", {"ticker": "015760"})
    floor.wire.publish(body, to="tasks.orders")
    (row,) = floor.wire.wait(task_id).json["result"]
    assert row["order_no"] == resting["order_no"]
    assert row["cancelled"] is False
    assert "unknown" in row["error"]
    floor.wire.publish(body, to="tasks.orders")
    again = floor.wire.wait(task_id, count=2).json
    assert again["replayed"] is True
    assert again["result"] == [row]
    floor.wait_order(row["task_id"], state="ACCEPTED")
