"""One simulated market for every vendor: quotes, order books and candles that move with the clock alone."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from broker_server.simulator.clock import SimulatedClock
from broker_server.simulator.instruments import KRX, Instrument, InstrumentList, load_instruments
from broker_server.simulator.price_path import DayBar
from broker_server.simulator.quotes import Level, MinuteBar, OrderBook, Quote
from broker_server.simulator.sessions import (
    AFTER_MARKET_CLOSES,
    AFTER_MARKET_OPENS,
    AFTER_MARKET_SINCE,
    NXT_CLOSES,
    NXT_OPENS,
    RegularSession,
    make_sessions,
)
from broker_server.simulator.ticks import is_on_tick, price_limits, step
from broker_server.simulator.trading_calendar import TradingCalendar
from broker_server.simulator.trading_days import TradingDay, TradingDays

BOOK_LEVELS = 10


@dataclass(slots=True)
class _Extra:
    day: date
    volume: int = 0
    value: int = 0


class MarketError(ValueError):
    """A change of the market that its rules do not allow; the text says which."""


class Market:
    """The market of one seed.

    Args:
        clock: What moves it.
        seed: Equal seeds and times give equal prices.
        hours: Trade only in the exchanges' hours; otherwise around the clock, every day.
        instruments: What is listed; the built-in list by default.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        seed: int = 0,
        *,
        hours: bool = False,
        instruments: InstrumentList | None = None,
    ) -> None:
        self.clock = clock
        self.seed = seed
        self.hours = hours
        self.instruments = instruments or load_instruments()
        self._sessions = make_sessions()
        self._days = TradingDays(seed, self._sessions, hours=hours)
        self._suspended = {item.key for item in self.instruments if item.suspended}
        self._liquidity: dict[tuple[str, str], int] = {}
        self._extra: dict[tuple[str, str], _Extra] = {}

    def session(self, instrument: Instrument) -> RegularSession:
        """The regular session of the instrument's exchange."""
        return self._sessions[instrument.country]

    def calendar(self, country: str) -> TradingCalendar:
        """The business days of a country's exchanges."""
        return self._sessions[country].calendar

    def local_date(self, instrument: Instrument, at: datetime | None = None) -> date:
        """The date at the instrument's exchange."""
        return (at or self.clock.now()).astimezone(self.session(instrument).zone).date()

    def is_suspended(self, instrument: Instrument) -> bool:
        """Whether its trading is halted."""
        return instrument.key in self._suspended

    def is_open(self, instrument: Instrument, at: datetime | None = None, venue: str = KRX) -> bool:
        """Whether the venue matches orders at that time."""
        if not self.hours:
            return True
        session = self.session(instrument)
        local = (at or self.clock.now()).astimezone(session.zone)
        if not session.calendar.is_business_day(local.date()):
            return False
        if instrument.exchange == KRX and venue in ("NXT", "SOR"):
            return NXT_OPENS <= local.time() < NXT_CLOSES
        start = session.start(local.date())
        return start <= local < start + timedelta(minutes=session.minutes)

    def is_after_market(self, at: datetime | None = None) -> bool:
        """Whether KRX's after-market runs (only where the exchanges' hours are kept)."""
        local = (at or self.clock.now()).astimezone(self._sessions["KR"].zone)
        return (
            self.hours
            and local.date() >= AFTER_MARKET_SINCE
            and self._sessions["KR"].calendar.is_business_day(local.date())
            and AFTER_MARKET_OPENS <= local.time() < AFTER_MARKET_CLOSES
        )

    def quote(self, instrument: Instrument, at: datetime | None = None) -> Quote:
        """Price, day's range and volume at a time, by default now."""
        now = at or self.clock.now()
        day = self._days.day(instrument, self.local_date(instrument, now), current=True)
        bar, path = day.bar, day.path
        lower, upper = price_limits(instrument.tick_table, bar.base, instrument.limit_percent)
        previous = self._days.history(instrument).last_before(bar.day).volume
        elapsed = (now - day.start).total_seconds()
        if self.is_suspended(instrument) or elapsed < 0 or not self._trades_on(instrument, bar.day):
            price = self._days.moved(instrument, bar.base, now) if elapsed < 0 else bar.base
            return Quote(instrument, now, price, bar.base, 0, 0, 0, 0, 0, lower, upper, previous)
        minute = min(int(elapsed // 60), len(path.volume))
        price = self._days.price(instrument, day, now)
        if minute == 0:
            high, low, volume, value = path.points[0], path.points[0], 0, 0
        else:
            high, low = path.high[minute - 1], path.low[minute - 1]
            volume, value = path.volume[minute - 1], path.value[minute - 1]
        if minute < len(path.volume):
            running = int((path.volume[minute] - volume) * (elapsed % 60) / 60)
            volume += running
            value += running * price
        extra = self._extra.get(instrument.key)
        if extra is not None and extra.day == bar.day:
            volume += extra.volume
            value += extra.value
        return Quote(
            instrument,
            now,
            price,
            bar.base,
            path.points[0],
            max(high, price),
            min(low, price),
            volume,
            value,
            lower,
            upper,
            previous,
        )

    def order_book(self, instrument: Instrument, at: datetime | None = None) -> OrderBook:
        """The ten best asks and bids; empty for a suspended instrument."""
        if self.is_suspended(instrument):
            return OrderBook((), ())
        now = at or self.clock.now()
        quote = self.quote(instrument, now)
        table = instrument.tick_table
        typical = self._liquidity.get(instrument.key)
        seed = zlib.crc32(f"{self.seed}/{instrument.symbol}/{int(now.timestamp())}".encode())
        asks: list[Level] = []
        bids: list[Level] = []
        ask, bid = step(table, quote.price, 1), quote.price
        for _ in range(BOOK_LEVELS):
            for side, price in ((asks, ask), (bids, bid)):
                if quote.lower <= price <= quote.upper:
                    seed = (seed * 1_103_515_245 + 12_345) & 0x7FFFFFFF
                    quantity = typical or self._typical_quantity(instrument, seed / 0x7FFFFFFF)
                    side.append(Level(price, quantity))
            ask = step(table, ask, 1)
            lower_bid = step(table, bid, -1)
            if lower_bid == bid:
                break
            bid = lower_bid
        return OrderBook(tuple(asks), tuple(bids))

    def traded_between(self, instrument: Instrument, start: datetime, end: datetime) -> int:
        """Shares that others traded in that time; what a resting order may be filled with."""
        typical = self._liquidity.get(instrument.key)
        if typical is not None:
            return typical
        seconds = max(1.0, (end - start).total_seconds())
        return max(1, int(instrument.shares * 0.003 * seconds / 23_400))

    def daily_bars(self, instrument: Instrument, first: date, last: date) -> list[DayBar]:
        """Split-adjusted bars from ``first`` to ``last`` inclusive, oldest first; today's still moves."""
        today = self.local_date(instrument)
        bars = self._days.history(instrument).between(first, min(last, today))
        since = self._days.moved_since(instrument)
        if since is not None:
            bars = [
                self._days.day(instrument, bar.day, current=False).bar if bar.day >= since else bar
                for bar in bars
            ]
        if not first <= today <= last:
            return bars
        if bars and bars[-1].day == today:
            bars.pop()
        quote = self.quote(instrument)
        if quote.open:
            bars.append(
                DayBar(today, quote.base, quote.open, quote.high, quote.low, quote.price, quote.volume)
            )
        return bars

    def minute_bars(
        self, instrument: Instrument, day: date, until: time, count: int, interval: int = 1
    ) -> list[MinuteBar]:
        """The last ``count`` bars of ``day`` that begin at or before ``until``, newest first.

        Args:
            instrument: What to chart.
            day: At the exchange.
            until: Local wall time; later than now means now.
            count: At most this many.
            interval: Minutes per bar.
        """
        now = self.clock.now()
        today = self.local_date(instrument, now)
        if day > today or not self._trades_on(instrument, day) or self.is_suspended(instrument):
            return []
        current = day == today
        record = self._days.day(instrument, day, current=current)
        zone = self.session(instrument).zone
        limit = datetime.combine(day, until, zone)
        if current:
            limit = min(limit, now)
        last = min(int((limit - record.start).total_seconds() // 60), len(record.path.volume) - 1)
        bars: list[MinuteBar] = []
        first = last - last % interval
        while first >= 0 and len(bars) < count:
            end = min(first + interval, len(record.path.volume))
            bars.append(self._bar(instrument, record, first, end, now if current else None))
            first -= interval
        return bars

    def set_price(self, instrument: Instrument, price: int, *, hold: bool) -> None:
        """Put the price somewhere from now on.

        Args:
            instrument: What changes.
            price: In minor units.
            hold: Keep it there; otherwise it moves on from there.

        Raises:
            MarketError: The price is off the tick or outside the day's limits.
        """
        quote = self.quote(instrument)
        if not is_on_tick(instrument.tick_table, price):
            raise MarketError(f"{price} is not on the tick of {instrument.symbol} at that price")
        if not quote.lower <= price <= quote.upper:
            raise MarketError(f"{price} is outside today's limits {quote.lower} to {quote.upper}")
        self._days.override(instrument, price, self.clock.now(), hold=hold)

    def release_price(self, instrument: Instrument) -> None:
        """Let a held price move on."""
        self._days.override(instrument, self.quote(instrument).price, self.clock.now(), hold=False)

    def add_volume(self, instrument: Instrument, quantity: int) -> None:
        """Let that many more shares have been traded today, at the present price.

        They count from now on in every quote of the day, those of earlier moments included.
        """
        quote = self.quote(instrument)
        day = self.local_date(instrument)
        extra = self._extra.get(instrument.key)
        if extra is None or extra.day != day:
            extra = self._extra[instrument.key] = _Extra(day)
        extra.volume += quantity
        extra.value += quantity * quote.price

    def set_suspended(self, instrument: Instrument, suspended: bool) -> None:
        """Halt or resume trading."""
        (self._suspended.add if suspended else self._suspended.discard)(instrument.key)

    def set_liquidity(self, instrument: Instrument, quantity: int | None) -> None:
        """Fix the shares at every level of the book (and those traded between two looks); None frees them."""
        if quantity is None:
            self._liquidity.pop(instrument.key, None)
        else:
            self._liquidity[instrument.key] = quantity

    def _trades_on(self, instrument: Instrument, day: date) -> bool:
        if not self.hours and day == self.local_date(instrument):
            return True
        return self.session(instrument).calendar.is_business_day(day)

    def _typical_quantity(self, instrument: Instrument, part: float) -> int:
        quantity = int(instrument.shares * 0.003 / 2_000 * (0.3 + 1.4 * part))
        return max(1, quantity - quantity % instrument.lot, instrument.lot)

    def _bar(
        self, instrument: Instrument, day: TradingDay, first: int, end: int, now: datetime | None
    ) -> MinuteBar:
        path, begin = day.path, day.start + timedelta(minutes=first)
        volume_before = path.volume[first - 1] if first else 0
        value_before = path.value[first - 1] if first else 0
        if now is not None and now < day.start + timedelta(minutes=end):
            quote = self.quote(instrument, now)
            elapsed = int((now - day.start).total_seconds() // 60)
            prices = [*path.points[first : elapsed + 1], quote.price]
            volume, total = quote.volume, quote.value
        else:
            prices = list(path.points[first : end + 1])
            volume, total = path.volume[end - 1], path.value[end - 1]
        return MinuteBar(
            begin,
            prices[0],
            max(prices),
            min(prices),
            prices[-1],
            volume - volume_before,
            total - value_before,
            total,
        )
