"""One writer of the schema at a time, whatever the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text

_POSTGRESQL_LOCK = 0x5A91_B40C
"""Any number that nobody else's advisory lock has."""


@contextmanager
def schema_lock(engine: Engine) -> Iterator[Connection]:
    """A transaction that no other worker's schema change overlaps."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # Python's driver begins a transaction late; this one must hold the write lock from the start.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRESQL_LOCK})
        yield connection
        connection.commit()
