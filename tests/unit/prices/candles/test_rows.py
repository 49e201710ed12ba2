"""Candles as workers answer them, and tickers as people write them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_server.prices.candles.plan import Period
from broker_server.prices.candles.rows import UnusableAnswer, candles_of_rows
from broker_server.prices.candles.watch_list import WatchListError, read_tickers, read_watch_list

PERIOD = Period(date(2026, 11, 16), date(2026, 11, 20))
ROW: dict[str, Any] = {
    "date": "2026-11-18", "open": 100, "high": 110, "low": 95, "close": 105, "volume": 7, "value": 735,
}  # fmt: skip


def read(*rows: Any) -> list[Any]:
    return candles_of_rows(rows, "005930", "kis", PERIOD)


def test_an_answer_becomes_candles_in_order() -> None:
    newest = {**ROW, "date": "2026-11-20", "value": None}
    second, first = read(newest, ROW)[::-1]
    assert (first.day, first.open, first.high, first.low, first.close) == (
        date(2026, 11, 18),
        100,
        110,
        95,
        105,
    )
    assert (first.volume, first.value, first.vendor, first.halted) == (7, 735, "kis", False)
    assert (second.day, second.value) == (date(2026, 11, 20), None)


def test_a_day_without_volume_did_not_trade() -> None:
    (zeros,) = read({**ROW, "open": 0, "high": 0, "low": 0, "volume": 0, "value": 0})
    assert (zeros.open, zeros.high, zeros.low, zeros.close, zeros.halted) == (105, 105, 105, 105, True)
    assert read({**ROW, "open": 0, "high": 0, "low": 0, "close": 0, "volume": 0}) == []


def test_days_that_were_not_asked_for_are_left_out() -> None:
    assert read({**ROW, "date": "2026-11-15"}, {**ROW, "date": "2026-11-21"}) == []


@pytest.mark.parametrize(
    "change",
    [
        {"close": None}, {"close": "105"}, {"close": 105.0}, {"close": True}, {"date": "20261118x"},
        {"date": None}, {"high": 99}, {"low": 106}, {"low": 0}, {"volume": -1}, {"close": 0},
    ],
)  # fmt: skip
def test_what_cannot_be_true_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(UnusableAnswer, match="005930"):
        read({**ROW, **change})


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_answer_brings_it_down(row: Any) -> None:
    with pytest.raises(UnusableAnswer):
        read(row)


def test_tickers_are_read_from_the_command_line() -> None:
    assert read_tickers("005930, 00088k,,Q500001") == {"005930": None, "00088K": None, "Q500001": None}


def test_a_watch_list_has_names_and_remarks(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text("# mine\n005930 삼성전자  # first\n\n000660,SK hynix\n035720\n", encoding="utf-8-sig")
    assert read_watch_list(file) == {"005930": "삼성전자", "000660": "SK hynix", "035720": None}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"005930\nSamsung\n", r"list\.txt:2: 'Samsung' is no ticker"),
        (b"# nothing\n", "no ticker is named there"),
        (b"\xff\xfe\x00", "is not UTF-8"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_watch_list_that_cannot_be_used_is_said_in_one_line(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    file = tmp_path / "list.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(WatchListError, match=f"^--watch-list: .*{says}"):
        read_watch_list(file)


def test_what_is_no_ticker_is_refused() -> None:
    with pytest.raises(WatchListError, match="--tickers: '5930' is no ticker; write six characters"):
        read_tickers("005930,5930")
