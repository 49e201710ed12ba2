from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_server.vendors.http import HttpResponse
from broker_server.vendors.kis.values import (
    Answer,
    date_of,
    decimal_of,
    exact_of,
    integer_of,
    korean_time,
    moment,
    percent_of,
    read_answer,
    required_integer,
    text_of,
    time_of,
    with_sign,
)
from broker_server.vendors.values import KST
from broker_server.vendors.verdicts import UnreadableAnswer

WHOLE = st.integers(-(10**15), 10**15)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9)


def answer(body: object, status: int = 200, **headers: str) -> Answer:
    return read_answer(HttpResponse(status, headers, json.dumps(body).encode()))


@given(WHOLE, st.integers(0, 12), st.sampled_from(["", " ", "   "]))
def test_whole_numbers_survive_zero_filling_and_padding(number: int, zeros: int, padding: str) -> None:
    sign = "-" if number < 0 else ""
    text = f"{padding}{sign}{'0' * zeros}{abs(number)}{padding}"
    assert integer_of({"a": text}, "a") == number


@given(DECIMALS)
def test_decimals_are_exact(number: Decimal) -> None:
    assert decimal_of({"a": f"{number:f}"}, "a") == number
    text = exact_of({"a": f"{number:f}"}, "a")
    assert text is not None
    assert Decimal(text) == number
    assert "E" not in text
    assert not text.startswith("00")


@pytest.mark.parametrize(
    ("sent", "shown"),
    [("000187.350000", "187.35"), ("70000.0000", "70000"), ("0.00", "0"), ("-0.00", "0"), ("100", "100")],
)
def test_exact_decimals_carry_no_padding(sent: str, shown: str) -> None:
    assert exact_of({"a": sent}, "a") == shown


@pytest.mark.parametrize("absent", ["", "   ", "(null)", "nan", "-nan", None])
def test_an_absent_number_is_none_and_never_zero(absent: str | None) -> None:
    row = {"a": absent}
    assert integer_of(row, "a") is None
    assert exact_of(row, "a") is None
    assert percent_of(row, "a") is None
    with pytest.raises(UnreadableAnswer, match="a is missing"):
        required_integer(row, "a")


@given(st.text().filter(lambda text: text.strip() != ""))
def test_text_that_is_no_number_never_becomes_one(text: str) -> None:
    try:
        number = decimal_of({"a": text}, "a")
    except UnreadableAnswer:
        return
    assert number is None or number.is_finite()


@pytest.mark.parametrize("text", ["12.5", "abc", "inf", "1e999999999"])
def test_won_are_never_rounded(text: str) -> None:
    with pytest.raises(UnreadableAnswer):
        integer_of({"a": text}, "a")


@given(st.sampled_from("12345"), DECIMALS)
def test_a_sign_code_decides_whether_or_not_the_number_is_signed(sign: str, number: Decimal) -> None:
    unsigned, signed = with_sign(sign, abs(number)), with_sign(sign, -abs(number))
    assert unsigned is not None
    assert signed is not None
    if number == 0:
        assert unsigned == signed == 0
    elif sign in "12":
        assert unsigned == signed == abs(number)
    elif sign in "45":
        assert unsigned == signed == -abs(number)


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001
def test_korean_times_are_read_as_korean(when: datetime) -> None:
    when = when.replace(microsecond=0)
    read = korean_time(when.isoformat(sep=" "))
    assert read.replace(tzinfo=None) == when
    assert read.tzinfo is KST


def test_the_expiry_text_is_nine_hours_ahead_of_utc() -> None:
    assert korean_time("2026-11-21 09:12:33") == datetime(2026, 11, 21, 0, 12, 33, tzinfo=UTC)


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001
def test_dates_and_times_are_joined_in_korea(when: datetime) -> None:
    row = {"d": f"{when:%Y%m%d}", "t": f"{when:%H%M%S}"}
    joined = moment(date_of(row, "d"), time_of(row, "t"))
    assert joined is not None
    assert joined.utcoffset() == timedelta(hours=9)
    assert joined.replace(tzinfo=None) == when.replace(microsecond=0)


