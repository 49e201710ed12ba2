"""Numbers are written as KIS writes them: plain decimals, never with an exponent."""

from __future__ import annotations

import re
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from broker_server.simulator.amounts import decimal
from broker_server.simulator.kis.text import average, percent

PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")
AMOUNTS = st.integers(min_value=0, max_value=10**15)
DIGITS = st.integers(min_value=0, max_value=8)


def test_nothing_filled_has_the_price_zero_with_its_digits() -> None:
    assert average(0, 0, 2, 8) == "0.00000000"
    assert average(100, 3, 2, 8) == "0.33333333"
    assert average(1, 10**7, 2, 8) == "0.00000000"


@given(amount=AMOUNTS, quantity=st.integers(min_value=0, max_value=10**9), decimals=DIGITS, places=DIGITS)
def test_an_average_is_a_plain_decimal_of_its_places(
    amount: int, quantity: int, decimals: int, places: int
) -> None:
    text = average(amount, quantity, decimals, places)
    assert PLAIN.fullmatch(text)
    assert -Decimal(text).as_tuple().exponent == places  # type: ignore[operator]
    if quantity:
        rest = Decimal(amount).scaleb(-decimals) / quantity - Decimal(text)
        assert 0 <= rest < Decimal(1).scaleb(-places)


@given(amount=st.integers(min_value=-(10**15), max_value=10**15), decimals=DIGITS, places=st.none() | DIGITS)
def test_an_amount_is_a_plain_decimal(amount: int, decimals: int, places: int | None) -> None:
    assert PLAIN.fullmatch(decimal(amount, decimals, places))


@given(part=st.integers(-(10**15), 10**15), whole=st.integers(0, 10**15))
def test_a_percentage_is_a_plain_decimal(part: int, whole: int) -> None:
    assert PLAIN.fullmatch(percent(part, whole))
