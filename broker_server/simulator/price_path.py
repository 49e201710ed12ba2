"""Seeded price history: days first, then the minutes inside a day. Pure; equal seeds give equal prices."""

from __future__ import annotations

import math
import random
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from statistics import NormalDist

from broker_server.simulator.instruments import Instrument
from broker_server.simulator.ticks import price_limits, round_to_tick
from broker_server.simulator.trading_calendar import TradingCalendar

_MEAN_REVERSION = 0.985
"""Keeps a price near its base for years, so that a code stays recognisable by its price."""

_DAILY_TURNOVER = 0.003
"""The part of the listed shares that changes hands in a day."""

_CHANCES = 4
"""Random numbers that a bar needs beside its closes: for its open, high, low and volume."""

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class DayBar:
    """One day's prices in minor units, split-adjusted; ``base`` is the previous close."""

    day: date
    base: int
    open: int
    high: int
    low: int
    close: int
    volume: int


@dataclass(frozen=True, slots=True)
class MinutePath:
    """A day's minutes: ``points[i]`` is the price at the start of minute i; there is one more at the end.

    Attributes:
        high: The highest price from the open to the end of minute i.
        low: The lowest price likewise.
        volume: Shares traded from the open to the end of minute i.
        value: Money traded likewise, in minor units.
    """

    points: Sequence[int]
    high: Sequence[int]
    low: Sequence[int]
    volume: Sequence[int]
    value: Sequence[int]


class DayHistory:
    """The daily bars of one instrument. A bar is made when it is asked for; a walk of levels leads to each.

    Args:
        instrument: What is priced.
        seed: Of the simulated world.
        calendar: Its exchange's business days.
    """

    def __init__(self, instrument: Instrument, seed: int, calendar: TradingCalendar) -> None:
        self._instrument = instrument
        self._calendar = calendar
        self._random = random.Random(f"{seed}/{instrument.exchange}/{instrument.symbol}/days")  # noqa: S311 - a market, not a secret
        self._days: list[date] = []
        self._levels = array("d", [_normal(self._random.random()) * 3 * instrument.volatility])
        self._chances = array("d")
        self._bars: dict[int, DayBar] = {}
        self._widest_move = math.log1p((instrument.limit_percent or 100) / 100) * 0.9

    def on(self, day: date) -> DayBar:
        """The bar of a business day; of the last one before where ``day`` is none."""
        self._extend(day)
        return self._bar(bisect_right(self._days, day) - 1)

    def between(self, first: date, last: date) -> list[DayBar]:
        """The bars of all business days from ``first`` to ``last`` inclusive, oldest first."""
        self._extend(last)
        return [self._bar(i) for i in range(bisect_left(self._days, first), bisect_right(self._days, last))]

    def last_before(self, day: date) -> DayBar:
        """The bar of the last business day before ``day``."""
        return self.on(self._calendar.previous(day))

    def extra_day(self, day: date, seed: int) -> DayBar:
        """A bar for a day the calendar does not know, as a market that never closes needs it."""
        instrument = self._instrument
        chance = random.Random(f"{seed}/{instrument.exchange}/{instrument.symbol}/extra/{day}")  # noqa: S311
        base = self.last_before(day).close
        lowest, highest = price_limits(instrument.tick_table, base, instrument.limit_percent)
        target = round_to_tick(instrument.tick_table, base * math.exp(chance.gauss(0, instrument.volatility)))
        close = min(max(target, lowest), highest)
        return self._make(day, base, close, [chance.random() for _ in range(_CHANCES)])

    def _extend(self, last: date) -> None:
        if self._days and self._days[-1] >= last:
            return
        new = self._calendar.days_until(last)[len(self._days) :]
        draw, sigma, widest = self._random.random, self._instrument.volatility, self._widest_move
        level = self._levels[-1]
        for _ in new:
            move = _normal(draw()) * sigma
            if not -widest < move < widest:
                move = math.copysign(widest, move)
            level = level * _MEAN_REVERSION + move
            self._levels.append(level)
            self._chances.extend((draw(), draw(), draw(), draw()))
        self._days += new

    def _close(self, position: int) -> int:
        target = self._instrument.base_price * math.exp(self._levels[position + 1])
        return round_to_tick(self._instrument.tick_table, target)

    def _bar(self, position: int) -> DayBar:
        bar = self._bars.get(position)
        if bar is None:
            chances = self._chances[position * _CHANCES : (position + 1) * _CHANCES]
            bar = self._bars[position] = self._make(
                self._days[position], self._close(position - 1), self._close(position), chances
            )
        return bar

    def _make(self, day: date, base: int, close: int, chances: Sequence[float]) -> DayBar:
        instrument = self._instrument
        table, sigma = instrument.tick_table, instrument.volatility
        lowest, highest = price_limits(table, base, instrument.limit_percent)

        def valid(price: float) -> int:
            return min(max(round_to_tick(table, price), lowest), highest)

        of_opening, of_high, of_low, of_volume = chances
        opening = valid(base + (close - base) * (0.7 * of_opening - 0.2))
        high = max(opening, close, valid(max(opening, close) * (1 + abs(_normal(of_high)) * sigma / 2)))
        low = min(opening, close, valid(min(opening, close) * (1 - abs(_normal(of_low)) * sigma / 2)))
        volume = max(1, int(instrument.shares * _DAILY_TURNOVER * math.exp(0.4 * _normal(of_volume))))
        return DayBar(day, base, opening, high, low, close, volume)


