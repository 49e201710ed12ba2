"""The highest order number of the vendor's day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker_server.core.orders import State
from broker_server.journal.orders import OrderJournal
from broker_server.orders.floors import NumberFloors
from tests.support.order_office import journal
from tests.support.sample_orders import sample_order

KEY = ("kis", "default", "domestic")
MIDNIGHT = datetime(2026, 11, 25, 15, tzinfo=UTC)
"""In Korea."""


@pytest.fixture
def orders(tmp_path: Path) -> OrderJournal:
    return OrderJournal(journal(tmp_path), "simulated")


def after(seconds: float) -> datetime:
    return MIDNIGHT + timedelta(seconds=seconds)


def test_a_listed_number_counts_on_the_day_it_was_received(orders: OrderJournal) -> None:
    floors = NumberFloors(orders)
    assert floors.current(*KEY, after(1)) is None
    floors.note_listed(*KEY, "0000090000", after(-1))
    floors.note_listed(*KEY, "0000090001", None)
    assert floors.current(*KEY, after(2)) is None
    floors.note_listed(*KEY, "0000000007", after(1))
    assert floors.current(*KEY, after(3)) == 7
    assert floors.current(*KEY, after(86_401)) is None


def test_numbers_that_may_begin_anew_at_another_time_give_no_floor(orders: OrderJournal) -> None:
    floors = NumberFloors(orders, rises=lambda vendor, market: market != "domestic")
    floors.note_listed(*KEY, "0000000007", after(1))
    floors.note(*KEY, "0000000008", after(100))
    assert floors.current(*KEY, after(101)) is None


def test_the_day_is_the_vendors(orders: OrderJournal) -> None:
    floors = NumberFloors(orders, lambda _: timedelta(seconds=-10))
    assert floors.current(*KEY, after(5)) is None
    floors.note_listed(*KEY, "0000090000", after(-6))
    assert floors.current(*KEY, after(6)) == 90_000
    assert floors.current(*KEY, after(11)) is None


def test_an_answer_about_midnight_says_nothing(orders: OrderJournal) -> None:
    floors = NumberFloors(orders)
    assert floors.current(*KEY, after(1)) is None
    floors.note(*KEY, "0000090000", after(2))
    assert floors.current(*KEY, after(3)) is None
    floors.note(*KEY, "0000000007", after(70))
    assert floors.current(*KEY, after(71)) == 7


def test_recorded_numbers_count_when_their_day_is_sure(orders: OrderJournal) -> None:
    for order_no, sent in (("0000090000", 1), ("0000000005", 60)):
        order = sample_order(
            order_no,
            received_at=after(0.5),
            sent_at=after(sent),
            state=State.ACCEPTED,
            order_no=order_no,
        )
        orders.insert(order, event="Received")
    assert NumberFloors(orders).current(*KEY, after(90)) == 5