def test_dates_that_are_empty_or_zeros_are_absent() -> None:
    assert date_of({"d": "00000000"}, "d") is None
    assert date_of({"d": "  "}, "d") is None
    assert date_of({"d": "20260229"[:6] + "28"}, "d") == date(2026, 2, 28)
    with pytest.raises(UnreadableAnswer):
        date_of({"d": "20260229"}, "d")


def test_a_time_without_its_leading_zero_is_read() -> None:
    assert str(time_of({"t": "90501"}, "t")) == "09:05:01"


@pytest.mark.parametrize("empty", [[], {}, "", "   ", None])
def test_an_empty_output_has_no_rows_whatever_its_shape(empty: object) -> None:
    assert answer({"rt_cd": "0", "output": empty}).rows("output") == []
    assert answer({"rt_cd": "0"}).row("output") == {}


def test_an_object_is_one_row_and_keys_ignore_case() -> None:
    read = answer({"rt_cd": "0", "output1": {"excg_id_dvsn_Cd": "KRX", "ODNO": "1"}})
    assert read.rows("output1") == [{"excg_id_dvsn_cd": "KRX", "odno": "1"}]


@pytest.mark.parametrize("output", ["text", 5, ["text"], [["a"]]])
def test_an_output_of_another_shape_is_unreadable(output: object) -> None:
    with pytest.raises(UnreadableAnswer):
        answer({"rt_cd": "0", "output": output}).rows("output")


def test_both_error_shapes_are_read_at_any_status() -> None:
    gateway = answer({"rt_cd": "1", "msg_cd": "EGW00201", "msg1": "초당 거래건수 초과"}, 500)
    oauth = answer({"error_code": "EGW00133", "error_description": "1분당 1회"}, 403)
    assert (gateway.succeeded, gateway.code, gateway.text) == (False, "EGW00201", "초당 거래건수 초과")
    assert (oauth.succeeded, oauth.code, oauth.text) == (False, "EGW00133", "1분당 1회")


def test_only_result_code_zero_is_success() -> None:
    assert answer({"rt_cd": "0"}).succeeded
    assert not answer({"rt_cd": "7", "msg_cd": "X"}).succeeded
    assert not answer({"rt_cd": ""}).succeeded


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"5", b"\xff\xfe", b'{"rt_cd"', b"[" * 100_000])
def test_a_body_that_is_no_object_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        read_answer(HttpResponse(200, {}, body))


@pytest.mark.parametrize("body", [{}, {"output": []}, {"access_token": "t"}])
def test_only_a_token_is_good_without_a_result_code(body: object) -> None:
    response = HttpResponse(200, {}, json.dumps(body).encode())
    assert read_answer(response, is_token=True).succeeded
    with pytest.raises(UnreadableAnswer, match="without a result code"):
        read_answer(response)


def test_a_failed_status_without_a_result_code_is_unreadable() -> None:
    with pytest.raises(UnreadableAnswer, match="HTTP 502"):
        answer({}, 502)


def test_text_falls_back_to_the_next_field() -> None:
    assert text_of({"a": " ", "b": " x "}, "a", "b") == "x"


@pytest.mark.parametrize(
    ("header", "more"), [("F", True), ("M", True), ("M ", True), ("D", False), ("E", False), ("", False)]
)
def test_the_continuation_header_decides(header: str, more: bool) -> None:
    assert answer({"rt_cd": "0"}, tr_cont=header).has_more is more


@pytest.mark.parametrize("zero", ["-0", "-0.00", "0", "-0.0000"])
def test_nothing_is_minus_zero(zero: str) -> None:
    assert str(percent_of({"a": zero}, "a")) == "0.0"
    for sign in "12345":
        change = with_sign(sign, Decimal(zero))
        assert change is not None
        assert not change.is_signed()
