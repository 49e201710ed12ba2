from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_server.vendors.kis.realtime_table import Field
from broker_server.vendors.kis.record_readers import NotANumber, RecordReader, Value, is_simple, reader

TEXT, WHOLE, EXACT = Field("TEXT", "str"), Field("WHOLE", "int"), Field("EXACT", "decimal")
READER = RecordReader((TEXT, WHOLE, EXACT))
NUMBER_LIKE = st.text("0123456789+-._ eEnNaAiIfFxX()ulL１٣\t", max_size=12)


def read(*row: str) -> dict[str, Value]:
    return READER.read(row, simple=is_simple("^".join(row)))


@pytest.mark.parametrize("text", ["", " ", "(null)", "nan", "-nan", "NaN", "NAN", "-NAN", "(NULL)", " nan "])
def test_no_number_is_none(text: str) -> None:
    assert read("x", text, text) == {"TEXT": "x", "WHOLE": None, "EXACT": None}


@pytest.mark.parametrize(("text", "value"), [("", None), ("  ", None), ("(null)", None), ("nan", "nan")])
def test_no_text_is_none_and_nan_may_be_a_name(text: str, value: str | None) -> None:
    assert read(text, "1", "1")["TEXT"] == value


def test_names_lose_their_padding() -> None:
    assert read("삼성전자   ", "1", "1")["TEXT"] == "삼성전자"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0000000003", 3),
        ("-000000100", -100),
        ("+5", 5),
        (" 7 ", 7),
        ("-0", 0),
        ("12.00", 12),
        ("12.", 12),
        ("000070000", 70000),
    ],
)
def test_whole_numbers_come_padded_and_signed(text: str, value: int) -> None:
    found = read("x", text, "1")["WHOLE"]
    assert found == value
    assert isinstance(found, int)


@pytest.mark.parametrize("text", ["-0.14", "182.8500", "0.00", "000.50", ".5", "5", "72023.83"])
def test_other_numbers_are_exact(text: str) -> None:
    found = read("x", "1", text)["EXACT"]
    assert isinstance(found, Decimal)
    assert found == Decimal(text)


@pytest.mark.parametrize(
    "text", ["12.5", "1,000", "1_000", "1E5", "0x10", "--1", "1-", "inf", "１２", "abc", "."]
)
def test_a_shifted_value_is_no_whole_number(text: str) -> None:
    with pytest.raises(NotANumber, match="WHOLE"):
        read("x", text, "1")


@pytest.mark.parametrize("text", ["1,000", "1_000", "1E5", "1e5", "Infinity", "sNaN", "１２", "abc", "."])
def test_a_shifted_value_is_no_decimal(text: str) -> None:
    with pytest.raises(NotANumber, match="EXACT"):
        read("x", "1", text)


def test_a_number_of_thousands_of_digits_is_none() -> None:
    with pytest.raises(NotANumber):
        read("x", "9" * 10_000, "1")


@given(st.text("ab 한^N_E1", max_size=5).map(lambda text: text.replace("^", "")), NUMBER_LIKE, NUMBER_LIKE)
def test_the_fast_way_and_the_careful_way_end_in_the_same(text: str, whole: str, exact: str) -> None:
    row = (text, whole, exact)
    try:
        careful = READER.read(row, simple=False)
    except NotANumber:
        with pytest.raises(NotANumber):
            read(*row)
    else:
        found = read(*row)
        assert found == careful
        assert [type(value) for value in found.values()] == [type(value) for value in careful.values()]


@pytest.mark.parametrize("width", [46, 47])
def test_a_reader_knows_as_many_optional_fields_as_there_are(width: int) -> None:
    found = reader("H0STCNT0", width).read(["1"] * width, simple=True)
    assert len(found) == width
    assert ("MARKET_CLS_CODE" in found) == (width == 47)
