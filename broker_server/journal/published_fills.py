"""Which fills have been published, on record, so that a restart neither repeats nor forgets one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Engine, Table, and_, delete, select

from broker_server.core.fills import Published
from broker_server.core.reconciliation import number
from broker_server.journal.tables import fill_baselines, published_fills
from broker_server.journal.upserts import upsert


class LedgerDay(NamedTuple):
    """One trading day of one account in one market.

    Attributes:
        account: Its alias.
        trading_day: ISO 8601.
    """

    vendor: str
    account: str
    market: str
    trading_day: str


@dataclass(frozen=True, slots=True)
class KeptLedger:
    """What is on record of a day.

    Attributes:
        published: By order number, without leading zeros.
        has_baseline: Whether the day's fills are on record since an earlier run.
    """

    published: Mapping[str, Published]
    has_baseline: bool


class PublishedFills:
    """The published fills of one environment. Every method blocks and may raise ``SQLAlchemyError``."""

    def __init__(self, engine: Engine, environment: str) -> None:
        self._engine = engine
        self._environment = environment

    def load(self, day: LedgerDay) -> KeptLedger:
        """What is on record of a day."""
        table = published_fills.c
        with self._engine.connect() as connection:
            has_baseline = connection.execute(
                select(fill_baselines.c.at).where(self._is(fill_baselines, day))
            ).scalar()
            rows = connection.execute(
                select(table.order_no, table.quantity, table.amount, table.recovered).where(
                    self._is(published_fills, day)
                )
            ).all()
        return KeptLedger(
            {
                row.order_no: Published(
                    row.quantity, None if row.amount is None else Decimal(row.amount), row.recovered
                )
                for row in rows
            },
            has_baseline is not None,
        )

    def keep(self, day: LedgerDay, published: Mapping[str, Published]) -> None:
        """Record what has been published of some orders."""
        if not published:
            return
        with self._engine.begin() as connection:
            connection.execute(self._keeping(), self._rows(day, published))

    def keep_baseline(self, day: LedgerDay, published: Mapping[str, Published], at: datetime) -> None:
        """Record what the day begins with, both or nothing of it."""
        statement = upsert(self._engine, fill_baselines).values(**self._key(day), at=at)
        with self._engine.begin() as connection:
            connection.execute(statement.on_conflict_do_nothing())
            if published:
                connection.execute(self._keeping(), self._rows(day, published))

    def prune(self, before: str) -> int:
        """Forget the trading days before a date.

        Args:
            before: ISO 8601.

        Returns:
            How many orders were forgotten.
        """
        with self._engine.begin() as connection:
            gone: int = connection.execute(
                delete(published_fills).where(
                    published_fills.c.environment == self._environment, published_fills.c.trading_day < before
                )
            ).rowcount
            connection.execute(
                delete(fill_baselines).where(
                    fill_baselines.c.environment == self._environment, fill_baselines.c.trading_day < before
                )
            )
        return gone

    def _keeping(self) -> Any:
        statement = upsert(self._engine, published_fills)
        changed = ("quantity", "amount", "recovered")
        return statement.on_conflict_do_update(
            index_elements=list(published_fills.primary_key.columns.keys()),
            set_={name: statement.excluded[name] for name in changed},
        )

    def _rows(self, day: LedgerDay, published: Mapping[str, Published]) -> list[dict[str, Any]]:
        return [
            {
                **self._key(day),
                "order_no": number(order_no),
                "quantity": each.quantity,
                "amount": None if each.amount is None else str(each.amount),
                "recovered": each.recovered,
            }
            for order_no, each in sorted(published.items())
        ]

    def _key(self, day: LedgerDay) -> dict[str, str]:
        return {"environment": self._environment, **day._asdict()}

    def _is(self, table: Table, day: LedgerDay) -> Any:
        return and_(*(table.c[name] == value for name, value in self._key(day).items()))
