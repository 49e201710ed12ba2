"""What is missing of the candles, by the trading calendar."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Engine, func, select

from broker_server.prices.candles.calendar import TradingCalendar, TradingDays
from broker_server.prices.candles.store import CandleStore, Target
from broker_server.prices.candles.tables import daily_candles
from broker_server.prices.history import GapReport, TickerGap


class _Stored(NamedTuple):
    oldest: date
    newest: date
    counted: int


def find_gaps(store: CandleStore, now: datetime) -> GapReport:
    """What is missing of all instruments that are collected and that a vendor knows.

    Days before the first year whose holidays are known are not counted as missing.

    Args:
        now: With an offset.
    """
    calendar = store.calendar
    last = calendar.last_complete_day(now)
    targets = [target for target in store.targets() if target.refusal is None]
    newest = _newest(store.engine, calendar)
    days = calendar.days(calendar.known_from, max(last, newest or last))
    stored = _stored(store.engine, calendar, days)
    found = [_gap(store, target, stored.get(target.ticker), days, last) for target in targets]
    gaps = [gap for gap in found if gap is not None]
    gaps.sort(key=lambda gap: (gap.newest is not None, -(gap.age_days or 0), -len(gap.missing), gap.ticker))
    return GapReport(
        last_trading_day=last,
        tickers=len(targets),
        complete=len(targets) - len(gaps),
        without_data=tuple(gap.ticker for gap in gaps if gap.newest is None),
        newest=newest,
        gaps=tuple(gaps),
    )


def missing_days(store: CandleStore, ticker: str, first: date, last: date) -> list[date]:
    """Trading days of a period that are not stored.

    Args:
        first: Days before the calendar knows the holidays do not count.
    """
    calendar = store.calendar
    days = calendar.days(max(first, calendar.known_from), last)
    return _missing(store, ticker, days, first, last)


def _newest(engine: Engine, calendar: TradingCalendar) -> date | None:
    columns = daily_candles.c
    with engine.connect() as connection:
        return connection.execute(
            select(func.max(columns.day)).where(columns.venue == calendar.venue)
        ).scalar()


def _stored(engine: Engine, calendar: TradingCalendar, days: TradingDays) -> dict[str, _Stored]:
    """Of each ticker its oldest and newest day, and how many of the calendar's trading days there are."""
    columns = daily_candles.c
    mine = columns.venue == calendar.venue
    with engine.connect() as connection:
        known = connection.execute(select(columns.day).where(mine).distinct()).scalars()
        counted = columns.day.not_in([day for day in known if day not in days])
        statement = (
            select(columns.ticker, func.min(columns.day), func.max(columns.day), func.count().filter(counted))
            .where(mine)
            .group_by(columns.ticker)
        )
        return {ticker: _Stored(*rest) for ticker, *rest in connection.execute(statement)}


def _gap(
    store: CandleStore, target: Target, stored: _Stored | None, days: TradingDays, last: date
) -> TickerGap | None:
    """What one instrument lacks; ``None`` if nothing."""
    if stored is None:
        return TickerGap(ticker=target.ticker, name=target.name, newest=None, age_days=None, missing=())
    age = days.count(stored.newest + timedelta(days=1), last)
    missing: list[date] = []
    if stored.counted != days.count(stored.oldest, stored.newest):
        missing = _missing(store, target.ticker, days, stored.oldest, stored.newest)
    if not age and not missing:
        return None
    return TickerGap(
        ticker=target.ticker,
        name=target.name,
        newest=stored.newest,
        age_days=age,
        missing=tuple(missing),
    )


def _missing(store: CandleStore, ticker: str, days: TradingDays, first: date, last: date) -> list[date]:
    columns = daily_candles.c
    statement = select(columns.day).where(
        columns.venue == store.calendar.venue, columns.ticker == ticker, columns.day.between(first, last)
    )
    with store.engine.connect() as connection:
        have = frozenset(connection.execute(statement).scalars())
    return [day for day in days.between(first, last) if day not in have]
