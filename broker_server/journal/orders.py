"""The record of order attempts: an order whose row exists is never sent again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Column, DateTime, Engine, LargeBinary, MetaData, String, Table, insert, select, update
from sqlalchemy.exc import IntegrityError

from broker_client.errors import InvalidParameters

# TEMPORARY, until the order desk is wired in: the table that the migrations do not make any more.
order_attempts = Table(
    "order_attempts",
    MetaData(),
    Column("environment", String(16), primary_key=True),
    Column("task_id", String(255), primary_key=True),
    Column("payload_hash", String(64), nullable=False),
    Column("method", String(255), nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("outcome", LargeBinary),
)


def payload_hash(method: str, parameters: dict[str, Any]) -> str:
    """What makes two messages the same order: method and parameters as the client sent them.

    Raises:
        InvalidParameters: The parameters are nested too deeply.
    """
    try:
        canonical = orjson.dumps([method, parameters], option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        raise InvalidParameters(f"parameters: cannot be written as JSON again: {error}") from None
    return hashlib.sha256(canonical).hexdigest()


@dataclass(frozen=True, slots=True)
class OrderAttempt:
    """A recorded attempt.

    Attributes:
        outcome: The reply's JSON, or ``None`` when its worker died before it knew.
        started_at: When the row was written, with an offset.
    """

    payload_hash: str
    method: str
    started_at: datetime
    outcome: bytes | None


class OrderAttempts:
    """Order attempts by task_id. Every method blocks and may raise ``SQLAlchemyError``.

    Args:
        engine: The journal's database.
        environment: The worker's; what a simulator did is no answer for an account.
    """

    def __init__(self, engine: Engine, environment: str) -> None:
        self._engine = engine
        self._environment = environment
        order_attempts.create(engine, checkfirst=True)

    def find(self, task_id: str) -> OrderAttempt | None:
        """The attempt under that task_id, if there was one."""
        table = order_attempts.c
        with self._engine.connect() as connection:
            row = connection.execute(
                select(table.payload_hash, table.method, table.started_at, table.outcome).where(
                    table.environment == self._environment, table.task_id == task_id
                )
            ).one_or_none()
        if row is None:
            return None
        started_at = row.started_at if row.started_at.tzinfo else row.started_at.replace(tzinfo=UTC)
        return OrderAttempt(row.payload_hash, row.method, started_at, row.outcome)

    def claim(self, task_id: str, payload: str, method: str, now: datetime) -> bool:
        """Write the row before the order leaves; only one caller gets ``True``."""
        try:
            with self._engine.begin() as connection:
                connection.execute(
                    insert(order_attempts).values(
                        environment=self._environment,
                        task_id=task_id,
                        payload_hash=payload,
                        method=method,
                        started_at=now.astimezone(UTC),
                    )
                )
        except IntegrityError:
            return False
        return True

    def settle(self, task_id: str, outcome: bytes) -> None:
        """Keep the reply of an attempt, so that a repeat gets the same answer."""
        with self._engine.begin() as connection:
            connection.execute(
                update(order_attempts)
                .where(
                    order_attempts.c.environment == self._environment,
                    order_attempts.c.task_id == task_id,
                )
                .values(outcome=outcome)
            )
