"""A database's tables as the database tells of them, and a database that every migration has made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, inspect, text

from broker_server.journal.database import Schema, open_database


@contextmanager
def migrated(url: str, schema: Schema) -> Iterator[Engine]:
    """An empty database that was brought up to date from before the first migration, one by one."""
    empty = create_engine(url)
    with empty.begin() as connection:
        connection.execute(
            text(
                f"CREATE TABLE {schema.version_table} (version_num VARCHAR(32) NOT NULL, "
                f"CONSTRAINT {schema.version_table}_pkc PRIMARY KEY (version_num))"
            )
        )
    empty.dispose()
    engine = open_database(url, schema)
    try:
        yield engine
    finally:
        engine.dispose()


def structure(engine: Engine) -> dict[str, dict[str, Any]]:
    """Columns, keys, constraints and indexes of each table."""
    seen = inspect(engine)

    def by_name(found: list[Any]) -> list[dict[str, Any]]:
        return sorted(({**each} for each in found), key=lambda each: str(each["name"]))

    return {
        table: {
            "columns": [{**each, "type": str(each["type"])} for each in seen.get_columns(table)],
            "primary_key": seen.get_pk_constraint(table),
            "foreign_keys": by_name(list(seen.get_foreign_keys(table))),
            "uniques": by_name(list(seen.get_unique_constraints(table))),
            "checks": by_name(list(seen.get_check_constraints(table))),
            "indexes": by_name(list(seen.get_indexes(table))),
        }
        for table in seen.get_table_names()
    }
