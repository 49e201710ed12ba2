"""Two workers with a record each: which of them shows and settles an order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from broker_client.errors import InvalidParameters, OrderOutcomeIsUnknown, TaskFailed, VendorUnavailable
from broker_server.core.methods import Method, TaskContext
from broker_server.core.orders import State
from broker_server.core.others import Answer, Heard
from tests.support.order_office import Clock, Desk, FakeVendor, journal


class Wire:
    """What two workers ask each other by.

    Attributes:
        away: Vendors that have no worker.
    """

    def __init__(self) -> None:
        self.ends: list[End] = []
        self.away: Sequence[str] = ()


class End:
    """One worker's end of the wire."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.answers: dict[str, Answer] = {}
        wire.ends.append(self)

    def serve(self, command: str, answer: Answer) -> None:
        self.answers[command] = answer

    def ask(
        self, command: str, arguments: dict[str, Any], *, vendor: str | None = None, seconds: float = 2.0
    ) -> Heard:
        others = [end for end in self.wire.ends if end is not self]
        rows = [row for end in others for row in end.answers[command](arguments)]
        return Heard(rows, [each for each in self.wire.away if vendor in (None, each)])


class NamedVendor(FakeVendor):
    """One of several."""

    def __init__(self, clock: Clock, name: str) -> None:
        super().__init__(clock)
        self.name = name

    def methods(self) -> list[Method[Any]]:
        return [replace(each, vendor=self.name) for each in super().methods()]


class Worker:
    """A worker of one vendor, with a journal of its own or of another's."""

    def __init__(self, folder: Path, name: str, wire: Wire, clock: Clock) -> None:
        folder.mkdir(exist_ok=True)
        self.vendor = NamedVendor(clock, name)
        self.desk = Desk(journal(folder), self.vendor, clock, name=f"worker of {name}")
        methods = self.desk.office.methods(self.desk.registry, End(wire))
        self.methods: dict[str, Method[Any]] = {each.name.removeprefix("broker."): each for each in methods}

    def buy(self, task_id: str, **more: Any) -> None:
        self.desk.office.desk.run(self.desk.task(task_id, **more))

    def call(self, method: str, **given: Any) -> list[dict[str, Any]]:
        context = TaskContext(
            task_id="asked",
            received_at=self.desk.clock(),
            ensure_in_time=lambda: None,
            report_progress=lambda *_: None,
        )
        declared = self.methods[method]
        outcome = declared.handler(declared.parameters.model_validate(given), context)
        self.truncated = outcome.truncated
        return [row if isinstance(row, dict) else row.model_dump(mode="json") for row in outcome.rows]


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def one(tmp_path: Path, wire: Wire, clock: Clock) -> Worker:
    return Worker(tmp_path / "one", "one", wire, clock)


@pytest.fixture
def two(tmp_path: Path, wire: Wire, clock: Clock) -> Worker:
    return Worker(tmp_path / "two", "two", wire, clock)


def test_a_number_that_several_orders_have_is_told_and_a_vendor_decides(one: Worker, two: Worker) -> None:
    one.buy("a")
    two.buy("b")
    for asked in (one, two):
        with pytest.raises(InvalidParameters, match=r"several orders have the number 1001 .*task_id"):
            asked.call("get-order", order_no="1001")
        for vendor, task_id in (("one", "a"), ("two", "b")):
            (row,) = asked.call("get-order", order_no="1001", vendor=vendor)
            assert (row["task_id"], row["market"]) == (task_id, "domestic")
        with pytest.raises(InvalidParameters, match="no order of ours with the number 1001"):
            asked.call("get-order", order_no="1001", market="overseas")


def test_a_list_is_of_all_records_and_as_long_as_asked(one: Worker, two: Worker, clock: Clock) -> None:
    for number, worker in enumerate((one, two, one, two)):
        worker.buy(f"t-{number}", ticker=f"00000{number}")
        clock.pass_(1)
    assert [row["task_id"] for row in one.call("list-orders")] == ["t-3", "t-2", "t-1", "t-0"]
    assert one.truncated is None
    assert [row["task_id"] for row in two.call("list-orders", limit=3)] == ["t-3", "t-2", "t-1"]
    assert two.truncated == "only the newest 3 are shown"


def test_an_order_is_settled_by_hand_where_it_is_on_record(one: Worker, two: Worker) -> None:
    def lost(_: TaskContext) -> None:
        raise OrderOutcomeIsUnknown("time-out")

    two.vendor.answer = lost
    two.vendor.hidden = True
    two.buy("a")
    two.buy("b", ticker="000660")
    how = {"task_id": "a", "state": "REJECTED", "reason": "by telephone"}
    (row,) = one.call("resolve-order", **how)
    assert (row["state"], row["history"][-1]["by"]) == ("REJECTED", "hand (asked)")
    assert two.desk.record("a").order.state is State.REJECTED
    assert one.desk.office.journal.find("a") is None
    with pytest.raises(InvalidParameters, match="only one of UNKNOWN outcome"):
        one.call("resolve-order", **how)
    with pytest.raises(InvalidParameters, match="no order never is on record"):
        one.call("resolve-order", **{**how, "task_id": "never"})
    with pytest.raises(InvalidParameters, match="no order b is on record"):
        one.call("resolve-order", **{**how, "task_id": "b", "vendor": "one"})
    assert two.desk.record("b").order.state is State.UNKNOWN


def test_an_absent_record_is_told_and_never_taken_for_an_empty_one(one: Worker, wire: Wire) -> None:
    one.buy("a")
    wire.away = ["two"]
    settle = {"task_id": "b", "state": "REJECTED", "reason": "by telephone"}
    for method, given in (("get-order", {"task_id": "b"}), ("resolve-order", settle)):
        with pytest.raises(VendorUnavailable, match="worker for two is away") as failed:
            one.call(method, **given)
        assert failed.value.retryable
    assert [row["task_id"] for row in one.call("list-orders")] == ["a"]
    assert "worker for two is away" in (one.truncated or "")
    assert [row["task_id"] for row in one.call("list-orders", vendor="one")] == ["a"]
    assert one.truncated is None
    with pytest.raises(InvalidParameters):
        one.call("get-order", task_id="b", vendor="one")


def test_workers_that_share_a_record_show_each_order_once(tmp_path: Path, wire: Wire, clock: Clock) -> None:
    one, two = (Worker(tmp_path / "both", name, wire, clock) for name in ("one", "two"))
    one.buy("a")
    two.buy("b")
    assert sorted(row["task_id"] for row in one.call("list-orders")) == ["a", "b"]
    (row,) = one.call("get-order", order_no="1001", vendor="two")
    assert row["task_id"] == "b"
    wire.away = ["two"]
    with pytest.raises(TaskFailed) as failed:
        one.call("get-order", task_id="never")
    assert failed.value.code == "INVALID_PARAMETERS", "the record of the absent one is this one"
