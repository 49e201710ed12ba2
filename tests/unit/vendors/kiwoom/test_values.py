"""Kiwoom's texts: padding, directions, doubled signs."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_server.vendors.kiwoom.values import (
    NotANumber,
    decimal_of,
    integer_of,
    order_number,
    price_of,
    ticker_of,
    whole_of,
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+67300", 67300),
        ("-67300", -67300),
        (" 67300", 67300),
        ("--3405", -3405),
        ("+-12", -12),
        ("000000017598258", 17598258),
        ("-00000000196888", -196888),
        ("1,234,567", 1234567),
        ("-0", 0),
        ("12.00", 12),
        ("", None),
        ("   ", None),
        ("4294967295", None),
        ("+2147483647", None),
        ("-2147483647", -2147483647),
    ],
)
def test_integers(text: str, number: int | None) -> None:
    assert integer_of(text) == number


@pytest.mark.parametrize(
    ("text", "price"), [("-20800", 20800), ("+20800", 20800), ("0", None), ("+0", None), ("", None)]
)
def test_the_sign_of_a_price_is_a_direction(text: str, price: int | None) -> None:
    assert price_of(text) == price


@pytest.mark.parametrize("text", ["abc", "1_000", "1e5", "NaN", "1.2.3", "-", "12a", "٣", "9" * 31])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(NotANumber):
        decimal_of(text)


def test_a_fraction_is_no_whole_number() -> None:
    assert decimal_of("-0.59") == Decimal("-0.59")
    with pytest.raises(NotANumber):
        integer_of("0.59")


@given(st.integers(-(10**14), 10**14), st.sampled_from(["", " ", "   "]))
def test_any_number_survives_padding_and_a_plus(number: int, pad: str) -> None:
    sign = "+" if number >= 0 else ""
    assert whole_of(f"{pad}{sign}{number}{pad}") == number
    assert decimal_of(f"{number:,}") == number


@given(st.text())
def test_any_text_is_a_number_or_refused(text: str) -> None:
    with contextlib.suppress(NotANumber):
        decimal_of(text)


def test_tickers_and_order_numbers() -> None:
    assert [ticker_of(code) for code in ("A005930", "005930_NX", " 0156T0", "005930")] == [
        "005930",
        "005930",
        "0156T0",
        "005930",
    ]
    assert [order_number(text) for text in ("139", "0000139 ", "x")] == ["0000139", "0000139", "x"]
