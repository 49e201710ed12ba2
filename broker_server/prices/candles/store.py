"""The store of daily candles, on SQLite or PostgreSQL. Every method blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Engine, Row, case, delete, func, select, update

from broker_server.journal.upserts import upsert
from broker_server.prices.candles.calendar import TradingCalendar
from broker_server.prices.candles.tables import collected_tickers, daily_candles
from broker_server.prices.history import DailyCandle

_PRICES = ("open", "high", "low", "close", "volume", "value", "vendor", "halted")
_ROWS_AT_ONCE = 500
"""SQLite takes some 32,000 values in one statement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An instrument that is to be collected.

    Attributes:
        since: The first day that is wanted.
        covered_from: With ``covered_until`` the days that a vendor has been asked for, both included;
            ``None`` before the first answer.
        refusal: Why it is not asked for any more; ``None`` while it is.
    """

    ticker: str
    name: str | None
    since: date
    covered_from: date | None
    covered_until: date | None
    refusal: str | None


class CandleStore:
    """Candles of one venue, and which instruments are to be collected.

    Args:
        engine: Of the store's database.
        calendar: Of the venue.
    """

    def __init__(self, engine: Engine, calendar: TradingCalendar) -> None:
        self.engine = engine
        self.calendar = calendar
        self._venue = calendar.venue

    def want(self, names: Mapping[str, str | None], since: date | None, *, default: date) -> None:
        """Have instruments collected.

        Args:
            names: By ticker; ``None`` where the name is not known, which keeps the one that is.
            since: From which day on, unless an earlier one was asked for before; ``None``: as before.
            default: The first day of what was not asked for before, if ``since`` does not say.
        """
        rows = [
            {"venue": self._venue, "ticker": ticker, "name": name, "since": since or default}
            for ticker, name in sorted(names.items())
        ]
        columns = collected_tickers.c
        with self.engine.begin() as connection:
            for some in _portions(rows):
                insert = upsert(self.engine, collected_tickers).values(some)
                given = insert.excluded
                changes = {"name": func.coalesce(given.name, columns.name)}
                if since is not None:
                    changes["since"] = _earlier(columns.since, given.since)
                connection.execute(
                    insert.on_conflict_do_update(index_elements=["venue", "ticker"], set_=changes)
                )

    def targets(self, tickers: Iterable[str] | None = None) -> list[Target]:
        """What is to be collected, by ticker.

        Args:
            tickers: Only these; ``None`` for all.
        """
        columns = collected_tickers.c
        statement = (
            select(
                columns.ticker,
                columns.name,
                columns.since,
                columns.covered_from,
                columns.covered_until,
                columns.refusal,
            )
            .where(columns.venue == self._venue)
            .order_by(columns.ticker)
        )
        with self.engine.connect() as connection:
            found = [Target(**row._mapping) for row in connection.execute(statement)]
        if tickers is None:
            return found
        wanted = frozenset(tickers)
        return [target for target in found if target.ticker in wanted]

    def add(self, ticker: str, candles: Sequence[DailyCandle], *, covered: tuple[date, date]) -> None:
        """Record what a vendor answered, in one transaction.

        Args:
            candles: Of that ticker; they replace those of the same days.
            covered: The days that it was asked for; they touch or overlap those asked for before.
        """
        self._record(ticker, candles, covered, anew=False)

    def replace(self, ticker: str, candles: Sequence[DailyCandle], *, covered: tuple[date, date]) -> None:
        """The same in place of everything that is stored of the ticker."""
        self._record(ticker, candles, covered, anew=True)

    def refuse(self, ticker: str, reason: str, now: datetime) -> None:
        """Ask for it no more: no vendor knows it."""
        self._change(ticker, refusal=reason, refused_at=now)

    def ask_again(self, ticker: str) -> None:
        """Forget that it was refused."""
        self._change(ticker, refusal=None, refused_at=None)

    def candles(
        self, ticker: str, *, start: date | None = None, end: date | None = None, limit: int
    ) -> list[DailyCandle]:
        """The newest ones of a period, in the order of their days."""
        columns = daily_candles.c
        statement = self._of(ticker).order_by(columns.day.desc()).limit(limit)
        if start is not None:
            statement = statement.where(columns.day >= start)
        if end is not None:
            statement = statement.where(columns.day <= end)
        with self.engine.connect() as connection:
            rows = connection.execute(statement).all()
        return [_candle(row) for row in reversed(rows)]

    def closes(self, ticker: str, first: date, last: date) -> dict[date, int]:
        """The closes of a period by their days."""
        columns = daily_candles.c
        statement = select(columns.day, columns.close).where(
            columns.venue == self._venue, columns.ticker == ticker, columns.day.between(first, last)
        )
        with self.engine.connect() as connection:
            return {row.day: row.close for row in connection.execute(statement)}

    def last_close(self, ticker: str) -> tuple[DailyCandle, int | None] | None:
        """The newest candle of a day that traded, and the close before it."""
        columns = daily_candles.c
        statement = self._of(ticker).order_by(columns.day.desc())
        with self.engine.connect() as connection:
            newest = connection.execute(statement.where(~columns.halted).limit(1)).first()
            if newest is None:
                return None
            before = connection.execute(statement.where(columns.day < newest.day).limit(1)).first()
        return _candle(newest), None if before is None else before.close

    def _of(self, ticker: str) -> Any:
        columns = daily_candles.c
        return select(daily_candles).where(columns.venue == self._venue, columns.ticker == ticker)

    def _record(
        self, ticker: str, candles: Sequence[DailyCandle], covered: tuple[date, date], *, anew: bool
    ) -> None:
        rows = [
            {
                "venue": self._venue,
                "ticker": ticker,
                "day": candle.day,
                **{name: getattr(candle, name) for name in _PRICES},
            }
            for candle in candles
        ]
        columns, stored = collected_tickers.c, daily_candles.c
        first, last = covered
        reach: dict[str, Any] = {"covered_from": first, "covered_until": last}
        if not anew:
            reach = {
                "covered_from": _earlier(func.coalesce(columns.covered_from, first), first),
                "covered_until": _later(func.coalesce(columns.covered_until, last), last),
            }
        mine = (columns.venue == self._venue, columns.ticker == ticker)
        with self.engine.begin() as connection:
            connection.execute(update(collected_tickers).where(*mine).values(reach))
            if anew:
                connection.execute(
                    delete(daily_candles).where(stored.venue == self._venue, stored.ticker == ticker)
                )
            if rows:  # the driver's executemany: one statement with every value would be compiled each time
                insert = upsert(self.engine, daily_candles)
                connection.execute(
                    insert.on_conflict_do_update(
                        index_elements=["venue", "ticker", "day"],
                        set_={name: insert.excluded[name] for name in _PRICES},
                    ),
                    rows,
                )

    def _change(self, ticker: str, **values: Any) -> None:
        columns = collected_tickers.c
        mine = (columns.venue == self._venue, columns.ticker == ticker)
        with self.engine.begin() as connection:
            connection.execute(update(collected_tickers).where(*mine).values(values))


def _candle(row: Row[Any]) -> DailyCandle:
    return DailyCandle(**row._mapping)


def _portions(rows: Sequence[dict[str, Any]]) -> Iterable[Sequence[dict[str, Any]]]:
    return (rows[start : start + _ROWS_AT_ONCE] for start in range(0, len(rows), _ROWS_AT_ONCE))


def _earlier(one: Any, other: Any) -> Any:
    return case((one <= other, one), else_=other)


def _later(one: Any, other: Any) -> Any:
    return case((one >= other, one), else_=other)
