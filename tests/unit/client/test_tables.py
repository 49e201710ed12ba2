from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, RenderableType

from broker_client.display import object_table
from broker_client.tables import RowsTable, joined, order_book_table


def shown(what: RenderableType, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    console.print(what)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert max(cell_len(line) for line in text.splitlines()) <= width
    return text


def candle(day: int, **changes: Any) -> dict[str, Any]:
    return {
        "ticker": "000660",
        "venue": "KRX",
        "interval": "day",
        "date": f"2026-11-{day:02}",
        "open": 223000 + day,
        "high": 235000 + day,
        "low": 222500 + day,
        "close": 232500 + day,
        "volume": 3887244 + day,
        "value": 1041927753250 + day,
        "change": 9500 - day,
        "adjusted": True,
        **changes,
    }


def order(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "account": "default",
        "order_no": f"000000{1000 + number}",
        "original_order_no": None,
        "action": "new",
        "ticker": "005930" if number % 2 else "000660",
        "name": "삼성전자" if number % 2 else "SK하이닉스",
        "side": "sell" if number % 2 else "buy",
        "order_type": "limit",
        "venue": "KRX",
        "quantity": 1000 * number,
        "price": 71500 + number,
        "filled_quantity": 10 * number,
        "average_price": "71500.25",
        "cancelled_quantity": 0,
        "rejected_quantity": 0,
        "remaining_quantity": 990 * number,
        "state": "working" if number % 2 else "partially_filled",
        "time": f"2026-11-21T20:11:{number:02}+09:00",
        **changes,
    }


@pytest.mark.parametrize("width", [80, 100, 140])
def test_a_candle_is_one_line_and_what_is_the_same_stands_below(width: int) -> None:
    text = shown(RowsTable([candle(19), candle(20)]), width)
    line = next(line for line in text.splitlines() if "2026-11-19" in line)
    for number in ("223,019", "235,019", "222,519", "232,519", "3,887,263", "9,481"):
        assert f" {number} │" in line
    assert "in all rows: ticker 000660 · venue KRX · interval day · adjusted yes" in text
    assert "│ ticker" not in text


def test_what_does_not_fit_is_left_out_and_named() -> None:
    rows = [candle(19), candle(20)]
    assert "1,041,927,753,269" in shown(RowsTable(rows), 100)
    narrow = shown(RowsTable(rows), 80)
    assert "1,041,927" not in narrow
    assert "and 1 more column: --json shows all (value)" in narrow


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_no_number_code_or_moment_of_an_order_is_broken(width: int) -> None:
    text = shown(RowsTable([order(1), order(2)]), width)
    line = next(line for line in text.splitlines() if "0000001001" in line)
    parts = ["0000001001", "005930", "sell", "1,000"]
    if width >= 80:
        parts += ["71,501", "10", "working"]
    if width >= 100:
        parts += ["삼성전자"]
    if width >= 140:
        parts += ["990", "2026-11-21 20:11:01"]
    cells = [cell.strip() for cell in line.strip("│").split("│")]
    assert set(parts) <= set(cells)
    assert len([line for line in text.splitlines() if line.startswith("│")]) == 2


def test_a_common_offset_stands_in_the_header() -> None:
    text = shown(RowsTable([order(1), order(2)]), 200)
    assert "time +09:00" in text
    assert text.count("+09:00") == 1


def test_different_offsets_stay_with_their_moments() -> None:
    rows = [{"time": "2026-11-21T20:11:01+09:00"}, {"time": "2026-11-21T11:11:01Z"}]
    text = shown(RowsTable(rows), 80)
    assert "20:11:01 +09:00" in text
    assert "11:11:01 UTC" in text


def test_a_number_that_is_the_same_in_all_rows_stays_while_there_is_room() -> None:
    rows = [{"order_no": "1", "quantity": 5}, {"order_no": "2", "quantity": 5}]
    text = shown(RowsTable(rows), 80)
    assert text.count(" 5 │") == 2
    assert "in all rows" not in text


def test_a_single_row_and_equal_rows_keep_their_columns() -> None:
    assert "000660" in shown(RowsTable([candle(19)]), 140)
    equal = shown(RowsTable([{"ticker": "005930"}, {"ticker": "005930"}]), 80)
    assert equal.count("005930") == 2


def test_a_column_without_any_value_is_only_named() -> None:
    text = shown(RowsTable([{"a": 1, "price": None}, {"a": 2, "price": None}]), 80)
    assert "in all rows: no price" in text


def test_a_value_that_is_not_known_is_a_dash_in_a_column_of_numbers() -> None:
    text = shown(RowsTable([{"price": 71500}, {"price": None}]), 80)
    assert "│ 71,500 │" in text
    assert "│      – │" in text


def test_long_text_wraps_between_words_only() -> None:
    words = "the quick brown fox jumps over the lazy dog"
    rows = [
        {"ticker": "005930", "status": words, "price": 1},
        {"ticker": "000660", "status": "x", "price": 2},
    ]
    text = shown(RowsTable(rows), 50)
    assert all(f" {word} " in text for word in words.split())
    assert "005930" in text


def test_korean_names_keep_the_columns_straight_at_every_width() -> None:
    for width in (60, 80, 100):
        lines = shown(RowsTable([order(1), order(2)]), width).splitlines()
        framed = [line for line in lines if line[0] in "┏┃┡│└"]
        assert len({cell_len(line) for line in framed}) == 1


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["ticker", "price", "time", "average_price", "삼성", "remaining_quantity"]),
            st.none() | st.integers() | st.text(max_size=5) | st.booleans(),
            min_size=1,
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(min_value=70, max_value=160),
)
def test_any_rows_fit_the_width(rows: list[dict[str, Any]], width: int) -> None:
    rows = [{name: value for name, value in row.items() if not isinstance(value, str)} for row in rows]
    shown(RowsTable([{"n": index, **row} for index, row in enumerate(rows)]), width)


