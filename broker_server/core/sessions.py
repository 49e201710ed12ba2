"""Market sessions as dated data: which order types a venue takes at a moment, and when it opens next.

Pure: the table is already parsed JSON (``session_data.TableData`` has its format), the time is an argument.
A session runs from its opening up to, not including, its close. A venue that the table does not know counts
as always open: a missing entry must never hold an order back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from broker_server.core.session_data import MarketData, SessionData, SessionKind, TableData

_ONE_DAY = timedelta(days=1)
_DAYS_AHEAD = 40
"""How far a next opening is searched; no market has ever closed for as long."""

_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""Times beyond these are taken for these, so that no arithmetic with dates runs out of them."""


class Verdict(StrEnum):
    """Whether a venue takes an order of some type."""

    OPEN = "open"
    CLOSED = "closed"
    ABOLISHED = "abolished"


@dataclass(frozen=True, slots=True)
class SessionCheck:
    """The verdict on one order.

    Attributes:
        message: Which session it is now, and when the next one that takes such an order opens; ``None`` when
            the verdict is ``OPEN``.
    """

    verdict: Verdict
    message: str | None = None


@dataclass(frozen=True, slots=True)
class SessionRun:
    """One session on one trading day.

    Attributes:
        trading_day: The market's date that it belongs to.
        opens: Its first moment, with an offset.
        closes: The first moment after it.
        order_types: What it takes.
    """

    market: str
    session: str
    kind: SessionKind
    trading_day: date
    opens: datetime
    closes: datetime
    order_types: frozenset[str]

    def __str__(self) -> str:
        return f"{self.market} {self.session}"


@dataclass(frozen=True, slots=True)
class Phase:
    """What a venue is doing at a moment.

    Attributes:
        known: Whether the table has the venue.
        running: The sessions that are open now, of all its markets.
        next_opening: The next session to open; ``None`` if none does within the search, or the venue is
            unknown.
    """

    known: bool
    running: tuple[SessionRun, ...]
    next_opening: SessionRun | None

    @property
    def is_open(self) -> bool:
        """Whether any session is open; always so for an unknown venue."""
        return bool(self.running) or not self.known

    @property
    def is_continuous(self) -> bool:
        """Whether trades may happen at any moment, so that silence means something."""
        return not self.known or any(run.kind == "continuous" for run in self.running)


