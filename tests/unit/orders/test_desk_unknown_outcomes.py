"""Orders of unknown outcome: what becomes of them, by the lists of the brokerage or by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from broker_client.errors import (
    InvalidParameters,
    OrderGuard,
    OrderOutcomeIsUnknown,
    VendorUnavailable,
)
from broker_server.core.orders import State, Status
from broker_server.orders.checks import OrderRules
from broker_server.results import Later
from tests.support.desk_tasks import raising, run
from tests.support.order_office import Clock, Desk, FakeVendor, journal


def test_an_equal_order_waits_for_one_of_unknown_outcome(
    desk: Desk, vendor: FakeVendor, clock: Clock
) -> None:
    vendor.answer = raising(OrderOutcomeIsUnknown("time-out"))  # type: ignore[assignment]
    run(desk)
    vendor.answer = lambda context: None
    deadline = clock() + timedelta(seconds=30)
    with pytest.raises(Later):
        run(desk, "t-2", deadline=deadline)
    assert run(desk, "other", ticker="000660", deadline=deadline).error is None
    clock.pass_(29.5)
    error = run(desk, "t-2", deadline=deadline).error
    assert error is not None
    assert error.code == "TASK_EXPIRED"
    assert error.retryable
    assert vendor.calls == 2


def test_an_order_that_was_lost_is_found_and_its_client_is_told(
    desk: Desk, vendor: FakeVendor, clock: Clock
) -> None:
    vendor.answer = raising(OrderOutcomeIsUnknown("time-out"))  # type: ignore[assignment]
    run(desk)
    clock.pass_(1)
    desk.look()
    order = desk.record().order
    assert (order.state, order.order_no) == (State.ACCEPTED, "0000001001")
    (outcome,) = desk.recorder.outcomes
    assert outcome.reply_to == "replies"
    document = json.loads(outcome.outcome or b"")
    assert document["status"] == "TASK_SUCCEED"
    assert document["result"][0]["order_no"] == "0000001001"
    keys = [key for key, _ in desk.recorder.events]
    assert keys == ["order.fake.default.unknown", "order.fake.default.accepted"]
    vendor.answer = lambda context: None
    assert run(desk, "t-2").error is None


def test_an_order_that_is_nowhere_is_not_sent_after_two_lists_and_a_minute(
    desk: Desk, vendor: FakeVendor, clock: Clock
) -> None:
    vendor.take = False
    vendor.answer = raising(OrderOutcomeIsUnknown("time-out"))  # type: ignore[assignment]
    run(desk)
    for seconds in (1, 20, 30):
        clock.pass_(seconds)
        desk.look()
        assert desk.record().order.state is State.UNKNOWN
    clock.pass_(10)
    desk.look()
    assert desk.record().order.state is State.NOT_SENT
    assert json.loads(desk.recorder.outcomes[-1].outcome or b"")["error"]["code"] == "VENDOR_UNAVAILABLE"


def test_an_order_of_yesterday_is_looked_for_on_yesterdays_list(
    desk: Desk, vendor: FakeVendor, clock: Clock
) -> None:
    clock.pass_(13 * 3600 + 59 * 60)  # a minute before midnight in Korea
    vendor.answer = raising(OrderOutcomeIsUnknown("time-out"))  # type: ignore[assignment]
    run(desk)
    clock.pass_(3600)
    for _ in range(3):
        clock.pass_(61)
        desk.look()
    assert desk.record().order.state is State.ACCEPTED


def test_an_order_from_before_every_list_is_left_to_a_hand(
    desk: Desk, vendor: FakeVendor, clock: Clock
) -> None:
    vendor.answer = raising(OrderOutcomeIsUnknown("time-out"))  # type: ignore[assignment]
    run(desk)
    clock.pass_(86_400 * 12)
    for _ in range(3):
        clock.pass_(61)
        desk.look()
    order = desk.record().order
    assert (order.state, order.stuck) == (State.UNKNOWN, True)
    assert "begins at" in (order.reason or "")


def test_late_evidence_raises_an_alarm(desk: Desk, vendor: FakeVendor, clock: Clock) -> None:
    vendor.hidden = True
    vendor.answer = raising(OrderOutcomeIsUnknown("time-out"))  # type: ignore[assignment]
    run(desk)
    for _ in range(3):
        clock.pass_(31)
        desk.look()
    assert desk.record().order.state is State.NOT_SENT
    vendor.hidden, vendor.answer = False, lambda context: None
    run(desk, "t-2", ticker="000660")
    desk.look()
    assert desk.record().order.state is State.ACCEPTED
    assert [body for _, body in desk.recorder.events if "alarm" in body]


def test_late_evidence_is_looked_for_although_nothing_else_is_open(
    desk: Desk, vendor: FakeVendor, clock: Clock
) -> None:
    vendor.hidden = True
    vendor.answer = raising(OrderOutcomeIsUnknown("time-out"))  # type: ignore[assignment]
    run(desk)
    for _ in range(3):
        clock.pass_(31)
        desk.look()
    assert desk.record().order.state is State.NOT_SENT
    assert desk.keeper.turn() == 1, "the pause between two looks at open orders"
    vendor.hidden = False
    desk.look()
    assert desk.record().order.state is State.ACCEPTED
    assert [body for _, body in desk.recorder.events if "alarm" in body]


def test_an_order_that_provably_did_not_leave_is_no_order_of_others(
    desk: Desk, vendor: FakeVendor, clock: Clock
) -> None:
    run(desk, "open", ticker="000660")
    vendor.answer = raising(VendorUnavailable("no byte left"), taken=False)  # type: ignore[assignment]
    run(desk)  # what the vendor books here was entered by another at that moment
    clock.pass_(2)
    desk.look()
    assert desk.record().order.state is State.NOT_SENT
    assert desk.recorder.events[-1][1]["task_id"] is None


def test_the_journal_knows_when_the_same_was_sent_again(desk: Desk, clock: Clock) -> None:
    run(desk)
    clock.pass_(5)
    run(desk, "other", quantity=11)
    assert desk.office.journal.sent_equally(desk.record().order) is None
    clock.pass_(5)
    for task_id in ("t-2", "t-3"):
        run(desk, task_id)
    assert desk.office.journal.sent_equally(desk.record().order) == desk.record("t-2").order.sent_at


def test_fills_and_orders_of_others_are_announced(desk: Desk, vendor: FakeVendor, clock: Clock) -> None:
    run(desk)
    vendor.booked[0] = replace(
        vendor.booked[0],
        filled=4,
        remaining=6,
        average_price=Decimal(75_000),
        status=Status.PARTIALLY_FILLED,
    )
    vendor.booked.append(replace(vendor.booked[0], order_no="0000002000", ticker="000660"))
    clock.pass_(2)
    desk.look()
    desk.look()
    order = desk.record().order
    assert (order.filled, order.remaining, order.average_price) == (4, 6, Decimal(75_000))
    assert [(key, body["task_id"], body["order_no"]) for key, body in desk.recorder.events] == [
        ("order.fake.default.accepted", "t-1", "0000001001"),
        ("order.fake.default.partially_filled", "t-1", "0000001001"),
        ("order.fake.default.partially_filled", None, "0000002000"),
    ]


def test_a_hand_settles_what_nobody_knows(desk: Desk, vendor: FakeVendor) -> None:
    vendor.hidden = True
    vendor.answer = raising(OrderOutcomeIsUnknown("time-out"))  # type: ignore[assignment]
    run(desk)
    method = desk.registry.get("broker.resolve-order")
    assert method is not None
    parameters = method.parameters.model_validate(
        {"task_id": "t-1", "state": "ACCEPTED", "order_no": "0000001001", "reason": "seen in the app"}
    )
    context = desk.office.desk._sending.context(desk.task("r-1"))
    (shown,) = method.handler(parameters, context).rows
    assert (shown.state, shown.order_no) == ("ACCEPTED", "0000001001")
    assert shown.history[-1].by == "hand (r-1)"
    assert desk.recorder.outcomes[-1].order.task_id == "t-1"
    with pytest.raises(InvalidParameters, match="ACCEPTED"):
        method.handler(parameters, context)


def test_only_the_named_users_settle_by_hand_and_are_on_record(
    tmp_path: Path, vendor: FakeVendor, clock: Clock
) -> None:
    rules = OrderRules(environment="simulated", users=frozenset({"trader"}))
    desk = Desk(journal(tmp_path), vendor, clock, rules=rules)
    vendor.answer = raising(OrderOutcomeIsUnknown("time-out"))  # type: ignore[assignment]
    run(desk, user="trader")
    method = desk.registry.get("broker.resolve-order")
    assert method is not None
    how = method.parameters.model_validate({"task_id": "t-1", "state": "NOT_SENT", "reason": "by telephone"})
    hand = "r" * 255
    for user in ("stranger", None):
        context = desk.office.desk._sending.context(desk.task(hand, user=user))
        with pytest.raises(OrderGuard, match="may not settle orders; ORDER_USERS"):
            method.handler(how, context)
    assert desk.record().order.state is State.UNKNOWN
    context = desk.office.desk._sending.context(desk.task(hand, user="trader"))
    (shown,) = method.handler(how, context).rows
    assert shown.history[-1].by == f"hand of trader ({hand}"[:255]


def resolve(desk: Desk, order_no: str, task_id: str = "t-1") -> object:
    method = desk.registry.get("broker.resolve-order")
    assert method is not None
    given = {"task_id": task_id, "state": "ACCEPTED", "order_no": order_no, "reason": "seen in the app"}
    context = desk.office.desk._sending.context(desk.task("r-1"))
    return method.handler(method.parameters.model_validate(given), context).rows[0].order_no


def test_a_hand_gives_no_number_twice_and_writes_it_as_the_vendor_does(
    desk: Desk, vendor: FakeVendor
) -> None:
    run(desk, "first")
    vendor.answer = raising(OrderOutcomeIsUnknown("time-out"))  # type: ignore[assignment]
    run(desk)
    with pytest.raises(InvalidParameters, match="first"):
        resolve(desk, "1001")
    assert desk.record().order.state is State.UNKNOWN
    assert resolve(desk, "1002") == "0000001002"


def test_reconciliation_gives_no_number_twice(desk: Desk, vendor: FakeVendor, clock: Clock) -> None:
    run(desk, "first", ticker="000660")
    vendor.answer = raising(OrderOutcomeIsUnknown("time-out"))  # type: ignore[assignment]
    run(desk)
    vendor.booked[1] = replace(vendor.booked[1], order_no="1001")
    with desk.office.journal._engine.begin() as connection:
        connection.exec_driver_sql("update orders set floor = null")
    clock.pass_(1)
    desk.look()
    order = desk.record().order
    assert (order.state, order.stuck) == (State.UNKNOWN, True)
    assert "first" in (order.reason or "")
