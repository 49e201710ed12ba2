"""Reads the rows of an answer by item name, at the price of reading them by position.

`GetCommDataEx` gives a whole page in one call, but without names, and Kiwoom adds columns over time: a list
of names that is laid over them silently shifts. `GetCommData` gives a value by its name, in one call each:
ten thousand for a page of candles, which would hold the thread up for a second. So the page is read in one
call, and the name of each column is proven with few: on rows that tell all different columns apart, the
values by name say which column it is. Only an item that the page does not have at all is read value by value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest

from broker_server.vendors.kiwoom.openapi_plus.control import KiwoomControl

Row = Mapping[str, str]
Column = tuple[str, ...]


def read_single(control: KiwoomControl, code: str, record: str, items: Sequence[str]) -> list[Row]:
    """The record that has one row; no row where all of it is empty."""
    row = {item: control.GetCommData(code, record, 0, item) for item in items}
    return [row] if any(value.strip() for value in row.values()) else []


def read_rows(control: KiwoomControl, code: str, record: str, items: Sequence[str]) -> list[Row]:
    """The record that has many rows. Only inside the answer's event.

    Args:
        control: Whose answer.
        code: The TR.
        record: The record's name.
        items: Which values; without any, all by their position.
    """
    page = control.GetCommDataEx(code, record)
    rows = [row if None not in row else ["" if cell is None else cell for cell in row] for row in page or ()]
    if not items:
        return [{str(place): value for place, value in enumerate(row)} for row in rows]
    if not rows:
        count = control.GetRepeatCnt(code, record)
        return [{item: control.GetCommData(code, record, at, item) for item in items} for at in range(count)]
    columns = columns_by_name(rows, items, lambda at, item: control.GetCommData(code, record, at, item))
    return [dict(zip(items, values, strict=True)) for values in zip(*columns, strict=True)]


def columns_by_name(
    rows: Sequence[Sequence[str]], items: Sequence[str], read: Callable[[int, str], str]
) -> list[Column]:
    """Find the column of each item.

    Args:
        rows: A page, at least one row; they may differ in width.
        items: Names.
        read: One value by row and name, padded; empty for an unknown name.
    """
    columns = list(zip_longest(*rows, fillvalue=""))
    by_content = {_stripped(column): column for column in columns}
    by_content.setdefault(("",) * len(rows), ("",) * len(rows))
    probes = telling_rows(list(by_content))
    known = {tuple(content[at] for at in probes): column for content, column in by_content.items()}
    found = []
    for item in items:
        seen = tuple(read(at, item).strip() for at in probes)
        column = known.get(seen)
        found.append(column or tuple(read(at, item) for at in range(len(rows))))
    return found


def telling_rows(columns: Sequence[Column]) -> list[int]:
    """Rows that tell all of these columns, which differ, apart; the first and the last are among them."""
    groups = [list(columns)]
    chosen: list[int] = []
    while groups:
        group = groups.pop()
        if len(group) < 2:
            continue
        first, second = group[0], group[1]
        at = next(at for at, (left, right) in enumerate(zip(first, second, strict=True)) if left != right)
        chosen.append(at)
        for divided in [group, *groups]:
            if divided is not group:
                groups.remove(divided)
            parts: dict[str, list[Column]] = {}
            for column in divided:
                parts.setdefault(column[at], []).append(column)
            groups.extend(parts.values())
    last = len(columns[0]) - 1
    return sorted({0, last, *chosen})


def _stripped(column: Column) -> Column:
    return tuple(map(str.strip, column))
