"""Continuation by the ``tr_cont`` header and the space-padded keys of the body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from broker_server.simulator.kis.calls import Call
from broker_server.simulator.orders import Order

RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True)
class Page(Generic[RowT]):
    """One page of rows.

    Attributes:
        tr_cont: ``F`` more after the first page, ``M`` more after a later one, ``D`` the only page,
            ``E`` the last.
        keys: ``ctx_area_fk…`` and ``ctx_area_nk…``, padded with spaces to their length.
    """

    rows: Sequence[RowT]
    tr_cont: str
    keys: dict[str, str]


def order_row_key(order: Order) -> str:
    """What names an order in a list of several days."""
    return f"{order.day:%Y%m%d}{order.number:010d}"


def paginate(
    rows: Sequence[RowT], call: Call, size: int, suffix: str, row_key: Callable[[RowT], str]
) -> Page[RowT]:
    """Cut the page that a call asks for.

    A call without ``tr_cont: N``, or without the key, gets the first page again.

    Args:
        rows: All rows in their order.
        call: The call.
        size: Rows per page.
        suffix: Of the keys' names: ``100``, ``200`` or nothing.
        row_key: What names a row; the next page begins after the last page's last row.
    """
    width = int(suffix or 20)
    cursor = call.get(f"CTX_AREA_NK{suffix}").strip() if call.continued else ""
    start = 0
    if cursor:
        last, _, index = cursor.rpartition("^")
        start = int(index) if index.isdigit() else 0
        start = next((i + 1 for i, row in enumerate(rows) if row_key(row) == last), start)
    end = start + size
    more = end < len(rows)
    conditions = "!^".join(
        value
        for name, value in call.parameters.items()
        if not name.startswith("CTX_AREA") and name not in ("CANO", "ACNT_PRDT_CD")
    )
    next_key = f"{row_key(rows[end - 1])}^{end}" if more else ""
    tr_cont = ("M" if cursor else "F") if more else ("E" if cursor else "D")
    keys = {
        f"ctx_area_fk{suffix}": conditions[:width].ljust(width),
        f"ctx_area_nk{suffix}": next_key.ljust(width),
    }
    return Page(rows[start:end], tr_cont, keys)
