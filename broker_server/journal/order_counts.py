"""How many orders there are in which state, for metrics."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Engine, func, select

from broker_server.core.orders import OPEN, State
from broker_server.journal.order_rows import trading_day
from broker_server.journal.tables import orders

PENDING = (State.RECEIVED, State.SENDING, State.UNKNOWN)
"""The states in which something remains to be done, whatever day it is."""


class OrderCounts:
    """Counts of one account. Every method blocks and may raise ``SQLAlchemyError``."""

    def __init__(self, engine: Engine, environment: str) -> None:
        self._engine = engine
        self._environment = environment

    def of_today(self, vendor: str, account: str, now: datetime) -> dict[str, int]:
        """The orders received on this day in Korea, by state."""
        return self._count(vendor, account, orders.c.trading_day == trading_day(now))

    def pending(self, vendor: str, account: str) -> dict[str, int]:
        """What is not settled, of any day, by state; a state without orders counts 0."""
        found = self._count(vendor, account, orders.c.state.in_(PENDING))
        return {str(state): found.get(state, 0) for state in PENDING}

    def open(self, vendor: str, account: str) -> int:
        """Accepted orders that the market may still fill."""
        still = (orders.c.state == State.ACCEPTED) & orders.c.status.in_(OPEN)
        return sum(self._count(vendor, account, still).values())

    def _count(self, vendor: str, account: str, condition: ColumnElement[bool]) -> dict[str, int]:
        statement = (
            select(orders.c.state, func.count())
            .where(
                orders.c.environment == self._environment,
                orders.c.vendor == vendor,
                orders.c.account == account,
                condition,
            )
            .group_by(orders.c.state)
        )
        with self._engine.connect() as connection:
            return {str(state): int(count) for state, count in connection.execute(statement)}