class SessionTable:
    """Answers about sessions; safe to share between threads.

    Args:
        data: The table.
    """

    def __init__(self, data: TableData) -> None:
        self._data = data

    @classmethod
    def from_json(cls, parsed: Mapping[str, Any]) -> SessionTable:
        """A table from parsed JSON.

        Raises:
            pydantic.ValidationError: It is not of the format.
        """
        return cls(TableData.model_validate(parsed))

    def check_order(self, *, venue: str, order_type: str, now: datetime) -> SessionCheck:
        """Whether a venue takes an order of a type now.

        Args:
            venue: ``KRX``, ``NXT``, ``SOR`` (either of them) or an overseas exchange (``NASD``, …).
            order_type: By the names of our contract.
            now: With an offset.

        Returns:
            ``OPEN`` when a session takes it at this moment, ``ABOLISHED`` when none ever will again because
            the market has abolished the type, else ``CLOSED``. An unknown venue is always ``OPEN``.

        Raises:
            ValueError: ``now`` has no offset.
        """
        now = _checked(now)
        if venue not in self._data.venues:
            return SessionCheck(Verdict.OPEN)
        running = self._running(venue, now)
        if any(order_type in run.order_types for run in running):
            return SessionCheck(Verdict.OPEN)
        opening = self._next(venue, now, lambda session: order_type in session.order_types)
        if opening is None and (abolished := self._why_abolished(venue, order_type, now)) is not None:
            return SessionCheck(Verdict.ABOLISHED, abolished)
        if running:
            state = " and ".join(f"{run} (until {run.closes.isoformat()})" for run in running)
        else:
            state = "it is closed"
        if opening is None:
            following = "no session in the table takes one later"
        else:
            following = f"the next session that does is {opening}, at {opening.opens.isoformat()}"
        return SessionCheck(
            Verdict.CLOSED,
            f"{venue} takes no {order_type} order now ({state}); {following}{self._caveat(venue, now)}",
        )

    def phase(self, venue: str, now: datetime) -> Phase:
        """Which sessions of a venue run now, and which one opens next.

        Raises:
            ValueError: ``now`` has no offset.
        """
        now = _checked(now)
        if venue not in self._data.venues:
            return Phase(known=False, running=(), next_opening=None)
        return Phase(True, self._running(venue, now), self._next(venue, now, lambda session: True))

    def is_open(self, venue: str, now: datetime) -> bool:
        """Whether any session of a venue runs now; always so for an unknown venue.

        Raises:
            ValueError: ``now`` has no offset.
        """
        now = _checked(now)
        return venue not in self._data.venues or bool(self._running(venue, now))

    def trading_day(self, venue: str, now: datetime) -> date:
        """The trading day that an order belongs to which is sent now.

        It is today until the last session of today has closed, then the next day that the venue opens. The
        American daytime session belongs to the American day that follows it.

        Returns:
            A date of the market; of ``now`` as it is given for an unknown venue.

        Raises:
            ValueError: ``now`` has no offset.
        """
        moment = _checked(now)
        if venue not in self._data.venues:
            return now.date()
        days = [self._trading_day(name, moment) for name in self._data.venues[venue]]
        return min(days, default=now.date())

    def day_end(self, venue: str, now: datetime) -> datetime | None:
        """When the trading day ends that an order belongs to which is sent now.

        Returns:
            The close of its last session, in UTC or with an offset; ``None`` for an unknown venue.

        Raises:
            ValueError: ``now`` has no offset.
        """
        moment = _checked(now)
        closes = [
            run.closes
            for name in self._data.venues.get(venue, ())
            for run in self._runs(name, self._trading_day(name, moment))
        ]
        return max(closes, default=None)

    def trading_days(self, venue: str, first: date, last: date) -> list[date]:
        """The days of a period, both ends included, on which a venue opens; none for an unknown venue."""
        names = self._data.venues.get(venue, ())
        days = (first + timedelta(days=count) for count in range((last - first).days + 1))
        return [day for day in days if any(any(self._runs(name, day)) for name in names)]

    def regular_close(self, venue: str, day: date) -> datetime | None:
        """When the day's closing price was made: the end of the closing auction.

        That is the auction which follows a continuous session at once; a venue without one closes with its
        last continuous session.

        Returns:
            With an offset; ``None`` if the venue is unknown or does not open on that day.
        """
        runs = [run for name in self._data.venues.get(venue, ()) for run in self._runs(name, day)]
        ends = {run.closes for run in runs if run.kind == "continuous"}
        auctions = [run.closes for run in runs if run.kind == "auction" and run.opens in ends]
        return max(auctions or ends, default=None)

    def holidays_known_from(self, venue: str) -> date | None:
        """The first day of the first year whose holidays the table has; ``None`` for an unknown venue."""
        calendars = {self._data.markets[name].calendar for name in self._data.venues.get(venue, ())}
        firsts = [min(self._data.calendars[name].holidays, default=date.max) for name in calendars]
        return max(firsts).replace(month=1, day=1) if firsts else None

    def _trading_day(self, name: str, now: datetime) -> date:
        today = now.astimezone(_zone(self._data.markets[name].time_zone)).date()
        for day in _days_from(today):
            if any(run.closes > now for run in self._runs(name, day)):
                return day
        return today

    def _running(self, venue: str, now: datetime) -> tuple[SessionRun, ...]:
        today = now.date()
        return tuple(
            run
            for name in self._data.venues[venue]
            for day in (today - _ONE_DAY, today, today + _ONE_DAY)
            for run in self._runs(name, day)
            if run.opens <= now < run.closes
        )

    def _runs(self, name: str, day: date) -> Iterator[SessionRun]:
        """The sessions of a market on one of its dates."""
        market = self._data.markets[name]
        for session in market.sessions:
            run = self._run(name, market, session, day)
            if run is not None:
                yield run

    def _run(self, name: str, market: MarketData, session: SessionData, day: date) -> SessionRun | None:
        if not session.since <= day < session.until:
            return None
        hours: tuple[time, time] | None = (session.opens, session.closes)
        entry = self._data.days.get(day)
        if entry is not None and name in entry.markets:
            changes = entry.markets[name]
            hours = None if changes is None else changes.get(session.name, hours)
        elif day.weekday() >= 5 or day in self._data.calendars[market.calendar].holidays:
            return None
        if hours is None:
            return None
        zone = _zone(session.time_zone or market.time_zone)
        opens, closes = (datetime.combine(day, moment, zone) for moment in hours)
        return SessionRun(name, session.name, session.kind, day, opens, closes, session.order_types)

    def _next(self, venue: str, now: datetime, wanted: Callable[[SessionData], bool]) -> SessionRun | None:
        """The earliest run of a wanted session that opens after ``now``."""
        found: list[SessionRun] = []
        for name in self._data.venues[venue]:
            market = self._data.markets[name]
            for session in filter(wanted, market.sessions):
                for day in _days_from(max(now.date() - _ONE_DAY, session.since)):
                    run = self._run(name, market, session, day)
                    if run is not None and run.opens > now:
                        found.append(run)
                        break
        return min(found, key=lambda run: run.opens, default=None)

    def _why_abolished(self, venue: str, order_type: str, now: datetime) -> str | None:
        for name in self._data.venues[venue]:
            market = self._data.markets[name]
            entry = market.abolished.get(order_type)
            if entry is not None and now.astimezone(_zone(market.time_zone)).date() >= entry.until:
                instead = f"; use {' or '.join(entry.instead)}" if entry.instead else ""
                return f"{name} abolished {order_type} orders on {entry.until}{instead}"
        return None

    def _caveat(self, venue: str, now: datetime) -> str:
        """Why the answer may surprise: a day that differs, or holidays that the table does not know."""
        for name in self._data.venues[venue]:
            market = self._data.markets[name]
            day = now.astimezone(_zone(market.time_zone)).date()
            entry = self._data.days.get(day)
            if entry is not None and name in entry.markets:
                return f". {day}: {entry.reason}"
            if day > (known := self._data.calendars[market.calendar].known_until):
                return f". Holidays of {name} are known until {known}"
        return ""


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _days_from(first: date) -> Iterator[date]:
    return (first + timedelta(days=count) for count in range(_DAYS_AHEAD))


def _checked(now: datetime) -> datetime:
    """The moment in UTC, within the years that dates can be reckoned in."""
    if now.utcoffset() is None:
        raise ValueError("the time needs an offset")
    return min(max(now, _EARLIEST), _LATEST).astimezone(UTC)
