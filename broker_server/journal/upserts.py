"""Inserting a row or changing the one that is there: one statement, so that no other writer comes between."""

from __future__ import annotations

from sqlalchemy import Engine, Table
from sqlalchemy.dialects import postgresql, sqlite


def upsert(engine: Engine, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An ``INSERT`` that takes ``on_conflict_do_update`` or ``on_conflict_do_nothing``."""
    return sqlite.insert(table) if engine.dialect.name == "sqlite" else postgresql.insert(table)
