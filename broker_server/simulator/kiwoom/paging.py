"""Continuation by the ``cont-yn`` and ``next-key`` headers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from broker_server.simulator.kiwoom.calls import Call

RowT = TypeVar("RowT")


def paginate(
    rows: Sequence[RowT], call: Call, size: int, row_key: Callable[[RowT], str]
) -> tuple[Sequence[RowT], str]:
    """Cut the page that a call asks for.

    Args:
        rows: All rows in their order.
        call: Its ``next_key`` names the last row of the page before; an unknown one gives the first page.
        size: Rows per page.
        row_key: What names a row.

    Returns:
        The rows, and the key of the next page; empty after the last one.
    """
    start = next((i + 1 for i, row in enumerate(rows) if call.next_key and row_key(row) == call.next_key), 0)
    page = rows[start : start + size]
    return page, row_key(page[-1]) if page and start + size < len(rows) else ""
