"""What to ask a vendor for next, so that a ticker's history gets whole: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from broker_server.prices.candles.store import Target
from broker_server.prices.history import DailyCandle

PORTION = timedelta(days=730)
"""How much of a long history is asked for at once: what an interrupted run loses at most."""

OVERLAP = 5
"""So many stored days are read again with the new ones. An adjusted history changes as a whole, so that a
split since then shows in their closes."""


@dataclass(frozen=True, slots=True)
class Period:
    """Days to ask for, both ends included.

    Attributes:
        backwards: It goes back from what is there, to ``since``.
    """

    first: date
    last: date
    backwards: bool = False


def next_period(
    target: Target, last_day: date, *, overlap: Sequence[date] = (), again_from: date | None = None
) -> Period | None:
    """What to ask for next; ``None`` when the history is whole. What is new comes before what is old.

    Args:
        target: How far it has come.
        last_day: The newest day that is complete.
        overlap: The newest stored days, in order.
        again_from: The oldest missing day that is worth another question.
    """
    if target.covered_from is None or target.covered_until is None:
        return whole_period(target, last_day)
    if target.covered_until < last_day:
        first = min([target.covered_until, *overlap[-OVERLAP:], *([again_from] if again_from else [])])
        return Period(first, last_day)
    if target.covered_from > target.since:
        return Period(max(target.since, target.covered_from - PORTION), target.covered_from, backwards=True)
    return None


def whole_period(target: Target, last_day: date) -> Period:
    """The first portion of a history that is read from the start."""
    return Period(min(last_day, max(target.since, last_day - PORTION)), last_day)


def covered_by(period: Period, candles: Sequence[DailyCandle], target: Target) -> tuple[date, date] | None:
    """The days that an answer settles.

    The newest day counts only when its candle came, so that one which the vendor did not have yet is asked
    for again. A portion of the past without anything older than what is there was before the first trading
    day: nothing older is asked for.

    Returns:
        ``None`` if it settles nothing.
    """
    if period.backwards:
        older = any(candle.day < period.last for candle in candles)
        return (period.first if older else target.since), period.last
    if not candles:
        return None
    return period.first, max(candle.day for candle in candles)


def differ(stored: Mapping[date, int], candles: Sequence[DailyCandle]) -> bool:
    """Whether a close that is stored is another one now: the history has been adjusted."""
    return any(stored.get(candle.day, candle.close) != candle.close for candle in candles)
