"""Kiwoom by REST when it refuses, forgets the token, loses answers: nothing is sent twice or left open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.kiwoom_brokerage import KiwoomBrokerage
from tests.support.order_floor import TASKS, Floor
from tests.support.waiting import wait_until

BUY, CHANGE, CANCEL, PRICE, HISTORY = "kt10000", "kt10002", "kt10003", "ka10001", "kt00007"
pytestmark = pytest.mark.same_on_every_journal
BROKERAGE = KiwoomBrokerage
SETTINGS = {"LEASE_HEARTBEAT": "2"}
"""An order's exchange is given up after 1.6 seconds."""
READS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("kiwoom.get-current-price", {"ticker": "005930"}),
    ("kiwoom.get-order-book", {"ticker": "000660"}),
    ("get-stock-name", {"stock_code": "015760"}),
    ("get-stock-states", {"stock_code": "005930"}),
    ("request-offer-price-info", {"stock_code": "035420"}),
    ("kiwoom.get-balance", {}),
)


def limit(floor: Floor, ticker: str, quantity: int) -> dict[str, Any]:
    return {"ticker": ticker, "quantity": quantity, "price": floor.low_price(ticker)}


def in_seconds(seconds: float) -> dict[str, str]:
    """The key that sets a deadline."""
    return {"deadline": (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()}


def lost(floor: Floor, task_id: str) -> None:
    """Wait for the first answer to an order, which says that nothing is known."""
    floor.wire.wait(task_id)
    error = floor.wire.replies[task_id][0].json["error"]
    assert (error["code"], error["retryable"]) == ("ORDER_OUTCOME_UNKNOWN", False), error


def test_storm_of_429_delays_everything_and_repeats_nothing_that_was_taken(floor: Floor) -> None:
    storm(floor, refusals=10, reads=6, quantity=11)


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_long_storm_of_429_delays_everything_and_repeats_nothing_that_was_taken(floor: Floor) -> None:
    storm(floor, refusals=60, reads=60, quantity=12)


def storm(floor: Floor, *, refusals: int, reads: int, quantity: int) -> None:
    """Ask for much and place one order while so many calls are refused."""
    parameters = limit(floor, "005930", quantity)
    calls = floor.brokerage.calls(BUY)
    floor.brokerage.fault("rate_limit", tr="ka*", count=refusals)
    floor.brokerage.fault("rate_limit", tr=BUY, count=2)
    asked = [
        floor.send(*READS[number % len(READS)], to=TASKS, keys=in_seconds(300)) for number in range(reads)
    ]
    order = floor.send("kiwoom.buy-order", parameters, keys=in_seconds(300))
    asked += [
        floor.send(*READS[number % len(READS)], to=TASKS, keys=in_seconds(300)) for number in range(reads)
    ]
    floor.wire.wait_all([*asked, order], 300)
    answers = [floor.wire.replies[task_id][-1].json for task_id in asked]
    codes = {each["error"]["code"] for each in answers if each["status"] == "TASK_FAILED"}
    assert codes <= {"RATE_LIMITED"}, codes
    bought = floor.wire.replies[order][-1].json
    assert bought["status"] == "TASK_SUCCEED", (bought, floor.logs())
    (booked,) = floor.brokerage.orders("005930", quantity)
    assert booked["order_no"] == bought["result"][0]["order_no"]
    assert floor.brokerage.calls(BUY) - calls >= 2, "the order was in the storm"
    assert [len(floor.wire.replies[task_id]) for task_id in (*asked, order)] == [1] * (2 * reads + 1)


def test_storm_without_an_end_answers_every_task_by_its_deadline(floor: Floor) -> None:
    parameters = limit(floor, "000660", 13)
    floor.brokerage.fault("rate_limit", count=None)
    asked = [floor.send(*each, to=TASKS, keys=in_seconds(2)) for each in READS]
    order = floor.send("kiwoom.buy-order", parameters, keys=in_seconds(2))
    floor.wire.wait_all([*asked, order])
    for task_id in (*asked, order):
        assert floor.error(task_id)["code"] in ("TASK_EXPIRED", "RATE_LIMITED"), task_id
    # It is over for good: nothing of it leaves when Kiwoom takes orders again.
    floor.brokerage.calm()
    calls = floor.brokerage.calls(BUY)
    floor.call("kiwoom.buy-order", limit(floor, "000660", 14))
    assert floor.brokerage.calls(BUY) == calls + 1
    assert floor.brokerage.orders("000660", 13) == []
    assert floor.record(order).order.state.value in ("NOT_SENT", "REFUSED")


@pytest.mark.parametrize("dialect", ["class", "number", pytest.param("text", marks=pytest.mark.chaos)])
def test_errors_mean_the_same_in_each_dialect(floor: Floor, dialect: str) -> None:
    quantity = 20 + ["class", "number", "text"].index(dialect)
    floor.brokerage.fault("error", code="1902", tr=PRICE, dialect=dialect)
    error = floor.refusal("kiwoom.get-current-price", {"ticker": "005930"}, to=TASKS)
    assert (error["code"], error["vendor_code"]) == ("INVALID_PARAMETERS", "1902")

    for code in ("8005", "8103", "1700"):
        floor.brokerage.fault("error", code=code, tr=PRICE, dialect=dialect)
        calls = floor.brokerage.calls(PRICE)
        floor.call("kiwoom.get-current-price", {"ticker": "005930"}, to=TASKS)
        assert floor.brokerage.calls(PRICE) == calls + 2, code

    for code in ("8005", "1700"):
        floor.brokerage.fault("error", code=code, tr=BUY, dialect=dialect)
    calls = floor.brokerage.calls(BUY)
    floor.call("kiwoom.buy-order", limit(floor, "035420", quantity))
    assert floor.brokerage.calls(BUY) == calls + 3
    assert len(floor.brokerage.orders("035420", quantity)) == 1

    floor.brokerage.fault("error", code="1517", tr=BUY, dialect=dialect)
    error = floor.refusal("kiwoom.buy-order", limit(floor, "035420", quantity + 10))
    assert (error["code"], error["vendor_code"]) == ("VENDOR_REJECTED", "1517")
    assert floor.brokerage.orders("035420", quantity + 10) == []


def test_token_that_another_program_revokes_is_renewed_in_the_middle(floor: Floor) -> None:
    brokerage = floor.brokerage
    assert isinstance(brokerage, KiwoomBrokerage)
    floor.call(*READS[0], to=TASKS)  # the worker has its first token then
    floor.brokerage.fault("latency", tr=PRICE, seconds=1, count=2)
    tokens = floor.brokerage.calls("au10001")
    before = [floor.send(*each, to=TASKS) for each in READS]
    brokerage.revoke_token()
    after = [floor.send(*each, to=TASKS) for each in READS]
    order = floor.send("kiwoom.buy-order", limit(floor, "015760", 31))
    floor.wire.wait_all([*before, *after, order])
    for task_id in (*before, *after, order):
        assert floor.wire.replies[task_id][-1].json["status"] == "TASK_SUCCEED", floor.logs()
    assert len(floor.brokerage.orders("015760", 31)) == 1
    assert floor.brokerage.calls("au10001") == tokens + 2, "the other program asked, and the worker, once"

    for fault in ("expired_token", "unauthorized"):
        floor.brokerage.fault(fault, tr=PRICE)
        floor.call(*READS[0], to=TASKS)
    floor.brokerage.fault("expired_token", tr=BUY)
    calls = floor.brokerage.calls(BUY)
    floor.call("kiwoom.buy-order", limit(floor, "015760", 32))
    assert floor.brokerage.calls(BUY) == calls + 2
    assert len(floor.brokerage.orders("015760", 32)) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "blackhole"},
        {"fault": "error", "code": "1999", "dialect": "number"},
        *(
            pytest.param({"fault": each}, marks=pytest.mark.chaos)
            for each in ("reset", "bad_gateway", "html", "empty_body")
        ),
    ],
    ids=lambda fault: fault["fault"],
)
def test_order_whose_answer_is_lost_is_found_out_by_kiwooms_lists(
    floor: Floor, fault: dict[str, str]
) -> None:
    sent: dict[str, tuple[str, int]] = {}
    for when, ticker in (("after", "005380"), ("before", "051910")):
        quantity = 40 + len(floor.brokerage.orders())
        calls = floor.brokerage.calls(BUY)
        floor.brokerage.fault(**fault, when=when, tr=BUY)
        task_id = floor.send("kiwoom.buy-order", limit(floor, ticker, quantity))
        lost(floor, task_id)
        sent[when] = task_id, quantity
        assert floor.brokerage.calls(BUY) == calls + 1
    task_id, quantity = sent["after"]
    settled = floor.wire.wait(task_id, count=2).json
    (booked,) = floor.brokerage.orders("005380", quantity)
    assert settled["status"] == "TASK_SUCCEED", settled
    assert settled["result"][0]["order_no"] == booked["order_no"]
    assert floor.order(task_id)["state"] == "ACCEPTED"
    task_id, quantity = sent["before"]
    assert floor.error(task_id, count=2)["code"] == "VENDOR_UNAVAILABLE"
    assert floor.brokerage.orders("051910", quantity) == []
    assert floor.order(task_id)["state"] == "NOT_SENT"


