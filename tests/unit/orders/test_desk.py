"""The order desk: what it lets pass, what it sends, and what it writes down."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from broker_client.errors import (
    DuplicateTaskConflict,
    InvalidParameters,
    OrderGuard,
    OrderOutcomeIsUnknown,
    OrdersDisabled,
    TaskExpired,
    TaskFailed,
    VendorRejected,
    VendorUnavailable,
)
from broker_server.core.guards import Limits
from broker_server.core.methods import TaskContext
from broker_server.core.orders import IllegalTransition, NotSent, Refused, State, Status
from broker_server.orders.checks import OrderRules
from broker_server.results import Elsewhere, Later, Result
from tests.support.order_office import Clock, Desk, FakeVendor, journal


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vendor(clock: Clock) -> FakeVendor:
    return FakeVendor(clock)


@pytest.fixture
def desk(tmp_path: Path, vendor: FakeVendor, clock: Clock) -> Desk:
    return Desk(journal(tmp_path), vendor, clock)


def run(desk: Desk, task_id: str = "t-1", method: str = "fake.buy-order", **more: object) -> Result:
    return desk.office.desk.run(desk.task(task_id, method, **more))  # type: ignore[arg-type]


def code(result: Result) -> str | None:
    return None if result.error is None else result.error.code


def replay(result: Result) -> dict[str, object]:
    assert result.replay is not None
    document = json.loads(result.replay)
    assert document["replayed"] is True
    return document  # type: ignore[no-any-return]


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


def raising(error: BaseException, *, taken: bool = True) -> object:
    def answer(context: TaskContext) -> None:
        if not taken:
            context.not_taken()
        raise error

    return answer


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


def test_a_worker_without_the_lease_leaves_the_order_alone(desk: Desk, vendor: FakeVendor) -> None:
    desk.lease.held = False
    with pytest.raises(Elsewhere):
        run(desk)
    assert desk.office.journal.find("t-1") is None
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


@pytest.mark.parametrize("account", ["foo", None, 5, "default "], ids=repr)
@pytest.mark.parametrize("held", [True, False])
def test_an_account_that_nobody_serves_is_answered(
    desk: Desk, vendor: FakeVendor, account: object, held: bool
) -> None:
    desk.lease.held = held
    assert code(run(desk, account=account)) == "INVALID_PARAMETERS"
    assert code(run(desk, "c", "fake.cancel-order", order_no="1", account=account)) == "INVALID_PARAMETERS"
    every = "broker.cancel-all-orders"
    if account is not None:  # which means every account
        assert code(run(desk, "a", every, vendor="fake", account=account)) == "INVALID_PARAMETERS"
    assert vendor.calls == 0


def test_a_vendor_that_this_worker_does_not_serve_is_answered(desk: Desk) -> None:
    assert code(run(desk, "a", "broker.cancel-all-orders", vendor="kiwoom")) == "VENDOR_NOT_CONFIGURED"
    assert code(run(desk, "b", "broker.cancel-all-orders", vendor=["fake"])) == "INVALID_PARAMETERS"


def test_an_order_waits_while_the_broker_does_not_answer(
    desk: Desk, vendor: FakeVendor, clock: Clock
) -> None:
    desk.lease.fresh = False
    started = clock()

    def pause(seconds: float) -> None:
        clock.pass_(seconds)
        desk.lease.fresh = clock() - started > timedelta(seconds=3)

    desk.pause = pause
    assert run(desk).error is None
    assert clock() - started > timedelta(seconds=3)


def test_the_first_order_after_a_takeover_waits_out_the_old_owner(desk: Desk, clock: Clock) -> None:
    desk.lease.orders_from = clock.monotonic() + 10
    started = clock()
    run(desk)
    assert clock() - started >= timedelta(seconds=10)


def test_an_owner_of_an_older_epoch_cannot_send(tmp_path: Path, vendor: FakeVendor, clock: Clock) -> None:
    engine = journal(tmp_path)
    old = Desk(engine, vendor, clock, name="old")
    vendor.before = lambda context: setattr(vendor, "new", Desk(engine, vendor, clock, name="new"))
    with pytest.raises(Elsewhere):
        run(old)
    assert vendor.calls == 0
    vendor.before = lambda context: None
    new: Desk = vendor.new  # type: ignore[attr-defined]
    assert run(new).rows == [{"order_no": "0000001001"}]
    with pytest.raises(Elsewhere):
        run(old, "t-2")
    assert vendor.calls == 1


def test_a_journal_that_is_not_the_accounts_own_takes_no_orders(desk: Desk, vendor: FakeVendor) -> None:
    desk.lease.refused = "another journal"
    with pytest.raises(OrdersDisabled, match="another journal"):
        run(desk)
    assert desk.office.journal.find("t-1") is None


def test_an_adopted_journal_reads_the_whole_day_before_its_first_order(
    tmp_path: Path, vendor: FakeVendor, clock: Clock
) -> None:
    desk = Desk(journal(tmp_path), vendor, clock, settled_start=False)
    desk.lease.is_adopted = True
    vendor.incomplete = "a page is missing"
    with pytest.raises(VendorUnavailable):
        desk.look()
    with pytest.raises(Later):
        run(desk)
    vendor.incomplete = None
    desk.look()
    assert run(desk).error is None


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


def test_without_a_journal_orders_are_refused_and_cancels_go_on(
    desk: Desk, vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(desk)

    def broken(*_: object, **__: object) -> None:
        raise OperationalError("select", {}, Exception("disk full"))

    for name in ("find", "insert", "change", "sent_on", "obstacle"):
        monkeypatch.setattr(desk.office.journal, name, broken)
    monkeypatch.setattr(desk.office.halts, "current", broken)
    with pytest.raises(OrdersDisabled, match="journal"):
        run(desk, "t-2")
    result = run(desk, "c-1", "fake.cancel-order", order_no="0000001001")
    assert result.error is None
    assert not result.recorded
    assert vendor.calls == 2
    with pytest.raises(OrdersDisabled, match="a cancel of a part"):
        run(desk, "c-2", "fake.cancel-order", order_no="0000001001", quantity=1)
    assert vendor.calls == 2


def test_without_a_journal_a_cancel_by_task_id_asks_for_the_number(
    desk: Desk, vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(desk)

    def broken(*_: object, **__: object) -> None:
        raise OperationalError("select", {}, Exception("disk full"))

    monkeypatch.setattr(desk.office.journal, "find", broken)
    with pytest.raises(OrdersDisabled, match="name it by order_no"):
        run(desk, "c-1", "fake.cancel-order", order_task_id="t-1")
    assert vendor.calls == 1


def test_a_refused_account_still_takes_cancels_and_records_them(desk: Desk, vendor: FakeVendor) -> None:
    run(desk, "a")
    run(desk, "b", ticker="000660")
    desk.lease.refused = "another journal"
    with pytest.raises(OrdersDisabled, match="another journal"):
        run(desk, "c")
    assert run(desk, "c-1", "fake.cancel-order", order_task_id="a").error is None
    assert desk.record("c-1").order.state is State.ACCEPTED
    desk.waiting["w"] = desk.task("w", ticker="035720")
    assert run(desk, "c-2", "fake.cancel-order", order_task_id="w").rows[0]["state"] == "refused"
    desk.lease.epoch = 0  # nor could the journal record who owns the account
    result = run(desk, "c-3", "fake.cancel-order", order_no="0000001002")
    assert (result.error, result.recorded) == (None, False)
    assert [each.original for each in vendor.booked[2:]] == ["0000001001", "0000001002"]


def test_a_verdict_that_cannot_be_recorded_is_told_all_the_same(
    desk: Desk, vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = desk.office.journal.change

    def broken(task_id: str, event: object, **more: object) -> object:
        if type(event).__name__ == "Accepted":
            raise OperationalError("update", {}, Exception("disk full"))
        return change(task_id, event, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(desk.office.journal, "change", broken)
    result = run(desk)
    assert result.rows == [{"order_no": "0000001001"}]
    assert not result.recorded


def test_a_verdict_that_could_not_be_recorded_is_recorded_later(
    desk: Desk, vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = desk.office.journal.change

    def broken(task_id: str, event: object, **more: object) -> object:
        if type(event).__name__ == "Accepted":
            raise OperationalError("update", {}, Exception("disk full"))
        return change(task_id, event, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(desk.office.journal, "change", broken)
    run(desk)
    assert replay(run(desk))["result"] == [{"order_no": "0000001001"}]
    with pytest.raises(OperationalError):
        desk.look()
    assert desk.record().order.state is State.SENDING
    monkeypatch.undo()
    desk.look()
    assert (desk.record().order.state, desk.record().order.order_no) == (State.ACCEPTED, "0000001001")
    assert [key for key, _ in desk.recorder.events] == ["order.fake.default.accepted"]
    assert run(desk, "t-2").error is None, "an equal order is not held up"
    assert vendor.calls == 2


def test_a_cancel_under_a_lease_without_an_epoch_leaves_unrecorded(desk: Desk, vendor: FakeVendor) -> None:
    run(desk)
    desk.lease.epoch, desk.lease.refused = 0, "the journal cannot record the owner"
    with pytest.raises(OrdersDisabled) as refused:
        run(desk, "t-2")
    assert refused.value.retryable
    result = run(desk, "c-1", "fake.cancel-order", order_no="0000001001")
    assert (result.error, result.recorded) == (None, False)
    assert vendor.booked[1].original == "0000001001"


def test_a_journal_that_breaks_at_the_gate_sends_nothing(
    desk: Desk, vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OperationalError("update", {}, Exception("disk full"))

    monkeypatch.setattr(desk.office.journal, "change", broken)
    with pytest.raises(TaskFailed, match="journal"):
        run(desk)
    assert vendor.calls == 0
    monkeypatch.undo()
    assert run(desk).rows == [{"order_no": "0000001001"}]


def test_what_held_before_a_slow_journal_is_looked_at_again_after_it(
    desk: Desk, vendor: FakeVendor, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = desk.office.journal.change

    def slow(*arguments: object, **more: object) -> object:
        clock.pass_(30)
        return change(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(desk.office.journal, "change", slow)
    result = run(desk, deadline=clock() + timedelta(seconds=5))
    assert code(result) == "TASK_EXPIRED"
    assert vendor.calls == 0
    assert desk.record().order.state is State.NOT_SENT


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


def test_a_cancel_by_task_id_meets_no_other_order(desk: Desk, vendor: FakeVendor, clock: Clock) -> None:
    run(desk)
    vendor.booked[0] = replace(vendor.booked[0], ticker="000660")
    assert "another order" in str(run(desk, "c-1", "fake.cancel-order", order_task_id="t-1").error)
    clock.pass_(86_400)
    assert code(run(desk, "c-2", "fake.cancel-order", order_task_id="t-1")) == "INVALID_PARAMETERS"
    assert vendor.calls == 1
