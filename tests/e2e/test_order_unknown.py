"""Orders whose answer is lost: what became of them is found out, and told to whoever waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.brokerage import BUY, BUY_ABROAD, LIST, LIST_ABROAD, ORDER_PATH
from tests.support.order_events import Listener
from tests.support.order_floor import Floor
from tests.support.waiting import wait_until

pytestmark = pytest.mark.same_on_every_journal
SETTINGS = {"LEASE_HEARTBEAT": "2"}
"""An order's exchange is given up after 1.6 seconds."""


def lost(floor: Floor, when: str, tr: str = BUY) -> None:
    """The answer to the next order never comes."""
    floor.brokerage.fault("blackhole", when=when, tr=tr)


def limit(floor: Floor, ticker: str, quantity: int) -> dict[str, Any]:
    return {"ticker": ticker, "quantity": quantity, "price": floor.low_price(ticker)}


def in_seconds(seconds: float) -> dict[str, str]:
    """The key that sets a deadline."""
    return {"deadline": (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()}


def unknown(floor: Floor, task_id: str) -> dict[str, Any]:
    """The error of an order whose outcome is not known yet."""
    floor.wire.wait(task_id)
    error: dict[str, Any] = floor.wire.replies[task_id][0].json["error"]
    assert error["code"] == "ORDER_OUTCOME_UNKNOWN", error
    assert error["retryable"] is False
    return error


def test_order_that_was_booked_settles_to_accepted_and_the_client_is_told(floor: Floor) -> None:
    lost(floor, "after")
    with Listener(floor.url) as events:
        task_id = floor.send("kis.buy-order", limit(floor, "005930", 41), correlation_id="mine")
        unknown(floor, task_id)
        second = floor.wire.wait(task_id, count=2)
        (booked,) = floor.brokerage.orders("005930", 41)
        assert second.json["status"] == "TASK_SUCCEED"
        assert second.json["result"][0]["order_no"] == booked["order_no"]
        assert second.properties.correlation_id == "mine"
        events.wait("order.kis.default.unknown", task_id=task_id)
        accepted = events.wait("order.kis.default.accepted", task_id=task_id)
    assert accepted["order_no"] == booked["order_no"]
    row = floor.order(task_id)
    assert (row["state"], row["status"], row["order_no"]) == ("ACCEPTED", "working", booked["order_no"])
    assert [each["event"] for each in row["history"]][:4] == ["Received", "Sending", "Lost", "Accepted"]
    _, body = floor.body("kis.buy-order", limit(floor, "005930", 41), task_id=task_id)
    floor.wire.publish(body, to="tasks")
    third = floor.wire.wait(task_id, count=3).json
    assert (third["result"], third["replayed"]) == (second.json["result"], True)
    assert len(floor.brokerage.orders("005930", 41)) == 1


def test_order_that_was_not_booked_settles_to_not_sent(floor: Floor) -> None:
    lost(floor, "before")
    task_id = floor.send("kis.buy-order", limit(floor, "005930", 42))
    unknown(floor, task_id)
    error = floor.error(task_id, count=2)
    assert (error["code"], error["retryable"]) == ("VENDOR_UNAVAILABLE", False)
    assert "not sent" in error["message"]
    row = floor.order(task_id)
    assert row["state"] == "NOT_SENT"
    assert "complete lists" in row["reason"]
    sent_at, settled_at = (datetime.fromisoformat(row[name]) for name in ("sent_at", "settled_at"))
    assert settled_at - sent_at >= timedelta(seconds=2)
    assert floor.brokerage.orders("005930", 42) == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_overseas_order_settles_too(floor: Floor, when: str) -> None:
    lost(floor, when, BUY_ABROAD)
    quantity = 43 if when == "before" else 44
    task_id = floor.send(
        "kis.buy-overseas-order",
        {"ticker": "AAPL", "exchange": "NASD", "quantity": quantity, "price": "1.50"},
    )
    unknown(floor, task_id)
    second = floor.wire.wait(task_id, count=2).json
    booked = floor.brokerage.orders("AAPL", quantity)
    assert second["status"] == ("TASK_SUCCEED" if booked else "TASK_FAILED")
    assert [each["order_no"] for each in booked] == [
        floor.order(task_id)["order_no"] for _ in range(when == "after")
    ]


@pytest.mark.parametrize("name", ["rate_limit", "expired_token"])
def test_refusal_before_it_was_taken_is_repeated_and_booked_once(floor: Floor, name: str) -> None:
    floor.brokerage.fault(name, tr=BUY)
    quantity = 45 if name == "rate_limit" else 46
    calls = floor.brokerage.calls(BUY)
    floor.call("kis.buy-order", limit(floor, "000660", quantity))
    assert floor.brokerage.calls(BUY) == calls + 2
    assert len(floor.brokerage.orders("000660", quantity)) == 1


def test_equal_order_waits_and_is_refused_as_retryable_before_its_client_gives_up(floor: Floor) -> None:
    floor.brokerage.fault("bad_gateway", tr=LIST, count=None)
    lost(floor, "before")
    first = floor.send("kis.buy-order", limit(floor, "035420", 47))
    unknown(floor, first)
    calls = floor.brokerage.calls(BUY)
    equal = floor.send("kis.buy-order", limit(floor, "035420", 47), keys=in_seconds(3))
    other = floor.call("kis.buy-order", limit(floor, "035420", 48))
    assert other["order_no"], "an order that can be told apart goes on"
    error = floor.error(equal)
    assert (error["code"], error["retryable"]) == ("TASK_EXPIRED", True)
    assert first in error["message"]
    assert floor.brokerage.calls(BUY) == calls + 1
    assert floor.order(first)["state"] == "UNKNOWN"
    floor.brokerage.calm()
    floor.wire.wait(first, count=2)


def test_equal_order_runs_when_the_first_has_settled(floor: Floor) -> None:
    floor.brokerage.fault("bad_gateway", tr=LIST, count=None)
    lost(floor, "after")
    first = floor.send("kis.buy-order", limit(floor, "035420", 49))
    unknown(floor, first)
    calls = floor.brokerage.calls(BUY)
    equal = floor.send("kis.buy-order", limit(floor, "035420", 49), keys=in_seconds(300))
    failed = floor.brokerage.calls(LIST)
    wait_until(lambda: floor.brokerage.calls(LIST) > failed, what="another look at the list")
    assert floor.brokerage.calls(BUY) == calls
    assert not floor.wire.replies[equal]
    floor.brokerage.calm()
    numbers = [floor.wire.wait(first, count=2).json["result"][0]["order_no"]]
    numbers.append(floor.wire.wait(equal).json["result"][0]["order_no"])
    assert numbers == [each["order_no"] for each in floor.brokerage.orders("035420", 49)]


def test_two_candidates_leave_it_to_a_hand(floor: Floor) -> None:
    floor.brokerage.fault("bad_gateway", tr=LIST, count=None)
    lost(floor, "after")
    price = floor.low_price("015760")
    task_id = floor.send("kis.buy-order", {"ticker": "015760", "quantity": 50, "price": price})
    unknown(floor, task_id)
    foreign = floor.brokerage.enter(
        ORDER_PATH,
        BUY,
        PDNO="015760",
        ORD_DVSN="00",
        ORD_QTY="50",
        ORD_UNPR=str(price),
        EXCG_ID_DVSN_CD="KRX",
    )
    floor.brokerage.calm()
    row = floor.wait_order(task_id, state="UNKNOWN", stuck=True)
    ours = next(each for each in floor.brokerage.orders("015760", 50) if each["order_no"] != foreign)
    assert foreign in row["reason"]
    assert ours["order_no"] in row["reason"]
    # It holds up its own ticker and nothing else.
    blocked = floor.send("kis.buy-order", limit(floor, "015760", 51), keys=in_seconds(2))
    assert floor.error(blocked)["retryable"] is True
    floor.call("kis.buy-order", limit(floor, "000660", 51))

    wrong = {"task_id": task_id, "state": "ACCEPTED", "reason": "no number given"}
    assert floor.refusal("broker.resolve-order", wrong, to="tasks")["code"] == "INVALID_PARAMETERS"
    hand = {
        "task_id": task_id,
        "state": "ACCEPTED",
        "order_no": ours["order_no"],
        "reason": "seen in the app",
    }
    settled = floor.call("broker.resolve-order", hand)
    assert (settled["state"], settled["order_no"]) == ("ACCEPTED", ours["order_no"])
    assert "hand" in next(each for each in settled["history"] if each["event"] == "Accepted")["by"]
    second = floor.wire.wait(task_id, count=2).json
    assert second["result"][0]["order_no"] == ours["order_no"]
    assert floor.refusal("broker.resolve-order", hand, to="tasks")["code"] == "INVALID_PARAMETERS"
    floor.call("kis.buy-order", limit(floor, "015760", 51))


def test_evidence_that_comes_late_raises_an_alarm(floor: Floor) -> None:
    lost(floor, "before")
    price = floor.low_price("051910")
    with Listener(floor.url) as events:
        task_id = floor.send("kis.buy-order", {"ticker": "051910", "quantity": 52, "price": price})
        unknown(floor, task_id)
        floor.error(task_id, count=2)
        assert floor.order(task_id)["state"] == "NOT_SENT"
        late = floor.brokerage.enter(
            ORDER_PATH,
            BUY,
            PDNO="051910",
            ORD_DVSN="00",
            ORD_QTY="52",
            ORD_UNPR=str(price),
            EXCG_ID_DVSN_CD="KRX",
        )
        event = events.wait("order.kis.default.accepted", task_id=task_id)
    assert "said not to have been sent" in event["alarm"]
    assert event["order_no"] == late
    third = floor.wire.wait(task_id, count=3).json
    assert third["result"][0]["order_no"] == late
    assert floor.order(task_id)["state"] == "ACCEPTED"


def test_list_that_fails_settles_nothing(floor: Floor) -> None:
    floor.brokerage.fault("bad_gateway", tr=LIST_ABROAD, count=None)
    lost(floor, "before", BUY_ABROAD)
    order = {"ticker": "MSFT", "exchange": "NASD", "quantity": 53, "price": "1.50"}
    task_id = floor.send("kis.buy-overseas-order", order)
    unknown(floor, task_id)
    sent_at = datetime.fromisoformat(floor.order(task_id)["sent_at"])
    calls = floor.brokerage.calls(LIST_ABROAD)
    wait_until(
        lambda: (
            datetime.now(UTC) - sent_at > timedelta(seconds=3)
            and floor.brokerage.calls(LIST_ABROAD) > calls + 1
        ),
        what="two more looks after the time to settle",
    )
    assert floor.order(task_id)["state"] == "UNKNOWN"
    floor.brokerage.calm()
    assert floor.error(task_id, count=2)["code"] == "VENDOR_UNAVAILABLE"
