"""The kill switch: on record, so that it survives a restart, and read right before each send."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, or_, select

from broker_server.journal.tables import halts
from broker_server.journal.upserts import upsert


@dataclass(frozen=True, slots=True)
class Halt:
    """Orders are halted.

    Attributes:
        at: Since when.
        by: The AMQP user or worker that asked for it.
        reason: In that one's words.
    """

    at: datetime
    by: str
    reason: str | None


class Halts:
    """The kill switch of one environment. Every method blocks and may raise ``SQLAlchemyError``."""

    def __init__(self, engine: Engine, environment: str) -> None:
        self._engine = engine
        self._environment = environment

    def current(self) -> Halt | None:
        """The halt in force, or ``None``."""
        with self._engine.connect() as connection:
            row = connection.execute(
                select(halts).where(halts.c.environment == self._environment, halts.c.halted)
            ).one_or_none()
        return None if row is None else Halt(row.at, row.by, row.reason)

    def changed_at(self) -> datetime | None:
        """When orders were last halted or resumed, or ``None`` if they never were."""
        with self._engine.connect() as connection:
            at: datetime | None = connection.execute(
                select(halts.c.at).where(halts.c.environment == self._environment)
            ).scalar()
        return at

    def set(self, *, halted: bool, now: datetime, by: str, reason: str | None = None) -> None:
        """Halt or resume orders.

        A resume that was asked for before the halt in force changes nothing: it may come late, from a worker
        that was cut off in between. A halt is always obeyed.

        Args:
            now: When it was asked for.
        """
        values = {"halted": halted, "at": now, "by": by, "reason": reason}
        row = {"environment": self._environment, **values}
        obeyed = None if halted else or_(~halts.c.halted, halts.c.at <= now)
        statement = upsert(self._engine, halts).values(row)
        with self._engine.begin() as connection:
            connection.execute(
                statement.on_conflict_do_update(index_elements=["environment"], set_=values, where=obeyed)
            )
