"""Tables that fit the terminal without breaking a number, a code or a date in two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.box import HEAVY_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from broker_client.cells import cell, is_moment, is_number, offset_of, plain

__all__ = ["RowsTable", "joined", "order_book_table"]

# When a table is too wide these columns go first, in this order, then the others from the right.
_LEAST_IMPORTANT = (
    "rejected_quantity",
    "cancelled_quantity",
    "original_order_no",
    "action",
    "complete",
    "cumulative_value",
    "english_name",
    "listed_shares",
    "value",
    "cost",
    "change_rate",
    "change",
    "sellable_quantity",
    "average_price",
    "remaining_quantity",
    "time",
    "name",
)
_MOST_IMPORTANT = {"ticker", "side", "state", "quantity", "price", "close", "profit"}
# Text with spaces may wrap between words down to this many cells.
_NARROWEST_TEXT = 16


class RowsTable:
    """Rows as a table that fits its width.

    What is the same in every row stands in a line below. Columns that still do not fit are left out, the
    least important first, and named below.

    Args:
        rows: At least one.
        inner: The table stands in a cell of another, so it has no frame of its own.
    """

    def __init__(self, rows: Sequence[dict[str, Any]], *, inner: bool = False) -> None:
        self._rows = rows
        self._inner = inner
        names = list(dict.fromkeys(name for row in rows for name in row))
        columns = [_Column(name, [row.get(name) for row in rows]) for name in names]
        # What is nested, such as the vendor's raw fields, never tells the rows apart.
        columns.sort(key=lambda column: column.nested)
        self._columns = {column.name: column for column in columns}

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Choose the columns for the width at hand."""
        shown, same, left_out, broken_headers = self._layout(options.max_width)
        yield self._table(shown, broken_headers=broken_headers)
        for line in joined(_same_in_all(same), options.max_width):
            yield Text(line, style="dim")
        if left_out:
            noun = "column" if len(left_out) == 1 else "columns"
            names = ", ".join(column.name for column in left_out)
            yield Text(f"and {len(left_out)} more {noun}: --json shows all ({names})", style="yellow")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """As wide as the table with all that differs from row to row, if there is room."""
        everything = [column for column in self._columns.values() if not self._is_same(column)]
        wanted = self._width(everything or list(self._columns.values()), broken_headers=False, full=True)
        return Measurement(min(wanted, options.max_width), min(wanted, options.max_width))

    def _layout(self, width: int) -> tuple[list[_Column], list[_Column], list[_Column], bool]:
        columns = list(self._columns.values())
        same = [column for column in columns if self._is_same(column) and not column.numeric]
        shown = [column for column in columns if column not in same]
        if not shown:
            shown, same = columns, []
        for broken in (False, True):
            if self._width(shown, broken_headers=broken) <= width:
                return shown, same, [], broken
        for column in [column for column in shown if self._is_same(column)]:
            if len(shown) > 1:
                shown.remove(column)
                same.append(column)
        left_out: list[_Column] = []
        while len(shown) > 1 and self._width(shown, broken_headers=True) > width:
            left_out.append(_least_important(shown))
            shown.remove(left_out[-1])
        for column in reversed(left_out.copy()):
            # The last one that had to go may have been so wide that an earlier one fits after all.
            wider = sorted([*shown, column], key=columns.index)
            if self._width(wider, broken_headers=True) <= width:
                shown = wider
                left_out.remove(column)
        return shown, same, sorted(left_out, key=columns.index), True

    def _is_same(self, column: _Column) -> bool:
        return len(self._rows) > 1 and column.same

    def _width(self, columns: Sequence[_Column], *, broken_headers: bool, full: bool = False) -> int:
        cells = sum(
            max(column.width if full else column.narrowest, column.header_width(broken=broken_headers))
            for column in columns
        )
        return cells + 2 * len(columns) if self._inner else cells + 3 * len(columns) + 1

    def _table(self, columns: Sequence[_Column], *, broken_headers: bool) -> Table:
        table = Table(header_style="bold", box=None if self._inner else HEAVY_HEAD, pad_edge=not self._inner)
        for column in columns:
            table.add_column(
                Text(column.header(broken=broken_headers)),
                justify="right" if column.numeric else "left",
                min_width=max(column.narrowest, column.header_width(broken=broken_headers)),
                no_wrap=column.narrowest == column.width,
                overflow="fold",
            )
        for row in self._rows:
            table.add_row(
                *(
                    cell(row.get(column.name), column.name, with_offset=not column.offset)
                    for column in columns
                )
            )
        return table


