"""The order desk when its journal cannot be read or written."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError

from broker_client.errors import (
    OrdersDisabled,
    TaskFailed,
)
from broker_server.core.orders import State
from tests.support.desk_tasks import code, replay, run
from tests.support.order_office import Clock, Desk, FakeVendor


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
