"""The order desk: what it lets pass, what it sends, and what it writes down."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from broker_client.errors import (
    DuplicateTaskConflict,
    OrderOutcomeIsUnknown,
    OrdersDisabled,
    TaskExpired,
    VendorRejected,
    VendorUnavailable,
)
from broker_server.core.guards import Limits
from broker_server.core.methods import TaskContext
from broker_server.core.orders import IllegalTransition, NotSent, Refused, State, Status
from broker_server.orders.checks import OrderRules
from broker_server.results import Later
from tests.support.desk_tasks import code, raising, replay, run
from tests.support.order_office import Clock, Desk, FakeVendor, journal


def test_an_order_is_sent_once_and_repeated_from_the_record(desk: Desk, vendor: FakeVendor) -> None:
    assert run(desk).rows == [{"order_no": "0000001001"}]
    assert replay(run(desk))["result"] == [{"order_no": "0000001001"}]
    assert vendor.calls == 1
    order = desk.record().order
    assert (order.state, order.status, order.order_no) == (State.ACCEPTED, Status.WORKING, "0000001001")
    steps = [each.event for each in desk.office.journal.transitions("t-1")]
    assert steps == ["Received", "Sending", "Accepted"]
    assert [key for key, _ in desk.recorder.events] == ["order.fake.default.accepted"]


def test_another_payload_or_another_day_is_a_conflict(desk: Desk, clock: Clock) -> None:
    run(desk)
    with pytest.raises(DuplicateTaskConflict, match="0000001001"):
        run(desk, quantity=11)
    clock.pass_(86_400)
    with pytest.raises(DuplicateTaskConflict, match="another trading day"):
        run(desk)


def test_a_halt_refuses_for_good_and_lets_cancels_through(
    desk: Desk, vendor: FakeVendor, clock: Clock
) -> None:
    run(desk, "first")
    desk.office.halts.set(halted=True, now=clock(), by="me", reason="마감")
    assert code(run(desk)) == "ORDERS_DISABLED"
    assert run(desk, "c-1", "fake.cancel-order", order_no="0000001001").error is None
    desk.office.halts.set(halted=False, now=clock(), by="me")
    assert replay(run(desk))["error"]["code"] == "ORDERS_DISABLED"  # type: ignore[index]
    assert vendor.calls == 2
    assert desk.record().order.state is State.REFUSED


@pytest.mark.parametrize(
    ("made", "expected", "words"),
    [
        (timedelta(seconds=-61), None, ""),
        (timedelta(seconds=-63), "TASK_EXPIRED", "ORDER_MAX_AGE"),
        (timedelta(seconds=4), None, ""),
        (timedelta(seconds=6), "INVALID_PARAMETERS", "in the future"),
    ],
)
def test_an_order_has_an_age(
    desk: Desk, clock: Clock, vendor: FakeVendor, made: timedelta, expected: str | None, words: str
) -> None:
    result = run(desk, made=clock() + made)
    assert code(result) == expected
    assert words in str(result.error)
    assert vendor.calls == (expected is None)


def test_a_time_without_an_offset_is_read_in_the_configured_zone_and_said_so(
    desk: Desk, clock: Clock
) -> None:
    assert run(desk, "seoul", made=datetime.fromisoformat("2026-11-25T10:00:00")).error is None
    error = run(desk, "utc", made=datetime.fromisoformat("2026-11-25T01:00:00")).error
    assert error is not None
    assert "Asia/Seoul" in error.message


def test_an_order_must_say_when_it_was_made(desk: Desk) -> None:
    assert code(run(desk, made=None)) == "INVALID_PARAMETERS"
    assert run(desk, "c", "fake.cancel-order", order_task_id="t-1", made=None).error is None


def test_a_deadline_that_has_passed_refuses(desk: Desk, clock: Clock, vendor: FakeVendor) -> None:
    assert code(run(desk, deadline=clock() - timedelta(seconds=1))) == "TASK_EXPIRED"
    vendor.before = lambda context: clock.pass_(30)
    assert code(run(desk, "t-2", deadline=clock() + timedelta(seconds=10))) == "TASK_EXPIRED"
    assert vendor.calls == 0
    assert desk.record("t-2").order.state is State.REFUSED


def test_guards_users_and_live_trading(tmp_path: Path, vendor: FakeVendor, clock: Clock) -> None:
    engine = journal(tmp_path)
    limits = Limits(quantity=100, notional={"KRW": Decimal(8_000_000)}, per_day=2)
    rules = OrderRules(environment="simulated", limits=limits, users=frozenset({"trader"}))
    desk = Desk(engine, vendor, clock, rules=rules)
    assert "ORDER_USERS" in str(run(desk, "a").error)
    assert "ORDER_USERS" in str(run(desk, "b", user="stranger").error)
    assert "ORDER_MAX_QUANTITY" in str(run(desk, "c", user="trader", quantity=101).error)
    # A market order counts at the upper limit.
    assert "ORDER_MAX_NOTIONAL" in str(run(desk, "d", user="trader", quantity=90, price=None).error)
    assert run(desk, "e", user="trader", quantity=90).error is None
    assert run(desk, "f", user="trader", ticker="000660").error is None
    assert "ORDER_MAX_PER_DAY" in str(run(desk, "g", user="trader", ticker="000660", quantity=2).error)
    assert run(desk, "e", user="trader", quantity=90).replay is not None
    assert desk.record("e").order.user == "trader"
    vendor.live = True
    assert "ALLOW_LIVE_ORDERS" in str(run(desk, "h", user="trader").error)
    assert vendor.calls == 2


@pytest.mark.parametrize(
    ("told", "expected"), [(False, None), (True, "live trading"), (None, "live trading")]
)
def test_whether_an_order_is_live_may_be_told_on_its_way(
    desk: Desk, vendor: FakeVendor, told: bool | None, expected: str | None
) -> None:
    """A login that the order waits for tells it; what nobody knows at the last gate counts as live."""
    vendor.live = None
    vendor.before = lambda context: setattr(vendor, "live", told)
    error = run(desk, "a").error
    assert vendor.calls == (1 if expected is None else 0)
    assert error is None if expected is None else expected in str(error)


@pytest.mark.parametrize(
    ("method", "more", "effect"),
    [
        ("fake.buy-order", {}, "the order may have been placed"),
        ("fake.cancel-order", {"order_task_id": "first"}, "the order may have been cancelled"),
    ],
)
def test_an_unknown_outcome_is_told_by_what_was_asked_for(
    desk: Desk, vendor: FakeVendor, method: str, more: dict[str, str], effect: str
) -> None:
    assert run(desk, "first").error is None
    vendor.answer = raising(VendorUnavailable("odd"))  # type: ignore[assignment]
    error = run(desk, "t-1", method, **more).error
    assert error is not None
    assert error.message == f"odd; {effect}: see broker.get-order"


@pytest.mark.parametrize(
    ("error", "taken", "state", "expected"),
    [
        (VendorRejected("no"), True, State.REJECTED, "VENDOR_REJECTED"),
        (OrderOutcomeIsUnknown("time-out"), True, State.UNKNOWN, "ORDER_OUTCOME_UNKNOWN"),
        (VendorUnavailable("odd"), True, State.UNKNOWN, "ORDER_OUTCOME_UNKNOWN"),
        (RuntimeError("defect"), True, State.UNKNOWN, "ORDER_OUTCOME_UNKNOWN"),
        (SystemExit(3), True, State.UNKNOWN, "ORDER_OUTCOME_UNKNOWN"),
        (VendorUnavailable("no byte left"), False, State.NOT_SENT, "VENDOR_UNAVAILABLE"),
    ],
)
def test_the_verdict_depends_on_whether_something_may_have_left(
    desk: Desk, vendor: FakeVendor, error: BaseException, taken: bool, state: State, expected: str
) -> None:
    vendor.answer = raising(error, taken=taken)  # type: ignore[assignment]
    result = run(desk)
    assert code(result) == expected
    assert result.error is not None
    assert not result.error.retryable
    assert desk.record().order.state is state
    assert replay(run(desk))["error"]["code"] == expected  # type: ignore[index]
    assert vendor.calls == 1


def test_what_fails_before_the_gate_is_refused(desk: Desk, vendor: FakeVendor) -> None:
    def before(context: TaskContext) -> None:
        raise VendorUnavailable("no token")

    vendor.before = before
    result = run(desk)
    assert code(result) == "VENDOR_UNAVAILABLE"
    assert result.error is not None
    assert "new task_id" in result.error.message
    assert desk.record().order.state is State.REFUSED
    assert vendor.calls == 0


def test_a_note_of_an_earlier_answer_leaves_the_settled_one_owed(
    desk: Desk, vendor: FakeVendor, clock: Clock
) -> None:
    vendor.answer = raising(OrderOutcomeIsUnknown("time-out"))  # type: ignore[assignment]
    unknown = run(desk).outcome
    assert unknown == desk.record().outcome
    clock.pass_(1)
    desk.look()
    assert desk.record().order.state is State.ACCEPTED
    assert unknown is not None
    desk.office.journal.mark_replied([("t-1", unknown)])
    assert not desk.record().replied
    settled = run(desk).replay
    assert settled is not None
    desk.office.journal.mark_replied([("t-1", settled)])
    assert desk.record().replied


def test_the_address_for_what_comes_later_is_the_last_that_lasts(desk: Desk) -> None:
    def stored() -> tuple[str | None, str | None]:
        record = desk.record()
        return record.reply_to, record.correlation_id

    run(desk, reply_to="first", correlation_id="1")
    run(desk, reply_to=None, correlation_id="2")  # a direct reply-to
    assert stored() == ("first", "1")
    run(desk, reply_to="first", correlation_id="3")
    assert stored() == ("first", "3")
    run(desk, reply_to="second", correlation_id="3")
    assert stored() == ("second", "3")


def test_a_refusal_that_comes_too_late_answers_what_is_recorded(
    desk: Desk, vendor: FakeVendor, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OperationalError("update", {}, Exception("disk full"))

    monkeypatch.setattr(desk.office.journal, "change", broken)
    task = desk.task()
    with pytest.raises(OrdersDisabled):
        desk.office.desk.run(task)
    monkeypatch.undo()
    assert desk.record().order.state is State.RECEIVED
    clock.pass_(90)  # too old by now

    def raced(task_id: str, event: object, **more: object) -> object:
        monkeypatch.undo()
        desk.office.desk._refuse_record(task_id, Refused("by hand"), TaskExpired("by hand"))
        raise IllegalTransition

    monkeypatch.setattr(desk.office.journal, "change", raced)
    assert replay(desk.office.desk.run(task))["error"]["message"] == "by hand"  # type: ignore[index]


def test_an_answer_after_the_order_was_given_up_raises_an_alarm(
    desk: Desk, vendor: FakeVendor, clock: Clock
) -> None:
    def answer(_: TaskContext) -> None:
        desk.office.journal.change("t-1", NotSent("nowhere"), now=clock(), by="somebody")

    vendor.answer = answer
    assert run(desk).error is None
    assert desk.record().order.state is State.ACCEPTED
    assert "alarm" in desk.recorder.events[-1][1]


def test_an_order_that_waits_asks_for_its_price_ceiling_once_and_last(
    tmp_path: Path, vendor: FakeVendor, clock: Clock
) -> None:
    rules = OrderRules(environment="simulated", limits=Limits(notional={"KRW": Decimal(8_000_000)}))
    desk = Desk(journal(tmp_path), vendor, clock, rules=rules)
    vendor.answer = raising(OrderOutcomeIsUnknown("time-out"))  # type: ignore[assignment]
    run(desk, price=None)
    vendor.answer = lambda context: None
    assert vendor.ceilings == 1
    task = desk.task("t-2", price=None)
    for _ in range(3):
        with pytest.raises(Later):
            desk.office.desk.run(task)
    assert vendor.ceilings == 1
    desk.look()
    assert desk.office.desk.run(task).error is None
    assert vendor.ceilings == 2


def test_a_repeat_counts_from_when_it_was_sent(desk: Desk, vendor: FakeVendor, clock: Clock) -> None:
    def buy(given: object, context: TaskContext) -> object:
        context.before_send(vendor.buy_details(given))  # type: ignore[arg-type]
        context.not_taken()
        clock.pass_(50)
        context.before_send(vendor.buy_details(given))  # type: ignore[arg-type]
        raise OrderOutcomeIsUnknown("time-out")

    method = desk.registry.get("fake.buy-order")
    assert method is not None
    task = desk.task("t-1")
    task.method = replace(method, handler=buy)
    started = clock()
    desk.office.desk.run(task)
    order = desk.record().order
    assert order.state is State.UNKNOWN
    assert order.sent_at is not None
    assert order.sent_at - started >= timedelta(seconds=50)


def test_an_order_that_nobody_is_sending_any_more_is_looked_into(
    desk: Desk, vendor: FakeVendor, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit of ``SENDING`` arrived, and its answer did not."""
    change = desk.office.journal.change

    def answer_lost(task_id: str, event: object, **more: object) -> object:
        change(task_id, event, **more)  # type: ignore[arg-type]
        raise OperationalError("commit", {}, Exception("connection lost"))

    with monkeypatch.context() as cut:
        cut.setattr(desk.office.journal, "change", answer_lost)
        with pytest.raises(OrdersDisabled):
            run(desk)
    desk.running.add("t-1")
    desk.look()
    assert desk.record().order.state is State.SENDING, "its thread may still be at it"
    desk.running.clear()
    for _ in range(3):
        desk.look()
        clock.pass_(40)
    assert vendor.calls == 0
    assert desk.record().order.state is State.NOT_SENT
