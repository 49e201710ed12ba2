"""Rows of histories by what tells them apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, time
from typing import Any

from broker_server.vendors.koscom.errors import unreadable
from broker_server.vendors.koscom.fields import split
from broker_server.vendors.koscom.values import NotReadable, day_of, trade_time
from broker_server.vendors.koscom.windows import Row

_DAY, _LABEL = "trdDd", "inddTm"


def by_day(rows: Iterable[Any]) -> dict[date, Row]:
    """Rows of days.

    Raises:
        UnreadableAnswer: One has no date.
    """
    found: dict[date, Row] = {}
    for row in rows:
        try:
            day = day_of(_field(row, _DAY))
        except NotReadable:
            day = None
        if day is None:
            raise unreadable("a row of a history has no date")
        found.setdefault(day, row)
    return found


def by_label(rows: Iterable[Any]) -> dict[time, Row]:
    """Rows of a day's bars by their label; what has a signal in its place is no bar.

    Raises:
        UnreadableAnswer: One has something else.
    """
    found: dict[time, Row] = {}
    for row in rows:
        try:
            label = trade_time(_field(row, _LABEL))
        except NotReadable:
            raise unreadable("a bar has no time") from None
        if label.clock is not None:
            found.setdefault(label.clock, row)
    return found


def _field(row: Any, name: str) -> Any:
    if not isinstance(row, Mapping):
        raise unreadable("a row is no object")
    return split(row).fields.get(name)
