"""Day orders end with their day, by the vendor's list and the table of sessions together."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from broker_server.core.orders import State, Status
from broker_server.market_sessions import load_market_sessions
from broker_server.orders.checks import OrderRules
from broker_server.orders.day_end import DayEnd
from broker_server.orders.keeper import IDLE_SECONDS
from tests.support.order_office import Clock, Desk, FakeVendor, journal

HOURS_TO_THE_END = 10
"""From the clock's start, at 10:00 in Korea, to the close of the after-market of KRX."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vendor(clock: Clock) -> FakeVendor:
    return FakeVendor(clock)


def make_desk(tmp_path: Path, vendor: FakeVendor, clock: Clock, *, round_the_clock: bool = False) -> Desk:
    rule = DayEnd(load_market_sessions(), round_the_clock=round_the_clock)
    return Desk(journal(tmp_path), vendor, clock, rules=OrderRules(environment="simulated", day_over=rule))


def test_what_is_left_of_an_order_ends_an_hour_after_its_day(
    tmp_path: Path, vendor: FakeVendor, clock: Clock
) -> None:
    desk = make_desk(tmp_path, vendor, clock)
    desk.office.desk.run(desk.task("t-1"))
    vendor.booked[0] = replace(
        vendor.booked[0],
        filled=4,
        remaining=6,
        average_price=Decimal(75_000),
        status=Status.PARTIALLY_FILLED,
    )
    clock.pass_(HOURS_TO_THE_END * 3600 + 3599)
    desk.look()
    assert desk.record().order.status is Status.PARTIALLY_FILLED
    clock.pass_(60)
    desk.look()
    order = desk.record().order
    assert (order.state, order.status) == (State.ACCEPTED, Status.CANCELLED)
    assert (order.filled, order.cancelled, order.remaining) == (4, 6, 0)
    assert order.average_price == Decimal(75_000)
    assert order.reason == "its trading day ended"
    assert desk.recorder.events[-1][0] == "order.fake.default.cancelled"
    assert desk.office.journal.open("fake", "default") == []


def test_an_order_of_friday_is_ended_by_the_list_of_friday(
    tmp_path: Path, vendor: FakeVendor, clock: Clock
) -> None:
    desk = make_desk(tmp_path, vendor, clock)
    desk.office.desk.run(desk.task("t-1"))
    vendor.booked[0] = replace(vendor.booked[0], filled=10, remaining=0, status=Status.FILLED)
    clock.pass_(timedelta(days=3).total_seconds())
    desk.look()
    assert desk.record().order.status is Status.FILLED, "the last fills come from the list of its own day"


def test_an_order_that_no_list_shows_is_left_as_it_was(
    tmp_path: Path, vendor: FakeVendor, clock: Clock
) -> None:
    desk = make_desk(tmp_path, vendor, clock)
    desk.office.desk.run(desk.task("t-1"))
    vendor.hidden = True
    clock.pass_(timedelta(days=3).total_seconds())
    desk.look()
    order = desk.record().order
    assert order.status is Status.WORKING, "nobody knows"
    assert order.reason == "its trading day ended, and the vendor's list does not show 0000001001"
    assert desk.keeper.turn() == IDLE_SECONDS, "it is not asked for again"


def test_orders_of_others_are_announced_while_an_older_day_is_asked_for(
    tmp_path: Path, vendor: FakeVendor, clock: Clock
) -> None:
    desk = make_desk(tmp_path, vendor, clock)
    desk.office.desk.run(desk.task("t-1"))
    clock.pass_(timedelta(days=1).total_seconds())
    vendor.booked.append(
        replace(vendor.booked[0], order_no="0000002000", ticker="000660", received_at=clock.now)
    )
    desk.look()
    foreign = [body["order_no"] for _, body in desk.recorder.events if body["task_id"] is None]
    assert foreign == ["0000002000"]


def test_a_market_around_the_clock_has_whole_days(tmp_path: Path, vendor: FakeVendor, clock: Clock) -> None:
    desk = make_desk(tmp_path, vendor, clock, round_the_clock=True)
    desk.office.desk.run(desk.task("t-1"))
    clock.pass_((HOURS_TO_THE_END + 2) * 3600)
    desk.look()
    assert desk.record().order.status is Status.WORKING
    clock.pass_(24 * 3600)
    desk.look()
    assert desk.record().order.status is Status.CANCELLED
