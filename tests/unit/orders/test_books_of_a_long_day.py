"""Of orders that are over the record is read once, and a row that changes all the same is looked at."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from decimal import Decimal

import pytest

from broker_client.errors import OrderOutcomeIsUnknown
from broker_server.core.orders import State, Status
from tests.support.order_office import Clock, Desk, FakeVendor


@pytest.fixture
def asked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """The numbers that each look asked the record for."""
    asked: list[set[str]] = []
    numbered = desk.office.journal.numbered

    def noted(*key: str, since: str, numbers: Collection[str] | None = None) -> object:
        if numbers is not None:  # the floors of the numbers ask for all, once a day
            asked.append(set(numbers))
        return numbered(*key, since=since, numbers=numbers)

    monkeypatch.setattr(desk.office.journal, "numbered", noted)
    return asked


def run(desk: Desk, task_id: str, **parameters: object) -> None:
    """An order of other shares than the one that stays open."""
    desk.office.desk.run(desk.task(task_id, **{"ticker": "000660", **parameters}))


def fill(vendor: FakeVendor, place: int, price: int = 70_000) -> None:
    """The market fills a booked order."""
    row = vendor.booked[place]
    vendor.booked[place] = replace(
        row, filled=row.quantity, remaining=0, average_price=Decimal(price), status=Status.FILLED
    )


def foreign(desk: Desk) -> list[str]:
    """The numbers of the orders of others that were announced."""
    return [body["order_no"] for _, body in desk.recorder.events if body["task_id"] is None]


def test_what_is_over_is_not_asked_for_again(
    desk: Desk, vendor: FakeVendor, clock: Clock, asked: list[set[str]]
) -> None:
    for task_id in ("over", "open"):
        run(desk, task_id)
    fill(vendor, 0)
    for _ in range(3):
        clock.pass_(2)
        desk.look()
    assert asked == [{"1001", "1002"}, {"1001", "1002"}, {"1002"}]
    assert desk.record("over").order.status is Status.FILLED
    assert foreign(desk) == []


def test_a_row_that_changes_after_the_end_is_written_down(
    desk: Desk, vendor: FakeVendor, clock: Clock, asked: list[set[str]]
) -> None:
    for task_id in ("over", "open"):
        run(desk, task_id)
    fill(vendor, 0)
    for _ in range(3):
        clock.pass_(2)
        desk.look()
    fill(vendor, 0, price=70_100)
    desk.look()
    assert asked[-1] == {"1001", "1002"}
    assert desk.record("over").order.average_price == Decimal(70_100)


def test_a_row_without_a_time_may_be_another_days_and_is_asked_for(
    desk: Desk, vendor: FakeVendor, clock: Clock, asked: list[set[str]]
) -> None:
    for task_id in ("over", "open"):
        run(desk, task_id)
    fill(vendor, 0)
    vendor.booked[0] = replace(vendor.booked[0], received_at=None)
    for _ in range(3):
        clock.pass_(2)
        desk.look()
    assert asked == [{"1001", "1002"}] * 3


def test_an_order_of_unknown_outcome_is_not_taken_for_one_that_is_over(
    desk: Desk, vendor: FakeVendor, clock: Clock
) -> None:
    for task_id in ("over", "open"):
        run(desk, task_id)
    fill(vendor, 0)
    for _ in range(3):
        clock.pass_(2)
        desk.look()

    def lose(_: object) -> None:
        raise OrderOutcomeIsUnknown("time-out")

    vendor.take, vendor.answer = False, lose
    run(desk, "lost")
    for seconds in (2, 31, 31):
        clock.pass_(seconds)
        desk.look()
    assert desk.record("lost").order.state is State.NOT_SENT, "the row of the equal one is another's"
