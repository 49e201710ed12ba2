"""Values by what their field means, whatever type they have on the wire."""

from datetime import date, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_server.vendors.koscom.values import (
    NotReadable,
    code_of,
    day_of,
    header_time,
    number_of,
    price_of,
    text_of,
    time_digits,
    trade_time,
    whole_of,
)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (81000, 81000),
        ("81000", 81000),
        (" 81000 ", 81000),
        ("-450", -450),
        (-450, -450),
        ("0081000", 81000),
        ("1,234", 1234),
        (2510.35, Decimal("2510.35")),
        ("2510.350", Decimal("2510.350")),
        (38600.0, 38600),
        ("38600.0", 38600),
        ([81000], 81000),
        (None, None),
        ("", None),
        (" -", None),
        ([" -"], None),
        (0, 0),
    ],
)
def test_a_number_is_exact_whatever_its_type(value: Any, number: int | Decimal | None) -> None:
    found = number_of(value)
    assert found == number
    assert type(found) is type(number)


@pytest.mark.parametrize(
    "value", ["abc", "1e5", "12 34", True, {}, [], [1, 2], [[1]], 1e300, "\u0663", "9" * 31]
)
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(NotReadable):
        number_of(value)


def test_a_price_of_zero_is_none() -> None:
    assert price_of("0") is None
    assert price_of(0.0) is None
    assert price_of("-1.25") == Decimal("-1.25")


def test_shares_have_no_fraction() -> None:
    assert whole_of("12.0") == 12
    with pytest.raises(NotReadable):
        whole_of("12.5")


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("005930", "005930"),
        ("005930*001", "005930"),
        (5930, "005930"),
        ("101S6000*005", "101S6000"),
        (["005930"], "005930"),
        ([" -"], None),
        (" -", None),
        (None, None),
        ("*001", None),
    ],
)
def test_a_code_comes_without_its_market(value: Any, code: str | None) -> None:
    assert code_of(value) == code


@pytest.mark.parametrize(
    ("value", "clock"),
    [
        (9450155, time(9, 45, 1, 550_000)),
        ("09450155", time(9, 45, 1, 550_000)),
        ("9100000", time(9, 10)),
        (14340400, time(14, 34, 4)),
        ("10492759", time(10, 49, 27, 590_000)),
        (10, time(0, 0, 0, 100_000)),
    ],
)
def test_a_time_has_its_zero_back(value: Any, clock: time) -> None:
    assert trade_time(value) == (clock, None)


@pytest.mark.parametrize(
    "signal",
    [31000000, 41000000, 51000000, 61000000, 71000000, 81000000, 91000007, 91000008],
)
def test_a_signal_is_no_time(signal: int) -> None:
    assert trade_time(signal) == trade_time(str(signal)) == (None, str(signal))


@pytest.mark.parametrize("value", [0, "0", "00000000", None, " -", ""])
def test_no_time_is_neither(value: Any) -> None:
    assert trade_time(value) == (None, None)
    assert time_digits(value) is None


@pytest.mark.parametrize("value", ["12:00", 123456789, 9990000, -1, "x", 1.5, {}])
def test_what_is_no_time_is_refused(value: Any) -> None:
    with pytest.raises(NotReadable):
        trade_time(value)


@given(st.integers(1, 99_999_999))
def test_every_number_is_a_time_or_a_signal_or_refused(number: int) -> None:
    try:
        clock, signal = trade_time(number)
    except NotReadable:
        return
    assert (clock is None) != (signal is None)
    if clock is not None:
        assert int(f"{clock:%H%M%S}{clock.microsecond // 10_000:02}") == number


def test_the_head_of_a_table_has_no_hundredths() -> None:
    assert header_time("153001") == time(15, 30, 1)
    assert header_time(93001) == time(9, 30, 1)
    with pytest.raises(NotReadable):
        header_time("996000")


def test_dates() -> None:
    assert day_of(20180212) == day_of("20180212") == date(2018, 2, 12)
    assert day_of(" -") is day_of("00000000") is None
    for wrong in ("2018-02-12", "20181332", 2018):
        with pytest.raises(NotReadable):
            day_of(wrong)


def test_texts() -> None:
    assert text_of(2) == "2"
    assert text_of(" KOSPI ") == "KOSPI"
    assert text_of(" -") is None
    with pytest.raises(NotReadable):
        text_of({})