def test_an_order_book_stands_as_a_book() -> None:
    book = {
        "asks": [{"price": 74700, "quantity": 3283}, {"price": 74800, "quantity": 12587}],
        "bids": [{"price": 74600, "quantity": 7309}, {"price": 74500, "quantity": 10009}],
        "total_ask_quantity": 99255,
        "total_bid_quantity": 69234,
    }
    lines = [line for line in shown(order_book_table(book), 80).splitlines() if line.startswith("│")]
    assert lines == [
        "│       12,587 │ 74,800 │              │",
        "│        3,283 │ 74,700 │              │",
        "│              │ 74,600 │        7,309 │",
        "│              │ 74,500 │       10,009 │",
        "│       99,255 │  total │       69,234 │",
    ]
    whole = shown(object_table({"ticker": "005930", **book}), 80)
    assert "005930" in whole
    assert "total_ask_quantity" not in whole
    assert lines[0] in whole


def test_an_empty_book_is_not_a_book() -> None:
    assert "asks" in shown(object_table({"asks": [], "bids": []}), 80)


def test_holdings_stand_below_the_balance_and_fit() -> None:
    holding = {
        "ticker": "005930",
        "name": "삼성전자",
        "quantity": 7,
        "sellable_quantity": 7,
        "average_price": "74700",
        "cost": 522900,
        "price": 74600,
        "value": 522200,
        "profit": -700,
        "profit_rate": -0.13,
    }
    text = shown(object_table({"deposit": 10_000_000_000, "cost": None, "holdings": [holding]}), 80)
    line = next(line for line in text.splitlines() if "삼성전자" in line)
    assert all(f" {part} │" in line for part in ("005930", "7", "74,700", "74,600", "-700"))
    assert "10,000,000,000" in text
    assert "--json shows all" in text


def test_items_are_joined_in_lines_that_break_between_items() -> None:
    assert list(joined(["in all rows:", "a 1", "b 2", "c 3"], 22)) == ["in all rows: a 1 · b 2", "c 3"]
    assert list(joined([], 10)) == []


def test_raw_fields_of_rows_go_first_and_never_push_a_column_out() -> None:
    raw = {f"wire_{number}": "0" * 20 for number in range(9)}
    rows = [{"raw": {**raw, "n": str(day)}, **candle(day)} for day in (19, 20)]
    text = shown(RowsTable(rows), 100)
    assert "2026-11-19" in text
    assert "1,041,927,753,269" in text
    assert "and 1 more column: --json shows all (raw)" in text


def test_raw_fields_of_one_object_stand_below_untouched() -> None:
    raw = {"stck_prpr": "0074600", "eps": "4950.00", "date": "2026-11-21T20:05:00+09:00", "none": ""}
    text = shown(object_table({"raw": raw, "price": 74600}), 80)
    assert text.index("74,600") < text.index("raw, as the vendor sent it") < text.index("stck_prpr")
    for value in raw.values():
        assert f"│ {value}" in text
    assert "4,950.00" not in text
