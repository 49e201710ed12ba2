"""Cancels: of orders that wait, of orders on their way, by task_id, by number and all at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from broker_client.errors import (
    DuplicateTaskConflict,
    OrderOutcomeIsUnknown,
    OrdersDisabled,
    TaskExpired,
)
from broker_server.core.guards import Limits
from broker_server.core.orders import State
from broker_server.orders.checks import OrderRules
from broker_server.results import Later, Result
from tests.support.desk_tasks import code, raising, replay, run
from tests.support.order_office import Clock, Desk, FakeVendor, journal


def test_a_cancel_of_an_order_that_waits_takes_it_back_unsent(desk: Desk, vendor: FakeVendor) -> None:
    waiting = desk.task("t-1")
    desk.waiting["t-1"] = waiting
    result = run(desk, "c-1", "fake.cancel-order", order_task_id="t-1")
    assert result.rows[0]["state"] == "refused"
    assert replay(desk.office.desk.run(waiting))["error"]["code"] == "CANCELLED"  # type: ignore[index]
    assert vendor.calls == 0


def test_a_cancel_of_an_order_in_its_checks_stops_it_at_the_gate(
    tmp_path: Path, vendor: FakeVendor, clock: Clock
) -> None:
    rules = OrderRules(environment="simulated", limits=Limits(notional={"KRW": Decimal(8_000_000)}))
    desk = Desk(journal(tmp_path), vendor, clock, rules=rules)
    task = desk.task("t-1", price=None)
    desk.run_now["t-1"] = [task]

    def while_asked() -> None:
        with pytest.raises(Later):
            run(desk, "c-1", "fake.cancel-order", order_task_id="t-1")

    vendor.while_asked = while_asked
    assert code(desk.office.desk.run(task)) == "CANCELLED"
    assert desk.record().order.state is State.REFUSED
    assert run(desk, "c-1", "fake.cancel-order", order_task_id="t-1").rows[0]["state"] == "refused"
    assert vendor.calls == 0


def test_a_cancel_of_an_order_that_was_just_recorded_stops_it_at_the_gate(
    tmp_path: Path, vendor: FakeVendor, clock: Clock
) -> None:
    answers: list[Result] = []

    def step(name: str, task_id: str) -> None:
        if (name, task_id) == ("claimed", "t-1"):
            answers.append(run(desk, "c-1", "fake.cancel-order", order_task_id="t-1"))

    desk = Desk(journal(tmp_path), vendor, clock, step=step)
    task = desk.task("t-1")
    desk.run_now["t-1"] = [task]
    told = desk.office.desk.run(task)
    assert told.replay is not None or code(told) == "CANCELLED"
    assert replay(run(desk))["error"]["code"] == "CANCELLED"  # type: ignore[index]
    assert answers[0].rows[0]["state"] == "refused"
    assert (desk.record().order.state, vendor.calls) == (State.REFUSED, 0)


def test_an_order_that_passed_the_gate_is_not_taken_back(desk: Desk) -> None:
    task = desk.task("t-1")
    assert desk.office.desk.run(task).error is None
    assert not task.withdraw(OrdersDisabled("too late"))
    assert task.withdrawn is None


def test_an_order_that_was_taken_back_before_it_runs_again_is_refused(desk: Desk, vendor: FakeVendor) -> None:
    task = desk.task("t-1")
    assert task.withdraw(OrdersDisabled("in time"))
    assert code(desk.office.desk.run(task)) == "ORDERS_DISABLED"
    assert (desk.record().order.state, vendor.calls) == (State.REFUSED, 0)


def test_a_cancel_by_task_id_finds_the_number(desk: Desk, vendor: FakeVendor) -> None:
    run(desk)
    assert run(desk, "c-1", "fake.cancel-order", order_task_id="t-1").error is None
    assert vendor.booked[1].original == "0000001001"
    assert code(run(desk, "c-2", "fake.cancel-order", order_task_id="nobody")) == "INVALID_PARAMETERS"


def test_a_cancel_of_an_order_of_unknown_outcome_waits(desk: Desk, vendor: FakeVendor, clock: Clock) -> None:
    vendor.answer = raising(OrderOutcomeIsUnknown("time-out"))  # type: ignore[assignment]
    run(desk)
    vendor.answer = lambda context: None
    with pytest.raises(Later):
        run(desk, "c-1", "fake.cancel-order", order_task_id="t-1")
    desk.look()
    assert run(desk, "c-1", "fake.cancel-order", order_task_id="t-1").error is None
    assert vendor.booked[1].original == "0000001001"


def test_a_cancel_of_an_order_of_unknown_outcome_is_answered_in_the_end(
    desk: Desk, vendor: FakeVendor, clock: Clock
) -> None:
    vendor.answer = raising(OrderOutcomeIsUnknown("time-out"))  # type: ignore[assignment]
    run(desk)
    cancel = {"method": "fake.cancel-order", "order_task_id": "t-1"}
    with pytest.raises(Later):
        run(desk, "c-1", **cancel)
    clock.pass_(9.9)
    with pytest.raises(Later):
        run(desk, "c-1", **cancel)
    clock.pass_(0.1)
    result = run(desk, "c-1", **cancel)
    assert code(result) == "TASK_EXPIRED"
    assert "order_no" in str(result.error)
    assert desk.record("c-1").order.state is State.REFUSED
    assert vendor.calls == 1


@pytest.mark.parametrize("method", ["fake.buy-order", "fake.cancel-order"])
def test_what_was_claimed_yesterday_is_refused_for_good(
    desk: Desk, vendor: FakeVendor, clock: Clock, method: str
) -> None:
    run(desk)
    parameters = {"order_no": "0000001001"} if "cancel" in method else {}
    task = desk.task("old", method, **parameters)
    desk.office.desk._checks.validate(task)
    desk.office.desk._claim(task, None, desk.lease.epoch)  # and its worker died
    clock.pass_(86_400)
    for _ in range(2):
        with pytest.raises(DuplicateTaskConflict, match=f"another trading day.*{method}, REFUSED"):
            run(desk, "old", method, **parameters)
    record = desk.record("old")
    assert record.order.state is State.REFUSED
    assert b"TASK_EXPIRED" in (record.outcome or b"")
    assert b"nothing was sent" in (record.outcome or b"")
    assert vendor.calls == 1


@pytest.mark.parametrize("journal_fails", [False, True])
def test_cancel_by_number_that_was_made_yesterday_is_not_sent(
    desk: Desk, vendor: FakeVendor, clock: Clock, journal_fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(desk)
    made = clock().replace(tzinfo=None) + timedelta(hours=9)  # in Korea, where a time without an offset is
    clock.pass_(20 * 3600 + 1)
    task = desk.task("c-1", "fake.cancel-order", order_no="0000001001", made=made)
    if journal_fails:

        def broken(*_: object) -> None:
            raise OperationalError("select", {}, Exception("disk full"))

        monkeypatch.setattr(desk.office.journal, "find", broken)
        with pytest.raises(TaskExpired, match="begin anew each day"):
            desk.office.desk.run(task)
    else:
        assert code(desk.office.desk.run(task)) == "TASK_EXPIRED"
        assert desk.record("c-1").order.state is State.REFUSED
    assert vendor.calls == 1


@pytest.mark.parametrize("hours", [13, None])
def test_cancel_by_number_that_was_made_in_the_same_session_or_does_not_say_when_is_sent(
    desk: Desk, vendor: FakeVendor, clock: Clock, hours: int | None
) -> None:
    run(desk)
    made = None if hours is None else clock()
    clock.pass_((hours or 0) * 3600)
    result = run(desk, "c-1", "fake.cancel-order", order_no="0000001001", made=made)
    assert result.error is None
    assert vendor.calls == 2


def test_cancel_all_cancels_each_open_order_under_its_own_id(desk: Desk, vendor: FakeVendor) -> None:
    run(desk, "a")
    run(desk, "b", ticker="000660")
    result = run(desk, "stop", "broker.cancel-all-orders", vendor="fake")
    assert [(row["order_no"], row["cancelled"]) for row in result.rows] == [
        ("0000001001", True),
        ("0000001002", True),
    ]
    assert desk.record("stop/domestic/0000001001").order.state is State.ACCEPTED


def test_cancel_all_that_is_begun_again_tells_what_its_cancels_came_to(
    desk: Desk, vendor: FakeVendor
) -> None:
    run(desk, "a")
    vendor.answer = raising(OrderOutcomeIsUnknown("time-out"))  # type: ignore[assignment]
    run(desk, "stop/domestic/0000001001", "fake.cancel-order", order_no="0000001001")
    vendor.answer = lambda context: None
    # Its worker died before "stop" itself was recorded.
    (row,) = run(desk, "stop", "broker.cancel-all-orders", vendor="fake").rows[:1]
    assert row["cancelled"] is False
    assert row["error"].startswith("ORDER_OUTCOME_UNKNOWN")
    assert [each.original for each in vendor.booked].count("0000001001") == 1


def test_cancel_all_with_a_long_task_id_gives_each_cancel_its_own(desk: Desk, vendor: FakeVendor) -> None:
    run(desk, "a")
    run(desk, "b", ticker="000660")
    for name in ("x" * 255, "x" * 254 + "y"):
        rows = run(desk, name, "broker.cancel-all-orders", vendor="fake").rows
        assert len({row["task_id"] for row in rows}) == len(rows) >= 2
        assert all(len(row["task_id"]) <= 255 for row in rows)
        assert all(row["error"] is None for row in rows[:2])
    assert [each.original for each in vendor.booked].count("0000001001") == 2


def test_a_cancel_by_task_id_meets_no_other_order(desk: Desk, vendor: FakeVendor, clock: Clock) -> None:
    run(desk)
    vendor.booked[0] = replace(vendor.booked[0], ticker="000660")
    assert "another order" in str(run(desk, "c-1", "fake.cancel-order", order_task_id="t-1").error)
    clock.pass_(86_400)
    assert code(run(desk, "c-2", "fake.cancel-order", order_task_id="t-1")) == "INVALID_PARAMETERS"
    assert vendor.calls == 1
