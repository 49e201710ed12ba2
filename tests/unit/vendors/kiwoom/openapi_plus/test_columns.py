from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_server.simulator.kiwoom_control.faults import ControlFaults
from broker_server.simulator.kiwoom_control.tables import trs
from broker_server.vendors.kiwoom.openapi_plus.columns import columns_by_name, telling_rows
from tests.support.kiwoom_control import Stage

ITEMS = ("일자", "현재가", "거래량", "시가", "고가", "저가", "수정비율")
CELLS = st.sampled_from(["", "1", "2", "+75400", " -75400"])
PAGES = st.lists(st.lists(CELLS, min_size=7, max_size=7), min_size=1, max_size=12)


@settings(max_examples=200, deadline=None)
@given(page=PAGES, order=st.permutations(range(7)), more=st.booleans())
def test_every_order_of_columns_is_read_by_name(page: list[list[str]], order: list[int], more: bool) -> None:
    """Whatever order Kiwoom sends its columns in, and with one more in between."""
    rows = [tuple(row[at] for at in order) for row in page]
    if more:
        rows = [(*row[:3], f"new{at}", *row[3:]) for at, row in enumerate(rows)]
    reads = []

    def read(at: int, item: str) -> str:
        reads.append(item)
        return f"  {page[at][ITEMS.index(item)]} "

    found = columns_by_name(rows, ITEMS, read)
    wanted = [tuple(row[at].strip() for row in page) for at in range(len(ITEMS))]
    assert [tuple(value.strip() for value in column) for column in found] == wanted
    assert len(reads) <= len(ITEMS) * (len(ITEMS) + 3)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=8, unique=True))
def test_telling_rows_tell_all_columns_apart(columns: list[tuple[str, ...]]) -> None:
    rows = telling_rows(columns)
    assert len({tuple(column[at] for at in rows) for column in columns}) == len(columns)


def test_an_item_that_the_page_does_not_have_is_read_value_by_value() -> None:
    rows = [("1", "2"), ("3", "4"), ("5", "6")]
    values = {"a": ["1", "3", "5"], "b": ["7", "8", "9"]}
    assert columns_by_name(rows, ["b", "a"], lambda at, item: values[item][at]) == [
        ("7", "8", "9"),
        ("1", "3", "5"),
    ]


def test_an_unknown_item_is_empty_and_takes_no_other_column() -> None:
    rows = [("", "2"), ("3", "4"), ("", "6")]
    assert columns_by_name(rows, ["unknown"], lambda at, item: "") == [("", "", "")]


@pytest.mark.parametrize("moved", [False, True])
def test_a_new_column_of_kiwoom_shifts_nothing(moved: bool) -> None:
    """Kiwoom's newer documents have one more column in the middle of this TR."""
    columns = list(trs()["OPT10014"].columns)
    if moved:
        columns.insert(columns.index("공매도량") + 1, "누적공매도량")
    stage = Stage(ControlFaults(moved={"OPT10014": tuple(columns)})).log_in()
    request = stage.request(
        "OPT10014",
        inputs=(
            ("종목코드", "005930"),
            ("시간구분", "1"),
            ("시작일자", "20261101"),
            ("종료일자", "20261119"),
        ),
        record="공매도추이",
        items=("일자", "공매도량", "매매비중", "공매도평균가"),
    )
    rows = stage.page(request).rows
    assert rows[0]["일자"] == "20261119"
    assert {row["매매비중"] for row in rows} == {"+2.00"}
    assert all(0 < int(row["공매도평균가"]) < int(row["공매도량"]) for row in rows)
    assert stage.loop.slow == 0
