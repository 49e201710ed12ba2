"""When a change of a record lets the keeper look."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from broker_client.errors import OrderOutcomeIsUnknown
from broker_server.core.methods import TaskContext
from broker_server.orders.nudge import Nudge, after
from tests.support.order_office import Clock, Desk, FakeVendor, journal


def test_many_changes_wake_it_once_and_one_after_that_again() -> None:
    due: list[tuple[float, Callable[[], None]]] = []
    woken: list[int] = []
    nudge = Nudge(lambda: woken.append(1), 5, lambda seconds, call: due.append((seconds, call)))
    for _ in range(100):
        nudge()
    assert ([seconds for seconds, _ in due], woken) == ([5], [])
    due.pop()[1]()
    assert woken == [1]
    nudge()
    assert len(due) == 1


def test_it_is_called_by_itself() -> None:
    called = threading.Event()
    after(0.01, called.set)
    assert called.wait(5)


@pytest.mark.parametrize("lost", [False, True])
def test_only_an_order_of_unknown_outcome_wakes_the_keeper_at_once(
    tmp_path: Path, lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    vendor = FakeVendor(clock)
    desk = Desk(journal(tmp_path), vendor, clock)
    woken: list[int] = []
    monkeypatch.setattr(desk.keeper, "wake", lambda: woken.append(1))

    def answer(_: TaskContext) -> None:
        if lost:
            raise OrderOutcomeIsUnknown("lost")

    vendor.answer = answer
    desk.office.desk.run(desk.task("t-1"))
    desk.office.desk.run(desk.task("t-2", ticker="000660"))
    assert len(woken) == (2 if lost else 0)
    assert [seconds for seconds, _ in desk.due] == ([] if lost else [1])
    for _, call in desk.due:
        call()
    assert woken
