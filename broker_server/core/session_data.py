"""The format of a market session table: what its JSON must hold."""

from __future__ import annotations

import re
from datetime import date, time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

SessionKind = Literal["continuous", "auction", "fixed_price"]
"""How a session matches: as orders arrive, for one price at its end, or at a price that is given."""


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone") from None
    return name


def _check_date(value: Any) -> Any:
    # pydantic would read "20270302" as seconds since 1970.
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise ValueError(f"{value!r} is not a date like 2027-03-02")
    return value


def _check_time(value: Any) -> Any:
    # Likewise "930", as seconds since midnight.
    if not isinstance(value, time) and not re.fullmatch(r"\d{2}:\d{2}(:\d{2})?", str(value)):
        raise ValueError(f"{value!r} is not a time like 09:00 or 09:00:30")
    return value


def _check_hours(hours: tuple[time, time]) -> tuple[time, time]:
    opens, closes = hours
    if opens >= closes:
        raise ValueError(f"opens at {opens} but closes at {closes}")
    return hours


ZoneName = Annotated[str, AfterValidator(_check_zone)]
Day = Annotated[date, BeforeValidator(_check_date)]
TimeOfDay = Annotated[time, BeforeValidator(_check_time)]
Hours = Annotated[tuple[TimeOfDay, TimeOfDay], AfterValidator(_check_hours)]


class _Entry(BaseModel):
    """An entry of the table: nothing in it may be misspelt, nothing of it changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str | None = None


class CalendarData(_Entry):
    """The days without trading of one country, weekends aside.

    Attributes:
        known_until: The last day for which the list is known to be complete.
    """

    holidays: frozenset[Day]
    known_until: Day


class SessionData(_Entry):
    """One session of a market.

    Attributes:
        since: Its first day; ``None``: as long as the market is known.
        until: The first day without it.
        time_zone: Of its times, where it is not the market's.
        order_types: What it takes, by the names of our contract.
    """

    name: str
    kind: SessionKind
    opens: TimeOfDay
    closes: TimeOfDay
    since: Day = date.min
    until: Day = date.max
    time_zone: ZoneName | None = None
    order_types: frozenset[str]

    @model_validator(mode="after")
    def _check(self) -> SessionData:
        _check_hours((self.opens, self.closes))
        return self


class AbolishedData(_Entry):
    """An order type that no longer exists.

    Attributes:
        until: The first day without it.
        instead: The order types to use now.
    """

    until: Day
    instead: tuple[str, ...] = ()


class MarketData(_Entry):
    """One market: its calendar, its sessions, and the order types that it no longer takes."""

    calendar: str
    time_zone: ZoneName
    sessions: tuple[SessionData, ...] = Field(min_length=1)
    abolished: dict[str, AbolishedData] = {}


class DayData(_Entry):
    """What is different on one date.

    Attributes:
        reason: For people.
        markets: Per market, other hours per session, ``None`` for a session that is not held; sessions that
            are not named keep theirs. A market that is ``None`` stays closed; one that is named opens,
            whatever its calendar says.
    """

    reason: str
    markets: dict[str, dict[str, Hours | None] | None]


class BeyondTheContract(BaseModel):
    """Names of order types that the table uses and our methods do not offer yet."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str
    order_types: dict[str, str]


class TableData(BaseModel):
    """The whole table.

    Attributes:
        venues: The markets behind each venue of an order; the venue is open where one of them is.
        days: The dates that differ.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str = ""
    beyond_the_contract: BeyondTheContract | None = None
    calendars: dict[str, CalendarData]
    markets: dict[str, MarketData]
    venues: dict[str, tuple[str, ...]]
    days: dict[Day, DayData] = {}

    @model_validator(mode="after")
    def _check_names(self) -> TableData:
        for name, market in self.markets.items():
            if market.calendar not in self.calendars:
                raise ValueError(f"markets.{name}: there is no calendar {market.calendar!r}")
            names = [session.name for session in market.sessions]
            # A name may come again for other dates, with other hours.
            for session in market.sessions:
                same = [each for each in market.sessions if each.name == session.name and each is not session]
                if any(each.since < session.until and session.since < each.until for each in same):
                    raise ValueError(f"markets.{name}: {session.name!r} is there twice on one day")
            for day, entry in self.days.items():
                for changed in entry.markets.get(name) or ():
                    if changed not in names:
                        raise ValueError(f"days.{day}: {name} has no session {changed!r}")
        for day, entry in self.days.items():
            for name in entry.markets:
                if name not in self.markets:
                    raise ValueError(f"days.{day}: there is no market {name!r}")
        for venue, markets in self.venues.items():
            for name in markets:
                if name not in self.markets:
                    raise ValueError(f"venues.{venue}: there is no market {name!r}")
        return self
