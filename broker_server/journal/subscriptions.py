"""What tasks have subscribed to, on record, so that a restart or another owner goes on with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, and_, delete, or_, select

from broker_server.core.stream_requests import Registration
from broker_server.core.subscription_changes import Subscription
from broker_server.journal.tables import subscriptions
from broker_server.journal.upserts import upsert

_KEY = ("environment", "vendor", "account", "task_id", "code", "symbol")


@dataclass(frozen=True, slots=True)
class KeptSubscription:
    """A subscription as it is on record, and whose session of a vendor serves it."""

    vendor: str
    account: str
    subscription: Subscription


class KeptSubscriptions:
    """The subscriptions of one environment. Every method blocks and may raise ``SQLAlchemyError``.

    Args:
        engine: The journal's database.
        environment: The worker's.
        is_personal: Whether the symbol of a registration must not be recorded, as an HTS ID. Such a
            subscription comes back with an empty symbol.
    """

    def __init__(
        self, engine: Engine, environment: str, *, is_personal: Callable[[Registration], bool]
    ) -> None:
        self._engine = engine
        self._environment = environment
        self._is_personal = is_personal

    def save(self, vendor: str, account: str, kept: Sequence[Subscription]) -> None:
        """Record subscriptions; one of the same task and registration is replaced."""
        if not kept:
            return
        statement = upsert(self._engine, subscriptions)
        replacing = {
            column.name: statement.excluded[column.name]
            for column in subscriptions.columns
            if column.name not in _KEY
        }
        rows = {self._identity(each): self._row(vendor, account, each) for each in kept}
        with self._engine.begin() as connection:
            connection.execute(
                statement.on_conflict_do_update(index_elements=_KEY, set_=replacing),
                [rows[identity] for identity in sorted(rows)],  # in one order, so that no two writers lock up
            )

    def delete(self, vendor: str, account: str, ended: Sequence[Subscription]) -> None:
        """Forget subscriptions that ended."""
        table = subscriptions.c
        identities = sorted({self._identity(each) for each in ended})
        with self._engine.begin() as connection:
            for first in range(0, len(identities), _AT_ONCE):
                connection.execute(
                    delete(subscriptions).where(
                        *self._of(vendor, account),
                        or_(
                            *(
                                and_(table.task_id == task_id, table.code == code, table.symbol == symbol)
                                for task_id, code, symbol in identities[first : first + _AT_ONCE]
                            )
                        ),
                    )
                )

    def of(self, vendor: str, account: str) -> list[Subscription]:
        """Those of one session of a vendor, the oldest first."""
        return [each.subscription for each in self._read(*self._of(vendor, account))]

    def all(self) -> list[KeptSubscription]:
        """Those of every session, the oldest first."""
        return self._read(subscriptions.c.environment == self._environment)

    def _read(self, *conditions: ColumnElement[bool]) -> list[KeptSubscription]:
        table = subscriptions.c
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(subscriptions)
                .where(*conditions)
                .order_by(table.created_at, *(table[name] for name in _KEY))
            ).all()
        return [_kept(row) for row in rows]

    def _of(self, vendor: str, account: str) -> tuple[ColumnElement[bool], ...]:
        table = subscriptions.c
        return (
            table.environment == self._environment,
            table.vendor == vendor,
            table.account == account,
        )

    def _identity(self, kept: Subscription) -> tuple[str, str, str]:
        registration = kept.registration
        symbol = "" if self._is_personal(registration) else registration.symbol
        return kept.task_id, registration.code, symbol

    def _row(self, vendor: str, account: str, kept: Subscription) -> dict[str, Any]:
        task_id, code, symbol = self._identity(kept)
        return {
            "environment": self._environment,
            "vendor": vendor,
            "account": account,
            "task_id": task_id,
            "code": code,
            "symbol": symbol,
            "family": kept.family,
            "ticker": kept.ticker,
            "reply_to": kept.reply_to,
            "correlation_id": kept.correlation_id,
            "raw": kept.raw,
            "vendor_form": kept.vendor_form,
            "copies": kept.copies,
            "polling": kept.polling,
            "snapshot": kept.snapshot,
            "created_at": kept.created_at,
        }


_AT_ONCE = 200
"""Databases limit how many conditions a statement may have."""


def _kept(row: Row[Any]) -> KeptSubscription:
    return KeptSubscription(
        row.vendor,
        row.account,
        Subscription(
            task_id=row.task_id,
            registration=Registration(row.code, row.symbol),
            family=row.family,
            ticker=row.ticker,
            reply_to=row.reply_to,
            correlation_id=row.correlation_id,
            raw=row.raw,
            vendor_form=row.vendor_form,
            copies=row.copies,
            polling=row.polling,
            snapshot=row.snapshot,
            created_at=row.created_at,
        ),
    )
