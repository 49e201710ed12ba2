"""What an order waits for, and that nothing overtakes it meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from broker_client.errors import OrderOutcomeIsUnknown, TaskExpired
from broker_server.core.methods import TaskContext
from broker_server.core.orders import OrderDetails, State, Stuck
from broker_server.orders.obstacles import Obstacles
from broker_server.orders.task import OrderTask
from broker_server.results import Later
from tests.support.order_office import Clock, Desk, FakeVendor


def lose(desk: Desk, vendor: FakeVendor, **parameters: object) -> None:
    """An order of unknown outcome, ``lost``."""

    def answer(context: TaskContext) -> None:
        raise OrderOutcomeIsUnknown("time-out")

    vendor.hidden, vendor.answer = True, answer
    desk.office.desk.run(desk.task("lost", **parameters))  # type: ignore[arg-type]
    vendor.answer = lambda context: None
    assert desk.record("lost").order.state is State.UNKNOWN


def described(desk: Desk, task_id: str, **parameters: object) -> tuple[OrderTask, OrderDetails]:
    """A task, and what it asks for."""
    task = desk.task(task_id, **parameters)  # type: ignore[arg-type]
    task.details = FakeVendor.buy_details(task.method.parameters.model_validate(task.request.parameters))
    return task, task.details


def group_of(obstacles: Obstacles, task: OrderTask) -> str:
    with pytest.raises(Later) as later:
        obstacles.ensure_free(task)
    return later.value.group


def test_only_what_came_before_and_waits_in_the_same_group_is_waited_for(
    desk: Desk, vendor: FakeVendor, clock: Clock
) -> None:
    ahead: list[tuple[str, str]] = []
    obstacles = Obstacles(desk.office.journal, lambda _: ahead, clock)
    lose(desk, vendor)
    equal, _ = described(desk, "equal")
    other, _ = described(desk, "other", quantity=3)
    as_equal = group_of(obstacles, equal)
    assert obstacles.find(other) is None, "it can be told apart from the lost one"

    desk.office.journal.change("lost", Stuck("two could be it"), now=clock(), by="w-1")
    as_ticker = group_of(obstacles, other)
    assert as_ticker != as_equal
    elsewhere, _ = described(desk, "elsewhere", ticker="000660")
    assert obstacles.find(elsewhere) is None

    settle(desk, clock)
    assert obstacles.find(other) is None
    ahead.append(("waits-longer", as_ticker))
    found = obstacles.find(other)
    assert found is not None
    assert found.task_id == "waits-longer"
    assert obstacles.find(elsewhere) is None
    ahead[:] = [("waits-longer", as_equal)]
    assert obstacles.find(other) is None
    assert group_of(obstacles, equal) == as_equal


def settle(desk: Desk, clock: Clock) -> None:
    """A hand settles the lost order."""
    method = desk.registry.get("broker.resolve-order")
    assert method is not None
    how = {"task_id": "lost", "state": "NOT_SENT", "reason": "asked by telephone"}
    context = desk.office.desk._sending.context(desk.task("r-1"))
    method.handler(method.parameters.model_validate(how), context)


def test_change_that_looks_like_a_lost_one_waits_at_the_gate_and_is_not_looked_up_again(
    desk: Desk, vendor: FakeVendor, clock: Clock
) -> None:
    details = vendor.buy_details
    vendor.buy_details = lambda given: replace(details(given), original="1")  # type: ignore[method-assign]
    lose(desk, vendor)
    looked_up = 0

    def look_up(context: TaskContext) -> None:
        nonlocal looked_up
        looked_up += 1

    vendor.before = look_up
    deadline = clock() + timedelta(seconds=30)
    for _ in range(3):
        with pytest.raises(Later):
            desk.office.desk.run(desk.task("t-2", deadline=deadline))
    assert (looked_up, vendor.calls) == (1, 1)
    clock.pass_(29.5)
    error = desk.office.desk.run(desk.task("t-2", deadline=deadline)).error
    assert isinstance(error, TaskExpired)
    assert error.retryable
    assert "lost" in error.message

    with pytest.raises(Later):
        desk.office.desk.run(desk.task("t-3"))
    settle(desk, clock)
    assert desk.office.desk.run(desk.task("t-3")).error is None
    assert vendor.calls == 2
