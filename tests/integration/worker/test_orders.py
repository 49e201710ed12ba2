"""An order is placed once, whatever happens to its message, its worker or its connection."""

from __future__ import annotations

from pathlib import Path

from tests.support.task_wire import TaskWire
from tests.support.workers import orders_placed

ORDER = {"value": "buy-one"}


def test_same_order_twice_is_placed_once_and_replayed(wire: TaskWire, shared_folder: Path) -> None:
    first = wire.call("stub.buy-order", {"value": "twice"}, task_id="twice", to="tasks.orders")
    # By the other queue, at another time, for another reply queue: still the same order.
    wire.send(
        "stub.buy-order",
        {"value": "twice"},
        task_id="twice",
        keys={"request_time": "2026-11-20T09:00:00+09:00", "note": "x"},
    )
    second = wire.wait("twice", count=2).json
    assert not first.get("replayed")
    assert second["replayed"] is True
    assert second["result"] == first["result"]
    assert orders_placed(shared_folder).count("twice") == 1


def test_same_cancel_twice_is_sent_once_and_replayed(wire: TaskWire, shared_folder: Path) -> None:
    """A repeat of a cancel that takes back a part would take back more."""
    first = wire.call("stub.cancel-order", {"value": "cancel-3"}, task_id="pc-1")
    wire.send("stub.cancel-order", {"value": "cancel-3"}, task_id="pc-1")
    second = wire.wait("pc-1", count=2).json
    assert second["replayed"] is True
    assert second["result"] == first["result"]
    assert orders_placed(shared_folder).count("cancel-3") == 1


def test_late_cancel_is_sent(wire: TaskWire, shared_folder: Path) -> None:
    wire.send("stub.cancel-order", {"value": "late-cancel"}, task_id="late-cancel",
              keys={"deadline": "2020-01-01T00:00:00Z"})  # fmt: skip
    assert wire.wait("late-cancel").json["status"] == "TASK_SUCCEED"
    assert orders_placed(shared_folder).count("late-cancel") == 1


def test_failed_order_is_replayed_as_failed(wire: TaskWire) -> None:
    first = wire.error("stub.buy-order", {"value": "bad", "seconds": -1}, task_id="bad")
    assert first["code"] == "INVALID_PARAMETERS"
    # It was refused before it was recorded, so the corrected order may use its id.
    assert wire.call("stub.buy-order", {"value": "bad"}, task_id="bad", to="tasks.orders")


def test_other_order_under_the_same_id_is_a_conflict(wire: TaskWire, shared_folder: Path) -> None:
    wire.call("stub.buy-order", {"value": "mine"}, task_id="mine")
    wire.send("stub.buy-order", {"value": "another"}, task_id="mine")
    error = wire.wait("mine", count=2).json["error"]
    assert error["code"] == "DUPLICATE_TASK_CONFLICT"
    assert "stub.buy-order" in error["message"]
    assert "another" not in orders_placed(shared_folder)


def test_known_order_is_answered_before_any_later_check(wire: TaskWire, shared_folder: Path) -> None:
    wire.call("stub.buy-order", {"value": "known"}, task_id="known")
    late = {"deadline": "2020-01-01T00:00:00Z", "expected_environment": "real"}
    wire.send("stub.buy-order", {"value": "known"}, task_id="known", keys=late)
    assert wire.wait("known", count=2).json["replayed"] is True


def test_burst_of_copies_is_placed_once_and_every_copy_is_answered(
    wire: TaskWire, shared_folder: Path
) -> None:
    for number in range(50):
        wire.send("stub.buy-order", {"value": "burst", "seconds": 0.2}, task_id="burst",
                  to="tasks" if number % 2 else "tasks.orders")  # fmt: skip
    wire.wait("burst", count=50)
    assert {reply.json["status"] for reply in wire.replies["burst"]} == {"TASK_SUCCEED"}
    assert orders_placed(shared_folder).count("burst") == 1
