"""Defects that were found once and must not come back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from broker_client.errors import BrokerError, OrderOutcomeIsUnknown
from broker_server.core.listed_orders import OrderList
from broker_server.core.methods import Method, TaskContext
from broker_server.core.orders import OrderDetails, State
from broker_server.orders.checks import OrderRules
from tests.support.order_office import Clock, Desk, FakeVendor, journal


def lost(_: TaskContext) -> None:
    raise OrderOutcomeIsUnknown("lost")


def look_for_two_minutes(clock: Clock, desk: Desk) -> None:
    for _ in range(12):
        clock.pass_(10)
        desk.look()


def test_an_order_sent_by_a_clock_that_was_set_right_is_not_denied(tmp_path: Path) -> None:
    clock = Clock()
    vendor = FakeVendor(clock)
    desk = Desk(journal(tmp_path), vendor, clock)
    clock.pass_(10)  # ours is fast, or it is another host's

    def booked_in_true_time(context: TaskContext) -> None:
        true = (clock.now - timedelta(seconds=10)).replace(microsecond=0)
        vendor.booked[-1] = dataclasses.replace(vendor.booked[-1], received_at=true)
        lost(context)

    vendor.answer = booked_in_true_time
    desk.office.desk.run(desk.task())
    clock.pass_(-10)
    look_for_two_minutes(clock, desk)
    assert desk.record().order.state is not State.NOT_SENT


def test_a_number_of_another_branch_denies_no_order(tmp_path: Path) -> None:
    clock = Clock()
    vendor = FakeVendor(clock)
    desk = Desk(journal(tmp_path), vendor, clock)
    desk.office.desk.run(desk.task("t-0", ticker="000660"))
    vendor.booked.append(
        dataclasses.replace(vendor.booked[0], order_no="0009000000", ticker="035720", received_at=clock.now)
    )
    desk.look()
    clock.pass_(5)
    vendor.answer = lost
    desk.office.desk.run(desk.task("t-1"))
    look_for_two_minutes(clock, desk)
    assert desk.record("t-1").order.state is not State.NOT_SENT


def test_a_list_without_an_order_that_is_on_record_proves_nothing(tmp_path: Path) -> None:
    clock = Clock()
    vendor = FakeVendor(clock)
    desk = Desk(journal(tmp_path), vendor, clock)
    desk.office.desk.run(desk.task("t-0", ticker="000660"))
    vendor.answer = lost
    desk.office.desk.run(desk.task("t-1"))
    vendor.hidden = True
    look_for_two_minutes(clock, desk)
    assert desk.record("t-1").order.state is not State.NOT_SENT


def test_only_one_attempt_passes_the_last_gate(tmp_path: Path) -> None:
    clock = Clock()
    desk = Desk(journal(tmp_path), FakeVendor(clock), clock)
    inner = desk.office.desk
    tasks = desk.task(), desk.task()
    for task in tasks:
        inner._checks.validate(task)
    order = inner._claim(tasks[0], None, desk.lease.epoch)
    attempts = [inner._sending.attempt(task, order) for task in tasks]
    details = tasks[0].details
    assert details is not None
    attempts[0].before_send(details, inner._sending.context(tasks[0], attempts[0]))
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever it is, it must not pass
        attempts[1].before_send(details, inner._sending.context(tasks[1], attempts[1]))


class TwoMarkets(FakeVendor):
    """Numbers its orders in each market by itself."""

    markets: Sequence[str] = ("domestic", "overseas")
    cancel_methods: Mapping[str, str] = MappingProxyType(
        {"domestic": "fake.cancel-order", "overseas": "fake.cancel-overseas-order"}
    )

    def methods(self) -> list[Method[Any]]:
        buy, cancel = super().methods()
        overseas = dataclasses.replace(
            cancel,
            name="fake.cancel-overseas-order",
            details=lambda given: OrderDetails(action="cancel", market="overseas", original=given.order_no),
        )
        return [buy, cancel, overseas]

    def list_orders(self, market: str, context: TaskContext, since: Any = None) -> OrderList:
        return super().list_orders(market, context, since)


def test_cancel_all_takes_back_orders_of_two_markets_with_one_number(tmp_path: Path) -> None:
    clock = Clock()
    desk = Desk(journal(tmp_path), TwoMarkets(clock), clock)
    desk.office.desk.run(desk.task())
    result = desk.office.desk.run(desk.task("all", "broker.cancel-all-orders", vendor="fake"))
    assert [row["error"] for row in result.rows if row["order_no"] == "0000001001"] == [None, None]


def test_a_cancel_claimed_yesterday_does_not_leave_today(tmp_path: Path) -> None:
    clock = Clock()
    vendor = FakeVendor(clock)
    desk = Desk(journal(tmp_path), vendor, clock)
    desk.office.desk.run(desk.task())
    task = desk.task("c-1", "fake.cancel-order", order_no="0000001001")
    desk.office.desk._checks.validate(task)
    desk.office.desk._claim(task, None, desk.lease.epoch)  # and its worker died
    clock.pass_(86_400)
    calls = vendor.calls
    with pytest.raises(BrokerError):
        desk.office.desk.run(desk.task("c-1", "fake.cancel-order", order_no="0000001001"))
    assert vendor.calls == calls


def test_a_cancel_needs_no_live_trading(tmp_path: Path) -> None:
    class Live(FakeVendor):
        live = True

    clock = Clock()
    engine, vendor = journal(tmp_path), Live(clock)
    first = Desk(engine, vendor, clock, rules=OrderRules(environment="simulated", allow_live=True))
    first.office.desk.run(first.task())
    off = Desk(engine, vendor, clock, name="w-2", rules=OrderRules(environment="simulated"))
    result = off.office.desk.run(off.task("c-1", "fake.cancel-order", order_task_id="t-1"))
    assert result.error is None