def test_change_and_cancel_whose_answers_are_lost_settle_too(floor: Floor) -> None:
    resting = floor.resting("066570", 60)
    floor.brokerage.fault("reset", when="after", tr=CHANGE)
    changed = floor.send(
        "kiwoom.modify-order", {"order_task_id": resting["task_id"], "price": resting["price"] + 1000}
    )
    lost(floor, changed)
    number = floor.wire.wait(changed, count=2).json["result"][0]["order_no"]
    floor.brokerage.fault("reset", when="after", tr=CANCEL)
    cancelled = floor.send("kiwoom.cancel-order", {"order_no": number})
    lost(floor, cancelled)
    assert floor.wire.wait(cancelled, count=2).json["status"] == "TASK_SUCCEED"
    assert floor.brokerage.order(number)["state"] == "cancelled"


def test_lists_that_fail_settle_nothing_until_they_answer(floor: Floor) -> None:
    floor.brokerage.fault("bad_gateway", tr=HISTORY, count=None)
    floor.brokerage.fault("reset", when="after", tr=BUY)
    task_id = floor.send("kiwoom.buy-order", limit(floor, "035720", 70))
    lost(floor, task_id)
    calls = floor.brokerage.calls(HISTORY)
    wait_until(lambda: floor.brokerage.calls(HISTORY) > calls + 3, what="another look at the list")
    assert floor.order(task_id)["state"] == "UNKNOWN"
    assert len(floor.wire.replies[task_id]) == 1
    floor.brokerage.calm()
    assert floor.wire.wait(task_id, count=2).json["status"] == "TASK_SUCCEED"
    assert len(floor.brokerage.orders("035720", 70)) == 1