def _normal(chance: float) -> float:
    """A number of the standard normal distribution; several times as fast as `random.gauss`."""
    return _NORMAL.inv_cdf(chance or 0.5)


def make_minutes(bar: DayBar, minutes: int, table: str, seed: str) -> MinutePath:
    """Fill a day with minutes that start at its open, end at its close and touch its high and low.

    Args:
        bar: The day.
        minutes: How many minutes its session has; at least 4.
        table: The tick table.
        seed: Text that makes the path reproducible.
    """
    draw = random.Random(seed).random  # noqa: S311 - a market, not a secret
    normal = _NORMAL.inv_cdf
    steps = list(accumulate([normal(draw() or 0.5) for _ in range(minutes)]))
    drift = steps[-1]
    walk = [0.0] + [step - drift * (i + 1) / minutes for i, step in enumerate(steps)]
    top, bottom = max(bar.open, bar.close), min(bar.open, bar.close)
    spread = max(walk) - min(walk) or 1.0
    scale = (bar.high - bar.low) / spread
    raw = [bar.open + (bar.close - bar.open) * i / minutes + scale * walk[i] for i in range(minutes + 1)]
    highest, lowest = max(raw), min(raw)
    points = []
    for value in raw:
        if value > top:
            fitted = top + (value - top) * (bar.high - top) / (highest - top)
        elif value < bottom:
            fitted = bottom - (bottom - value) * (bottom - bar.low) / (bottom - lowest)
        else:
            fitted = value
        points.append(min(max(round_to_tick(table, fitted), bar.low), bar.high))
    points[0], points[-1] = bar.open, bar.close
    inner = range(1, minutes)
    points[max(inner, key=raw.__getitem__)] = bar.high
    points[min(inner, key=raw.__getitem__)] = bar.low
    weights = [0.1 - math.log(1 - draw()) for _ in range(minutes)]
    total = sum(weights)
    running = [int(bar.volume * part / total) for part in accumulate(weights)]
    running[-1] = bar.volume
    return summarise(points, running)


def summarise(points: Sequence[int], volume: Sequence[int]) -> MinutePath:
    """Add running highs, lows and values to prices and their running volume.

    Args:
        points: One more than minutes.
        volume: Running, one per minute.
    """
    value, money, before = [], 0, 0
    for i, traded in enumerate(volume):
        money += (traded - before) * (points[i] + points[i + 1]) // 2
        value.append(money)
        before = traded
    return MinutePath(
        points=points,
        high=[max(pair) for pair in zip(accumulate(points, max), points[1:], strict=False)],
        low=[min(pair) for pair in zip(accumulate(points, min), points[1:], strict=False)],
        volume=volume,
        value=value,
    )
