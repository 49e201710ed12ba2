"""Orders of the account that were entered elsewhere, as they were last announced."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, insert, select, update

from broker_server.journal.tables import foreign_orders


class ForeignOrders:
    """What is known of them. Every method blocks and may raise ``SQLAlchemyError``."""

    def __init__(self, engine: Engine, environment: str) -> None:
        self._engine = engine
        self._environment = environment

    def known(self, vendor: str, account: str, market: str, day: str) -> dict[str, tuple[str, int]]:
        """Status and filled shares by order number."""
        table = foreign_orders.c
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(table.order_no, table.status, table.filled).where(
                    table.environment == self._environment,
                    table.vendor == vendor,
                    table.account == account,
                    table.market == market,
                    table.trading_day == day,
                )
            ).all()
        return {row.order_no: (row.status, row.filled) for row in rows}

    def keep(
        self,
        vendor: str,
        account: str,
        market: str,
        day: str,
        *,
        order_no: str,
        status: str,
        filled: int,
        now: datetime,
    ) -> None:
        """Remember what was announced."""
        table = foreign_orders.c
        key = {
            "environment": self._environment,
            "vendor": vendor,
            "account": account,
            "market": market,
            "trading_day": day,
            "order_no": order_no,
        }
        values = {"status": status, "filled": filled, "seen_at": now}
        with self._engine.begin() as connection:
            changed = connection.execute(
                update(foreign_orders)
                .where(*(table[name] == value for name, value in key.items()))
                .values(values)
            ).rowcount
            if not changed:
                connection.execute(insert(foreign_orders).values(**key, **values))
