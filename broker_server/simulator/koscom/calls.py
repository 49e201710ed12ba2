"""What a service is given: a checked call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from broker_server.simulator.candles import parse_date
from broker_server.simulator.koscom.endpoints import Table, Version
from broker_server.simulator.koscom.errors import wrong_input
from broker_server.simulator.koscom.products import Value

MOST_ROWS = 100
_MIDNIGHT = time(0, 0)

Row = Mapping[str, Value]
Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A call that the gateway let through.

    Attributes:
        arguments: The parts of the path.
        query: Without the key; names without a value have an empty one.
        now: Simulated time, in Korea.
    """

    table: Table
    version: Version
    arguments: Mapping[str, str]
    query: Mapping[str, str]
    now: datetime

    @property
    def code(self) -> str:
        """The code of the path, without a market's suffix."""
        return self.arguments["code"].partition("*")[0]

    def check(self) -> None:
        """See that nothing is missing or malformed.

        Raises:
            RestError: Something is.
        """
        for parameter in self.table.parameters:
            if parameter.format == "items":
                continue
            value = self.query.get(parameter.name, "")
            if not value:
                if parameter.required:
                    raise wrong_input()
                continue
            if parameter.values and value not in parameter.values:
                raise wrong_input()
            if parameter.format == "date" and parse_date(value) is None:
                raise wrong_input()
            if parameter.format == "minute" and _minute(value) is None:
                raise wrong_input()
            if parameter.format == "count" and not (value.isdigit() and int(value)):
                raise wrong_input()
            if parameter.format == "codes" and value.count(",") >= (parameter.most or 1):
                raise wrong_input()

    def day(self, name: str, otherwise: date) -> date:
        """A date of the query."""
        return parse_date(self.query.get(name, "")) or otherwise

    @property
    def count(self) -> int:
        """How many rows are wanted; never more than a hundred."""
        return min(int(self.query.get("reqCnt") or MOST_ROWS), MOST_ROWS)

    @property
    def window(self) -> tuple[datetime, datetime]:
        """The times from ``strtTm`` to ``endTm`` of ``inqStrtDd``, or of today."""
        day = self.day("inqStrtDd", self.now.date())
        start, end = (_minute(self.query[name]) or _MIDNIGHT for name in ("strtTm", "endTm"))
        zone = self.now.tzinfo
        return datetime.combine(day, start, zone), datetime.combine(day, end, zone)

    @property
    def seconds(self) -> int:
        """How long a bar is."""
        return int(self.query["inddCycleTpCd"])


Service = Callable[[Call], Body]


def newest_first(rows: Sequence[Row], count: int = MOST_ROWS) -> list[Row]:
    """The last rows, newest first."""
    return list(reversed(rows[-count:])) if count else []


def bar_ends(call: Call, opens: datetime, closes: datetime) -> list[datetime]:
    """When the bars of a window end, newest first: a running one ends now.

    Args:
        call: Whose window and length of bars.
        opens: When the day's trading begins.
        closes: When it ends.
    """
    start, end = call.window
    start, end = max(start, opens), min(end, closes, call.now)
    length = timedelta(seconds=call.seconds)
    whole = opens + (end - opens) // length * length
    ends = [end] if whole < end == call.now else []
    while whole > start and len(ends) < MOST_ROWS:
        ends.append(whole)
        whole -= length
    return ends


def _minute(text: str) -> time | None:
    """``HHMM``; the documents of derivatives say HHMMSS."""
    if len(text) not in (4, 6) or not text.isdigit():
        return None
    try:
        return time(int(text[:2]), int(text[2:4]), int(text[4:] or 0))
    except ValueError:
        return None
