from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_client.cells import NOTHING, cell, is_number, offset_of, plain


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("price", 71500, "71,500"),
        ("price", "71500", "71,500"),
        ("average_price", "1234567.50", "1,234,567.50"),
        ("change_rate", -0.34, "-0.34"),
        ("ticker", "005930", "005930"),
        ("ticker", "123450", "123450"),
        ("order_no", "1000017", "1000017"),
        ("price", "005930", "005930"),
        ("date", "2026-11-20", "2026-11-20"),
        ("day", "20261120", "20261120"),
        ("change_rate", 1.0204081632653061, "1.0204"),
        ("change_rate", -0.0000123, "-1.23e-05"),
        ("halted", False, "no"),
        ("adjusted", True, "yes"),
        ("price", None, NOTHING),
        ("name", "", NOTHING),
        ("failed", {}, NOTHING),
        ("names", ["a", 1000], "a, 1,000"),
        ("inner", {"a": 1}, '{"a":1}'),
        ("time", "2026-11-21T20:05:00+09:00", "2026-11-21 20:05:00 +09:00"),
        ("time", "2026-11-21T11:05:00.123Z", "2026-11-21 11:05:00.123 UTC"),
        ("time", "2026-11-21T11:05:00", "2026-11-21 11:05:00"),
    ],
)
def test_a_value_reads_as_its_field_says(name: str, value: object, text: str) -> None:
    assert plain(value, name) == text


def test_a_moment_can_leave_its_offset_to_the_header() -> None:
    assert plain("2026-11-21T20:05:00+09:00", with_offset=False) == "2026-11-21 20:05:00"
    assert offset_of("2026-11-21T20:05:00+09:00") == "+09:00"
    assert offset_of("T") == ""


def test_a_vendors_square_brackets_are_not_markup() -> None:
    assert cell("[red]주문").plain == "[red]주문"


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4))
def test_a_decimal_keeps_every_digit(amount: Decimal) -> None:
    text = f"{amount:f}"
    assert is_number(text)
    assert plain(text).replace(",", "") == text
