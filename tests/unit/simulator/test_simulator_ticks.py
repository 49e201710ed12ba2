"""Tick sizes and price limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_server.simulator.ticks import (
    TICK_TABLES,
    is_on_tick,
    price_limits,
    round_to_tick,
    step,
    tick_size,
)

tables = st.sampled_from(sorted(TICK_TABLES))
prices = st.integers(1, 3_000_000)


@pytest.mark.parametrize(
    ("price", "tick"),
    [
        (1_999, 1),
        (2_000, 5),
        (4_995, 5),
        (5_000, 10),
        (19_990, 10),
        (20_000, 50),
        (49_950, 50),
        (50_000, 100),
        (199_900, 100),
        (200_000, 500),
        (499_500, 500),
        (500_000, 1_000),
    ],
)
def test_krx_ticks_since_2023(price, tick):
    assert tick_size("krx", price) == tick


@pytest.mark.parametrize(("price", "tick"), [(1_999, 1), (2_000, 5), (500_000, 5)])
def test_exchange_traded_products_have_two_ticks(price, tick):
    assert tick_size("krx_etp", price) == tick


@given(tables, prices)
def test_rounding_gives_a_valid_price_within_a_tick(table, price):
    rounded = round_to_tick(table, price)
    assert is_on_tick(table, rounded)
    assert abs(rounded - price) <= tick_size(table, price)


@given(tables, prices, st.integers(1, 20))
def test_steps_up_are_valid_and_lead_back_down(table, price, ticks):
    start = round_to_tick(table, price)
    up = step(table, start, ticks)
    assert up > start
    assert is_on_tick(table, up)
    assert step(table, up, -ticks) == start


@given(tables, prices, st.sampled_from([7, 10, 20, 30]))
def test_limits_are_valid_prices_inside_the_percentage(table, price, percent):
    base = round_to_tick(table, price)
    lower, upper = price_limits(table, base, percent)
    assert lower <= base <= upper
    assert is_on_tick(table, upper)
    assert is_on_tick(table, lower)
    assert upper <= base * (100 + percent) / 100
    assert lower >= min(base, base * (100 - percent) / 100)


def test_samsung_limits_by_hand():
    assert price_limits("krx", 71_300, 30) == (50_000, 92_600)
