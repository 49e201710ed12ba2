"""What each day of an instrument looks like: its bar, its path minute by minute, and prices put elsewhere."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from broker_server.simulator.instruments import Instrument
from broker_server.simulator.price_path import DayBar, DayHistory, MinutePath, make_minutes, summarise
from broker_server.simulator.sessions import MINUTES_PER_DAY, RegularSession, end_of_day
from broker_server.simulator.ticks import round_to_tick

_CACHED_DAYS = 512


@dataclass(frozen=True, slots=True)
class _Override:
    since: datetime
    factor: float
    held: int | None
    price: int


@dataclass(frozen=True, slots=True)
class TradingDay:
    """One day; ``start`` is where the path begins."""

    bar: DayBar
    path: MinutePath
    start: datetime


class TradingDays:
    """The days of every instrument.

    Args:
        seed: Equal seeds give equal days.
        sessions: The regular session of each country.
        hours: Trade only in the exchanges' hours; otherwise the current day lasts around the clock.
    """

    def __init__(self, seed: int, sessions: Mapping[str, RegularSession], *, hours: bool) -> None:
        self._seed = seed
        self._sessions = sessions
        self._hours = hours
        self._histories: dict[tuple[str, str], DayHistory] = {}
        self._days: OrderedDict[tuple[tuple[str, str], date, bool], TradingDay] = OrderedDict()
        self._overrides: dict[tuple[str, str], list[_Override]] = {}

    def moved_since(self, instrument: Instrument) -> date | None:
        """The day of the first override, at the exchange."""
        overrides = self._overrides.get(instrument.key)
        return self._local_date(instrument, overrides[0].since) if overrides else None

    def history(self, instrument: Instrument) -> DayHistory:
        """The instrument's days."""
        history = self._histories.get(instrument.key)
        if history is None:
            calendar = self._sessions[instrument.country].calendar
            history = self._histories[instrument.key] = DayHistory(instrument, self._seed, calendar)
        return history

    def override(self, instrument: Instrument, price: int, now: datetime, *, hold: bool) -> None:
        """Put the price somewhere from ``now`` on."""
        raw = self._raw_price(instrument, now)
        overrides = self._overrides.setdefault(instrument.key, [])
        overrides.append(_Override(now, price / raw, price if hold else None, price))
        for key in [key for key in self._days if key[0] == instrument.key]:
            del self._days[key]

    def moved(self, instrument: Instrument, raw: int, at: datetime) -> int:
        """A price as the overrides of its time leave it."""
        for override in reversed(self._overrides.get(instrument.key, ())):
            if override.since <= at:
                if override.held is not None:
                    return override.held
                return round_to_tick(instrument.tick_table, raw * override.factor)
        return raw

    def price(self, instrument: Instrument, day: TradingDay, now: datetime) -> int:
        """The price at a moment of a day."""
        path = day.path
        position = (now - day.start).total_seconds() / 60
        minute = int(position)
        if position < 0:
            raw = day.bar.base
        elif minute >= len(path.volume):
            raw = path.points[-1]
        else:
            before, after = path.points[minute], path.points[minute + 1]
            moved = before + (after - before) * (position - minute)
            raw = round_to_tick(instrument.tick_table, moved)
        held = self._overrides.get(instrument.key)
        if held and held[-1].held is not None and held[-1].since <= now:
            return held[-1].held
        if held and day.start <= held[-1].since <= now and 0 <= minute < len(path.volume):
            since = (held[-1].since - day.start).total_seconds() / 60
            if int(since) == minute:
                return held[-1].price
        return raw

    def day(self, instrument: Instrument, day: date, *, current: bool) -> TradingDay:
        """One day; ``current`` for today, which lasts around the clock unless hours are kept."""
        full = current and not self._hours
        key = (instrument.key, day, full)
        found = self._days.get(key)
        if found is None:
            found = self._days[key] = self._make_day(instrument, day, full=full)
            if len(self._days) > _CACHED_DAYS:
                self._days.popitem(last=False)
        return found

    def _raw_price(self, instrument: Instrument, now: datetime) -> int:
        saved = self._overrides.pop(instrument.key, None)
        day = self._make_day(instrument, self._local_date(instrument, now), full=not self._hours)
        try:
            return self.price(instrument, day, now)
        finally:
            if saved is not None:
                self._overrides[instrument.key] = saved

    def _make_day(self, instrument: Instrument, day: date, *, full: bool) -> TradingDay:
        session = self._sessions[instrument.country]
        history = self.history(instrument)
        known = session.calendar.is_business_day(day)
        bar = history.on(day) if known else history.extra_day(day, self._seed)
        start = datetime.combine(day, time(0), session.zone) if full else session.start(day)
        minutes = MINUTES_PER_DAY if full else session.minutes
        seed = f"{self._seed}/{instrument.exchange}/{instrument.symbol}/{day}"
        path = make_minutes(bar, minutes, instrument.tick_table, seed)
        if not self._overrides.get(instrument.key):
            return TradingDay(bar, path, start)
        return self._overridden(instrument, TradingDay(bar, path, start))

    def _overridden(self, instrument: Instrument, day: TradingDay) -> TradingDay:
        zone = self._sessions[instrument.country].zone
        bar, path, start = day.bar, day.path, day.start
        points = [
            self.moved(instrument, raw, start + timedelta(minutes=i)) for i, raw in enumerate(path.points)
        ]
        midnight = end_of_day(bar.day, zone)
        points[-1] = self.moved(instrument, path.points[-1], midnight)
        path = summarise(points, path.volume)
        high, low = list(path.high), list(path.low)
        for override in self._overrides[instrument.key]:
            minute = int((override.since - start).total_seconds() // 60)
            if 0 <= minute < len(high):
                high[minute:] = [max(value, override.price) for value in high[minute:]]
                low[minute:] = [min(value, override.price) for value in low[minute:]]
        base = self.moved(instrument, bar.base, datetime.combine(bar.day, time(0), zone))
        bar = DayBar(bar.day, base, points[0], high[-1], low[-1], points[-1], bar.volume)
        return TradingDay(bar, MinutePath(points, high, low, path.volume, path.value), start)

    def _local_date(self, instrument: Instrument, at: datetime) -> date:
        return at.astimezone(self._sessions[instrument.country].zone).date()
