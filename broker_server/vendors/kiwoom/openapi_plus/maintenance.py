"""When the host is down on purpose: pure, the time is an argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from broker_server.vendors.kiwoom.tables import load_data

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of the night; it does not go past midnight.

    Attributes:
        days: 0 is Monday.
    """

    days: frozenset[int]
    begins: time
    ends: time


class Maintenance:
    """The weekly windows.

    Args:
        windows: In any order.
        zone: Of their times.
    """

    def __init__(self, windows: Sequence[Window], zone: ZoneInfo) -> None:
        self._windows = tuple(windows)
        self._zone = zone

    def until(self, now: datetime) -> datetime | None:
        """The end of the window that ``now`` is in; ``None`` outside of all."""
        local = now.astimezone(self._zone)
        ends = [
            datetime.combine(local.date(), window.ends, self._zone)
            for window in self._windows
            if local.weekday() in window.days and window.begins <= local.time() < window.ends
        ]
        return max(ends, default=None)


def read_maintenance(table: Mapping[str, Any] | None = None) -> Maintenance:
    """The windows of a table.

    Args:
        table: As ``data/maintenance.json`` has it, which is the default.

    Raises:
        ValueError: A day or time in it is none, or a window ends before it begins.
    """
    table = load_data("maintenance.json") if table is None else table
    windows = []
    for row in table["windows"]:
        strange = [day for day in row["days"] if day not in _DAYS]
        if strange:
            raise ValueError(f"{strange[0]} is no day; the days are {', '.join(_DAYS)}")
        window = Window(
            frozenset(_DAYS.index(day) for day in row["days"]),
            time.fromisoformat(row["from"]),
            time.fromisoformat(row["to"]),
        )
        if window.ends <= window.begins:
            raise ValueError(f"a maintenance window begins at {row['from']} and ends at {row['to']}")
        windows.append(window)
    return Maintenance(windows, ZoneInfo(table["zone"]))