class _Column:
    def __init__(self, name: str, values: Sequence[Any]) -> None:
        known = [value for value in values if value is not None]
        self.name = name
        self.value = values[0]
        self.same = all(value == values[0] for value in values)
        self.nested = any(isinstance(value, (dict, list)) for value in values)
        self.numeric = bool(known) and all(is_number(value, name) for value in known)
        moments = bool(known) and all(is_moment(value) for value in known)
        offsets = {offset_of(value) for value in known} if moments else set()
        self.offset = offsets.pop() if len(offsets) == 1 else ""
        texts = [plain(value, name, with_offset=not self.offset) for value in values]
        self.width = max(cell_len(text) for text in texts)
        self.narrowest = self.width
        if not moments and any(" " in text for text in texts):
            longest_word = max(cell_len(word) for text in texts for word in [*text.split(), ""])
            self.narrowest = min(self.width, max(longest_word, _NARROWEST_TEXT))

    def header(self, *, broken: bool) -> str:
        if not broken:
            return f"{self.name} {self.offset}".rstrip()
        lines = [""]
        for part in [*self.name.replace("_", "_ ").split(" "), f" {self.offset}".rstrip()]:
            if lines[-1] and cell_len(lines[-1] + part) > self.narrowest:
                lines.append("")
            lines[-1] += part
        return "\n".join(line.strip() for line in lines if line)

    def header_width(self, *, broken: bool) -> int:
        return max(cell_len(line) for line in [*self.header(broken=broken).split("\n"), ""])


def _least_important(columns: Sequence[_Column]) -> _Column:
    # The first tells the rows apart, so it stays.
    if columns[-1].nested:
        return columns[-1]
    by_name = {column.name: column for column in columns[1:]}
    for name in _LEAST_IMPORTANT:
        if name in by_name:
            return by_name[name]
    others = [column for column in by_name.values() if column.name not in _MOST_IMPORTANT]
    return others[-1] if others else columns[-1]


def _same_in_all(columns: Iterable[_Column]) -> list[str]:
    empty = [column.name for column in columns if column.value is None]
    items = [
        f"{column.name} {plain(column.value, column.name)}" for column in columns if column.value is not None
    ]
    return ["in all rows:", *items, *(f"no {name}" for name in empty)] if items or empty else []


def joined(items: Sequence[str], width: int) -> Iterator[str]:
    """``items`` with dots between them, in lines of at most ``width`` cells; no item is broken."""
    line = ""
    for item in items:
        longer = f"{line}{' ' if line.endswith(':') else ' · '}{item}" if line else item
        if line and cell_len(longer) > width:
            yield line
            longer = item
        line = longer
    if line:
        yield line


def order_book_table(book: dict[str, Any]) -> Table:
    """Asks above bids, prices falling, the totals below.

    Args:
        book: ``asks`` and ``bids`` are lists of ``price`` and ``quantity``, the best price first.
    """
    table = Table(header_style="bold", box=HEAVY_HEAD)
    for heading, style in (("ask quantity", "blue"), ("price", ""), ("bid quantity", "red")):
        table.add_column(heading, justify="right", no_wrap=True, style=style)
    for level in reversed(book["asks"]):
        table.add_row(cell(level.get("quantity")), cell(level.get("price"), "price"), "")
    table.add_section()
    for level in book["bids"]:
        table.add_row("", cell(level.get("price"), "price"), cell(level.get("quantity")))
    totals = book.get("total_ask_quantity"), book.get("total_bid_quantity")
    if any(total is not None for total in totals):
        table.add_section()
        table.add_row(cell(totals[0]), Text("total", style="dim"), cell(totals[1]))
    return table
